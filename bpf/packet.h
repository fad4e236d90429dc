/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_PACKET_H
#define PROXIP_PACKET_H

/* A frame, parsed once. Every parser checks before it reads and says what it found; nothing here looks into a table but the
 * one of interfaces, which is needed to know whose frame it is. */

#include <bpf/bpf_endian.h>

#include "account.h"
#include "config.h"
#include "maps.h"
#include "wire.h"

struct packet {
	struct abi_tuple tuple; /* as it came in; the key of `conn` */
	struct abi_hop from;    /* whose frame it was, and where */
	struct ethhdr *eth;
	union { /* by tuple.family */
		struct iphdr *ip;
		struct ipv6hdr *ip6;
	};
	void *l4;
	void *end;
	struct abi_iface *in;
	__u32 fragment_id_be; /* with `fragment`; IPv4's in the lower half */
	__u16 ip_bytes;
	__u16 l4_offset; /* from the IP header on */
	__u16 l4_bytes;
	__u8 tcp_flags; /* enum abi_tcp_flags */
	__u8 fragment;  /* enum fragment */
	__u8 to_group;  /* to an Ethernet group, not to us alone */
};

enum fragment {
	FRAGMENT_NONE,
	FRAGMENT_FIRST, /* has the L4 header */
	FRAGMENT_LATER,
};

enum frame_kind {
	FRAME_OTHER,     /* none of ours, whatever it says */
	FRAME_ARP,
	FRAME_FLOW,      /* TCP or UDP, whole or the first fragment, tuple filled */
	FRAME_ICMP,      /* addresses of the tuple filled, and the L4 header whole */
	FRAME_FRAGMENT,  /* a later one; addresses of the tuple filled, likewise below */
	FRAME_PROTOCOL,
	FRAME_EXTENSION, /* IPv6: headers that are not walked over */
	FRAME_MALFORMED,
};

static __always_inline bool same_address(const struct abi_address *a, const struct abi_address *b)
{
	const __u64 *left = (const __u64 *)a, *right = (const __u64 *)b;

	return !((left[0] ^ right[0]) | (left[1] ^ right[1]));
}

/* Both ports at once, as they follow each other in TCP's and UDP's header. */
static __always_inline __u32 ports_of(const struct abi_tuple *t)
{
	return *(const __u32 *)&t->source_port_be;
}

static __always_inline void set_ports(struct abi_tuple *t, const void *l4)
{
	*(__u32 *)&t->source_port_be = *(const __u32 *)l4;
}

static __always_inline struct abi_iface *iface_of(__u32 ifindex, __u32 probe, __u32 *place)
{
	*place = abi_iface_place(ifindex, probe);
	return bpf_map_lookup_elem(&iface, place);
}

/* Its place, 0: none of ours. */
static __always_inline __u32 find_iface(__u32 ifindex, struct abi_iface **found)
{
	__u32 place;

	*found = iface_of(ifindex, 0, &place);
	if (likely(*found && (*found)->ifindex == ifindex))
		return place;
	for (__u32 probe = 1; probe < ABI_IFACE_PROBES; probe++) {
		*found = iface_of(ifindex, probe, &place);
		if (*found && (*found)->ifindex == ifindex)
			return place;
	}
	return 0;
}

/* So many bytes of L4, or NULL: out of reach. */
static __always_inline void *l4_header(const struct packet *p, __u32 bytes)
{
	void *l4 = p->l4;

	if (!l4) /* there was none; with 6.1's verifier, also where there must be one */
		return NULL;
	return l4 + bytes <= p->end ? l4 : NULL;
}

static __always_inline __u32 l4_in_frame(const struct packet *p)
{
	return sizeof(struct ethhdr) + p->l4_offset;
}

static __always_inline enum frame_kind parse_tcp(struct packet *p)
{
	struct tcphdr *tcp = p->l4;

	if ((void *)(tcp + 1) > p->end || p->l4_bytes < sizeof(*tcp) || tcp->doff < 5 || tcp->doff * 4 > p->l4_bytes)
		return FRAME_MALFORMED;
	set_ports(&p->tuple, tcp);
	p->tcp_flags = ((__u8 *)tcp)[13];
	return FRAME_FLOW;
}

