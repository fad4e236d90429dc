/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_TRACE_TELL_H
#define PROXIP_TRACE_TELL_H

/* Telling the agent of a packet, as often as it may be told. Nobody waits for the agent: what finds no room is counted. */

#include "trace_maps.h"

static __always_inline struct totals *all_totals(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&totals, &zero);
}

/* Two CPUs at the turn of a window may both begin it anew: a few packets too many. */
static __always_inline bool within_limit(__u64 ns)
{
	__u64 window = ns / (1000000000ULL / ABI_TRACE_WINDOWS);
	struct totals *t = all_totals();

	if (!t)
		return false;
	if (t->window != window) {
		t->window = window;
		t->seen = 0;
	}
	if (__sync_fetch_and_add(&t->seen, 1) < window_limit)
		return true;
	__sync_fetch_and_add(&t->lost, 1);
	return false;
}

static __always_inline void tell(struct work *w)
{
	struct totals *t = all_totals();
	__u32 size = sizeof(w->traced) + w->traced.captured + w->traced.out_captured;

	if (size > sizeof(w->traced) + sizeof(w->bytes))
		return;
	if (bpf_ringbuf_output(&packets, &w->traced, size, 0) && t)
		__sync_fetch_and_add(&t->lost, 1);
}

#endif
