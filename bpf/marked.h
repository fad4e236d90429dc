/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_MARKED_H
#define PROXIP_MARKED_H

/* The second stage of the clsact way out. What was decided in XDP is carried out on the skb, with the helpers that know whether
 * its checksum is finished and how it is segmented. Nothing is decided here but what became impossible meanwhile. */

#include <linux/pkt_cls.h>
#include <stddef.h>

#include "segment.h"

#define PACKET_HOST 0 /* <linux/if_packet.h> */

static __always_inline bool read_mark(struct __sk_buff *skb, struct abi_mark *mark)
{
	struct abi_mark *place = (void *)(long)skb->data_meta;

	if ((void *)(place + 1) > (void *)(long)skb->data || place->magic != mark_magic())
		return false;
	*mark = *place;
	place->magic = 0; /* it survives a veth, into whatever has a clsact program there */
	return true;
}

static __always_inline void tuple_before(const struct found *f, struct abi_tuple *key)
{
	if (f->direction == ABI_ORIGINAL)
		original_key(f, key);
	else
		reply_key(f, key);
}

/* IPv4's header checksum covers its own change, and the L4 checksum that of IPv6's addresses, so a CHECKSUM_COMPLETE of the skb
 * stays right. */
static __always_inline bool translate_skb_ip(struct packet *p, const struct abi_tuple *to, __u16 change)
{
	struct leaving leaving = leaving_as(to);

	if ((void *)(p->ip + 1) > p->end)
		return false;
	return translate_ip(p, &leaving, change);
}

static __always_inline bool translate_skb_l4(struct __sk_buff *skb, const struct abi_tuple *was, const struct abi_tuple *to,
					     __u32 l4)
{
	bool udp = was->protocol == IPPROTO_UDP;
	__u32 check = l4 + (udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check));
	__u64 zero_kept = udp ? BPF_F_MARK_MANGLED_0 : 0;
	__be16 ports[2] = {to->source_port_be, to->destination_port_be};
	__s64 addresses = bpf_csum_diff((void *)&was->source, 32, (void *)&to->source, 32, 0);

	return !bpf_l4_csum_replace(skb, check, 0, addresses, BPF_F_PSEUDO_HDR | zero_kept) &&
	       !bpf_l4_csum_replace(skb, check, was->source_port_be, to->source_port_be, zero_kept | 2) &&
	       !bpf_l4_csum_replace(skb, check, was->destination_port_be, to->destination_port_be, zero_kept | 2) &&
	       !bpf_skb_store_bytes(skb, l4, ports, sizeof(ports), 0);
}

static __always_inline bool write_skb_macs(struct __sk_buff *skb, const struct abi_hop *hop, const struct abi_iface *out)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return false;
	write_macs(eth, hop->mac, out->mac);
	return true;
}

/* Linear: the headers that XDP saw. */
static __always_inline bool parse_skb(struct __sk_buff *skb, struct packet *p)
{
	p->end = (void *)(long)skb->data_end;
	p->eth = (void *)(long)skb->data;
	p->ip = (void *)(p->eth + 1);
	if ((void *)(p->ip + 1) > p->end)
		return false;
	if (ether_type_of(p->eth) == bpf_htons(ETH_P_IP))
		return locate_ipv4(p);
	return ether_type_of(p->eth) == bpf_htons(ETH_P_IPV6) && locate_ipv6(p) == 0;
}

/* What each segment will be on the wire. */
static __always_inline __u32 segment_bytes(const struct __sk_buff *skb, const struct packet *p)
{
	__u32 header = sizeof(struct udphdr);

	if (!skb->gso_size)
		return skb->len - L3_OFFSET;
	if (p->tuple.protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = l4_header(p, sizeof(*tcp));

		header = tcp ? tcp->doff * 4 : sizeof(*tcp);
	}
	return p->l4_offset + header + skb->gso_size;
}

static __always_inline int carry_out(struct __sk_buff *skb, struct found *f)
{
	struct abi_hop hop = hop_of(f);
	__u16 change = changes_of(f).ip;
	struct abi_tuple was, to;
	struct abi_iface *out;
	struct packet p = {};
	__u32 l4;

	rewrite_of(f, &to);
	tuple_before(f, &was);
	if (!conn_unchanged(f))
		return drop_marked(ABI_MARK_STALE);
	out = iface_at(hop.iface);
	if (!out || !hop.iface || !(out->flags & ABI_IFACE_USED))
		return drop_marked(ABI_NO_NEXT_HOP);
	if (!parse_skb(skb, &p))
		return drop_marked(ABI_TRANSLATE);
	if (segment_bytes(skb, &p) > out->mtu)
		return skb_too_big(skb, &p, out->mtu);
	l4 = L3_OFFSET + p.l4_offset;
	if (!translate_skb_ip(&p, &to, change) || !translate_skb_l4(skb, &was, &to, l4) || !write_skb_macs(skb, &hop, out))
		return drop_marked(ABI_TRANSLATE);
	return bpf_redirect(out->ifindex, 0);
}

/* Translated in XDP, or an answer. */
static __always_inline int send_on(const struct abi_mark *mark)
{
	struct abi_iface *out = iface_at(mark->slot);

	return out && (out->flags & ABI_IFACE_USED) ? (int)bpf_redirect(out->ifindex, 0) : drop_marked(ABI_NO_NEXT_HOP);
}

/* Without metadata room XDP could say nothing: a packet of a live connection is one that it decided to forward. */
static __always_inline bool find_unmarked(struct __sk_buff *skb, struct found *f)
{
	struct packet p = {};

	return skb->pkt_type == PACKET_HOST && parse_skb(skb, &p) && !p.fragment && parse_l4(&p) == FRAME_FLOW &&
	       conn_find(&p.tuple, f);
}

static __always_inline bool lacks_metadata(__u32 ifindex)
{
	struct abi_iface *in = NULL;

	return find_iface(ifindex, &in) && (in->flags & ABI_IFACE_NO_METADATA);
}

#endif
