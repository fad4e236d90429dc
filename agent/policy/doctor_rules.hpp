#pragma once

// The rules of doctor.hpp, by what they are about. Only for this room.

#include <string>
#include <utility>
#include <vector>

#include "policy/doctor.hpp"

namespace proxip::policy::doctor {

using Findings = std::vector<Finding>;

// doctor_network.cpp
void find_interfaces(const Facts& facts, Findings& out);
void find_xdp_mode(const Facts& facts, Findings& out);
void find_redirect(const Facts& facts, Findings& out);
void find_redirect_errors(const Facts& facts, Findings& out);
void find_offloads(const Facts& facts, Findings& out);
void find_vlan(const Facts& facts, Findings& out);
void find_mtu(const Facts& facts, Findings& out);
void find_address_conflicts(const Facts& facts, Findings& out);
void find_local_addresses(const Facts& facts, Findings& out);

// doctor_servers.cpp
void find_next_hops(const Facts& facts, Findings& out);
void find_asymmetric_return(const Facts& facts, Findings& out);
void find_health(const Facts& facts, Findings& out);

// doctor_capacity.cpp
void find_proxy_ports(const Facts& facts, Findings& out);
void find_port_memory(const Facts& facts, Findings& out);
void find_connection_table(const Facts& facts, Findings& out);
void find_drops(const Facts& facts, Findings& out);

// doctor_host.cpp
void find_heartbeat(const Facts& facts, Findings& out);
void find_clock(const Facts& facts, Findings& out);
void find_bpffs(const Facts& facts, Findings& out);
void find_memory(const Facts& facts, Findings& out);
void find_config_file(const Facts& facts, Findings& out);
void find_drift(const Facts& facts, Findings& out);
void find_configuration(const Facts& facts, Findings& out);
void find_metrics(const Facts& facts, Findings& out);
void find_nat_log(const Facts& facts, Findings& out);

} // namespace proxip::policy::doctor
