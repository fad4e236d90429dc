#pragma once

// Where packets meet the programs: an XDP link per interface, pinned, and a clsact filter, which the kernel keeps by
// itself.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "dataplane/dataplane.hpp"
#include "model/descriptor.hpp"
#include "model/result.hpp"

namespace proxip::dataplane {

struct HookPrograms { // descriptors, which must outlive the hooks
    int xdp = -1;
    int tc = -1;
    // For interfaces whose frames are larger than a page: loaded when the first one is met.
    std::function<Result<int>()> jumbo_xdp;
};

class Hooks {
  public:
    // `folder` holds the pinned links. What is found there runs the former agent's programs until take_over(); a link
    // whose interface is gone is forgotten.
    [[nodiscard]] static Result<Hooks> adopt(const std::filesystem::path& folder, HookPrograms programs);
    // Moves every adopted link to this agent's programs, each atomically. One that cannot be moved goes on as it is,
    // and is told when the others were.
    [[nodiscard]] Result<void> take_over();

    // Refused with the holder's name when another program has the hook.
    [[nodiscard]] Result<XdpMode> attach(std::uint32_t index, XdpMode mode);
    void detach(std::uint32_t index);
    [[nodiscard]] std::vector<Attachment> attachments() const;
    [[nodiscard]] bool any_jumbo() const;

    // Other programs in front of ours, on every hook, until restore(): each link changes in one step. On failure all
    // are as before. -1: those stay.
    [[nodiscard]] Result<void> divert(int xdp, int jumbo_xdp);
    void restore();

  private:
    struct Held {
        Descriptor link;
        XdpMode mode = XdpMode::native;
        bool jumbo = false; // runs the jumbo program
    };

    Hooks(std::filesystem::path folder, HookPrograms programs)
        : folder_(std::move(folder)), programs_(std::move(programs)) {}
    [[nodiscard]] Result<XdpMode> attach_free(std::uint32_t index, XdpMode mode);
    [[nodiscard]] Result<Held> attach_generic(std::uint32_t index) const;
    [[nodiscard]] Result<Held> attach_native(std::uint32_t index) const;
    [[nodiscard]] Result<void> pin(std::uint32_t index, const Held& held) const;
    [[nodiscard]] std::filesystem::path pin_of(std::uint32_t index, bool jumbo) const;
    void adopt(const std::filesystem::path& pin);
    [[nodiscard]] Result<void> take_over(std::uint32_t index, const Held& held) const;
    [[nodiscard]] Result<int> program_for(bool jumbo) const;
    [[nodiscard]] Result<void> update(std::uint32_t index, const Held& held) const;

    std::filesystem::path folder_;
    HookPrograms programs_;
    int diverted_xdp_ = -1;
    int diverted_jumbo_ = -1;
    std::map<std::uint32_t, Held> held_;
};

[[nodiscard]] bool has_hooks(const std::filesystem::path& folder);
// Takes away every pinned link of the folder and its interface's filter.
void remove_hooks(const std::filesystem::path& folder);

} // namespace proxip::dataplane
