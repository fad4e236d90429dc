#include "bench/bench_case.hpp"

#include <algorithm>

namespace proxip::bench {

namespace {

constexpr std::uint32_t few = 1'000;
constexpr std::uint32_t million = 1'000'000;
constexpr std::uint32_t conntrack_many = 200'000; // the kernel's default limit is 262,144, for the whole host
constexpr std::uint32_t many_packets = 40'000;
constexpr std::uint32_t slow_packets = 20'000;
constexpr std::uint32_t new_packets = 20'000;
constexpr std::uint32_t new_conntrack_packets = 5'000; // those of a run stay below that limit

} // namespace

const std::vector<Case>& catalogue() {
    using enum MiddleKind;
    using enum Traffic;
    static const std::vector<Case> all = {
        {"floor", "XDP redirect, no work, 1,000 flows", redirect, known, few, many_packets, "floor", "nft", {}},
        {"floor-1m",
         "XDP redirect, no work, 1,000,000 flows",
         redirect,
         known,
         million,
         many_packets,
         "floor-1m",
         "nft-many",
         {}},
        {"nft", "nftables, 1,000 connections", nftables, known, few, slow_packets, "floor", "nft", {}},
        {"nft-many",
         "nftables, 200,000 connections",
         nftables,
         known,
         conntrack_many,
         slow_packets,
         "floor-1m",
         "nft-many",
         {}},
        {"nft-new",
         "nftables, each packet a new connection",
         nftables,
         fresh,
         0,
         new_conntrack_packets,
         "floor",
         "nft-new",
         {}},
        {"hot", "proxip, 1,000 connections", proxip, known, few, many_packets, "floor", "nft", {"floor", 1.8}},
        {"hot-replies",
         "proxip, 1,000 connections, replies",
         proxip,
         replies,
         few,
         many_packets,
         "floor",
         "nft",
         {"floor", 1.8}},
        {"1m",
         "proxip, 1,000,000 connections",
         proxip,
         known,
         million,
         many_packets,
         "floor-1m",
         "nft-many",
         {"floor-1m", 4.2}},
        {"1m-replies",
         "proxip, 1,000,000 connections, replies",
         proxip,
         replies,
         million,
         many_packets,
         "floor-1m",
         "nft-many",
         {"floor-1m", 4.2}},
        {"new",
         "proxip, each packet a new connection",
         proxip,
         fresh,
         0,
         new_packets,
         "floor",
         "nft-new",
         {"nft-new", 0.25}},
        {"new-log",
         "proxip, each packet a new connection, with the NAT log",
         proxip_logged,
         fresh,
         0,
         new_packets,
         "floor",
         "nft-new",
         {}},
        {"clsact",
         "proxip, clsact way out, 1,000 connections",
         proxip_clsact,
         known,
         few,
         slow_packets,
         "floor",
         "nft",
         {}},
        {"pass", "a program that only passes", pass, strangers, few, many_packets, "floor", "", {}},
        {"strangers",
         "proxip, traffic that is not ours",
         proxip,
         strangers,
         few,
         many_packets,
         "floor",
         "",
         {"pass", 1.25}},
    };
    return all;
}

Plan full_plan() {
    return {};
}

Plan quick_plan() {
    return {.slices = 2, .in_order = false, .most_connections = 20'000, .most_packets = 5'000};
}

Case within(Case measured, const Plan& plan) {
    measured.connections = std::min(measured.connections, plan.most_connections);
    measured.packets = std::min(measured.packets, plan.most_packets);
    return measured;
}

} // namespace proxip::bench
