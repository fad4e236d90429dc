/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_CONN_H
#define PROXIP_CONN_H

/* A connection: found, followed, and removed. Both halves or neither: whoever moves the slot's word by compare-and-swap owns
 * what follows from it (the port's return, the deletion of both keys), and nobody else does.
 *
 *   FREE -> OPENING -> SYN, UDP        open.h
 *   live -> CLOSED|IN_RING             conn_move(): the port is in the ring again, the mapping stays
 *   live, CLOSED -> DYING -> FREE      conn_remove(): idle, taken over, or gave way
 */

#include "abi/tcp.h"
#include "bucket.h"
#include "events.h"
#include "ports.h"
#include "packet.h"
#include "quota.h"

union conn_word {
	struct abi_conn_word state;
	__u64 word;
};

struct found {
	struct abi_slot *slot;
	__u32 slot_id;
	__u32 direction; /* enum abi_direction */
	union {          /* as it was read */
		struct abi_conn_word state;
		__u64 word;
	};
	/* the other end's addresses, in the slot's own tables */
	struct abi_vip *vip;
	struct abi_endpoint *endpoint;
	struct abi_proxy *proxy; /* NULL where the client's address is kept */
};

static __always_inline struct abi_ledger *the_ledger(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ledger, &zero);
}

static __always_inline bool swap_word(struct abi_slot *s, __u64 was, __u64 is)
{
	return __sync_val_compare_and_swap(&s->word, was, is) == was;
}

static __always_inline void slot_release(__u32 slot_id)
{
	bpf_map_push_elem(&free_slots, &slot_id, 0);
}

/* What both keys are made of. False: an id of the slot is out of its table, which the agent never writes. */
static __always_inline bool conn_parties(struct found *f)
{
	struct abi_slot *s = f->slot;

	f->vip = bpf_map_lookup_elem(&vip, &s->service);
	f->endpoint = bpf_map_lookup_elem(&endpoint, &s->endpoint);
	f->proxy = NULL;
	if (f->state.flags & ABI_CONN_SNAT) {
		f->proxy = bpf_map_lookup_elem(&proxy, &s->proxy);
		if (!f->proxy)
			return false;
	}
	return f->vip && f->endpoint;
}

static __always_inline void original_key(const struct found *f, struct abi_tuple *key)
{
	*key = (struct abi_tuple){
		.source = f->slot->client,
		.destination = f->vip->address,
		.source_port_be = f->slot->client_port_be,
		.destination_port_be = f->slot->vip_port_be,
		.protocol = f->slot->protocol,
		.family = f->slot->family,
	};
}

static __always_inline void reply_key(const struct found *f, struct abi_tuple *key)
{
	*key = (struct abi_tuple){
		.source = f->endpoint->address,
		.source_port_be = f->slot->backend_port_be,
		.destination_port_be = f->slot->proxy_port_be,
		.protocol = f->slot->protocol,
		.family = f->slot->family,
	};
	key->destination = f->proxy ? f->proxy->address : f->slot->client;
}

/* Pairs of ports as they follow each other in a header: between client and VIP, and between proxy and backend. */
static __always_inline __u32 client_ports(const struct abi_slot *s)
{
	return *(const __u32 *)&s->client_port_be;
}

static __always_inline __u32 backend_ports(const struct abi_slot *s)
{
	return *(const __u32 *)&s->proxy_port_be;
}

static __always_inline __u32 turned_round(__u32 ports)
{
	return ports >> 16 | ports << 16;
}

/* An entry has no tuple, and between its reading and that of the slot the slot may have become another connection's. Therefore the
 * slot's own tuple is compared with the packet. */
static __always_inline bool is_original_of(const struct found *f, const struct abi_tuple *t)
{
	return client_ports(f->slot) == ports_of(t) && same_address(&f->slot->client, &t->source) &&
	       same_address(&f->vip->address, &t->destination);
}

static __always_inline bool is_reply_of(const struct found *f, const struct abi_tuple *t)
{
	const struct abi_address *to = f->proxy ? &f->proxy->address : &f->slot->client;

	return turned_round(backend_ports(f->slot)) == ports_of(t) && same_address(&f->endpoint->address, &t->source) &&
	       same_address(to, &t->destination);
}

