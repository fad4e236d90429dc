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
	struct iphdr *ip;
	void *l4;
	void *end;
	struct abi_iface *in;
	__u16 ip_bytes;
	__u16 l4_bytes;
	__u8 tcp_flags; /* enum abi_tcp_flags */
};

enum frame_kind {
	FRAME_OTHER,     /* none of ours, whatever it says */
	FRAME_ARP,
	FRAME_FLOW,      /* TCP or UDP, whole, tuple filled */
	FRAME_ICMP,      /* addresses of the tuple filled */
	FRAME_FRAGMENT,  /* likewise */
	FRAME_PROTOCOL,  /* likewise */
	FRAME_MALFORMED, /* likewise */
};

static __always_inline bool same_address(const struct abi_address *a, const struct abi_address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] && a->word[3] == b->word[3];
}

static __always_inline bool same_mac(const __u8 *a, const __u8 *b)
{
	return *(const __u16 *)a == *(const __u16 *)b && *(const __u16 *)(a + 2) == *(const __u16 *)(b + 2) &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

/* Place 0 stands for "none"; the others are an open-addressed table, since an ifindex can be any number. */
static __always_inline __u32 find_iface(__u32 ifindex, struct abi_iface **found)
{
	for (__u32 probe = 0; probe < ABI_IFACE_PROBES; probe++) {
		__u32 place = 1 + (ifindex + probe) % (ABI_MAX_IFACES - 1);
		struct abi_iface *iface_entry = bpf_map_lookup_elem(&iface, &place);

		if (!iface_entry)
			return 0;
		if (likely(iface_entry->ifindex == ifindex)) {
			*found = iface_entry;
			return place;
		}
	}
	return 0;
}

static __always_inline enum frame_kind parse_tcp(struct packet *p)
{
	struct tcphdr *tcp = p->l4;

	if ((void *)(tcp + 1) > p->end || p->l4_bytes < sizeof(*tcp) || tcp->doff < 5 || tcp->doff * 4 > p->l4_bytes)
		return FRAME_MALFORMED;
	p->tuple.source_port_be = tcp->source;
	p->tuple.destination_port_be = tcp->dest;
	p->tcp_flags = ((__u8 *)tcp)[13];
	return FRAME_FLOW;
}

static __always_inline enum frame_kind parse_udp(struct packet *p)
{
	struct udphdr *udp = p->l4;

	if ((void *)(udp + 1) > p->end || p->l4_bytes < sizeof(*udp) || bpf_ntohs(udp->len) < sizeof(*udp) ||
	    bpf_ntohs(udp->len) > p->l4_bytes)
		return FRAME_MALFORMED;
	p->tuple.source_port_be = udp->source;
	p->tuple.destination_port_be = udp->dest;
	return FRAME_FLOW;
}

static __always_inline enum frame_kind parse_ipv4(struct packet *p)
{
	struct iphdr *ip = p->ip;
	__u32 header = ip->ihl * 4;

	p->tuple.family = ABI_IPV4;
	p->tuple.protocol = ip->protocol;
	p->tuple.source.word[0] = ip->saddr;
	p->tuple.destination.word[0] = ip->daddr;
	p->ip_bytes = bpf_ntohs(ip->tot_len);
	p->l4 = (void *)ip + header;

	if (ip->version != 4 || header < sizeof(*ip) || p->ip_bytes < header || (void *)ip + p->ip_bytes > p->end)
		return FRAME_MALFORMED;
	p->l4_bytes = p->ip_bytes - header;
	if (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET_MASK))
		return FRAME_FRAGMENT;
	if (ip->protocol == IPPROTO_TCP)
		return parse_tcp(p);
	if (ip->protocol == IPPROTO_UDP)
		return parse_udp(p);
	return ip->protocol == IPPROTO_ICMP ? FRAME_ICMP : FRAME_PROTOCOL;
}

/* Only frames to the interface's own MAC, or the broadcasts that ARP needs: anything else is a neighbour's affair. */
static __always_inline enum frame_kind parse(struct xdp_md *ctx, struct packet *p)
{
	void *data = (void *)(long)ctx->data;

	p->end = (void *)(long)ctx->data_end;
	p->eth = data;
	p->ip = data + sizeof(struct ethhdr);
	if ((void *)(p->ip + 1) > p->end)
		return FRAME_OTHER;

	p->from.iface = find_iface(ctx->ingress_ifindex, &p->in);
	if (!p->from.iface)
		return FRAME_OTHER;
	memcpy(p->from.mac, p->eth->h_source, ETH_ALEN);

	if (p->eth->h_proto == bpf_htons(ETH_P_ARP))
		return (p->eth->h_dest[0] & 1) || same_mac(p->eth->h_dest, p->in->mac) ? FRAME_ARP : FRAME_OTHER;
	if (p->eth->h_proto != bpf_htons(ETH_P_IP) || !same_mac(p->eth->h_dest, p->in->mac))
		return FRAME_OTHER;
	return parse_ipv4(p);
}

#endif
