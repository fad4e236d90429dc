#include "cli/local_checks.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "model/doctor_check.hpp"

namespace proxip::cli {
namespace {

namespace fs = std::filesystem;

api::Finding finding(Severity severity, DoctorCheck check, std::string subject, std::string what, std::string why,
                     std::string fix) {
    return {std::string(name_of(severity)),
            std::string(name_of(check)),
            std::move(subject),
            std::move(what),
            std::move(why),
            std::move(fix)};
}

struct Process {
    std::string pid;
    std::vector<std::string> arguments;

    [[nodiscard]] std::string option(std::string_view name, std::string otherwise) const {
        const auto at = std::ranges::find(arguments, name);
        if (at != arguments.end() && at + 1 != arguments.end()) {
            return *(at + 1);
        }
        const std::string prefix = std::string(name) + "=";
        for (const std::string& argument : arguments) {
            if (argument.starts_with(prefix)) {
                return argument.substr(prefix.size());
            }
        }
        return otherwise;
    }
};

std::optional<Process> agent_at(const fs::path& folder) {
    std::ifstream comm(folder / "comm");
    std::string name;
    if (!std::getline(comm, name) || name != "lbagent") {
        return std::nullopt;
    }
    Process out{.pid = folder.filename().string(), .arguments = {}};
    std::ifstream file(folder / "cmdline");
    for (std::string argument; std::getline(file, argument, '\0');) {
        out.arguments.push_back(argument);
    }
    return out;
}

std::vector<Process> agents(const fs::path& processes) {
    std::vector<Process> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(processes, error)) {
        const std::string name = entry.path().filename().string();
        if (std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; })) {
            if (auto agent = agent_at(entry.path())) {
                out.push_back(std::move(*agent));
            }
        }
    }
    return out;
}

std::string starting(const Places& places) {
    std::error_code error;
    return fs::exists(places.systemd / "system", error) ? "systemctl start lbagent; journalctl -u lbagent -n 20"
                                                        : "lbagent --config /etc/proxip/lb.toml";
}

std::string why_silent(const fs::path& socket, const Error& error) {
    struct stat info{};
    if (error.code == ErrorCode::timeout) {
        return "the agent takes the connection and does not answer in time";
    }
    if (error.code == ErrorCode::denied) {
        return "this user may not speak to the agent";
    }
    if (::stat(socket.c_str(), &info) != 0) {
        return "there is no such socket";
    }
    return S_ISSOCK(info.st_mode) ? "nobody listens on this socket: the agent that made it has ended"
                                  : "this is no socket";
}

void find_socket(const fs::path& socket, const Error& error, const Places& places, api::Doctor& out) {
    const bool denied = error.code == ErrorCode::denied;
    const std::string fix =
        denied ? fmt::format("ls -l {}; then, as root or a member of its group: lbctl doctor", socket.string())
               : starting(places);
    out.findings.push_back(finding(Severity::error, DoctorCheck::agent_socket, socket.string(),
                                   why_silent(socket, error),
                                   denied ? "the socket is for those who may command the agent"
                                          : "nothing can be asked or changed; what runs goes on as it is",
                                   fix));
}

void find_process(const fs::path& socket, const Error& error, const Places& places, api::Doctor& out) {
    const auto running = agents(places.processes);
    if (running.empty()) {
        out.findings.push_back(finding(Severity::error, DoctorCheck::agent_process, "lbagent", "no agent runs here",
                                       "health is not checked, next hops are not followed, addresses are not defended",
                                       starting(places)));
        return;
    }
    bool ours = false;
    for (const Process& agent : running) {
        const std::string other = agent.option("--socket", "/run/proxip/lbagent.sock");
        ours = ours || fs::path(other) == socket;
        if (fs::path(other) != socket) {
            out.findings.push_back(
                finding(Severity::note, DoctorCheck::agent_process, "lbagent",
                        fmt::format("an agent runs (pid {}) with another socket: {}", agent.pid, other),
                        "it may be the one that was meant", fmt::format("lbctl --socket {} doctor", other)));
        }
    }
    if (ours && error.code == ErrorCode::timeout) {
        out.findings.push_back(finding(Severity::error, DoctorCheck::agent_process, "lbagent",
                                       "the agent of this socket runs, and does not answer",
                                       "it is stopped, or busy with something that does not end",
                                       "journalctl -u lbagent -n 20; systemctl restart lbagent"));
        return;
    }
    if (ours) {
        out.ok.emplace_back(name_of(DoctorCheck::agent_process));
    }
}

void find_pins(const Places& places, api::Doctor& out) {
    const std::string_view check = name_of(DoctorCheck::pinned_data_plane);
    struct statfs info{};
    std::error_code error;
    const fs::path folder = places.bpffs / "proxip";
    if (::statfs(places.bpffs.c_str(), &info) != 0 ||
        static_cast<std::uint64_t>(info.f_type) != std::uint64_t{BPF_FS_MAGIC}) {
        out.findings.push_back(finding(Severity::error, DoctorCheck::pinned_data_plane, places.bpffs.string(),
                                       "no bpffs is mounted there",
                                       "an agent cannot pin its data plane, and does not start",
                                       fmt::format("mount -t bpf bpf {}", places.bpffs.string())));
    } else if (!fs::exists(folder / "maps" / "conn", error)) {
        out.findings.push_back(
            finding(Severity::warning, DoctorCheck::pinned_data_plane, folder.string(),
                    error ? fmt::format("cannot be read: {}", error.message()) : "no data plane is pinned there",
                    "unless an agent pinned one elsewhere (--bpffs), no packet is balanced", starting(places)));
    } else {
        out.ok.emplace_back(check);
    }
}

} // namespace

api::Doctor examine_locally(const fs::path& socket, const Error& error, const Places& places) {
    api::Doctor out;
    find_socket(socket, error, places, out);
    find_process(socket, error, places, out);
    find_pins(places, out);
    return out;
}

} // namespace proxip::cli
