/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_EXPIRE_H
#define PROXIP_EXPIRE_H

/* Idle connections end here, and those that the agent wants to end: a kernel timer carries out its orders, and walks the array of
 * slots, a slice a tick, so that it goes on without the agent and costs the same however many connections there are. */

#include "conn.h"
#include "match.h"

#define CLOCK_MONOTONIC 1 /* <linux/time.h> */

#define SWEEP_INTERVAL_NS 10000000ULL
#define SWEEP_HURRY_NS 1000000ULL /* after a slice in which more was due than one tick may remove */
#define SWEEP_SLICES 256          /* ticks for the whole table: 2.56 s */
#define SWEEP_REMOVALS 64         /* a tick, at about 0.5 us each */

struct sweep {
	__u32 half;
	__u32 hand;
	__u32 end;
	__u32 removed;
	__u32 now;
};

static long sweep_visit(__u32 step, void *context)
{
	struct sweep *w = context;
	struct abi_slot *s = bpf_map_lookup_elem(&slot, &w->hand);
	struct abi_service *owner;
	union conn_word seen;
	__u32 idle;

	if (!s || w->removed >= SWEEP_REMOVALS)
		return 1;
	seen.word = READ_ONCE(s->word);
	if (abi_has_mapping(seen.state.state)) {
		owner = service_in(w->half, s->service);
		idle = w->now - READ_ONCE(s->last_seen);
		if (owner && idle > owner->idle[seen.state.state & 7] && (__s32)idle > 0) {
			if (conn_remove(w->hand, seen.word)) {
				w->removed++;
				count(ABI_EXPIRED);
			}
		}
	}
	if (++w->hand >= w->end)
		w->hand = 0;
	return 0;
}

static long carry_out_order(__u32 step, void *context)
{
	struct sweep *w = context;
	struct abi_order order;
	union conn_word seen;
	struct abi_slot *s;

	if (bpf_map_pop_elem(&orders, &order))
		return 1;
	s = bpf_map_lookup_elem(&slot, &order.slot);
	for (int try = 0; s && try < 4; try++) { /* a packet may move its state meanwhile */
		seen.word = READ_ONCE(s->word);
		if (seen.state.generation != order.generation || !abi_has_mapping(seen.state.state))
			break;
		if (conn_remove(order.slot, seen.word)) {
			w->removed++;
			count(ABI_ENDED);
			break;
		}
	}
	return 0;
}

static __always_inline __u32 set_clock(void)
{
	__u32 now = now_ticks(), zero = 0;
	struct abi_clock *c = bpf_map_lookup_elem(&clock, &zero);

	if (c)
		WRITE_ONCE(c->ticks, now);
	return now;
}

static int sweep(void *map, __u32 *key, struct sweeper *value)
{
	struct abi_ledger *l = the_ledger();
	struct sweep w = {.half = current_half(), .now = set_clock()};
	__u32 slice;

	if (!l)
		return 0;
	bpf_loop(SWEEP_REMOVALS, carry_out_order, &w, 0);
	w.end = l->fresh_slots < max_connections ? l->fresh_slots : max_connections;
	w.hand = l->sweep_hand < w.end ? l->sweep_hand : 0;
	slice = w.end / SWEEP_SLICES + 1;
	if (slice > w.end)
		slice = w.end;
	if (w.end)
		bpf_loop(slice, sweep_visit, &w, 0);
	l->sweep_hand = w.hand;
	bpf_timer_start(&value->timer, w.removed >= SWEEP_REMOVALS ? SWEEP_HURRY_NS : SWEEP_INTERVAL_NS, 0);
	return 0;
}

/* Run once by the agent, after each load: a timer keeps the callback of the program that armed it. */
static __always_inline int arm_sweeper(void)
{
	__u32 zero = 0;
	struct sweeper *value = bpf_map_lookup_elem(&sweeper, &zero);

	if (!value)
		return -1;
	set_clock(); /* before the first packet */
	bpf_timer_init(&value->timer, &sweeper, CLOCK_MONOTONIC);
	if (bpf_timer_set_callback(&value->timer, sweep))
		return -1;
	return bpf_timer_start(&value->timer, 0, 0);
}

#endif
