#pragma once

// A world of the test's own: network and mount namespaces that end with the process, and a bpffs.

#include <cstdint>
#include <filesystem>

#include "packet/frame.hpp"

namespace proxip::packet {

// Once, at the start of the process, before there are threads. False without the right to.
[[nodiscard]] bool leave_the_host();

// An interface pair, NAME and NAME-peer, both up; NAME has that MAC. The index of NAME. There is one of each name.
[[nodiscard]] std::uint32_t make_interface(const char* name, const Mac& mac);

// Over the host's own, in this process' mount namespace alone: nothing is left behind, however the process ends.
class BpfFolder {
  public:
    BpfFolder();
    BpfFolder(const BpfFolder&) = delete;
    BpfFolder& operator=(const BpfFolder&) = delete;
    ~BpfFolder();

    [[nodiscard]] static std::filesystem::path pins() { return std::filesystem::path(mount_point) / "proxip"; }

  private:
    static constexpr const char* mount_point = "/sys/fs/bpf";
};

} // namespace proxip::packet
