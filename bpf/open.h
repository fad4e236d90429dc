/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_OPEN_H
#define PROXIP_OPEN_H

/* Makes a connection of a choice: slot, proxy port, reply key, original key, then live; each failure undoes what came before. */

#include "checksum.h"
#include "conn.h"
#include "select.h"

/* How many ports one packet may try: each that fails tells of a race, or of a connection of an earlier port range. */
#define PORT_TRIES 64
/* A server's TIME_WAIT lasts 60 s on Linux; a port that it may still hold is passed over as long as there are others. */
#define TIME_WAIT_TICKS ((__u32)(60000000000ULL >> ABI_TICK_SHIFT))
#define TIME_WAIT_TRIES 2
/* What a packet looks through in a full table. */
#define RECLAIM_VISITS 32

struct reclaim {
	__u32 half_open;
	__u32 has_half_open;
	__u64 half_open_word;
	__u32 freed;
};

static long reclaim_visit(__u32 step, void *context)
{
	struct reclaim *r = context;
	struct abi_ledger *l = the_ledger();
	union conn_word seen;
	struct abi_slot *s;
	__u32 slot_id;

	if (!l)
		return 1;
	slot_id = __sync_fetch_and_add(&l->reclaim_hand, 1) % max_connections;
	s = bpf_map_lookup_elem(&slot, &slot_id);
	if (!s)
		return 1;
	seen.word = READ_ONCE(s->word);
	if (seen.state.state == ABI_CLOSED) {
		r->freed = conn_remove(slot_id, seen.word);
		if (!r->freed)
			return 0;
		barrier(); /* clang 19 returns `freed`, of which the verifier does not know that it is 1 */
		return 1;
	}
	if (seen.state.state == ABI_SYN && !r->has_half_open) {
		r->has_half_open = 1;
		r->half_open = slot_id;
		r->half_open_word = seen.word;
	}
	return 0;
}

/* The table is full: a closed connection gives way, else a half-open one; a live one never. */
__noinline int slot_reclaim(void)
{
	struct reclaim r = {};

	bpf_loop(RECLAIM_VISITS, reclaim_visit, &r, 0);
	if (!r.freed && r.has_half_open)
		r.freed = conn_remove(r.half_open, r.half_open_word);
	if (r.freed)
		count(ABI_SLOT_RECLAIMED);
	return r.freed;
}

static __always_inline bool slot_take(__u32 *slot_id)
{
	struct abi_ledger *l = the_ledger();

	if (!bpf_map_pop_elem(&free_slots, slot_id))
		return true;
	if (l && READ_ONCE(l->fresh_slots) < max_connections) {
		__u64 fresh = __sync_fetch_and_add(&l->fresh_slots, 1);

		if (fresh < max_connections) {
			*slot_id = fresh;
			return true;
		}
	}
	return false;
}

enum claim { CLAIM_DONE, CLAIM_NEXT_PORT, CLAIM_TAKE_OVER, CLAIM_NO_PORT, CLAIM_FULL };

/* The reply key of a port that was just popped stands already: what does its owner say? */
static __always_inline enum claim ask_owner(struct scratch *w, struct abi_ring *r, __u32 ring_id, __u16 port,
					     __u32 try, struct found *owner)
{
	if (!conn_find(&w->claim_key, owner)) {
		ring_push(r, port); /* being removed at this moment */
		return CLAIM_NEXT_PORT;
	}
	if (owner->state.state == ABI_CLOSED) {
		if ((owner->state.flags & ABI_CONN_BACKEND_FIRST) && try < TIME_WAIT_TRIES &&
		    now_ticks() - owner->slot->last_seen < TIME_WAIT_TICKS && ring_has_port(r)) {
			ring_push(r, port);
			return CLAIM_NEXT_PORT;
		}
		w->owner_slot = owner->slot_id;
		w->owner_word = owner->word;
		return CLAIM_TAKE_OVER;
	}
	if ((owner->state.flags & ABI_CONN_IN_RING) && owner->slot->ring == ring_id) {
		/* It came back to life after its port was returned: our pop took the port out of the ring, and it stays its own. */
		union conn_word kept = {.word = owner->word};

		kept.state.flags &= ~ABI_CONN_IN_RING;
		if (swap_word(owner->slot, owner->word, kept.word))
			return CLAIM_NEXT_PORT;
	}
	/* Lost a race, or the port belongs to a connection of an earlier port range. */
	ring_push(r, port);
	return CLAIM_NEXT_PORT;
}

