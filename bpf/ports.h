/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_PORTS_H
#define PROXIP_PORTS_H

/* Proxy ports: per (Proxy IP, endpoint) one ring, exact and O(1).
 *
 * Ports that were never used come first, in the order of a permutation that only who knows the seed can tell (RFC 6056
 * section 3.3); then the one that has been free for longest. The lock is held for a handful of instructions, without a
 * helper call in between, which is why a ring's places lie in one slab that is looked up before. */

#include "abi/permutation.h"
#include "config.h"
#include "maps.h"

static __always_inline __u16 *ring_places(struct abi_ring *r)
{
	__u32 chunk = r->chunk;
	__u32 slab = r->slab;
	void *chunk_map = bpf_map_lookup_elem(&port_chunks, &chunk);
	struct abi_slab *slab_value = chunk_map ? bpf_map_lookup_elem(chunk_map, &slab) : NULL;

	return slab_value ? slab_value->port : NULL;
}

/* Is there a port? A look without the lock: an answer for choosing a ring, not a promise. */
static __always_inline bool ring_has_port(const struct abi_ring *r)
{
	return READ_ONCE(r->queued) || READ_ONCE(r->fresh) < r->count;
}

static __always_inline __u16 segment_port(const struct abi_ring *r, __u32 index)
{
	for (int i = 0; i < ABI_RING_SEGMENTS; i++) {
		__u32 size = r->segment[i].count_minus_one + 1;

		if (index < size)
			return r->segment[i].first + index;
		index -= size;
	}
	return 0; /* not reached: the agent's segments add up to `count` */
}

/* A port in host order, or 0: none is free. */
static __always_inline __u16 ring_pop(struct abi_ring *r)
{
	__u16 *places = ring_places(r);
	__u32 fresh = 0;
	bool is_fresh = false;
	__u16 port = 0;

	if (!places)
		return 0;
	bpf_spin_lock(&r->lock);
	if (r->fresh < r->count) {
		fresh = r->fresh++;
		is_fresh = true;
	} else if (r->queued) {
		__u32 head = r->head;

		port = places[(__u16)(r->base + head)];
		r->head = head + 1 < r->count ? head + 1 : 0;
		r->queued--;
	}
	bpf_spin_unlock(&r->lock);
	if (!is_fresh)
		return port;
	return segment_port(r, abi_permute(fresh, r->count, r->seed));
}

static __always_inline void ring_push(struct abi_ring *r, __u16 port)
{
	__u16 *places = ring_places(r);

	if (!places)
		return;
	bpf_spin_lock(&r->lock);
	if (r->queued < r->count) { /* always: a port is in the ring once */
		__u32 place = r->head + r->queued;

		if (place >= r->count)
			place -= r->count;
		places[(__u16)(r->base + place)] = port;
		r->queued++;
	}
	bpf_spin_unlock(&r->lock);
}

#endif
