#pragma once

// What `lbctl doctor` looks at, and how bad a finding is: the names, once for the agent, for lbctl and for
// docs/doctor.md, which tests/docs_checks.py holds against this table.

#include <array>
#include <cstdint>
#include <string_view>

namespace proxip {

enum class Severity : std::uint8_t {
    error,   // something does not work, or is about to: exit 1
    warning, // something works less well than it could, or will not for long
    note,    // worth knowing
};

enum class DoctorCheck : std::uint8_t {
    // by lbctl itself, when no agent answers
    agent_socket,
    agent_process,
    pinned_data_plane,
    // by the agent
    interface,
    xdp_mode,
    redirect,
    redirect_errors,
    offloads,
    vlan,
    mtu,
    address_conflict,
    local_address,
    next_hop,
    asymmetric_return,
    health,
    proxy_ports,
    port_memory,
    connection_table,
    drops,
    heartbeat,
    clock,
    bpffs,
    memory,
    config_file,
    drift,
    configuration,
    metrics,
    nat_log,
};

struct DoctorCheckName {
    DoctorCheck check;
    std::string_view name;
};

inline constexpr auto doctor_checks = std::to_array<DoctorCheckName>({
    {DoctorCheck::agent_socket, "agent_socket"},
    {DoctorCheck::agent_process, "agent_process"},
    {DoctorCheck::pinned_data_plane, "pinned_data_plane"},
    {DoctorCheck::interface, "interface"},
    {DoctorCheck::xdp_mode, "xdp_mode"},
    {DoctorCheck::redirect, "redirect"},
    {DoctorCheck::redirect_errors, "redirect_errors"},
    {DoctorCheck::offloads, "offloads"},
    {DoctorCheck::vlan, "vlan"},
    {DoctorCheck::mtu, "mtu"},
    {DoctorCheck::address_conflict, "address_conflict"},
    {DoctorCheck::local_address, "local_address"},
    {DoctorCheck::next_hop, "next_hop"},
    {DoctorCheck::asymmetric_return, "asymmetric_return"},
    {DoctorCheck::health, "health"},
    {DoctorCheck::proxy_ports, "proxy_ports"},
    {DoctorCheck::port_memory, "port_memory"},
    {DoctorCheck::connection_table, "connection_table"},
    {DoctorCheck::drops, "drops"},
    {DoctorCheck::heartbeat, "heartbeat"},
    {DoctorCheck::clock, "clock"},
    {DoctorCheck::bpffs, "bpffs"},
    {DoctorCheck::memory, "memory"},
    {DoctorCheck::config_file, "config_file"},
    {DoctorCheck::drift, "drift"},
    {DoctorCheck::configuration, "configuration"},
    {DoctorCheck::metrics, "metrics"},
    {DoctorCheck::nat_log, "nat_log"},
});

[[nodiscard]] constexpr std::string_view name_of(DoctorCheck check) {
    for (const DoctorCheckName& one : doctor_checks) {
        if (one.check == check) {
            return one.name;
        }
    }
    return "";
}

[[nodiscard]] constexpr std::string_view name_of(Severity severity) {
    switch (severity) {
    case Severity::error: return "error";
    case Severity::warning: return "warning";
    case Severity::note: return "note";
    }
    return "";
}

} // namespace proxip
