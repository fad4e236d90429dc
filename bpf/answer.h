/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_ANSWER_H
#define PROXIP_ANSWER_H

/* What the load balancer says when asked for its addresses: ARP, neighbour discovery, ping. Each turns the frame that asked into
 * its answer; it goes back where it came from. */

#include "forward.h"
#include "match.h"
#include "refuse.h"

static __always_inline bool is_ours_to_answer(const struct abi_local_info *info)
{
	return (info->flags & ABI_LOCAL_ANSWER) && !(info->flags & ABI_LOCAL_HOST);
}

/* Who has a VIP or a Proxy IP? We, unless the host itself has it, or a neighbour does; on its own segment alone. */
static __always_inline bool is_ours_here(const struct packet *p, const struct abi_address *asked, __u32 family)
{
	struct abi_local_info *info = find_local(asked, family);

	return info && is_ours_to_answer(info) && (!(info->flags & ABI_LOCAL_ONE_IFACE) || info->iface == p->from.iface);
}

/* ---- ARP (RFC 826) ---- */

static __always_inline bool is_arp_for_us(const struct packet *p)
{
	struct arp_ipv4 *arp = (void *)(p->eth + 1);
	struct abi_address target = {};

	if ((void *)(arp + 1) > p->end || arp->hardware != bpf_htons(ARP_HARDWARE_ETHERNET) ||
	    arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_bytes != ETH_ALEN || arp->protocol_bytes != 4 ||
	    arp->operation != bpf_htons(ARP_REQUEST))
		return false;
	target.word[0] = arp->target;
	return is_ours_here(p, &target, ABI_IPV4);
}

static __always_inline bool make_arp_reply(struct packet *p)
{
	struct arp_ipv4 *arp = (void *)(p->eth + 1);
	__u32 asked;

	if ((void *)(arp + 1) > p->end)
		return false;
	asked = arp->target;
	arp->operation = bpf_htons(ARP_REPLY);
	memcpy(arp->target_mac, arp->sender_mac, ETH_ALEN);
	arp->target = arp->sender;
	memcpy(arp->sender_mac, p->in->mac, ETH_ALEN);
	arp->sender = asked;
	swap_macs(p->eth, p->in);
	return true;
}

/* ---- neighbour discovery (RFC 4861) ---- */

#define SOLICITATION_BYTES (sizeof(struct icmphdr) + sizeof(struct in6_addr))
#define ND_HOPS 255 /* sent by a neighbour, not forwarded (section 7.1.1) */

static __noinline bool is_solicitation_for_us(struct xdp_md *ctx, const struct packet *p)
{
	struct nd_neighbour *nd = l4_header(p, SOLICITATION_BYTES);
	struct abi_address target;
	int sum;

	if (p->tuple.family != ABI_IPV6 || !nd || p->l4_bytes < SOLICITATION_BYTES ||
	    nd->icmp.type != ICMP6_NEIGHBOUR_SOLICITATION || nd->icmp.code != 0)
		return false;
	if (hops_left(p) != ND_HOPS)
		return false;
	memcpy(&target, &nd->target, sizeof(target));
	if (!is_ours_here(p, &target, ABI_IPV6))
		return false;
	sum = csum_frame(ctx, l4_in_frame(p), p->l4_bytes);
	return sum >= 0 && csum_fold(sum + answer_pseudo(&p->tuple, p->l4_bytes, IPPROTO_ICMPV6)) == 0xffff;
}

static __always_inline bool is_unspecified(const struct abi_address *a)
{
	return !(a->word[0] | a->word[1] | a->word[2] | a->word[3]);
}

