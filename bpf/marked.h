/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_MARKED_H
#define PROXIP_MARKED_H

/* The second stage of the clsact way out. What was decided in XDP is carried out on the skb, with the helpers that know whether
 * its checksum is finished and how it is segmented. Nothing is decided here but what became impossible meanwhile. */

#include <linux/pkt_cls.h>
#include <stddef.h>

#include "forward.h"

#define PACKET_HOST 0 /* <linux/if_packet.h> */
#define L3_OFFSET sizeof(struct ethhdr)

static __always_inline int drop_marked(enum abi_reason reason)
{
	count(reason);
	return TC_ACT_SHOT;
}

static __always_inline bool read_mark(struct __sk_buff *skb, struct abi_mark *mark)
{
	struct abi_mark *place = (void *)(long)skb->data_meta;

	if ((void *)(place + 1) > (void *)(long)skb->data || place->magic != mark_magic())
		return false;
	*mark = *place;
	place->magic = 0; /* it survives a veth, into whatever has a clsact program there */
	return true;
}

static __always_inline bool find_marked(const struct abi_mark *mark, struct found *f)
{
	f->slot_id = mark->slot;
	f->direction = mark->kind;
	f->slot = bpf_map_lookup_elem(&slot, &f->slot_id);
	if (!f->slot)
		return false;
	f->word = READ_ONCE(f->slot->word);
	return f->state.generation == mark->generation && abi_has_mapping(f->state.state) &&
	       conn_parties(f);
}

static __always_inline void tuple_before(const struct found *f, struct abi_tuple *key)
{
	if (f->direction == ABI_ORIGINAL)
		original_key(f, key);
	else
		reply_key(f, key);
}

/* IPv4's header checksum covers its own change, so a CHECKSUM_COMPLETE of the skb stays right. */
static __always_inline bool translate_skb_ipv4(struct __sk_buff *skb, const struct abi_tuple *to, __u32 *l4_offset)
{
	struct iphdr *ip;

	ip = (void *)(long)skb->data + L3_OFFSET;
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return false;
	*l4_offset = L3_OFFSET + ip->ihl * 4;
	translate_ipv4(ip, to);
	return true;
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

static __always_inline bool write_macs(struct __sk_buff *skb, const struct abi_hop *hop, const struct abi_iface *out)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return false;
	memcpy(eth->h_dest, hop->mac, ETH_ALEN);
	memcpy(eth->h_source, out->mac, ETH_ALEN);
	return true;
}

static __always_inline int carry_out(struct __sk_buff *skb, struct found *f)
{
	struct abi_iface *out;
	struct abi_hop hop = hop_of(f);
	struct abi_tuple was, to;
	__u32 l4;

	rewrite_of(f, &to);
	tuple_before(f, &was);
	if (!conn_unchanged(f))
		return drop_marked(ABI_MARK_STALE);
	out = iface_at(hop.iface);
	if (!out || !hop.iface || !(out->flags & ABI_IFACE_USED))
		return drop_marked(ABI_NO_NEXT_HOP);
	if (!skb->gso_size && skb->len > out->mtu + L3_OFFSET)
		return drop_marked(ABI_TOO_BIG);
	if (!translate_skb_ipv4(skb, &to, &l4) || !translate_skb_l4(skb, &was, &to, l4) || !write_macs(skb, &hop, out))
		return drop_marked(ABI_TRANSLATE);
	return bpf_redirect(out->ifindex, 0);
}

/* Without metadata room XDP could say nothing: a packet of a live connection is one that it decided to forward. */
static __always_inline bool find_unmarked(struct __sk_buff *skb, struct found *f)
{
	struct packet p = {};

	p.end = (void *)(long)skb->data_end;
	p.eth = (void *)(long)skb->data;
	p.ip = (void *)(p.eth + 1);
	if (skb->pkt_type != PACKET_HOST || (void *)(p.ip + 1) > p.end || p.eth->h_proto != bpf_htons(ETH_P_IP))
		return false;
	return parse_ipv4(&p) == FRAME_FLOW && conn_find(&p.tuple, f);
}

static __always_inline bool lacks_metadata(__u32 ifindex)
{
	struct abi_iface *in = NULL;

	return find_iface(ifindex, &in) && (in->flags & ABI_IFACE_NO_METADATA);
}

#endif
