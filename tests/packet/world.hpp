#pragma once

// A world of the test's own: network and mount namespaces that end with the process, and a bpffs that ends with its
// folder.

#include <cstdint>
#include <filesystem>

namespace proxip::packet {

// Once, at the start of the process, before there are threads. False without the right to.
[[nodiscard]] bool leave_the_host();

// An interface pair; both ends are up. Only its index is of use: BPF_PROG_RUN wants an interface that exists.
[[nodiscard]] std::uint32_t make_interface(const char* name);

class BpfFolder {
  public:
    BpfFolder();
    BpfFolder(const BpfFolder&) = delete;
    BpfFolder& operator=(const BpfFolder&) = delete;
    ~BpfFolder();

    [[nodiscard]] std::filesystem::path pins() const { return path_ / "proxip"; }

  private:
    std::filesystem::path path_;
};

} // namespace proxip::packet
