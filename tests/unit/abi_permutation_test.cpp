#include <catch2/catch.hpp>

#include <cstdlib>
#include <set>
#include <vector>

#include "bpf/abi/permutation.h"

namespace {

std::vector<std::uint32_t> permutation(std::uint32_t count, std::uint32_t seed) {
    std::vector<std::uint32_t> out;
    out.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        out.push_back(proxip::abi::abi_permute(i, count, seed));
    }
    return out;
}

bool is_bijection(const std::vector<std::uint32_t>& values) {
    std::vector<bool> seen(values.size());
    for (const std::uint32_t value : values) {
        if (value >= values.size() || seen[value]) {
            return false;
        }
        seen[value] = true;
    }
    return true;
}

} // namespace

TEST_CASE("the port permutation hands out every port once, whatever the count and the seed", "[abi]") {
    for (const std::uint32_t seed : {0U, 1U, 0x12345678U, 0xffffffffU}) {
        for (const std::uint32_t count :
             {1U, 2U, 3U, 4U, 5U, 7U, 100U, 1000U, 1024U, 1025U, 28232U, 32769U, 64512U, 65535U, 65536U}) {
            INFO("count " << count << ", seed " << seed);
            CHECK(is_bijection(permutation(count, seed)));
        }
    }
    for (std::uint32_t count = 1; count <= 300; ++count) {
        INFO("count " << count);
        CHECK(is_bijection(permutation(count, 42)));
    }
}

TEST_CASE("another seed is another order", "[abi]") {
    std::set<std::vector<std::uint32_t>> orders;
    for (std::uint32_t seed = 0; seed < 200; ++seed) {
        orders.insert(permutation(100, seed));
    }
    CHECK(orders.size() == 200);
}

TEST_CASE("the order cannot be told from the ports before", "[abi]") {
    for (const std::uint32_t count : {64512U, 65536U}) {
        const auto ports = permutation(count, 0x5eed);
        int successors = 0;   // of a random order: about one
        int fixed_points = 0; // likewise
        int rising = 0;       // about half of the steps
        for (std::uint32_t i = 0; i + 1 < count; ++i) {
            successors += ports[i + 1] == ports[i] + 1 ? 1 : 0;
            fixed_points += ports[i] == i ? 1 : 0;
            rising += ports[i + 1] > ports[i] ? 1 : 0;
        }
        CHECK(successors < 10);
        CHECK(fixed_points < 10);
        CHECK(std::abs(rising - static_cast<int>(count / 2)) < static_cast<int>(count / 100));
    }
}
