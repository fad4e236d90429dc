/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_ABI_REASONS_H
#define PROXIP_ABI_REASONS_H

#include "limits.h"

#ifdef __cplusplus
namespace proxip::abi {
#endif

/* The one table of what the data plane counts beside forwarded packets: enum, names, metrics and docs are made from it.
 * Ids are stable and never reused; a retired one keeps its line as RETIRED.
 *
 * DROP: why a packet was not forwarded, one reason each. EVENT: something else that is worth a number. */

/*      id  symbol                    name                       help */
#define ABI_REASONS(DROP, EVENT)                                                                                             \
	EVENT(0, PASSED, "passed", "frames that are none of ours and went on to the host untouched")                         \
	DROP(1, BAD_HEADER, "bad_header", "to an address of ours, but truncated or with lengths that cannot be")             \
	DROP(2, FRAGMENT, "fragment_before_first", "a later fragment, and its first one has not come or was not forwarded")  \
	DROP(3, PROTOCOL, "protocol_unsupported", "to an address of ours, but neither TCP, UDP nor an answered ICMP")        \
	DROP(4, TTL_EXPIRED, "ttl_expired", "its time to live ended here; answered with ICMP time exceeded")                 \
	DROP(5, TOO_BIG, "packet_too_big", "larger than the MTU of its way out; answered with ICMP fragmentation needed")    \
	DROP(6, NO_SERVICE, "service_not_found", "to a VIP, on a port that no service has")                                  \
	DROP(7, UNSOLICITED, "proxy_unsolicited", "to a Proxy IP, but of no connection")                                     \
	DROP(8, NO_BACKEND, "no_backend_available", "the service has no backend that takes new connections")                 \
	DROP(9, PORTS_EXHAUSTED, "proxy_ports_exhausted", "every proxy port towards the chosen backend is in use")           \
	DROP(10, TABLE_FULL, "connection_table_full", "max_connections are open, and none could give way")                   \
	DROP(11, TUPLE_TAKEN, "reply_tuple_taken", "snat = never, and the backend already talks to this client's port")      \
	DROP(12, NO_CONNECTION, "tcp_no_connection", "TCP to a service, not a SYN, and of no connection")                    \
	DROP(13, CONTENDED, "connection_contended", "two CPUs were at this connection at once; the sender's next try works") \
	DROP(14, NO_NEXT_HOP, "next_hop_unresolved", "the MAC of the backend or its gateway is not known")                   \
	DROP(15, NO_WAY_OUT, "no_way_out", "an answer could not be sent: no redirect, and no metadata room in the driver")   \
	DROP(16, MARK_STALE, "mark_stale", "the connection ended between the two stages of the clsact way out")              \
	DROP(17, TRANSLATE, "translate_failed", "the kernel refused to rewrite the packet")                                  \
	EVENT(18, ANSWERED_ARP, "answered_arp", "ARP requests answered for VIPs and Proxy IPs")                              \
	EVENT(19, ANSWERED_ECHO, "answered_echo", "pings answered for VIPs and Proxy IPs")                                   \
	EVENT(20, ANSWERED_RST, "answered_tcp_rst", "drops that were answered with a TCP RST")                               \
	EVENT(21, ANSWERED_ICMP, "answered_icmp", "drops that were answered with an ICMP error")                             \
	EVENT(22, ICMP_SUPPRESSED, "icmp_suppressed", "ICMP errors not sent because of the rate limit")                      \
	EVENT(23, EXPIRED, "connections_expired", "connections removed because they were idle")                              \
	EVENT(24, PORT_RECLAIMED, "ports_reclaimed", "closed connections that gave their port to a new one")                 \
	EVENT(25, SLOT_RECLAIMED, "slots_reclaimed", "closed or half-open connections that gave way in a full table")        \
	DROP(26, EXTENSION, "extension_header", "to an address of ours, behind IPv6 headers that are not walked over")  \
	DROP(27, ICMP_INVALID, "icmp_invalid", "an ICMP error whose checksum or quoted packet is wrong")                     \
	DROP(28, ICMP_UNMATCHED, "icmp_unmatched", "an ICMP error to an address of ours, about no connection")               \
	DROP(29, BAD_SOURCE, "source_not_unicast", "from an address that no host can have")                                  \
	EVENT(30, ANSWERED_ND, "answered_nd", "neighbour solicitations answered for VIPs and Proxy IPs")                     \
	EVENT(31, ICMP_TRANSLATED, "icmp_translated", "ICMP errors translated and forwarded")                                \
	EVENT(32, FRAGMENTS, "fragments_translated", "fragments translated and forwarded")                                   \
	DROP(33, SERVICE_FULL, "service_limit_reached", "the service has max_connections open")                              \
	DROP(34, CLIENT_FULL, "client_limit_reached", "the client has max_connections_per_client open to the service")       \
	DROP(35, CLIENT_PORTS, "client_ports_exhausted", "the client has max_ports_per_client proxy ports to the backend")   \
	EVENT(36, ENDED, "connections_ended", "connections that were told to end: by hand, with their backend, or when idle") \
	EVENT(37, PASSED_TAGGED, "passed_vlan_tagged", "frames with a VLAN tag, which belong to the host's VLAN interfaces")  \
	DROP(38, NOT_ALLOWED, "client_not_allowed", "from a client that the service's list does not allow")                   \
	DROP(39, BACKENDS_FULL, "backend_limit_reached", "every backend of the service has its max_connections open")         \
	EVENT(40, NAT_EVENTS_LOST, "nat_events_lost", "connections of which the NAT log does not know the begin or the end: its buffer was full")

#define ABI_REASON_ENUM(id, symbol, name, help) ABI_##symbol = id,
enum abi_reason { ABI_REASONS(ABI_REASON_ENUM, ABI_REASON_ENUM) ABI_REASON_COUNT };

#ifdef __cplusplus
static_assert(int{ABI_REASON_COUNT} <= int{ABI_MAX_REASONS});
#else
_Static_assert(ABI_REASON_COUNT <= ABI_MAX_REASONS, "no room for another reason");
#endif

#ifdef __cplusplus
} // namespace proxip::abi
#endif

#endif
