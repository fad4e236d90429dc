/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_TRANSLATE_H
#define PROXIP_TRANSLATE_H

/* From one tuple to the other, on a frame in XDP. The clsact program's twin is in marked.h. */

#include "checksum.h"
#include "conn.h"
#include "match.h"

#include <stddef.h>

/* The tuple as it leaves, where it stands in the tables: it may become another connection's while it is read (conn_unchanged()). */
struct leaving {
	const struct abi_address *source;
	const struct abi_address *destination;
	__u32 ports; /* as they follow each other in the header */
};

static __always_inline struct leaving leaving_of(const struct found *f)
{
	const struct abi_slot *s = f->slot;

	if (f->direction == ABI_ORIGINAL)
		return (struct leaving){
			.source = f->proxy ? &f->proxy->address : &s->client,
			.destination = &f->endpoint->address,
			.ports = backend_ports(s),
		};
	return (struct leaving){
		.source = &f->vip->address,
		.destination = &s->client,
		.ports = turned_round(client_ports(s)),
	};
}

/* A copy of it. */
static __always_inline void rewrite_of(const struct found *f, struct abi_tuple *to)
{
	struct leaving leaving = leaving_of(f);

	to->source = *leaving.source;
	to->destination = *leaving.destination;
	set_ports(to, &leaving.ports);
	to->protocol = f->slot->protocol;
	to->family = f->slot->family;
	to->zero = 0;
}

static __always_inline struct leaving leaving_as(const struct abi_tuple *to)
{
	return (struct leaving){.source = &to->source, .destination = &to->destination, .ports = ports_of(to)};
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
	return (p->in->flags & ABI_IFACE_PARTIAL) && csum_folds_to(csum_pseudo(&p->tuple, p->l4_bytes), field);
}

static __always_inline bool write_ports(struct packet *p, __u32 ports)
{
	__u32 *place = p->l4; /* TCP's and UDP's both stand first */

	if ((void *)(place + 1) > p->end)
		return false;
	*place = ports;
	return true;
}

/* Its checksum is finished: it changes as the tuple does. */
static __always_inline bool change_l4(struct packet *p, __u32 ports, __u16 change, __u16 *field)
{
	bool udp = p->tuple.protocol == IPPROTO_UDP;

	if (udp && *field == 0) /* the sender made none (RFC 768) */
		return write_ports(p, ports);
	*field = csum_apply32(*field, change);
	if (udp && *field == 0)
		*field = 0xffff;
	return write_ports(p, ports);
}

static __always_inline bool finish_l4(struct xdp_md *ctx, struct packet *p, const struct leaving *to, __u16 *field)
{
	int sum;

	*field = 0;
	if (!write_ports(p, to->ports))
		return false;
	sum = csum_frame(ctx, l4_in_frame(p), p->l4_bytes);
	if (sum < 0)
		return false;
	*field = ~csum_fold((__u64)sum + csum_address(to->source) + csum_address(to->destination) +
			    csum_rest(p->tuple.protocol, p->l4_bytes));
	if (p->tuple.protocol == IPPROTO_UDP && *field == 0)
		*field = 0xffff;
	return true;
}

static __always_inline bool translate_l4(struct xdp_md *ctx, struct packet *p, const struct leaving *to, __u16 change)
{
	__u16 *field = l4_checksum(p);

	if (!field)
		return false;
	return unlikely(may_be_partial(p, *field)) ? finish_l4(ctx, p, to, field) : change_l4(p, to->ports, change, field);
}

/* Of a datagram that is in fragments, or may be further on: two clients behind one Proxy IP may have chosen the same, and so
 * may two backends behind one VIP (RFC 6864 section 5.3, RFC 7857 section 9). Not to be guessed from another pair's. */
static __always_inline __u32 fresh_id(const struct abi_address *source, const struct abi_address *destination)
{
	__u64 pair = mix(mix((__u64)source->word[0] << 32 | source->word[3], source->word[1]),
			 (__u64)destination->word[0] << 32 | destination->word[3]);
	__u32 place, zero = 0;
	struct abi_control *c = bpf_map_lookup_elem(&control, &zero);
	__u64 *next;

	pair = mix(pair, c ? c->hash_seed : 0);
	place = pair % ABI_ID_COUNTERS;
	next = bpf_map_lookup_elem(&ip_id, &place);
	return (pair >> 32) + (next ? __sync_fetch_and_add(next, 1) : 0);
}

static __always_inline __u16 ipv4_id(const struct iphdr *ip, const struct leaving *to)
{
	return likely(ip->frag_off & bpf_htons(IP_DONT_FRAGMENT)) ? ip->id : fresh_id(to->source, to->destination);
}

static __always_inline void translate_ipv4(struct iphdr *ip, const struct leaving *to, __u16 change, __u16 id)
{
	const __u16 one_hop_less = (__u16)~bpf_htons(1 << 8);

	ip->check = csum_apply32(ip->check, (__u32)change + one_hop_less + (__u16)~ip->id + id);
	ip->saddr = to->source->word[0];
	ip->daddr = to->destination->word[0];
	ip->ttl--;
	ip->id = id;
}

static __always_inline void translate_ipv6(struct ipv6hdr *ip, const struct leaving *to)
{
	memcpy(&ip->saddr, to->source, sizeof(ip->saddr));
	memcpy(&ip->daddr, to->destination, sizeof(ip->daddr));
	ip->hop_limit--;
}

static __always_inline bool translate_ip(struct packet *p, const struct leaving *to, __u16 change)
{
	if (likely(p->tuple.family == ABI_IPV4)) {
		translate_ipv4(p->ip, to, change, ipv4_id(p->ip, to));
		return true;
	}
	if ((void *)(p->ip6 + 1) > p->end)
		return false;
	translate_ipv6(p->ip6, to);
	return true;
}

/* The connection may have ended meanwhile: what comes of it is to be dropped then (conn_unchanged()). */
static __always_inline bool translate(struct xdp_md *ctx, struct packet *p, const struct found *f)
{
	struct csum_changes change = changes_of(f);
	struct leaving to = leaving_of(f);

	return translate_l4(ctx, p, &to, change.l4) && translate_ip(p, &to, change.ip);
}

#endif
