#include "dataplane/surroundings.hpp"

#include <atomic>
#include <bit>
#include <cstring>
#include <iterator>
#include <memory>

#include <bpf/bpf.h>
#include <fmt/format.h>

namespace proxip::dataplane {

namespace {

// MAC and flags share eight bytes, so that one store changes both.
void store_mac_and_flags(abi::abi_iface& iface, const Mac& mac, std::uint16_t flags) {
    struct {
        Mac mac;
        std::uint16_t flags;
    } both{mac, flags};
    static_assert(sizeof both == 8 && offsetof(abi::abi_iface, flags) == 6);
    store_whole(&iface, both);
}

abi::abi_local key_of(const Address& address) {
    return {.address = policy::to_abi(address), .family = policy::to_abi(address.family)};
}

} // namespace

std::optional<std::uint16_t> Surroundings::place_of(std::uint32_t index) const {
    for (std::uint32_t probe = 0; probe < abi::ABI_IFACE_PROBES; ++probe) {
        const std::uint32_t place = abi::abi_iface_place(index, probe);
        if (tables_->ifaces[place].ifindex == index) {
            return static_cast<std::uint16_t>(place);
        }
    }
    return std::nullopt;
}

std::optional<std::uint16_t> Surroundings::free_place(std::uint32_t index) const {
    for (std::uint32_t probe = 0; probe < abi::ABI_IFACE_PROBES; ++probe) {
        const std::uint32_t place = abi::abi_iface_place(index, probe);
        if (tables_->ifaces[place].ifindex == 0) {
            return static_cast<std::uint16_t>(place);
        }
    }
    return std::nullopt;
}

Result<void> Surroundings::set_link(const Link& link) {
    const auto known = place_of(link.index);
    const auto place = known ? known : free_place(link.index);
    if (!place) {
        return fail(ErrorCode::refused,
                    fmt::format("interface {}: the data plane's table of interfaces is full here", link.index));
    }
    auto& iface = tables_->ifaces[*place];
    const std::uint16_t kept =
        abi::ABI_IFACE_ATTACHED | abi::ABI_IFACE_REDIRECT_IN | abi::ABI_IFACE_REDIRECT_OUT | abi::ABI_IFACE_NO_METADATA;
    auto flags = static_cast<std::uint16_t>((known ? iface.flags & kept : 0) | abi::ABI_IFACE_USED);
    if (link.partial_checksums) {
        flags |= abi::ABI_IFACE_PARTIAL;
    }
    if (!link.ethernet) {
        flags |= abi::ABI_IFACE_NO_LINK_LAYER;
    }
    iface.mtu = link.mtu;
    store_mac_and_flags(iface, link.mac, flags);
    std::atomic_ref(iface.ifindex).store(link.index); // last: a packet finds the entry by it
    return {};
}

void Surroundings::forget_link(std::uint32_t index) {
    if (const auto place = place_of(index)) {
        std::atomic_ref(tables_->ifaces[*place].ifindex).store(0);
        store_mac_and_flags(tables_->ifaces[*place], Mac{}, 0);
    }
}

void Surroundings::set_flags(std::uint32_t index, std::uint16_t set, std::uint16_t cleared) {
    if (const auto place = place_of(index)) {
        auto& iface = tables_->ifaces[*place];
        const auto flags = static_cast<std::uint16_t>((iface.flags | set) & ~cleared);
        if (flags != iface.flags) {
            Mac mac{};
            std::memcpy(mac.data(), iface.mac, mac.size());
            store_mac_and_flags(iface, mac, flags);
        }
    }
}

std::uint16_t Surroundings::flags(std::uint32_t index) const {
    const auto place = place_of(index);
    return place ? tables_->ifaces[*place].flags : std::uint16_t{0};
}

std::vector<std::uint32_t> Surroundings::links() const {
    std::vector<std::uint32_t> out;
    for (std::size_t place = 1; place < tables_->ifaces.size(); ++place) {
        const auto& iface = tables_->ifaces[place];
        if ((iface.flags & abi::ABI_IFACE_USED) != 0) {
            out.push_back(iface.ifindex);
        }
    }
    return out;
}

Mac Surroundings::mac(std::uint32_t index) const {
    Mac out{};
    if (const auto place = place_of(index)) {
        std::memcpy(out.data(), tables_->ifaces[*place].mac, out.size());
    }
    return out;
}

void Surroundings::set_path(policy::Id endpoint, const Path& path) {
    auto& entry = tables_->endpoints[endpoint];
    abi::abi_hop hop{};
    if (path.hop) {
        if (const auto place = place_of(path.hop->link)) {
            hop.iface = *place;
            std::memcpy(hop.mac, path.hop->mac.data(), sizeof hop.mac);
        }
    }
    entry.inline_prefix = static_cast<std::uint8_t>(path.inline_prefix.value_or(0));
    const std::uint8_t flags = path.inline_prefix ? abi::ABI_ENDPOINT_INLINE : 0;
    std::atomic_ref(entry.flags).store(flags);
    store_whole(&entry.hop, hop);
}

void Surroundings::adopt() {
    abi::abi_local key{};
    abi::abi_local* previous = nullptr;
    abi::abi_local next{};
    while (bpf_map_get_next_key(tables_->local, previous, &next) == 0) {
        // Values are written anew by the first set_locals(); what it does not name is removed then.
        locals_.emplace(policy::from_abi(next.address, static_cast<std::uint8_t>(next.family)), Local{});
        key = next;
        previous = &key;
    }
}

Result<void> Surroundings::write_local(const Address& address, const Local& local) {
    abi::abi_local_info info{};
    const auto set = [&](bool when, abi::abi_local_flags flag) { info.flags |= when ? std::uint32_t{flag} : 0U; };
    set(local.vip, abi::ABI_LOCAL_VIP);
    set(local.proxy, abi::ABI_LOCAL_PROXY);
    set(local.host, abi::ABI_LOCAL_HOST);
    set(local.answer, abi::ABI_LOCAL_ANSWER);
    if (local.only_link != 0) {
        info.flags |= abi::ABI_LOCAL_ONE_IFACE;
        info.iface = place_of(local.only_link).value_or(0);
    }
    const auto key = key_of(address);
    const std::uint32_t bit = abi::abi_local_bit(&key.address);
    std::atomic_ref(tables_->local_filter[0].word[bit / 64]).fetch_or(__u64{1} << bit % 64);
    if (bpf_map_update_elem(tables_->local, &key, &info, BPF_ANY) != 0) {
        return fail_errno(fmt::format("cannot write {} into the table of our addresses", address.text()), errno);
    }
    return {};
}

Result<void> Surroundings::set_locals(const std::map<Address, Local>& locals) {
    for (const auto& [address, local] : locals) {
        if (const auto known = locals_.find(address); known != locals_.end() && known->second == local) {
            continue;
        }
        if (auto done = write_local(address, local); !done) {
            return done;
        }
        locals_[address] = local;
    }
    for (auto known = locals_.begin(); known != locals_.end();) {
        if (locals.contains(known->first)) {
            ++known;
            continue;
        }
        const auto key = key_of(known->first);
        (void)bpf_map_delete_elem(tables_->local, &key);
        known = locals_.erase(known);
    }
    clear_filter();
    return {};
}

// Of the bits that no address has any more.
void Surroundings::clear_filter() {
    auto wanted = std::make_unique<abi::abi_local_filter>();
    for (const auto& [address, local] : locals_) {
        const auto key = key_of(address);
        const std::uint32_t bit = abi::abi_local_bit(&key.address);
        wanted->word[bit / 64] |= __u64{1} << bit % 64;
    }
    auto& filter = tables_->local_filter[0];
    for (std::size_t i = 0; i < std::size(wanted->word); ++i) {
        if (filter.word[i] != wanted->word[i]) {
            std::atomic_ref(filter.word[i]).store(wanted->word[i]);
        }
    }
}

std::uint32_t Surroundings::link_of(const abi::abi_hop& hop) const {
    return hop.iface < abi::ABI_MAX_IFACES ? tables_->ifaces[hop.iface].ifindex : 0;
}

} // namespace proxip::dataplane