/* To who asked; or to all, when it is a host that wants the address for itself and has none yet (RFC 4862 section 5.4.4). */
static __noinline bool make_advertisement(struct xdp_md *ctx, struct packet *p)
{
	__u32 size = sizeof(struct ethhdr) + sizeof(struct ipv6hdr) + sizeof(struct nd_neighbour);
	struct abi_tuple asked = p->tuple;
	bool probe = is_unspecified(&asked.source);
	struct nd_neighbour *nd = l4_header(p, SOLICITATION_BYTES);
	struct ethhdr was, *eth;
	__u64 sum;

	if (!nd || (void *)(p->eth + 1) > p->end)
		return false;
	memcpy(&asked.destination, &nd->target, sizeof(nd->target));
	was = *p->eth;
	if (probe) {
		asked.source.word[0] = bpf_htonl(0xff020000); /* ff02::1, all nodes */
		asked.source.word[3] = bpf_htonl(1);
		*(__u16 *)was.h_source = bpf_htons(0x3333);
		*(__u16 *)(was.h_source + 2) = 0;
		*(__u16 *)(was.h_source + 4) = bpf_htons(1);
	}
	if (bpf_xdp_adjust_tail(ctx, (int)size - (int)bpf_xdp_get_buff_len(ctx)))
		return false;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return false;
	*eth = was;
	swap_macs(eth, p->in);
	nd = put_ip(eth + 1, (void *)(long)ctx->data_end, &asked, sizeof(*nd), IPPROTO_ICMPV6);
	if (!nd || (void *)(nd + 1) > (void *)(long)ctx->data_end)
		return false;
	((struct ipv6hdr *)(eth + 1))->hop_limit = ND_HOPS;
	nd->icmp = (struct icmphdr){.type = ICMP6_NEIGHBOUR_ADVERTISEMENT,
				    .word = bpf_htonl(probe ? ND_OVERRIDE : ND_OVERRIDE | ND_SOLICITED)};
	memcpy(&nd->target, &asked.destination, sizeof(nd->target));
	nd->option = ND_TARGET_LINK_LAYER;
	nd->option_length = 1;
	memcpy(nd->mac, p->in->mac, ETH_ALEN);
	sum = answer_pseudo(&asked, sizeof(*nd), IPPROTO_ICMPV6);
	for (int i = 0; i < (int)sizeof(*nd) / 4; i++)
		sum += ((__u32 *)nd)[i];
	nd->icmp.checksum = ~csum_fold(sum);
	return true;
}

/* ---- ping ---- */

static __always_inline bool is_echo_request(const struct packet *p)
{
	struct icmphdr *icmp = l4_header(p, sizeof(*icmp));

	return icmp && icmp->type == (p->tuple.family == ABI_IPV4 ? ICMP_ECHO : ICMP6_ECHO) &&
	       icmp->code == 0;
}

static __always_inline bool make_echo_reply(struct packet *p)
{
	bool v4 = p->tuple.family == ABI_IPV4;
	struct icmphdr *icmp = l4_header(p, sizeof(*icmp));
	__u16 was, is;

	if (!icmp)
		return false;
	was = *(__u16 *)icmp;
	icmp->type = v4 ? ICMP_ECHOREPLY : ICMP6_ECHOREPLY;
	is = *(__u16 *)icmp;
	icmp->checksum = csum_apply(icmp->checksum, csum_change(was, is));
	if (v4) {
		was = bpf_htons(p->ip->ttl << 8);
		p->ip->saddr = p->tuple.destination.word[0];
		p->ip->daddr = p->tuple.source.word[0];
		p->ip->ttl = ANSWER_HOPS;
		p->ip->check = csum_apply(p->ip->check, csum_change(was, bpf_htons(ANSWER_HOPS << 8)));
	} else {
		if ((void *)(p->ip6 + 1) > p->end)
			return false;
		memcpy(&p->ip6->saddr, &p->tuple.destination, sizeof(p->ip6->saddr));
		memcpy(&p->ip6->daddr, &p->tuple.source, sizeof(p->ip6->daddr));
		p->ip6->hop_limit = ANSWER_HOPS;
	}
	swap_macs(p->eth, p->in);
	return true;
}

#endif
