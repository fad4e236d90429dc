/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_ACCOUNT_H
#define PROXIP_ACCOUNT_H

/* What is counted, the time it is counted at, and what spreads. Counters are per CPU, but for a connection's own: those of its two directions
 * share a cache line, which moves between two CPUs when the directions do. */

#include "config.h"
#include "maps.h"

static __always_inline __u64 mix(__u64 h, __u64 value)
{
	h = (h ^ value) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 32);
}

static __always_inline __u32 now_ticks(void)
{
	return bpf_ktime_get_coarse_ns() >> ABI_TICK_SHIFT;
}

static __always_inline void count(enum abi_reason reason)
{
	__u32 key = reason;
	__u64 *counter = bpf_map_lookup_elem(&counters, &key);

	if (counter && !dry_run)
		*counter += 1;
}

static __always_inline void count_bytes(struct abi_counter *counter, __u32 bytes)
{
	counter->packets += 1;
	counter->bytes += bytes;
}

#endif
