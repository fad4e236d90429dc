#include "policy/doctor.hpp"

#include <algorithm>

#include "policy/doctor_rules.hpp"

namespace proxip::policy::doctor {

namespace {

struct Rule {
    DoctorCheck check;
    void (*find)(const Facts& facts, Findings& out);
    bool (*known)(const Facts& facts) = [](const Facts&) { return true; }; // else it says nothing, not even "ok"
};

constexpr Rule rules[] = {
    {DoctorCheck::interface, find_interfaces},
    {DoctorCheck::xdp_mode, find_xdp_mode},
    {DoctorCheck::redirect, find_redirect},
    {DoctorCheck::redirect_errors, find_redirect_errors},
    {DoctorCheck::offloads, find_offloads},
    {DoctorCheck::vlan, find_vlan},
    {DoctorCheck::mtu, find_mtu},
    {DoctorCheck::address_conflict, find_address_conflicts},
    {DoctorCheck::local_address, find_local_addresses},
    {DoctorCheck::next_hop, find_next_hops},
    {DoctorCheck::asymmetric_return, find_asymmetric_return},
    {DoctorCheck::health, find_health},
    {DoctorCheck::proxy_ports, find_proxy_ports},
    {DoctorCheck::port_memory, find_port_memory},
    {DoctorCheck::connection_table, find_connection_table},
    {DoctorCheck::drops, find_drops},
    {DoctorCheck::heartbeat, find_heartbeat},
    {DoctorCheck::clock, find_clock, [](const Facts& facts) { return facts.clock.has_value(); }},
    {DoctorCheck::bpffs, find_bpffs, [](const Facts& facts) { return facts.bpffs.has_value(); }},
    {DoctorCheck::memory, find_memory, [](const Facts& facts) { return facts.memory.has_value(); }},
    {DoctorCheck::config_file, find_config_file},
    {DoctorCheck::drift, find_drift},
    {DoctorCheck::configuration, find_configuration},
    {DoctorCheck::metrics, find_metrics},
    {DoctorCheck::nat_log, find_nat_log},
};

} // namespace

Diagnosis diagnose(const Facts& facts) {
    Diagnosis out;
    for (const Rule& rule : rules) {
        if (!rule.known(facts)) {
            continue;
        }
        Findings found;
        rule.find(facts, found);
        if (found.empty()) {
            out.ok.push_back(rule.check);
        }
        for (Finding& one : found) {
            one.check = rule.check;
            out.findings.push_back(std::move(one));
        }
    }
    std::ranges::stable_sort(out.findings, {}, &Finding::severity);
    return out;
}

} // namespace proxip::policy::doctor
