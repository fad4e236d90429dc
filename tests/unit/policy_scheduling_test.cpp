#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include <fmt/format.h>

#include "policy/scheduling.hpp"

namespace {

using proxip::policy::maglev_size;
using proxip::policy::maglev_table;
using proxip::policy::round_robin_table;
using proxip::policy::Weighted;

std::vector<Weighted> equal_backends(int network, int count) {
    std::vector<Weighted> backends;
    for (int i = 1; i <= count; ++i) {
        backends.push_back({.name = fmt::format("10.0.{}.{}:80", network, i), .weight = 1});
    }
    return backends;
}

std::vector<Weighted> backends_of_weights(const std::vector<std::uint32_t>& weights) {
    auto backends = equal_backends(0, static_cast<int>(weights.size()));
    for (std::size_t i = 0; i < weights.size(); ++i) {
        backends[i].weight = weights[i];
    }
    return backends;
}

// Who has which position, by name.
std::vector<std::string> owners(const std::vector<Weighted>& backends, std::size_t size) {
    std::vector<std::string> out;
    for (const std::uint16_t backend : maglev_table(backends, size)) {
        out.push_back(backends.at(backend).name);
    }
    return out;
}

std::map<std::uint16_t, std::size_t> shares(const std::vector<std::uint16_t>& table) {
    std::map<std::uint16_t, std::size_t> count;
    for (const std::uint16_t backend : table) {
        ++count[backend];
    }
    return count;
}

// Of the positions that the removed one did not have, the part that changed its owner.
double moved(const std::vector<Weighted>& backends, std::size_t removed, std::size_t size) {
    auto fewer = backends;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(removed));
    const auto before = owners(backends, size);
    const auto after = owners(fewer, size);
    double others = 0;
    double changed = 0;
    for (std::size_t i = 0; i < size; ++i) {
        if (before[i] != backends[removed].name) {
            others += 1;
            changed += before[i] == after[i] ? 0 : 1;
        }
    }
    return changed / others;
}

bool is_prime(std::size_t number) {
    for (std::size_t divisor = 2; divisor * divisor <= number; ++divisor) {
        if (number % divisor == 0) {
            return false;
        }
    }
    return number > 1;
}

} // namespace

