#include "fuzz/frames/lab.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "bpf/abi/tcp.h"
#include "packet/entries.hpp"

namespace proxip::fuzz {

namespace {

using View = std::span<const std::uint8_t>;

constexpr std::size_t room = 8192; // a frame of one page, and what an answer adds

#define PROXIP_IS_DROP(id, symbol, name, help) true,
#define PROXIP_IS_EVENT(id, symbol, name, help) false,
constexpr std::array<bool, abi::ABI_REASON_COUNT> is_drop = {ABI_REASONS(PROXIP_IS_DROP, PROXIP_IS_EVENT)};
#undef PROXIP_IS_DROP
#undef PROXIP_IS_EVENT

// Both families, two backends each for TCP over IPv4.
Config config_of(const Scene& scene) {
    Config out = packet::basic_config();
    const Config v6 = packet::ipv6_config();
    out.pools[0].addresses.push_back(v6.pools[0].addresses[0]);
    if (scene.few_ports) {
        out.pools[0].ports = {3000, 3007};
    }
    for (Service service : v6.services) {
        service.name += "6";
        out.services.push_back(service);
    }
    out.services[0].backends.push_back(packet::backend_at(packet::backend2, packet::backend_port));
    out.services[0].scheduler = Scheduler::round_robin;
    for (Service& service : out.services) {
        service.snat = scene.snat;
        service.on_failure = scene.silent ? OnFailure::drop : OnFailure::reset;
        if (scene.limited) {
            service.max_connections = 12;
            service.max_connections_per_client = 5;
        }
    }
    if (scene.limited) {
        out.pools[0].max_ports_per_client = 4;
    }
    return out;
}

abi::abi_address address_of(View bytes) {
    abi::abi_address out{};
    std::memcpy(&out, bytes.data(), bytes.size());
    return out;
}

template <typename T>
T needed(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().text());
    }
    return std::move(*result);
}

} // namespace

Scene::Scene(Random random) {
    partial = random.one_in(3);
    marked = random.one_in(6);
    generic = random.one_in(8);
    few_ports = random.one_in(4);
    limited = random.one_in(6);
    silent = random.one_in(4);
    unresolved = random.one_in(12);
    snat = random.of({Snat::always, Snat::always, Snat::always, Snat::automatic, Snat::never});
    mtu = {random.of<std::uint32_t>({1500, 1500, 1500, 1280, 600}), random.of<std::uint32_t>({1500, 1500, 1280, 576})};
}

std::string Scene::text() const {
    constexpr std::array<const char*, 3> modes = {"always", "auto", "never"};
    std::string out = fmt::format("snat {}, MTU {} and {}", modes.at(static_cast<std::size_t>(snat)), mtu[0], mtu[1]);
    for (const auto& [is_so, what] : {std::pair(partial, "partial checksums"),
                                      {marked, "clsact to the backends"},
                                      {generic, "generic XDP in front"},
                                      {few_ports, "8 ports"},
                                      {limited, "limits"},
                                      {silent, "on_failure drop"},
                                      {unresolved, "no next hop"}}) {
        out += is_so ? fmt::format(", {}", what) : "";
    }
    return out;
}

std::uint32_t Shot::drops() const {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < counted.size(); ++i) {
        sum += is_drop[i] ? counted[i] : 0;
    }
    return sum;
}

std::uint32_t Shot::passed() const {
    return counted[abi::ABI_PASSED] + counted[abi::ABI_PASSED_TAGGED];
}

abi::abi_reason Shot::drop_reason() const {
    for (std::size_t i = 0; i < counted.size(); ++i) {
        if (is_drop[i] && counted[i] != 0) {
            return static_cast<abi::abi_reason>(i);
        }
    }
    return abi::ABI_PASSED;
}

bool Shot::leaves() const {
    return verdict == Verdict::redirect || (verdict == Verdict::pass && mark && mark->kind == abi::ABI_MARK_READY);
}

bool Shot::awaits_translation() const {
    return verdict == Verdict::pass && mark && mark->kind != abi::ABI_MARK_READY;
}

Lab::Lab(const Scene& scene)
    : scene_(scene), rig_(config_of(scene)), program_(rig_.program("proxip_xdp")), counters_(rig_.map("counters")),
      cpus_(static_cast<std::size_t>(libbpf_num_possible_cpus())),
      slots_(needed(dataplane::MappedArray<abi::abi_slot>::map(rig_.map("slot"), packet::table_size))),
      endpoints_(needed(dataplane::MappedArray<abi::abi_endpoint>::map(rig_.map("endpoint"), abi::ABI_MAX_ENDPOINTS))),
      front_place_(rig_.place_of(rig_.front)), out_(room), values_(cpus_ * abi::ABI_REASON_COUNT) {
    rig_.mtu(rig_.front, scene.mtu[0]);
    rig_.mtu(rig_.back, scene.mtu[1]);
    if (scene.partial) {
        rig_.flags(rig_.front, abi::ABI_IFACE_PARTIAL, 0);
        rig_.flags(rig_.back, abi::ABI_IFACE_PARTIAL, 0);
    }
    if (scene.marked) {
        rig_.flags(rig_.back, 0, abi::ABI_IFACE_REDIRECT_OUT);
    }
    if (scene.generic) {
        rig_.flags(rig_.front, 0, abi::ABI_IFACE_REDIRECT_IN);
    }
    if (scene.unresolved) {
        rig_.paths({});
    }
    for (std::size_t i = 0; i < accounts_.size(); ++i) { // zeroed, but a slot keeps no memory of it
        accounts_[i] = {.generation = slots_[i].state.generation, .packets = 0};
    }
}

