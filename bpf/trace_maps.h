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
#include "map_kinds.h"
#include "wire.h"

const volatile struct abi_trace_filter filter = {};
const volatile __u32 snaplen = 256;
const volatile __u32 window_limit = 1000; /* packets in a window of 1/ABI_TRACE_WINDOWS s */
const volatile __u32 mark_magic = 0;
const volatile __u32 max_connections = 1;
const volatile __u64 table_secret[4] = {}; /* the data plane's (config.h) */

const volatile __u32 place = 0; /* in `tracers`: those behind it come after it */

/* ---- the data plane's tables, read only; sizes are taken from them ---- */

ARRAY_MAP(conn, struct abi_bucket, 1, BPF_F_MMAPABLE);
ARRAY_MAP(slot, struct abi_slot, 1, BPF_F_MMAPABLE);
ARRAY_MAP(endpoint, struct abi_endpoint, 1, BPF_F_MMAPABLE);
ARRAY_MAP(vip, struct abi_vip, 1, BPF_F_MMAPABLE);
ARRAY_MAP(proxy, struct abi_proxy, 1, BPF_F_MMAPABLE);
PER_CPU_MAP(counters, __u64, 1);

PROGRAM_ARRAY(programs, ABI_PROGRAM_COUNT);

/* ---- its own ---- */

PROGRAM_ARRAY(tracers, ABI_TRACERS);

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

PER_CPU_MAP(work, struct work, 1);

struct totals {
	__u64 window; /* number of the window that `seen` counts in */
	__u32 seen;
	__u32 pad0;
	__u64 lost; /* above the limit, or the agent did not keep up */
};

ARRAY_MAP(totals, struct totals, 1, BPF_F_MMAPABLE);

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
