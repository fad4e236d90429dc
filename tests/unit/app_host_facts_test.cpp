#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "app/host_facts.hpp"

namespace app_host_facts_test {
namespace {

namespace fs = std::filesystem;
using proxip::app::read_memory;

struct Cgroups { // files as the kernel shows them
    fs::path folder = fs::temp_directory_path() / fmt::format("proxip-cgroups-{}", ::getpid());

    Cgroups() { fs::create_directories(folder); }
    Cgroups(const Cgroups&) = delete;
    Cgroups& operator=(const Cgroups&) = delete;
    ~Cgroups() { fs::remove_all(folder); }

    void put(const std::string& name, const std::string& text) const {
        fs::create_directories((folder / name).parent_path());
        std::ofstream(folder / name) << text;
    }
    [[nodiscard]] auto read() const { return read_memory(folder / "self", folder); }
};

} // namespace

TEST_CASE("the cgroup's memory: the fullest one on the way to the root", "[doctor]") {
    const Cgroups cgroups;
    cgroups.put("self", "0::/system.slice/lbagent.service\n");
    cgroups.put("system.slice/lbagent.service/memory.max", "max\n");
    cgroups.put("system.slice/lbagent.service/memory.current", "500\n");
    CHECK_FALSE(cgroups.read().has_value());
    cgroups.put("system.slice/memory.max", "1000\n");
    cgroups.put("system.slice/memory.current", "900\n");
    cgroups.put("system.slice/memory.stat", "anon 1\ninactive_file 300\n");
    const auto found = cgroups.read();
    REQUIRE(found.has_value());
    CHECK(found->cgroup == "/system.slice");
    CHECK(found->used == 600); // what the kernel would take back first is left out
    CHECK(found->limit == 1000);
}

TEST_CASE("the cgroup's memory, version 1", "[doctor]") {
    const Cgroups cgroups;
    cgroups.put("self", "9:cpu:/\n4:memory:/lb\n0::/\n");
    cgroups.put("memory/lb/memory.limit_in_bytes", "2000\n");
    cgroups.put("memory/lb/memory.usage_in_bytes", "1900\n");
    const auto found = cgroups.read();
    REQUIRE(found.has_value());
    CHECK(found->used == 1900);
    cgroups.put("memory/lb/memory.limit_in_bytes", "9223372036854771712\n");
    CHECK_FALSE(cgroups.read().has_value());
}

TEST_CASE("a folder that is no bpffs", "[doctor]") {
    const auto bpffs = proxip::app::read_bpffs(fs::temp_directory_path());
    CHECK_FALSE(bpffs.mounted);
    CHECK_FALSE(bpffs.pinned);
}

TEST_CASE("the wall clock has not been set since a moment ago", "[doctor]") {
    const proxip::app::WallClock clock;
    CHECK(clock.read().stepped_seconds == Approx(0).margin(0.5));
}

} // namespace app_host_facts_test
