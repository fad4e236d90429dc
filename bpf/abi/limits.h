/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_ABI_LIMITS_H
#define PROXIP_ABI_LIMITS_H

#ifdef __cplusplus
namespace proxip::abi {
#endif

/* Sizes of the tables whose size does not come from the configuration. Together about 40 MiB of kernel memory. */
enum {
	ABI_MAX_SERVICES = 8192,        /* ids; a service that was removed keeps its id until its last connection ended */
	ABI_MAX_BACKENDS = 32768,       /* of all services, per half */
	ABI_MAX_BINDINGS = 65536,       /* ids, those still leaving included */
	ABI_MAX_ENDPOINTS = 32768,      /* ids, those still leaving included */
	ABI_MAX_PROXIES = 16384,        /* ids, those still leaving included */
	ABI_MAX_POOL_ADDRESSES = 256,   /* of one pool: what an exhausted pool makes one packet look through */
	ABI_MAX_SOURCES = 262144,       /* (Proxy IP, endpoint) pairs per half */
	ABI_MAX_RINGS = 262144,         /* ids, those still leaving included */
	ABI_MAX_PORT_CHUNKS = 256,      /* times that the port memory can grow; each growth at least doubles it */
	ABI_MAX_MATCHES = 262144,       /* (VIP, port) pairs, both halves together */
	ABI_MAX_ALLOWED = 262144,       /* client networks, both halves together */
	ABI_MAX_CLIENTS = 131072,       /* whose backend is remembered (affinity); the one seen longest ago makes room */
	ABI_MAX_LOCALS = 32768,         /* VIPs and Proxy IPs */
	ABI_MAX_IFACES = 1 + 256,      /* place 0 is never used */
	ABI_IFACE_PROBES = 8,
	ABI_MAX_QUOTAS = 262144,        /* clients that are counted at a time, per service or endpoint; more go uncounted */
	ABI_MAX_ORDERS = 65536,         /* connections that wait for their end; the agent brings more when there is room */
	ABI_MAX_TRAILS = 16384,         /* datagrams in fragments at a time; the one seen longest ago makes room */
	ABI_ID_COUNTERS = 4096,         /* of IP IDs, by source and destination; a power of two */
	ABI_MAX_REASONS = 256, /* room to grow: a new reason must not make the table another one */
};

#ifdef __cplusplus
} // namespace proxip::abi
#endif

#endif