TEST_CASE("maglev: shares are within 10 % of the weights 1 to 10", "[policy]") {
    const auto backends = backends_of_weights({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    const std::size_t size = maglev_size(backends.size());
    const auto count = shares(maglev_table(backends, size));
    for (std::uint16_t i = 0; i < 10; ++i) {
        const double wanted = static_cast<double>(size) * backends[i].weight / 55.0;
        CAPTURE(i, wanted, count.at(i));
        CHECK(std::abs(static_cast<double>(count.at(i)) - wanted) < 0.1 * wanted);
    }
}

TEST_CASE("maglev: one of ten removed moves under 2 % of the others' keys", "[policy]") {
    double worst = 0;
    for (int network = 0; network < 20; ++network) {
        const auto backends = equal_backends(network, 10);
        REQUIRE(maglev_size(9) == maglev_size(10));
        for (std::size_t removed = 0; removed < backends.size(); ++removed) {
            worst = std::max(worst, moved(backends, removed, maglev_size(10)));
        }
    }
    CAPTURE(worst);
    CHECK(worst < 0.02);
    CHECK(worst > 0.0001); // it is measured at all
}

TEST_CASE("maglev: every position has an owner, and the order of the backends means nothing", "[policy]") {
    auto backends = backends_of_weights({3, 1, 256, 0, 7, 7, 256, 256, 256, 256});
    const auto before = owners(backends, 8191);
    REQUIRE(before.size() == 8191);
    std::mt19937 random{1}; // NOLINT(bugprone-random-generator-seed): the same order each time
    for (int i = 0; i < 5; ++i) {
        std::ranges::shuffle(backends, random);
        CHECK(owners(backends, 8191) == before);
    }
}

TEST_CASE("maglev: the same table in every build", "[policy]") {
    // Two agents of different builds in one cluster must agree; so must an agent and the one that it replaces.
    const auto table = maglev_table(equal_backends(0, 3), 11);
    CHECK(table == std::vector<std::uint16_t>{0, 2, 0, 1, 1, 0, 1, 2, 1, 0, 2});
}

TEST_CASE("maglev: weight 0 gets nothing, alone it gets no table", "[policy]") {
    const auto count = shares(maglev_table(backends_of_weights({0, 1}), 251));
    CHECK(count == std::map<std::uint16_t, std::size_t>{{1, 251}});
    CHECK(maglev_table(backends_of_weights({0, 0}), 251).empty());
    CHECK(maglev_table({}, 251).empty());
}

TEST_CASE("maglev: weights as a whole do not matter, only their ratio", "[policy]") {
    CHECK(maglev_table(backends_of_weights({1, 2, 3}), 4093) ==
          maglev_table(backends_of_weights({50, 100, 150}), 4093));
}

TEST_CASE("maglev: sizes are prime, few, and have 100 positions a backend", "[policy]") {
    std::map<std::size_t, std::size_t> sizes;
    for (std::size_t backends = 0; backends <= 1024; ++backends) {
        const std::size_t size = maglev_size(backends);
        CHECK(is_prime(size));
        CHECK(size >= std::min<std::size_t>(backends * 100, 65521));
        ++sizes[size];
    }
    CHECK(sizes.size() == 3);
    // 1,000 services of 10 backends, two bytes a position, two halves: what the data plane keeps.
    CHECK(maglev_size(10) * 2 * 2 * 1000 < 64U << 20U);
}

TEST_CASE("maglev: the largest table is built", "[policy]") {
    const auto backends = equal_backends(0, 10);
    CHECK(maglev_table(backends, 65521).size() == 65521);
}

TEST_CASE("round robin: a cycle has exactly the weights", "[policy]") {
    CHECK(round_robin_table(backends_of_weights({1, 1, 1})) == std::vector<std::uint16_t>{0, 1, 2});
    CHECK(round_robin_table(backends_of_weights({4, 4})) == std::vector<std::uint16_t>{0, 1});
    CHECK(round_robin_table(backends_of_weights({0, 3})) == std::vector<std::uint16_t>{1});
    CHECK(round_robin_table(backends_of_weights({0, 0})).empty());
    CHECK(round_robin_table({}).empty());
    const auto count = shares(round_robin_table(backends_of_weights({5, 1, 2, 0})));
    CHECK(count == std::map<std::uint16_t, std::size_t>{{0, 5}, {1, 1}, {2, 2}});
}

TEST_CASE("round robin: turns are spread, not bunched", "[policy]") {
    const std::vector<std::uint32_t> weights{10, 7, 3, 1};
    const auto table = round_robin_table(backends_of_weights(weights));
    REQUIRE(table.size() == 21);
    for (std::size_t backend = 0; backend < weights.size(); ++backend) {
        double got = 0;
        for (std::size_t i = 0; i < table.size(); ++i) {
            got += table[i] == backend ? 1 : 0;
            const double due = static_cast<double>(i + 1) * weights[backend] / 21.0;
            CAPTURE(backend, i);
            CHECK(std::abs(got - due) < 1.5);
        }
    }
}

TEST_CASE("round robin: the longest cycle is built", "[policy]") {
    std::vector<std::uint32_t> weights(1024, 256);
    weights[0] = 255;
    const auto backends = [&] {
        std::vector<Weighted> out;
        out.reserve(weights.size());
        for (std::size_t i = 0; i < weights.size(); ++i) {
            out.push_back({.name = fmt::format("{}", i), .weight = weights[i]});
        }
        return out;
    }();
    CHECK(round_robin_table(backends).size() == 1024 * 256 - 1);
}
