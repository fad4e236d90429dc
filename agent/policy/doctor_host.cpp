// The agent's own host: its clock, its memory, its files.

#include <cmath>

#include <fmt/format.h>

#include "model/codec.hpp"
#include "policy/doctor_rules.hpp"

namespace proxip::policy::doctor {

void find_heartbeat(const Facts& facts, Findings& out) {
    constexpr double too_long = 10; // it comes several times a second
    if (facts.seconds_since_sweep < too_long) {
        return;
    }
    out.push_back({.severity = Severity::error,
                   .subject = "data plane",
                   .what = fmt::format("its timer was last at work {:.0f} s ago", facts.seconds_since_sweep),
                   .why = "idle connections do not expire, and their proxy ports do not come back",
                   .fix = facts.restart});
}

void find_clock(const Facts& facts, Findings& out) {
    constexpr double a_step = 1;
    const Clock& clock = *facts.clock;
    if (clock.needed_by.empty()) {
        return;
    }
    if (!clock.synchronised) {
        out.push_back({.severity = Severity::note,
                       .subject = "wall clock",
                       .what = "nothing keeps it right (adjtimex: unsynchronised)",
                       .why = fmt::format("{} goes by it", clock.needed_by),
                       .fix = "timedatectl set-ntp true"});
    }
    if (std::abs(clock.stepped_seconds) >= a_step) {
        out.push_back(
            {.severity = Severity::note,
             .subject = "wall clock",
             .what = fmt::format("it was set {} by {:.0f} s since the agent started",
                                 clock.stepped_seconds > 0 ? "forward" : "back", std::abs(clock.stepped_seconds)),
             .why = fmt::format("{} goes by it: times from before and after do not fit together", clock.needed_by),
             .fix = "timedatectl timesync-status"});
    }
}

void find_bpffs(const Facts& facts, Findings& out) {
    const Bpffs& bpffs = *facts.bpffs;
    if (!bpffs.mounted || !bpffs.pinned) {
        out.push_back({.severity = Severity::error,
                       .subject = bpffs.folder,
                       .what = bpffs.mounted ? "the maps are not pinned there any more" : "is not on a bpffs any more",
                       .why = "what runs goes on as long as this agent does; the next one cannot adopt it, and every "
                              "connection ends",
                       .fix = fmt::format("{}when connections may end: {}",
                                          bpffs.mounted ? "" : "mount -t bpf bpf /sys/fs/bpf; then, ", facts.restart)});
    } else if (bpffs.own_mounts) {
        out.push_back(
            {.severity = Severity::warning,
             .subject = bpffs.folder,
             .what = "the agent has a mount namespace of its own",
             .why = "if the bpffs was mounted there, it goes with the agent, and the data plane with it",
             .fix = "findmnt -N 1 -t bpf; if it is not there: run the agent without a private mount namespace"});
    }
}

void find_memory(const Facts& facts, Findings& out) {
    constexpr std::uint64_t high_percent = 90;
    const Memory& memory = *facts.memory;
    if (memory.limit == 0 || memory.used * 100 < memory.limit * high_percent) {
        return;
    }
    out.push_back(
        {.severity = Severity::warning,
         .subject = memory.cgroup,
         .what = fmt::format("the agent's cgroup uses {} of {}", bytes_text(memory.used), bytes_text(memory.limit)),
         .why = "maps are charged to it: an apply that needs more is refused, or the agent is killed",
         .fix = "systemctl set-property lbagent MemoryMax=infinity"});
}

void find_config_file(const Facts& facts, Findings& out) {
    if (facts.file_trouble.empty()) {
        return;
    }
    out.push_back(
        {.severity = Severity::error,
         .subject = facts.config_path,
         .what = "was refused when it was last read: " + facts.file_trouble,
         .why = "what runs is older than what it says",
         .fix = fmt::format("lbagent --check --config {}; mend it, and: {}", facts.config_path, facts.reload)});
}

void find_drift(const Facts& facts, Findings& out) {
    if (facts.drift) {
        out.push_back({.severity = Severity::note,
                       .subject = facts.config_path,
                       .what = "what runs was changed by hand since a file was last applied",
                       .why = "the next apply of the file takes that back",
                       .fix = fmt::format("lbctl dump > {0} && lbctl apply -f {0}", facts.config_path)});
    }
}

void find_configuration(const Facts& facts, Findings& out) {
    for (const std::string& warning : facts.warnings) {
        const auto colon = warning.find(": ");
        const bool split = colon != std::string::npos;
        out.push_back({.severity = Severity::warning,
                       .subject = split ? warning.substr(0, colon) : facts.config_path,
                       .what = split ? warning.substr(colon + 2) : warning,
                       .why = "it is not wrong, but probably not meant",
                       .fix = "lbctl dump"});
    }
}

void find_metrics(const Facts& facts, Findings& out) {
    if (!facts.metrics_trouble.empty()) {
        out.push_back({.severity = Severity::warning,
                       .subject = "metrics",
                       .what = facts.metrics_trouble,
                       .why = "nobody can read them, and no alert comes",
                       .fix = "ss -lntp; then another address for agent.metrics"});
    }
}

void find_nat_log(const Facts& facts, Findings& out) {
    const NatLog& log = facts.nat_log;
    const std::string look = fmt::format("df -h {0}; df -i {0}; ls -ld {0}", log.folder);
    if (!log.trouble.empty()) {
        out.push_back({.severity = Severity::error,
                       .subject = log.folder,
                       .what = "cannot be written: " + log.trouble,
                       .why = "lbctl whois will not know of connections that end now; it goes on by itself as soon as "
                              "it can be written",
                       .fix = look});
    } else if (log.unwritten > 0) {
        out.push_back(
            {.severity = Severity::warning,
             .subject = log.folder,
             .what = fmt::format("records could not be written in the last {:.0f} min, {} since the agent started",
                                 log.late_seconds / 60, log.unwritten),
             .why = "lbctl whois does not know of those connections",
             .fix = look});
    }
    if (log.lost > 0) {
        out.push_back({.severity = Severity::warning,
                       .subject = "nat_log.buffer",
                       .what = fmt::format("events were lost in the last {:.0f} min, {} since the data plane began: "
                                           "its buffer of {} was full",
                                           log.late_seconds / 60, log.lost, bytes_text(log.buffer)),
                       .why = "connections opened faster than the agent read, or there was no agent: of some, "
                              "lbctl whois does not know the end",
                       .fix = fmt::format("raise nat_log.buffer in {}, then: lbagent --detach, and start it again",
                                          facts.config_path)});
    }
    if (!log.lines_trouble.empty()) {
        out.push_back({.severity = Severity::warning,
                       .subject = "nat_log.json",
                       .what = log.lines_trouble,
                       .why = "the collector misses lines; the NAT log itself has them",
                       .fix = fmt::format("ls -l {}; when it can be written: {}", log.lines, facts.reload)});
    }
}

} // namespace proxip::policy::doctor
