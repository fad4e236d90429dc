/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_TRACE_MAPS_H
#define PROXIP_TRACE_MAPS_H

/* What a tracer is told by its constants, the tables of the data plane that it looks into, and its own. */

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "abi/bucket.h"
#include "abi/limits.h"
#include "abi/trace.h"
#include "wire.h"

const volatile struct abi_trace_filter filter = {};
const volatile __u32 snaplen = 256;
const volatile __u32 window_limit = 1000; /* packets in a window of 1/ABI_TRACE_WINDOWS s */
const volatile __u32 mark_magic = 0;
const volatile __u32 max_connections = 1;
const volatile __u64 table_secret[4] = {}; /* the data plane's (config.h) */

const volatile __u32 place = 0; /* in `tracers`: those behind it come after it */

/* ---- the data plane's tables, read only; sizes are taken from them ---- */

#define SHARED_ARRAY(name, map_type, value_type, flags) \
	struct {                                        \
		__uint(type, map_type);                 \
		__uint(max_entries, 1);                 \
		__uint(map_flags, flags);               \
		__type(key, __u32);                     \
		__type(value, value_type);              \
	} name SEC(".maps")

SHARED_ARRAY(conn, BPF_MAP_TYPE_ARRAY, struct abi_bucket, BPF_F_MMAPABLE);
SHARED_ARRAY(slot, BPF_MAP_TYPE_ARRAY, struct abi_slot, BPF_F_MMAPABLE);
SHARED_ARRAY(endpoint, BPF_MAP_TYPE_ARRAY, struct abi_endpoint, BPF_F_MMAPABLE);
SHARED_ARRAY(vip, BPF_MAP_TYPE_ARRAY, struct abi_vip, BPF_F_MMAPABLE);
SHARED_ARRAY(proxy, BPF_MAP_TYPE_ARRAY, struct abi_proxy, BPF_F_MMAPABLE);
SHARED_ARRAY(counters, BPF_MAP_TYPE_PERCPU_ARRAY, __u64, 0);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, ABI_PROGRAM_COUNT);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} programs SEC(".maps");

/* ---- its own ---- */

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, ABI_TRACERS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} tracers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ABI_TRACE_RING_BYTES);
} packets SEC(".maps");

struct work {
	__u64 counted[ABI_REASON_COUNT]; /* at the entry */
	__u32 pad0;
	__s32 lost_way;                  /* what a packet that no program took is answered with: XDP_ABORTED, 0 */
	__u32 found_slot; /* find_connection()'s */
	__u32 direction;  /* likewise */
	struct abi_tuple tuple; /* looked for */
	struct abi_traced traced;
	__u8 bytes[2 * ABI_TRACE_MAX_SNAPLEN]; /* right behind it: told as one */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct work);
} work SEC(".maps");

struct totals {
	__u64 window; /* number of the window that `seen` counts in */
	__u32 seen;
	__u32 pad0;
	__u64 lost; /* above the limit, or the agent did not keep up */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct totals);
} totals SEC(".maps");

static __always_inline struct work *my_work(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&work, &zero);
}

static __always_inline bool same(const volatile struct abi_address *a, const struct abi_address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] && a->word[3] == b->word[3];
}

#endif