// Cheaper than it looks: no copy is larger than the frame, and one batched look-up reads all counters.
Shot Lab::shoot(Side side, const Frame& frame) {
    xdp_md context{};
    context.data_end = static_cast<std::uint32_t>(frame.bytes.size());
    context.ingress_ifindex = side == Side::front ? rig_.front : rig_.back;
    xdp_md after{};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.bytes.data(), .data_out = out_.data(),
                .data_size_in = static_cast<std::uint32_t>(frame.bytes.size()),
                .data_size_out = static_cast<std::uint32_t>(out_.size()), .ctx_in = &context, .ctx_out = &after,
                .ctx_size_in = sizeof context, .ctx_size_out = sizeof after);
    Shot shot;
    if (bpf_prog_test_run_opts(program_, &options) != 0) {
        shot.error = errno;
        return shot;
    }
    shot.verdict = static_cast<Verdict>(options.retval);
    shot.frame.bytes.assign(out_.begin() + after.data, out_.begin() + options.data_size_out);
    if (after.data == sizeof(abi::abi_mark)) {
        shot.mark.emplace();
        std::memcpy(&*shot.mark, out_.data(), sizeof *shot.mark);
    }
    count(shot);
    count_connections(shot);
    return shot;
}

void Lab::count(Shot& shot) {
    std::array<std::uint32_t, abi::ABI_REASON_COUNT> keys{};
    std::uint32_t count = abi::ABI_REASON_COUNT;
    std::uint32_t next = 0;
    if (bpf_map_lookup_batch(counters_, nullptr, &next, keys.data(), values_.data(), &count, nullptr) != 0 ||
        count != abi::ABI_REASON_COUNT) {
        throw std::runtime_error("cannot read the counters");
    }
    for (std::size_t i = 0; i < counted_.size(); ++i) {
        std::uint64_t sum = 0;
        for (std::size_t cpu = 0; cpu < cpus_; ++cpu) {
            sum += values_[i * cpus_ + cpu];
        }
        shot.counted[i] = static_cast<std::uint32_t>(sum - counted_[i]);
        counted_[i] = sum;
    }
}

void Lab::count_connections(Shot& shot) {
    for (std::size_t i = 0; i < accounts_.size(); ++i) {
        const abi::abi_slot& slot = slots_[i];
        const Account now{.generation = slot.state.generation, .packets = slot.in.packets + slot.out.packets};
        const std::uint64_t before = now.generation == accounts_[i].generation ? accounts_[i].packets : 0;
        shot.connections += static_cast<std::uint32_t>(now.packets - before);
        accounts_[i] = now;
    }
}

std::optional<Conversation> Lab::any_connection(Random& random) const {
    const auto first = random.below<std::size_t>(packet::table_size);
    for (std::size_t i = 0; i < packet::table_size; ++i) {
        const abi::abi_slot& slot = slots_[(first + i) % packet::table_size];
        if (abi::abi_has_mapping(slot.state.state) == 0) {
            continue;
        }
        const bool v6 = slot.family == abi::ABI_IPV6;
        const bool proxied = (slot.state.flags & abi::ABI_CONN_SNAT) != 0;
        Conversation out{
            .v6 = v6,
            .udp = slot.protocol == 17,
            .side = slot.client_hop.iface == front_place_ ? Side::front : Side::back,
            .client = slot.client,
            .proxy = !proxied ? slot.client : address_of(v6 ? View(packet::proxy6) : View(packet::proxy)),
            .backend = endpoints_[slot.endpoint].address,
            .client_port = ntohs(slot.client_port_be),
            .vip_port = ntohs(slot.vip_port_be),
            .proxy_port = ntohs(slot.proxy_port_be),
            .backend_port = ntohs(slot.backend_port_be),
        };
        std::copy_n(slot.client_hop.mac, out.client_mac.size(), out.client_mac.begin());
        return out;
    }
    return std::nullopt;
}

std::string Lab::audit() const {
    std::size_t mapped = 0;
    std::size_t live = 0;
    for (std::size_t i = 0; i < packet::table_size; ++i) {
        mapped += abi::abi_has_mapping(slots_[i].state.state) != 0 ? 1U : 0U;
        live += abi::abi_is_live(slots_[i].state.state) != 0 ? 1U : 0U;
    }
    const std::size_t keys = packet::read_entries(rig_.map("conn"), packet::table_size).size();
    if (keys != 2 * mapped) {
        return fmt::format("{} connections have {} keys", mapped, keys);
    }
    const auto counted = rig_.plane().live_connections();
    return live == counted ? "" : fmt::format("{} connections are live, the ledger says {}", live, counted);
}

} // namespace proxip::fuzz
