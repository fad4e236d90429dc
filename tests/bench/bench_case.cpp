#include "bench/bench_case.hpp"

#include "bench/middle.hpp"

#include <algorithm>

namespace proxip::bench {

namespace {

constexpr std::uint32_t few = 1'000;
constexpr std::uint32_t million = 1'000'000;
constexpr std::uint32_t conntrack_many = 200'000; // the kernel's default limit is 262,144, for the whole host
constexpr std::uint32_t many_packets = 40'000;
constexpr std::uint32_t slow_packets = 20'000;
constexpr std::uint32_t new_packets = 20'000;
constexpr std::uint32_t pool_packets = 150;            // those of a run fit into the last per cent
constexpr std::uint32_t new_conntrack_packets = 5'000; // those of a run stay below that limit

// Flat: a new connection costs the same however full the pool is.
Case pool(std::string_view name, std::string_view title, std::uint32_t per_cent) {
    return {.name = name,
            .title = title,
            .middle = MiddleKind::proxip,
            .traffic = Traffic::fresh,
            .connections = filling(per_cent),
            .packets = pool_packets,
            .floor = "",
            .nftables = "",
            .target = {"pool-1", per_cent == 1 ? 0 : 1.2},
            .setup = {.filled = per_cent}};
}

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
        {"hot6",
         "proxip, 1,000 connections, IPv6",
         proxip,
         known,
         few,
         many_packets,
         "floor",
         "",
         {},
         {.family = Family::v6}},
        {"hot6-replies",
         "proxip, 1,000 connections, IPv6, replies",
         proxip,
         replies,
         few,
         many_packets,
         "floor",
         "",
         {},
         {.family = Family::v6}},
        {"services",
         "proxip, 1,000 connections, 1,000 services of 16 backends",
         proxip,
         known,
         few,
         many_packets,
         "floor",
         "nft",
         {},
         {.services = 1'000}},
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
        {"1m-in-turn",
         "proxip, 1,000,000 connections, in the order of opening",
         proxip,
         in_turn,
         million,
         many_packets,
         "floor-1m",
         "nft-many",
         {"floor-1m", 4.2}},
        {"1m-6",
         "proxip, 1,000,000 connections, IPv6",
         proxip,
         known,
         million,
         many_packets,
         "floor-1m",
         "",
         {},
         {.family = Family::v6}},
        {"new",
         "proxip, each packet a new connection",
         proxip,
         fresh,
         0,
         new_packets,
         "floor",
         "nft-new",
         {"nft-new", 0.25}},
        {"new-6",
         "proxip, each packet a new connection, IPv6",
         proxip,
         fresh,
         0,
         new_packets,
         "floor",
         "",
         {},
         {.family = Family::v6}},
        {"new-log",
         "proxip, each packet a new connection, with the NAT log",
         proxip,
         fresh,
         0,
         new_packets,
         "floor",
         "nft-new",
         {},
         {.log = NatLog::on}},
        pool("pool-1", "proxip, each packet a new connection, pool 1 % full", 1),
        pool("pool-50", "proxip, each packet a new connection, pool 50 % full", 50),
        pool("pool-90", "proxip, each packet a new connection, pool 90 % full", 90),
        pool("pool-99", "proxip, each packet a new connection, pool 99 % full", 99),
        {"clsact",
         "proxip, clsact way out, 1,000 connections",
         proxip,
         known,
         few,
         slow_packets,
         "floor",
         "nft",
         {},
         {.way = WayOut::clsact}},
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
    return {.slices = 2, .most_connections = 20'000, .most_packets = 5'000};
}

Case within(Case measured, const Plan& plan) {
    measured.connections = std::min(measured.connections, plan.most_connections);
    measured.packets = std::min(measured.packets, plan.most_packets);
    return measured;
}

} // namespace proxip::bench
