/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_TRANSLATE_H
#define PROXIP_TRANSLATE_H

/* From one tuple to the other, on a frame in XDP. The clsact program's twin is in marked.h. */

#include "checksum.h"
#include "conn.h"
#include "match.h"

#include <stddef.h>

/* The tuple as it leaves. Copied out of the tables before the packet is touched. */
static __always_inline void rewrite_of(const struct found *f, struct abi_tuple *to)
{
	const struct abi_slot *s = f->slot;

	to->protocol = s->protocol;
	to->family = s->family;
	to->zero = 0;
	if (f->direction == ABI_ORIGINAL) {
		to->source = f->proxy ? f->proxy->address : s->client;
		to->source_port_be = s->proxy_port_be;
		to->destination = f->endpoint->address;
		to->destination_port_be = s->backend_port_be;
	} else {
		to->source = f->vip->address;
		to->source_port_be = s->vip_port_be;
		to->destination = s->client;
		to->destination_port_be = s->client_port_be;
	}
}

static __always_inline struct abi_hop hop_of(const struct found *f)
{
	return READ_ONCE(*(f->direction == ABI_ORIGINAL ? &f->endpoint->hop : &f->slot->client_hop));
}

/* Worked out when it was opened. */
static __always_inline struct csum_changes changes_of(const struct found *f)
{
	__u16 turned = f->direction == ABI_ORIGINAL ? 0 : 0xffff;

	return (struct csum_changes){.l4 = f->slot->l4_change ^ turned, .ip = f->slot->ip_change ^ turned};
}

/* The field, or NULL: out of reach. */
static __always_inline __u16 *l4_checksum(const struct packet *p)
{
	bool tcp = p->tuple.protocol == IPPROTO_TCP;
	__u16 *field = p->l4 + (tcp ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check));

	if (!p->l4)
		return NULL;
	asm volatile("" : "+r"(field)); /* what is checked is what is used, not an address that is worked out twice */
	return (void *)(field + 1) <= p->end ? field : NULL;
}

/* A veth hands over what a local sender left for a NIC to finish: a checksum field that holds the pseudo-header's sum. Nothing
 * says so, and the redirect loses the mark that did; but a field that equals that sum is right after a full computation
 * whether it was unfinished or complete by chance. */
static __always_inline bool may_be_partial(const struct packet *p, __u16 field)
{
	return (p->in->flags & ABI_IFACE_PARTIAL) && field == csum_fold(csum_pseudo(&p->tuple, p->l4_bytes));
}

static __always_inline bool write_ports(struct packet *p, const struct abi_tuple *to)
{
	__be16 *ports = p->l4; /* TCP's and UDP's both stand first */

	if ((void *)(ports + 2) > p->end)
		return false;
	ports[0] = to->source_port_be;
	ports[1] = to->destination_port_be;
	return true;
}

/* Its checksum is finished: it changes as the tuple does. */
static __always_inline bool change_l4(struct packet *p, const struct abi_tuple *to, __u16 change, __u16 *field)
{
	bool udp = p->tuple.protocol == IPPROTO_UDP;

	if (udp && *field == 0) /* the sender made none (RFC 768) */
		return write_ports(p, to);
	*field = csum_apply(*field, change);
	if (udp && *field == 0)
		*field = 0xffff;
	return write_ports(p, to);
}

static __always_inline bool finish_l4(struct xdp_md *ctx, struct packet *p, const struct abi_tuple *to, __u16 *field)
{
	int sum;

	*field = 0;
	if (!write_ports(p, to))
		return false;
	sum = csum_frame(ctx, l4_in_frame(p), p->l4_bytes);
	if (sum < 0)
		return false;
	*field = ~csum_fold((__u64)sum + csum_pseudo(to, p->l4_bytes));
	if (p->tuple.protocol == IPPROTO_UDP && *field == 0)
		*field = 0xffff;
	return true;
}

static __always_inline bool translate_l4(struct xdp_md *ctx, struct packet *p, const struct abi_tuple *to, __u16 change)
{
	__u16 *field = l4_checksum(p);

	if (!field)
		return false;
	return unlikely(may_be_partial(p, *field)) ? finish_l4(ctx, p, to, field) : change_l4(p, to, change, field);
}

/* Of a datagram that is in fragments, or may be further on: two clients behind one Proxy IP may have chosen the same, and so
 * may two backends behind one VIP (RFC 6864 section 5.3, RFC 7857 section 9). Not to be guessed from another pair's. */
static __always_inline __u32 fresh_id(const struct abi_tuple *to)
{
	__u64 pair = mix(mix((__u64)to->source.word[0] << 32 | to->source.word[3], to->source.word[1]),
			 (__u64)to->destination.word[0] << 32 | to->destination.word[3]);
	__u32 place, zero = 0;
	struct abi_control *c = bpf_map_lookup_elem(&control, &zero);
	__u64 *next;

	pair = mix(pair, c ? c->hash_seed : 0);
	place = pair % ABI_ID_COUNTERS;
	next = bpf_map_lookup_elem(&ip_id, &place);
	return (pair >> 32) + (next ? __sync_fetch_and_add(next, 1) : 0);
}

static __always_inline __u16 ipv4_id(const struct iphdr *ip, const struct abi_tuple *to)
{
	return likely(ip->frag_off & bpf_htons(IP_DONT_FRAGMENT)) ? ip->id : fresh_id(to);
}

static __always_inline void translate_ipv4(struct iphdr *ip, const struct abi_tuple *to, __u16 change, __u16 id)
{
	const __u16 one_hop_less = (__u16)~bpf_htons(1 << 8);

	ip->check = csum_apply(ip->check, (__u64)change + one_hop_less + (__u16)~ip->id + id);
	ip->saddr = to->source.word[0];
	ip->daddr = to->destination.word[0];
	ip->ttl--;
	ip->id = id;
}

static __always_inline void translate_ipv6(struct ipv6hdr *ip, const struct abi_tuple *to)
{
	memcpy(&ip->saddr, &to->source, sizeof(ip->saddr));
	memcpy(&ip->daddr, &to->destination, sizeof(ip->daddr));
	ip->hop_limit--;
}

static __always_inline bool translate_ip(struct packet *p, const struct abi_tuple *to, __u16 change)
{
	if (likely(to->family == ABI_IPV4)) {
		translate_ipv4(p->ip, to, change, ipv4_id(p->ip, to));
		return true;
	}
	if ((void *)(p->ip6 + 1) > p->end)
		return false;
	translate_ipv6(p->ip6, to);
	return true;
}

static __always_inline bool translate(struct xdp_md *ctx, struct packet *p, const struct abi_tuple *to,
				      struct csum_changes change)
{
	return translate_l4(ctx, p, to, change.l4) && translate_ip(p, to, change.ip);
}

#endif
