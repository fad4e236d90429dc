// What lbctl doctor says when no agent answers.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "cli/local_checks.hpp"

namespace cli_local_checks_test {
namespace {

namespace fs = std::filesystem;
namespace api = proxip::api;
namespace cli = proxip::cli;
using proxip::Error;
using proxip::ErrorCode;

struct Host {
    fs::path folder = fs::temp_directory_path() / fmt::format("proxip-host-{}", ::getpid());

    Host() { fs::create_directories(folder / "proc"); }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    ~Host() { fs::remove_all(folder); }

    void process(const std::string& pid, const std::string& name, const std::string& socket) const {
        fs::create_directories(folder / "proc" / pid);
        std::ofstream(folder / "proc" / pid / "comm") << name << '\n';
        std::ofstream(folder / "proc" / pid / "cmdline") << name << '\0' << "--socket" << '\0' << socket << '\0';
    }
    [[nodiscard]] api::Doctor examine(ErrorCode code) const {
        return cli::examine_locally(folder / "sock", Error{code, "no", ""},
                                    {folder / "proc", folder / "bpf", folder / "systemd"});
    }
};

const api::Finding* find(const api::Doctor& doctor, std::string_view check) {
    const auto found = std::ranges::find(doctor.findings, check, &api::Finding::check);
    return found == doctor.findings.end() ? nullptr : &*found;
}

} // namespace

TEST_CASE("doctor without an agent: nothing is there") {
    const Host host;
    const auto doctor = host.examine(ErrorCode::unreachable);
    REQUIRE(find(doctor, "agent_socket") != nullptr);
    CHECK(find(doctor, "agent_socket")->what == "there is no such socket");
    REQUIRE(find(doctor, "agent_process") != nullptr);
    CHECK(find(doctor, "agent_process")->fix == "lbagent --config /etc/proxip/lb.toml");
    REQUIRE(find(doctor, "pinned_data_plane") != nullptr);
    CHECK(find(doctor, "pinned_data_plane")->what == "no bpffs is mounted there");
    fs::create_directories(host.folder / "systemd" / "system");
    CHECK(find(host.examine(ErrorCode::unreachable), "agent_process")->fix.starts_with("systemctl start lbagent"));
}

TEST_CASE("doctor without an agent: another one runs") {
    const Host host;
    host.process("17", "lbagent", "/run/other.sock");
    host.process("18", "nginx", "/run/other.sock");
    const auto doctor = host.examine(ErrorCode::unreachable);
    REQUIRE(find(doctor, "agent_process") != nullptr);
    CHECK(find(doctor, "agent_process")->severity == "note");
    CHECK(find(doctor, "agent_process")->fix == "lbctl --socket /run/other.sock doctor");
}

TEST_CASE("doctor without an agent: it may not be asked, or does not answer") {
    const Host host;
    host.process("17", "lbagent", (host.folder / "sock").string());
    const auto denied = host.examine(ErrorCode::denied);
    CHECK(find(denied, "agent_socket")->what == "this user may not speak to the agent");
    CHECK(std::ranges::find(denied.ok, "agent_process") != denied.ok.end());
    const auto silent = host.examine(ErrorCode::timeout);
    CHECK(find(silent, "agent_process")->severity == "error");
}

TEST_CASE("doctor without an agent: a socket that was left, and what is none") {
    const Host host;
    std::ofstream(host.folder / "sock") << "no socket";
    CHECK(find(host.examine(ErrorCode::unreachable), "agent_socket")->what == "this is no socket");
}

} // namespace cli_local_checks_test
