/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_FRAGMENT_H
#define PROXIP_FRAGMENT_H

/* Datagrams in pieces. The first piece has the ports, finds its connection as any packet does, and leaves a trail; the others
 * follow it. A bounded table, in which the datagram seen longest ago makes room: a flood of first pieces, which must belong to
 * connections, costs others their datagrams, not their connections. */

#include "judge.h"
#include "translate.h"

/* As long as Linux waits for the rest (net.ipv4.ipfrag_time); receivers may wait for up to 120 s (RFC 1122 section 3.3.2). */
#define TRAIL_TICKS ((__u32)(30000000000ULL >> ABI_TICK_SHIFT))

static __always_inline struct abi_datagram *datagram_of(const struct packet *p)
{
	struct scratch *w = work_space();

	if (!w)
		return NULL;
	w->datagram = (struct abi_datagram){
		.source = p->tuple.source,
		.destination = p->tuple.destination,
		.id_be = p->fragment_id_be,
		.protocol = p->tuple.family == ABI_IPV4 ? p->tuple.protocol : 0,
		.family = p->tuple.family,
	};
	return &w->datagram;
}

/* The ID that the datagram goes on with; the same when its first piece comes twice. */
static __always_inline __u32 leave_trail(const struct packet *p, const struct found *f, const struct abi_tuple *to)
{
	struct abi_trail fresh = {.slot = f->slot_id, .generation = f->state.generation, .direction = f->direction};
	struct abi_datagram *key = datagram_of(p);
	struct abi_trail *known;

	if (!key)
		return 0;
	fresh.seen = now_ticks();
	known = bpf_map_lookup_elem(&trail, key);
	if (known && known->slot == fresh.slot && known->generation == fresh.generation &&
	    fresh.seen - known->seen <= TRAIL_TICKS)
		return known->id_be;
	fresh.id_be = fresh_id(&to->source, &to->destination);
	bpf_map_update_elem(&trail, key, &fresh, BPF_ANY);
	return fresh.id_be;
}

static __always_inline bool follow_trail(const struct packet *p, struct found *f, __u32 *id_be)
{
	struct abi_datagram *key = datagram_of(p);
	struct abi_trail *known = key ? bpf_map_lookup_elem(&trail, key) : NULL;

	if (!known || now_ticks() - known->seen > TRAIL_TICKS)
		return false;
	*id_be = known->id_be;
	return conn_at(f, known->slot, known->generation, known->direction);
}

/* IPv6's ID stands in a header that may be the last of several (parse has been there). */
static __always_inline bool write_ipv6_id(struct packet *p, __u32 id_be)
{
	struct ipv6hdr *ip = p->ip6;
	__u32 offset = sizeof(*ip);
	__u8 next;

	if ((void *)(ip + 1) > p->end)
		return false;
	next = ip->nexthdr;
	for (int i = 0; i < EXTENSION_HEADERS; i++) {
		struct ipv6_fragment *header = (void *)ip + (offset & EXTENSION_BYTES);

		if ((void *)(header + 1) > p->end)
			return false;
		if (next == NEXT_FRAGMENT) {
			header->id = id_be;
			return true;
		}
		next = header->next_header;
		offset += (header->reserved + 1) * 8; /* an extension header's length */
	}
	return false;
}

/* Whoever cuts a datagram has finished its checksum before, on a veth as well. */
static __always_inline bool translate_fragment(struct packet *p, const struct abi_tuple *to, __u32 id_be)
{
	__u16 *field = p->fragment != FRAGMENT_LATER ? l4_checksum(p) : NULL;
	struct leaving leaving;

	if (p->fragment != FRAGMENT_LATER && (!field || !change_l4(p, ports_of(to), changes_between(&p->tuple, to).l4, field)))
		return false;
	leaving = leaving_as(to);
	if (p->tuple.family == ABI_IPV6) {
		if (!write_ipv6_id(p, id_be))
			return false;
		translate_ipv6(p->ip6, &leaving);
		return true;
	}
	if ((void *)(p->ip + 1) > p->end)
		return false;
	translate_ipv4(p->ip, &leaving, changes_between(&p->tuple, to).ip, id_be);
	return true;
}

#endif