static __always_inline enum frame_kind parse_udp(struct packet *p)
{
	struct udphdr *udp = p->l4;

	if ((void *)(udp + 1) > p->end || p->l4_bytes < sizeof(*udp) || bpf_ntohs(udp->len) < sizeof(*udp) ||
	    (bpf_ntohs(udp->len) > p->l4_bytes && !p->fragment))
		return FRAME_MALFORMED;
	if (!p->fragment) /* what the checksum covers; options may stand behind it (RFC 9868) */
		p->l4_bytes = bpf_ntohs(udp->len);
	set_ports(&p->tuple, udp);
	return FRAME_FLOW;
}

static __always_inline enum frame_kind parse_icmp(struct packet *p)
{
	return l4_header(p, sizeof(struct icmphdr)) && p->l4_bytes >= sizeof(struct icmphdr) ? FRAME_ICMP : FRAME_MALFORMED;
}

static __always_inline enum frame_kind parse_l4(struct packet *p)
{
	if (unlikely(p->fragment == FRAGMENT_LATER))
		return FRAME_FRAGMENT;
	if (p->tuple.protocol == IPPROTO_TCP)
		return parse_tcp(p);
	if (p->tuple.protocol == IPPROTO_UDP)
		return parse_udp(p);
	if (p->tuple.protocol == (p->tuple.family == ABI_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return p->fragment ? FRAME_PROTOCOL : parse_icmp(p);
	return FRAME_PROTOCOL;
}

/* A jumbo frame lies in several pages, and only the first is in reach; headers do not go beyond it. */
static __always_inline bool holds(struct xdp_md *ctx, const struct packet *p, __u32 ip_bytes)
{
	if (likely((void *)p->ip + ip_bytes <= p->end))
		return true;
	return ctx && bpf_xdp_get_buff_len(ctx) >= sizeof(struct ethhdr) + ip_bytes;
}

/* Where is what? Also of a packet that is quoted, or lies in an skb: its end need not be in reach. */
static __always_inline bool locate_ipv4(struct packet *p)
{
	struct iphdr *ip = p->ip;
	__u32 header = ip->ihl * 4;

	p->tuple.family = ABI_IPV4;
	p->tuple.protocol = ip->protocol;
	p->tuple.source.word[0] = ip->saddr;
	p->tuple.destination.word[0] = ip->daddr;
	p->ip_bytes = bpf_ntohs(ip->tot_len);
	p->l4_offset = header;
	p->l4 = (void *)ip + header;
	if (ip->version != 4 || header < sizeof(*ip) || p->ip_bytes < header)
		return false;
	p->l4_bytes = p->ip_bytes - header;
	if (unlikely(ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK))) {
		p->fragment = ip->frag_off & bpf_htons(IP_OFFSET_MASK) ? FRAGMENT_LATER : FRAGMENT_FIRST;
		p->fragment_id_be = ip->id;
	}
	return true;
}

static __always_inline enum frame_kind parse_ipv4(struct xdp_md *ctx, struct packet *p)
{
	return locate_ipv4(p) && holds(ctx, p, p->ip_bytes) ? parse_l4(p) : FRAME_MALFORMED;
}

/* More than any sender needs (RFC 8504 section 5.3 leaves the bound to us). */
#define EXTENSION_HEADERS 6
#define EXTENSION_BYTES 0x1ff

static __always_inline bool is_walked_over(__u8 next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_DESTINATION || next == NEXT_FRAGMENT;
}

/* To the L4 header behind IPv6's extension headers. A frame of its own: hardly any packet has them. */
static __noinline int walk_extensions(struct packet *p)
{
	__u32 offset = sizeof(struct ipv6hdr);
	__u8 next = p->tuple.protocol;
	bool has_fragment = false;

	for (int i = 0; i < EXTENSION_HEADERS; i++) {
		struct ipv6_extension *header = (void *)p->ip6 + (offset & EXTENSION_BYTES);

		if (!is_walked_over(next))
			break;
		if ((void *)(header + 1) > p->end)
			return FRAME_MALFORMED;
		if (next == NEXT_ROUTING && header->segments_left) /* the address that it has now is not where it goes */
			return FRAME_EXTENSION;
		if (next == NEXT_FRAGMENT) {
			struct ipv6_fragment *fragment = (void *)header;

			if (has_fragment) /* pieces of pieces: which ID would be the datagram's? */
				return FRAME_EXTENSION;
			has_fragment = true;
			if (fragment->offset & bpf_htons(IPV6_OFFSET_MASK))
				p->fragment = FRAGMENT_LATER;
			else if (fragment->offset & bpf_htons(IPV6_MORE_FRAGMENTS))
				p->fragment = FRAGMENT_FIRST;
			p->fragment_id_be = fragment->id;
			offset += sizeof(*fragment);
		} else {
			offset += (header->length + 1) * 8;
		}
		next = header->next_header;
		if (offset > EXTENSION_BYTES)
			return FRAME_EXTENSION;
		if (p->fragment == FRAGMENT_LATER)
			break;
	}
	if (p->fragment != FRAGMENT_LATER && is_walked_over(next)) /* one too many */
		return FRAME_EXTENSION;
	p->tuple.protocol = next;
	p->l4_offset = offset;
	p->l4 = (void *)p->ip6 + (offset & EXTENSION_BYTES);
	return 0;
}

/* 0, or why not. */
static __always_inline enum frame_kind locate_ipv6(struct packet *p)
{
	struct ipv6hdr *ip = p->ip6;
	enum frame_kind odd;

	if ((void *)(ip + 1) > p->end)
		return FRAME_MALFORMED;
	p->tuple.family = ABI_IPV6;
	p->tuple.protocol = ip->nexthdr;
	memcpy(&p->tuple.source, &ip->saddr, sizeof(ip->saddr));
	memcpy(&p->tuple.destination, &ip->daddr, sizeof(ip->daddr));
	p->ip_bytes = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	p->l4_offset = sizeof(*ip);
	p->l4 = ip + 1;
	if (ip->version != 6)
		return FRAME_MALFORMED;
	if (unlikely(ip->nexthdr != IPPROTO_TCP && ip->nexthdr != IPPROTO_UDP && ip->nexthdr != IPPROTO_ICMPV6)) {
		odd = walk_extensions(p);
		if (odd)
			return odd;
	}
	if (p->ip_bytes < p->l4_offset)
		return FRAME_MALFORMED;
	p->l4_bytes = p->ip_bytes - p->l4_offset;
	return 0;
}

static __always_inline enum frame_kind parse_ipv6(struct xdp_md *ctx, struct packet *p)
{
	enum frame_kind odd = locate_ipv6(p);

	if (odd)
		return odd;
	return holds(ctx, p, p->ip_bytes) ? parse_l4(p) : FRAME_MALFORMED;
}

/* Ours are frames to the interface's own MAC, or to the groups that ARP and ND need; anything else is a neighbour's affair. */
static __always_inline enum frame_kind parse(struct xdp_md *ctx, struct packet *p)
{
	void *data = (void *)(long)ctx->data;
	__u32 iface_place;
	__be16 ether_type;
	bool to_us;

	p->end = (void *)(long)ctx->data_end;
	p->eth = data;
	p->ip = data + sizeof(struct ethhdr);
	if ((void *)(p->ip + 1) > p->end)
		return FRAME_OTHER;

	iface_place = find_iface(ctx->ingress_ifindex, &p->in);
	if (!iface_place)
		return FRAME_OTHER;
	write_hop(&p->from, p->eth->h_source, iface_place);
	to_us = same_mac(p->eth->h_dest, p->in->mac);
	p->to_group = p->eth->h_dest[0] & 1;

	ether_type = ether_type_of(p->eth);
	if (ether_type == bpf_htons(ETH_P_IP))
		return to_us ? parse_ipv4(ctx, p) : FRAME_OTHER;
	if (ether_type == bpf_htons(ETH_P_IPV6)) {
		enum frame_kind kind = to_us || p->to_group ? parse_ipv6(ctx, p) : FRAME_OTHER;

		return to_us || kind == FRAME_ICMP ? kind : FRAME_OTHER;
	}
	if (ether_type == bpf_htons(ETH_P_ARP))
		return to_us || p->to_group ? FRAME_ARP : FRAME_OTHER;
	return FRAME_OTHER;
}

/* 802.1Q or 802.1ad. Of a frame that parse() found to be none of ours. */
static __always_inline bool is_tagged(const struct packet *p)
{
	return (void *)(p->eth + 1) <= p->end &&
	       (ether_type_of(p->eth) == bpf_htons(ETH_P_8021Q) || ether_type_of(p->eth) == bpf_htons(ETH_P_8021AD));
}

static __always_inline __u8 hops_left(const struct packet *p)
{
	return p->tuple.family == ABI_IPV4 ? p->ip->ttl : p->ip6->hop_limit;
}

#endif
