/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_MAPS_H
#define PROXIP_MAPS_H

/* Every table. What one packet of an established connection touches: iface, conn, slot, then vip and endpoint and proxy, clock and
 * binding_stats. Sizes of conn, slot and free_slots are set from max_connections before the load. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi/limits.h"
#include "abi/reasons.h"
#include "abi/types.h"
#include "map_kinds.h"

/* ---- connections ---- */

/* mmap, which the lock forbids: for whole cache lines alone, as below */
ARRAY_MAP(conn, struct abi_bucket, 1, BPF_F_MMAPABLE);
ARRAY_MAP(table_seed, struct abi_table_seed, 1, 0);

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} free_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, ABI_MAX_ORDERS);
	__type(value, struct abi_order);
} orders SEC(".maps");

/* mmap: page-aligned, so that a slot is two whole cache lines; and read by the agent without a system call */
ARRAY_MAP(slot, struct abi_slot, 1, BPF_F_MMAPABLE);
ARRAY_MAP(ledger, struct abi_ledger, 1, BPF_F_MMAPABLE);
ARRAY_MAP(clock, struct abi_clock, 1, BPF_F_MMAPABLE);

/* Its size is set before the load. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} nat_events SEC(".maps");

/* Not preallocated: an element that was deleted is not another client's while somebody still counts in it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_MAX_QUOTAS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct abi_quota);
	__type(value, __u32);
} quota SEC(".maps");

/* ---- fragments ---- */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ABI_MAX_TRAILS);
	__type(key, struct abi_datagram);
	__type(value, struct abi_trail);
} trail SEC(".maps");

ARRAY_MAP(ip_id, __u64, ABI_ID_COUNTERS, 0); /* the next one */

/* ---- identities ---- */

ARRAY_MAP(vip, struct abi_vip, ABI_MAX_SERVICES, BPF_F_MMAPABLE);
ARRAY_MAP(endpoint, struct abi_endpoint, ABI_MAX_ENDPOINTS, BPF_F_MMAPABLE);
ARRAY_MAP(proxy, struct abi_proxy, ABI_MAX_PROXIES, BPF_F_MMAPABLE);
ARRAY_MAP(binding, struct abi_binding, ABI_MAX_BINDINGS, BPF_F_MMAPABLE);
ARRAY_MAP(binding_live, struct abi_binding_live, ABI_MAX_BINDINGS, BPF_F_MMAPABLE);
PER_CPU_MAP(binding_stats, struct abi_binding_stats, ABI_MAX_BINDINGS);

/* ---- proxy ports ---- */

ARRAY_MAP(ring, struct abi_ring, ABI_MAX_RINGS, 0);

/* Inner maps state sizes, not types: behind two pointers clang leaves only a forward declaration in the BTF. */
struct port_chunk { /* slabs that were allocated together; chunks differ in size */
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_INNER_MAP);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct abi_slab));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, ABI_MAX_PORT_CHUNKS);
	__type(key, __u32);
	__array(values, struct port_chunk);
} port_chunks SEC(".maps");

/* ---- configuration, in two halves ---- */

ARRAY_MAP(control, struct abi_control, 1, BPF_F_MMAPABLE);
ARRAY_MAP(service, struct abi_service, 2 * ABI_MAX_SERVICES, BPF_F_MMAPABLE);
ARRAY_MAP(service_live, struct abi_service_live, ABI_MAX_SERVICES, BPF_F_MMAPABLE);
ARRAY_MAP(backend, struct abi_backend, 2 * ABI_MAX_BACKENDS, BPF_F_MMAPABLE);
ARRAY_MAP(source, struct abi_source, 2 * ABI_MAX_SOURCES, BPF_F_MMAPABLE);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_MAX_MATCHES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct abi_match);
	__type(value, __u32); /* service id */
} match SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, ABI_MAX_ALLOWED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct abi_allowed);
	__type(value, __u32);
} allowed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ABI_MAX_CLIENTS);
	__type(key, struct abi_client);
	__type(value, struct abi_went_to);
} affinity SEC(".maps");

struct lookup_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_INNER_MAP | BPF_F_MMAPABLE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct abi_lookup_block));
};

struct { /* one per half; replaced by a larger one when it is too small */
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct lookup_table);
} lookup SEC(".maps");

/* ---- the neighbourhood ---- */

ARRAY_MAP(iface, struct abi_iface, ABI_MAX_IFACES, BPF_F_MMAPABLE);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_MAX_LOCALS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct abi_local);
	__type(value, struct abi_local_info);
} local SEC(".maps");

ARRAY_MAP(local_filter, struct abi_local_filter, 1, BPF_F_MMAPABLE);

/* ---- programs ---- */

PROGRAM_ARRAY(programs, ABI_PROGRAM_COUNT);

/* ---- work space ---- */

struct choice { /* what select.h decided: numbers only */
	__u32 half;
	__u32 service_id;
	__u32 binding;
	__u32 endpoint;
	__u32 place; /* of the backend within the service */
	__u32 source_first;
	__u32 source_count;
	__u32 snat_reason; /* enum abi_snat_reason */
	__u32 proxy;
	__u32 ring;
	__u32 counted; /* enum abi_quota_kind bits */
	struct abi_hop client_hop;
};

/* What a live connection is counted in: a copy, for after the swap that gives its slot away. */
struct counted {
	__u64 client;
	__u32 service;
	__u32 endpoint;
	__u8 family;
	__u8 kinds; /* enum abi_quota_kind bits */
};

/* What the slow paths need and the 512 bytes of stack do not hold. One user at a time: programs and timers run in softirq, which
 * does not nest on a CPU. */
struct scratch {
	struct choice choice;
	struct abi_match match_key;
	struct abi_local local_key;
	struct abi_tuple open_key;
	struct abi_tuple claim_key;
	struct abi_tuple remove_key;
	struct abi_datagram datagram;
	struct abi_quota quota_key;
	struct abi_client client_key;
	struct abi_allowed allowed_key;
	struct abi_tuple leaving; /* of a fragment or an ICMP error: as it leaves */
	struct abi_tuple quoted;  /* and what the error quotes, turned round */
	__u32 owner_slot; /* of a port that claim_port() wants to take over */
	__u64 owner_word;
	struct abi_nat_event nat_event;
	struct counted ended; /* conn_move() and conn_remove(): what they take out of the accounts */
	__u8 piece[512]; /* of a jumbo frame, for its checksum */
};
PER_CPU_MAP(scratch, struct scratch, 1);

static __always_inline struct scratch *work_space(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

/* ---- accounts ---- */

PER_CPU_MAP(counters, __u64, ABI_MAX_REASONS);

struct icmp_budget {
	__u32 tick;
	__u32 tokens;
};
PER_CPU_MAP(icmp_budget, struct icmp_budget, 1);

struct sweeper {
	struct bpf_timer timer;
};
ARRAY_MAP(sweeper, struct sweeper, 1, 0);

/* where explain finds what a dry run decided; the live program never writes it */
ARRAY_MAP(decision, struct abi_decision, 1, 0);

#endif