static __always_inline bool conn_find(const struct abi_tuple *tuple, struct found *f)
{
	__u64 entry = bucket_find(tuple);

	if (!entry)
		return false;
	f->slot_id = abi_entry_slot(entry);
	f->direction = abi_entry_direction(entry);
	f->slot = bpf_map_lookup_elem(&slot, &f->slot_id);
	if (!f->slot)
		return false;
	f->word = READ_ONCE(f->slot->word);
	if (!abi_has_mapping(f->state.state))
		return false;
	if (!conn_parties(f) || f->slot->protocol != tuple->protocol)
		return false;
	return f->direction == ABI_ORIGINAL ? is_original_of(f, tuple) : is_reply_of(f, tuple);
}

/* By slot, for what was told earlier which connection it is of. */
static __always_inline bool conn_at(struct found *f, __u32 slot_id, __u32 generation, __u32 direction)
{
	f->slot_id = slot_id;
	f->direction = direction;
	f->slot = bpf_map_lookup_elem(&slot, &f->slot_id);
	if (!f->slot)
		return false;
	f->word = READ_ONCE(f->slot->word);
	return f->state.generation == generation && abi_has_mapping(f->state.state) && conn_parties(f);
}

/* Is what was copied out of the slot still the connection that was found? */
static __always_inline bool conn_unchanged(const struct found *f)
{
	barrier();
	return READ_ONCE(f->slot->state.generation) == f->state.generation;
}

static __always_inline void live_add(__u32 service_id, __u32 binding_id, bool closed, __s64 n)
{
	struct abi_binding_live *of_binding = bpf_map_lookup_elem(&binding_live, &binding_id);
	struct abi_service_live *of_service = bpf_map_lookup_elem(&service_live, &service_id);
	struct abi_ledger *l = the_ledger();

	if (of_binding)
		__sync_fetch_and_add(closed ? &of_binding->closed : &of_binding->opened, n);
	if (of_service)
		__sync_fetch_and_add(closed ? &of_service->closed : &of_service->opened, n);
	if (l)
		__sync_fetch_and_add(closed ? &l->closed : &l->opened, n);
}

static __always_inline void port_release(__u32 ring_id, __u16 port_be)
{
	struct abi_ring *r = bpf_map_lookup_elem(&ring, &ring_id);

	if (r)
		ring_push(r, bpf_ntohs(port_be));
}

/* Out of the packet's fast path: a connection changes its state a handful of times in its life. */
/* Global functions take ids and are verified once, on their own. */
__noinline int conn_move(__u32 slot_id, __u64 was_word, __u64 is_word)
{
	union conn_word was = {.word = was_word}, is = {.word = is_word};
	struct abi_slot *s = bpf_map_lookup_elem(&slot, &slot_id);
	struct scratch *w = work_space();
	__u32 binding_id, ring_id;
	__u16 port_be;
	bool return_port = false;
	bool tell = (was.state.state == ABI_CLOSED) != (is.state.state == ABI_CLOSED) && is_told(&was.state);

	if (!s || !w)
		return 0;
	/* Copied before the swap: once the port is marked as returned, the slot may end and begin anew under us. */
	binding_id = s->binding;
	ring_id = s->ring;
	port_be = s->proxy_port_be;
	counted_in(s, &w->ended);
	if (tell)
		note_nat(w, s);
	barrier();

	if (is.state.state == ABI_CLOSED && (is.state.flags & ABI_CONN_SNAT) && !(is.state.flags & ABI_CONN_IN_RING)) {
		is.state.flags |= ABI_CONN_IN_RING;
		return_port = true;
	}
	if (!swap_word(s, was.word, is.word))
		return 0; /* another CPU's packet was faster */
	if (tell)
		tell_nat(w, is.state.state == ABI_CLOSED ? ABI_NAT_CLOSED : ABI_NAT_OPENED);
	if (abi_is_live(was.state.state) && is.state.state == ABI_CLOSED) {
		live_add(w->ended.service, binding_id, true, 1);
		count_out(&w->ended);
	} else if (was.state.state == ABI_CLOSED && abi_is_live(is.state.state)) {
		live_add(w->ended.service, binding_id, true, -1);
		count_again(&w->ended);
	}
	if (return_port)
		port_release(ring_id, port_be);
	return 1;
}

