#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

#include "bpf/abi/bucket.h"

namespace proxip::abi_bucket_test {
namespace {

using Secret = std::array<__u64, 4>;
using abi::abi_tuple;

constexpr std::uint32_t many = 1048576;
const Secret secret{0x1f83d9abfb41bd6bU, 0x5be0cd19137e2179U, 0x9b05688c2b3e6c1fU, 0xa54ff53a5f1d36f1U};

std::uint16_t wire(std::uint32_t port) {
    return static_cast<std::uint16_t>((port & 0xff) << 8 | (port >> 8 & 0xff));
}

abi_tuple original(std::uint32_t number, std::uint8_t family = abi::ABI_IPV4) { // from a few clients, port by port
    abi_tuple out{};
    out.family = family;
    out.protocol = 6;
    out.source.word[0] = 10U | (number / 60000) << 24;
    out.destination.word[0] = 0x50010101;
    out.source_port_be = wire(1024 + number % 60000);
    out.destination_port_be = wire(80);
    return out;
}

abi_tuple reply(std::uint32_t number) { // of sixteen backends, Proxy-IP port by Proxy-IP port
    abi_tuple out{};
    out.family = abi::ABI_IPV4;
    out.protocol = 6;
    out.source.word[0] = 0x00010101U | (number % 16) << 24;
    out.destination.word[0] = 0xfe010101U ^ (number / 16 / 65536) << 24;
    out.source_port_be = wire(80);
    out.destination_port_be = wire(number / 16 % 65536);
    return out;
}

} // namespace

TEST_CASE("a full table's buckets do not overflow", "[abi][bucket]") {
    for (const __u64 salt : {0x9e3779b97f4a7c15ULL, 0xc2b2ae3d27d4eb4fULL}) {
        Secret salted = secret;
        std::ranges::for_each(salted, [&](__u64& word) { word *= salt; });
        const auto buckets = abi::abi_buckets(many);
        std::vector<std::uint8_t> filled(buckets);
        for (std::uint32_t number = 0; number < many; ++number) {
            for (const auto& tuple : {original(number), reply(number)}) {
                const auto place = abi::abi_bucket_of(abi::abi_tuple_hash(&tuple, salted.data()), buckets);
                ++filled.at(place);
            }
        }
        const auto overflowing =
            std::ranges::count_if(filled, [](std::uint8_t count) { return count > abi::ABI_BUCKET_ENTRIES; });
        CHECK(overflowing <= 2); // 0.02 are expected (abi/bucket.h)
        const auto on_one_line =
            std::ranges::count_if(filled, [](std::uint8_t count) { return count <= abi::ABI_BUCKET_FIRST_LINE; });
        CHECK(on_one_line > buckets / 100 * 99);
    }
}

TEST_CASE("each bit of a tuple decides about its place", "[abi][bucket]") {
    for (const auto family : {abi::ABI_IPV4, abi::ABI_IPV6}) {
        const auto tuple = original(1, static_cast<std::uint8_t>(family));
        const auto hash = abi::abi_tuple_hash(&tuple, secret.data());
        const auto differs = [&](auto change) {
            auto other = tuple;
            change(other);
            const auto changed = abi::abi_tuple_hash(&other, secret.data());
            return abi::abi_bucket_of(hash, many) != abi::abi_bucket_of(changed, many);
        };
        const int words = family == abi::ABI_IPV4 ? 1 : 4; // of IPv4 the others are 0
        for (int bit = 0; bit < 32 * words; ++bit) {
            CHECK(differs([&](abi_tuple& t) { t.source.word[bit / 32] ^= 1U << bit % 32; }));
            CHECK(differs([&](abi_tuple& t) { t.destination.word[bit / 32] ^= 1U << bit % 32; }));
        }
        for (int bit = 0; bit < 16; ++bit) {
            CHECK(differs(
                [&](abi_tuple& t) { t.source_port_be = static_cast<std::uint16_t>(t.source_port_be ^ 1U << bit); }));
            CHECK(differs([&](abi_tuple& t) {
                t.destination_port_be = static_cast<std::uint16_t>(t.destination_port_be ^ 1U << bit);
            }));
        }
        CHECK(differs([](abi_tuple& t) { t.protocol = 17; }));
    }
}

TEST_CASE("successive ports of a client are on one page, each in a bucket of its own", "[abi][bucket]") {
    std::set<std::uint32_t> buckets;
    std::set<std::uint32_t> pages;
    for (std::uint32_t number = 0; number < abi::ABI_PAGE_BUCKETS; ++number) {
        const auto tuple = original(number);
        const auto place = abi::abi_bucket_of(abi::abi_tuple_hash(&tuple, secret.data()), abi::abi_buckets(many));
        buckets.insert(place);
        pages.insert(place / abi::ABI_PAGE_BUCKETS);
    }
    CHECK(buckets.size() == abi::ABI_PAGE_BUCKETS);
    CHECK(pages.size() == 1);
}

TEST_CASE("an entry is never 0, and has what was put in", "[abi][bucket]") {
    constexpr std::uint32_t most = (64U << 20) - 1; // limits::max_connections - 1
    for (const std::uint32_t slot : {0U, 1U, 12345U, most}) {
        for (const std::uint32_t direction : {0U, 1U}) {
            for (const __u64 tag : {__u64{0}, __u64{1}, (__u64{1} << 36) - 1}) {
                const auto entry = abi::abi_entry(tag, slot, direction);
                CHECK(entry != 0);
                CHECK(abi::abi_entry_slot(entry) == slot);
                CHECK(abi::abi_entry_direction(entry) == direction);
                CHECK(abi::abi_tag_of(entry) == tag);
            }
        }
    }
}

} // namespace proxip::abi_bucket_test
