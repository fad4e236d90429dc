/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_SEGMENT_H
#define PROXIP_SEGMENT_H

/* "Too big" where only the clsact program can tell: generic XDP sees what the sender has not cut into segments yet. The skb
 * itself becomes the ICMP error. */

#include <linux/pkt_cls.h>
#include <stddef.h>

#include "refuse.h"

#define L3_OFFSET sizeof(struct ethhdr)

static __always_inline int drop_marked(enum abi_reason reason)
{
	count(reason);
	return TC_ACT_SHOT;
}

/* As much of L4 as the sender knows its packet by, and as the kernel insists on: up to the checksum that is still unfinished. */
static __always_inline __u32 quoted_l4(const struct packet *p)
{
	return p->tuple.protocol == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
}

/* What the quoted L4 bytes add up to in the end. The kernel still finishes an unfinished checksum, which makes of them the
 * complement of what the field holds now, the pseudo-header's sum. */
static __always_inline bool quoted_sum(struct __sk_buff *skb, const struct packet *p, __u64 *sum)
{
	bool tcp = p->tuple.protocol == IPPROTO_TCP;
	__u8 bytes[sizeof(struct tcphdr)] = {};
	__u32 l4 = L3_OFFSET + p->l4_offset;
	__u16 field;

	if (tcp ? bpf_skb_load_bytes(skb, l4, bytes, sizeof(struct tcphdr)) :
		  bpf_skb_load_bytes(skb, l4, bytes, sizeof(struct udphdr)))
		return false;
	field = *(__u16 *)(bytes + (tcp ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check)));
	if (skb->gso_size || csum_folds_to(csum_pseudo(&p->tuple, p->l4_bytes), field))
		*sum = (__u16)~field;
	else
		*sum = (__u32)bpf_csum_diff(NULL, 0, (void *)bytes, sizeof(bytes), 0);
	return true;
}

/* Of the quoted IP header; a valid one of IPv4 adds up to nothing. */
static __always_inline bool quoted_ip_sum(const struct packet *p, __u64 *sum)
{
	if (p->tuple.family == ABI_IPV4)
		return true;
	if (p->l4_offset != sizeof(*p->ip6) || (void *)(p->ip6 + 1) > p->end)
		return false;
	for (int i = 0; i < (int)sizeof(*p->ip6) / 4; i++)
		*sum += ((__u32 *)p->ip6)[i];
	return true;
}

/* Room for our headers, in front of the quote; what is behind it is cut off, which also ends segmentation. */
static __noinline int skb_becomes_too_big(struct __sk_buff *skb, const struct packet *p, __u32 mtu)
{
	struct abi_tuple asked = p->tuple;
	__u32 quote = p->l4_offset + quoted_l4(p);
	__u32 room = ip_header_bytes(asked.family) + sizeof(struct icmphdr);
	struct ethhdr was, *eth;
	struct icmphdr *icmp;
	__u64 sum = 0, l4_sum = 0;

	if ((void *)(p->eth + 1) > p->end || !quoted_ip_sum(p, &sum) || !quoted_sum(skb, p, &l4_sum))
		return 0;
	was = *p->eth;
	if (bpf_skb_change_tail(skb, L3_OFFSET + quote, 0) || bpf_skb_adjust_room(skb, room, BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_pull_data(skb, L3_OFFSET + room))
		return 0;
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return 0;
	memcpy(eth->h_dest, was.h_source, ETH_ALEN);
	memcpy(eth->h_source, was.h_dest, ETH_ALEN);
	icmp = put_ip(eth + 1, (void *)(long)skb->data_end, &asked, sizeof(*icmp) + quote, icmp_protocol(asked.family));
	if (!icmp || (void *)(icmp + 1) > (void *)(long)skb->data_end)
		return 0;
	put_icmp_error(icmp, asked.family, ERROR_TOO_BIG, mtu);
	finish_icmp(icmp, &asked, sizeof(*icmp) + quote, sum + l4_sum);
	return 1;
}

static __always_inline int skb_too_big(struct __sk_buff *skb, const struct packet *p, __u32 mtu)
{
	if (!may_be_told(p))
		return drop_marked(ABI_TOO_BIG);
	if (!icmp_within_rate()) {
		count(ABI_ICMP_SUPPRESSED);
		return drop_marked(ABI_TOO_BIG);
	}
	count(ABI_TOO_BIG);
	if (!skb_becomes_too_big(skb, p, mtu))
		return TC_ACT_SHOT;
	count(ABI_ANSWERED_ICMP);
	return bpf_redirect(skb->ifindex, 0);
}

#endif