/* A port for the slot, and its reply key. With `held` not 0 the port is the caller's already. Verified on its own: it takes ids,
 * not pointers. */
__noinline int claim_port(__u32 slot_id, __u32 ring_id, __u32 try, __u32 held)
{
	struct found f = {.slot_id = slot_id, .state.flags = ABI_CONN_SNAT};
	struct abi_ring *r = bpf_map_lookup_elem(&ring, &ring_id);
	struct scratch *w = work_space();
	__u16 port = held;
	int err;

	f.slot = bpf_map_lookup_elem(&slot, &slot_id);
	if (!w || !f.slot || !r || !conn_parties(&f))
		return CLAIM_NO_PORT;
	if (!port)
		port = ring_pop(r);
	if (!port)
		return CLAIM_NO_PORT;
	f.slot->proxy_port_be = bpf_htons(port);
	reply_key(&f, &w->claim_key);
	err = bucket_insert(tuple_hash(&w->claim_key), slot_id, ABI_REPLY);
	if (!err)
		return CLAIM_DONE;
	if (err == -EEXIST)
		return ask_owner(w, r, ring_id, port, try, &f); /* in the same place of the stack, which is full */
	ring_push(r, port);
	return CLAIM_FULL;
}

/* The closed owner of our port gives it up, whole; if somebody else is removing it, or it is taken again, the port goes back. */
static __always_inline enum claim take_over(__u32 slot_id, __u32 ring_id)
{
	struct abi_slot *s = bpf_map_lookup_elem(&slot, &slot_id);
	struct scratch *w = work_space();
	enum claim claim = CLAIM_TAKE_OVER;

	if (!s || !w)
		return CLAIM_NO_PORT;
	if (conn_remove(w->owner_slot, w->owner_word)) {
		count(ABI_PORT_RECLAIMED);
		claim = claim_port(slot_id, ring_id, TIME_WAIT_TRIES, bpf_ntohs(s->proxy_port_be));
	}
	if (claim != CLAIM_TAKE_OVER)
		return claim;
	port_release(ring_id, s->proxy_port_be);
	return CLAIM_NEXT_PORT;
}

struct claim_loop {
	__u32 slot_id;
	__u32 ring_id;
	__u32 claim; /* enum claim */
};

static long claim_try(__u32 try, void *context)
{
	struct claim_loop *loop = context;

	loop->claim = claim_port(loop->slot_id, loop->ring_id, try, 0);
	return loop->claim == CLAIM_NEXT_PORT ? 0 : 1;
}

static __always_inline int claim_reply_with_proxy(__u32 slot_id, __u32 ring_id)
{
	struct claim_loop loop = {.slot_id = slot_id, .ring_id = ring_id, .claim = CLAIM_NEXT_PORT};

	/* The taking over is not in the loop: its stack would be on top of the callback's. */
	bpf_loop(PORT_TRIES, claim_try, &loop, 0);
	if (loop.claim == CLAIM_TAKE_OVER)
		loop.claim = take_over(slot_id, ring_id);
	switch (loop.claim) {
	case CLAIM_DONE: return 0;
	case CLAIM_NO_PORT: return ABI_PORTS_EXHAUSTED;
	case CLAIM_FULL: return ABI_TABLE_FULL;
	default: return ABI_CONTENDED;
	}
}

/* The client keeps its address and port: the reply tuple is what it is, and may be another connection's. */
__noinline int claim_as_client(__u32 slot_id)
{
	struct found f = {.slot_id = slot_id};
	struct scratch *w = work_space();
	int err;

	f.slot = bpf_map_lookup_elem(&slot, &slot_id);
	if (!w || !f.slot || !conn_parties(&f))
		return CLAIM_NO_PORT;
	f.slot->proxy_port_be = f.slot->client_port_be;
	reply_key(&f, &w->claim_key);
	err = bucket_insert(tuple_hash(&w->claim_key), slot_id, ABI_REPLY);
	if (!err)
		return CLAIM_DONE;
	if (err != -EEXIST)
		return CLAIM_FULL;
	if (!conn_find(&w->claim_key, &f) || f.state.state != ABI_CLOSED)
		return CLAIM_NO_PORT;
	w->owner_slot = f.slot_id;
	w->owner_word = f.word;
	return CLAIM_TAKE_OVER;
}