/* Takes a connection away, whole. 1: done by us; 0: somebody else was faster, and it is theirs. */
__noinline int conn_remove(__u32 slot_id, __u64 was_word)
{
	struct found f = {.word = was_word, .slot_id = slot_id};
	union conn_word is = {.word = was_word};
	struct scratch *w = work_space();

	f.slot = bpf_map_lookup_elem(&slot, &slot_id);
	if (!f.slot || !w)
		return 0;
	is.state.state = ABI_DYING;
	if (!swap_word(f.slot, was_word, is.word))
		return 0;
	if (conn_parties(&f)) {
		reply_key(&f, &w->remove_key);
		bucket_delete(tuple_hash(&w->remove_key), slot_id, ABI_REPLY);
		original_key(&f, &w->remove_key);
		bucket_delete(tuple_hash(&w->remove_key), slot_id, ABI_ORIGINAL);
	}
	if (abi_is_live(f.state.state)) {
		live_add(f.slot->service, f.slot->binding, true, 1);
		counted_in(f.slot, &w->ended);
		count_out(&w->ended);
		if (is_told(&f.state)) {
			note_nat(w, f.slot);
			tell_nat(w, ABI_NAT_CLOSED);
		}
	}
	if ((f.state.flags & ABI_CONN_SNAT) && !(f.state.flags & ABI_CONN_IN_RING))
		port_release(f.slot->ring, f.slot->proxy_port_be);
	is.state.state = ABI_FREE;
	is.state.flags = 0;
	WRITE_ONCE(f.slot->word, is.word);
	slot_release(slot_id);
	return 1;
}

/* A FIN or SYN-ACK is sent once: when another CPU's packet was faster, it is applied to what that one left. */
__noinline int conn_step(__u32 slot_id, __u64 was_word, __u32 from_client, __u32 tcp_flags)
{
	struct abi_slot *s = bpf_map_lookup_elem(&slot, &slot_id);
	union conn_word was = {.word = was_word}, next;

	for (int try = 0; s && try < 4; try++) {
		next.state = abi_tcp_next(was.state, from_client, tcp_flags);
		if (next.word == was.word || conn_move(slot_id, was.word, next.word))
			break;
		next.word = READ_ONCE(s->word);
		if (next.state.generation != was.state.generation || !abi_has_mapping(next.state.state))
			break;
		was.word = next.word;
	}
	return 0;
}

/* Where the bytes go on that this end waits for: both tables and packet are in the cache already. */
static __always_inline void note_acked(__u32 *acked_be, const struct packet *p)
{
	struct tcphdr *tcp = l4_header(p, sizeof(*tcp));

	if (tcp && (p->tcp_flags & ABI_TCP_ACK))
		WRITE_ONCE(*acked_be, tcp->ack_seq);
}

/* By the clock that the sweep sets each 10 ms, and goes by itself: it is a load, where a call costs 14 ns. */
static __always_inline void note_seen(struct abi_slot *s)
{
	__u32 zero = 0;
	const struct abi_clock *c = bpf_map_lookup_elem(&clock, &zero);

	if (c)
		s->last_seen = READ_ONCE(c->ticks);
}

/* Moves the state by this packet and enters it in the accounts. An RST does not refresh (RFC 7857 section 2.2). */
static __always_inline void conn_follow(struct found *f, const struct packet *p)
{
	struct abi_slot *s = f->slot;
	__u32 binding_id = s->binding;
	struct abi_binding_stats *stats = bpf_map_lookup_elem(&binding_stats, &binding_id);
	bool from_client = f->direction == ABI_ORIGINAL;

	if (p->tuple.protocol == IPPROTO_TCP &&
	    !(f->state.state == ABI_ESTABLISHED && !(p->tcp_flags & (ABI_TCP_SYN | ABI_TCP_FIN | ABI_TCP_RST)))) {
		conn_step(f->slot_id, f->word, from_client, p->tcp_flags);
	}
	if (p->tuple.protocol == IPPROTO_TCP)
		note_acked(from_client ? &s->acked_be[ABI_ORIGINAL] : &s->acked_be[ABI_REPLY], p);
	if (!(p->tcp_flags & ABI_TCP_RST))
		note_seen(s);
	count_bytes(from_client ? &s->in : &s->out, p->ip_bytes);
	if (stats)
		count_bytes(from_client ? &stats->in : &stats->out, p->ip_bytes);
}

#endif
