#pragma once

// Where packets meet the programs: an XDP link per interface, pinned, and a clsact filter, which the kernel keeps by
// itself.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "dataplane/dataplane.hpp"
#include "model/descriptor.hpp"
#include "model/result.hpp"

namespace proxip::dataplane {

class Hooks {
  public:
    // `folder` holds the pinned links. Links found there are moved to `xdp_program`, atomically; a link whose interface
    // is gone is forgotten.
    [[nodiscard]] static Result<Hooks> adopt(const std::filesystem::path& folder, int xdp_program, int tc_program);

    // Refused with the holder's name when another program has the hook.
    [[nodiscard]] Result<XdpMode> attach(std::uint32_t index, XdpMode mode);
    void detach(std::uint32_t index);
    [[nodiscard]] std::vector<Attachment> attachments() const;

  private:
    struct Held {
        Descriptor link;
        XdpMode mode = XdpMode::native;
    };

    Hooks(std::filesystem::path folder, int xdp_program, int tc_program)
        : folder_(std::move(folder)), xdp_program_(xdp_program), tc_program_(tc_program) {}
    [[nodiscard]] Result<XdpMode> attach_free(std::uint32_t index, XdpMode mode);
    [[nodiscard]] std::filesystem::path pin_of(std::uint32_t index) const;
    void take_over(const std::filesystem::path& pin);

    std::filesystem::path folder_;
    int xdp_program_;
    int tc_program_;
    std::map<std::uint32_t, Held> held_;
};

// Takes away every pinned link of the folder and its interface's filter.
void remove_hooks(const std::filesystem::path& folder);

} // namespace proxip::dataplane