static __always_inline int claim_reply_as_client(__u32 slot_id, struct scratch *w)
{
	int claim = claim_as_client(slot_id);

	if (claim == CLAIM_TAKE_OVER && conn_remove(w->owner_slot, w->owner_word))
		claim = claim_as_client(slot_id);
	switch (claim) {
	case CLAIM_DONE: return 0;
	case CLAIM_FULL: return ABI_TABLE_FULL;
	default: return ABI_TUPLE_TAKEN;
	}
}

static __always_inline void slot_fill(struct abi_slot *s, const struct abi_tuple *t, const struct choice *c,
				      const struct abi_endpoint *e)
{
	__u64 now_ns = bpf_ktime_get_coarse_ns();
	__u32 now = now_ns >> ABI_TICK_SHIFT;

	s->client = t->source;
	s->client_port_be = t->source_port_be;
	s->vip_port_be = t->destination_port_be;
	s->backend_port_be = e->port_be ?: t->destination_port_be;
	s->service = c->service_id;
	s->endpoint = c->endpoint;
	s->binding = c->binding;
	s->proxy = c->proxy;
	s->ring = c->ring;
	s->family = t->family;
	s->protocol = t->protocol;
	s->snat_reason = c->snat_reason;
	s->counted = c->counted;
	s->client_hop = c->client_hop;
	s->opened = now;
	s->last_seen = now;
	s->opened_ns = now_ns;
	s->in = (struct abi_counter){};
	s->out = (struct abi_counter){};
	s->acked_be[ABI_ORIGINAL] = 0;
	s->acked_be[ABI_REPLY] = 0;
}

/* From the keys of both directions: a sum does not know which end is which. */
static __always_inline void note_changes(struct abi_slot *s, const struct scratch *w)
{
	struct csum_changes changes = changes_between(&w->open_key, &w->claim_key);

	s->l4_change = changes.l4;
	s->ip_change = changes.ip;
}

static __always_inline void slot_undo(struct found *f, struct scratch *w, bool with_reply)
{
	if (with_reply && conn_parties(f)) {
		reply_key(f, &w->claim_key);
		bucket_delete(tuple_hash(&w->claim_key), f->slot_id, ABI_REPLY);
		if (f->state.flags & ABI_CONN_SNAT)
			port_release(f->slot->ring, f->slot->proxy_port_be);
	}
	f->state.state = ABI_FREE;
	f->state.flags = 0;
	WRITE_ONCE(f->slot->word, f->word);
	slot_release(f->slot_id);
}

/* 0 and a live connection of the choice and of `open_key`, or a drop reason and nothing changed. Verified on its own, however many
 * kinds of packet may come to it: it has what it needs from the work space. */
__noinline int open_chosen(void)
{
	struct scratch *w = work_space();
	struct abi_endpoint *e;
	struct found f = {.direction = ABI_ORIGINAL};
	int reason, err;

	if (!w)
		return ABI_NO_BACKEND;
	e = bpf_map_lookup_elem(&endpoint, &w->choice.endpoint);
	if (!e)
		return ABI_NO_BACKEND;
	if (!slot_take(&f.slot_id))
		return ABI_TABLE_FULL;
	f.slot = bpf_map_lookup_elem(&slot, &f.slot_id);
	if (!f.slot)
		return ABI_TABLE_FULL;

	f.word = READ_ONCE(f.slot->word);
	f.state.generation++;
	f.state.state = ABI_OPENING;
	f.state.flags = w->choice.snat_reason ? ABI_CONN_SNAT : 0;
	WRITE_ONCE(f.slot->word, f.word);
	slot_fill(f.slot, &w->open_key, &w->choice, e);

	reason = w->choice.snat_reason ? claim_reply_with_proxy(f.slot_id, w->choice.ring) : claim_reply_as_client(f.slot_id, w);
	if (reason) {
		slot_undo(&f, w, false);
		return reason;
	}
	note_changes(f.slot, w);
	err = bucket_insert(tuple_hash(&w->open_key), f.slot_id, ABI_ORIGINAL);
	if (err) {
		slot_undo(&f, w, true);
		return err == -EEXIST ? ABI_CONTENDED : ABI_TABLE_FULL;
	}
	if (is_told(&f.state)) { /* before anybody can end it: its end is told later than its begin */
		note_nat(w, f.slot);
		tell_nat(w, ABI_NAT_OPENED);
	}
	f.state.state = w->open_key.protocol == IPPROTO_TCP ? ABI_SYN : ABI_UDP;
	barrier();
	WRITE_ONCE(f.slot->word, f.word);
	live_add(w->choice.service_id, w->choice.binding, false, 1);
	return 0;
}

#endif
