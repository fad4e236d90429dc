/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_REFUSE_H
#define PROXIP_REFUSE_H

/* How the sender of a packet that goes no further is told: a TCP reset, or an ICMP error. */

#include "checksum.h"
#include "packet.h"

#define ANSWER_HOPS 64
#define ICMP_TOKENS_PER_TICK 128 /* about 1,000 ICMP errors a second and CPU (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4) */

enum icmp_error {
	ERROR_NONE,
	ERROR_PORT_UNREACHABLE,
	ERROR_HOST_UNREACHABLE,
	ERROR_HOPS,
	ERROR_TOO_BIG,
};

/* ---- whom ---- */

/* An address that a host can have and be answered at (RFC 1122 section 3.2.1.3, RFC 4291 section 2.7). */
static __always_inline bool is_unicast(const struct abi_address *a, __u32 family)
{
	__u8 first = a->word[0] & 0xff; /* wire order, on a little-endian machine */

	if (family == ABI_IPV4)
		return first != 0 && first != 127 && first < 224;
	return first != 0xff && (a->word[0] | a->word[1] | a->word[2] | (a->word[3] & ~bpf_htonl(1)));
}

static __always_inline bool may_be_told(const struct packet *p)
{
	return p->fragment != FRAGMENT_LATER && is_unicast(&p->tuple.source, p->tuple.family);
}

static __always_inline bool icmp_within_rate(void)
{
	__u32 zero = 0;
	__u32 now = now_ticks();
	struct icmp_budget *budget = bpf_map_lookup_elem(&icmp_budget, &zero);

	if (!budget)
		return false;
	if (budget->tick != now) {
		budget->tick = now;
		budget->tokens = ICMP_TOKENS_PER_TICK;
	}
	if (!budget->tokens)
		return false;
	budget->tokens--;
	return true;
}

/* ---- headers of our own, back to who asked ---- */

static __always_inline void swap_macs(struct ethhdr *eth, const struct abi_iface *in)
{
	memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	memcpy(eth->h_source, in->mac, ETH_ALEN);
}

static __always_inline __u32 ip_header_bytes(__u32 family)
{
	return family == ABI_IPV4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

static __always_inline __u8 icmp_protocol(__u32 family)
{
	return family == ABI_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

static __always_inline void fill_ipv4(struct iphdr *ip, const struct abi_tuple *asked, __u16 bytes, __u8 protocol)
{
	__u64 sum = 0;

	*ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(bytes),
		.frag_off = bpf_htons(IP_DONT_FRAGMENT),
		.ttl = ANSWER_HOPS,
		.protocol = protocol,
		.saddr = asked->destination.word[0],
		.daddr = asked->source.word[0],
	};
	for (int i = 0; i < 5; i++)
		sum += ((__u32 *)ip)[i];
	ip->check = ~csum_fold(sum);
}

/* Where L4 begins, or NULL: out of reach. */
static __always_inline void *put_ip(void *at, void *end, const struct abi_tuple *asked, __u16 l4_bytes, __u8 protocol)
{
	struct iphdr *ip = at;
	struct ipv6hdr *ip6 = at;

	if (asked->family == ABI_IPV4) {
		if ((void *)(ip + 1) > end)
			return NULL;
		fill_ipv4(ip, asked, sizeof(*ip) + l4_bytes, protocol);
		return ip + 1;
	}
	if ((void *)(ip6 + 1) > end)
		return NULL;
	*ip6 = (struct ipv6hdr){
		.version = 6, .payload_len = bpf_htons(l4_bytes), .nexthdr = protocol, .hop_limit = ANSWER_HOPS};
	memcpy(&ip6->saddr, &asked->destination, sizeof(ip6->saddr));
	memcpy(&ip6->daddr, &asked->source, sizeof(ip6->daddr));
	return ip6 + 1;
}

/* The pseudo-header's sum is the same in both directions. */
static __always_inline __u64 answer_pseudo(const struct abi_tuple *asked, __u32 l4_bytes, __u8 protocol)
{
	return csum_address(&asked->source) + csum_address(&asked->destination) + bpf_htons(protocol) + bpf_htons(l4_bytes);
}

static __always_inline void put_icmp_error(struct icmphdr *icmp, __u32 family, enum icmp_error what, __u32 mtu)
{
	bool v4 = family == ABI_IPV4;

	*icmp = (struct icmphdr){};
	switch (what) {
	case ERROR_PORT_UNREACHABLE:
		icmp->type = v4 ? ICMP_DEST_UNREACH : ICMP6_DEST_UNREACH;
		icmp->code = v4 ? ICMP_PORT_UNREACH : ICMP6_PORT_UNREACH;
		break;
	case ERROR_HOST_UNREACHABLE:
		icmp->type = v4 ? ICMP_DEST_UNREACH : ICMP6_DEST_UNREACH;
		icmp->code = v4 ? ICMP_HOST_UNREACH : ICMP6_ADDRESS_UNREACH;
		break;
	case ERROR_HOPS: icmp->type = v4 ? ICMP_TIME_EXCEEDED : ICMP6_TIME_EXCEEDED; break;
	case ERROR_TOO_BIG:
		icmp->type = v4 ? ICMP_DEST_UNREACH : ICMP6_TOO_BIG;
		icmp->code = v4 ? ICMP_FRAG_NEEDED : 0;
		icmp->word = bpf_htonl(mtu); /* IPv4 has it in the lower half */
		break;
	default: break;
	}
}

/* `quoted`: the sum of what stands behind the header. */
static __always_inline void finish_icmp(struct icmphdr *icmp, const struct abi_tuple *asked, __u32 l4_bytes, __u64 quoted)
{
	__u64 sum = (__u64)((__u32 *)icmp)[0] + ((__u32 *)icmp)[1] + csum_fold(quoted);

	if (asked->family == ABI_IPV6)
		sum += answer_pseudo(asked, l4_bytes, IPPROTO_ICMPV6);
	icmp->checksum = ~csum_fold(sum);
}

/* ---- the frame becomes its refusal ---- */

/* RFC 9293 section 3.10.7.1: what a closed port says. The frame becomes Ethernet, IP and TCP without options. */
static __noinline int make_tcp_reset(struct xdp_md *ctx, const struct packet *p)
{
	__u32 size = sizeof(struct ethhdr) + ip_header_bytes(p->tuple.family) + sizeof(struct tcphdr);
	struct tcphdr *asked = l4_header(p, sizeof(*asked));
	struct ethhdr was, *eth;
	struct tcphdr *tcp;
	__be32 seq = 0, ack_seq = 0;
	bool had_ack;
	__u64 sum;

	if (!asked || (void *)(p->eth + 1) > p->end)
		return 0;
	had_ack = asked->ack;
	if (had_ack)
		seq = asked->ack_seq;
	else
		ack_seq = bpf_htonl(bpf_ntohl(asked->seq) + p->l4_bytes - asked->doff * 4 + asked->syn + asked->fin);
	was = *p->eth;

	if (bpf_xdp_adjust_tail(ctx, (int)size - (int)bpf_xdp_get_buff_len(ctx)))
		return 0;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return 0;
	*eth = was;
	swap_macs(eth, p->in);
	tcp = put_ip(eth + 1, (void *)(long)ctx->data_end, &p->tuple, sizeof(*tcp), IPPROTO_TCP);
	if (!tcp || (void *)(tcp + 1) > (void *)(long)ctx->data_end)
		return 0;
	*tcp = (struct tcphdr){
		.source = p->tuple.destination_port_be,
		.dest = p->tuple.source_port_be,
		.seq = seq,
		.ack_seq = ack_seq,
		.doff = sizeof(*tcp) / 4,
		.rst = 1,
		.ack = !had_ack,
	};
	sum = answer_pseudo(&p->tuple, sizeof(*tcp), IPPROTO_TCP);
	for (int i = 0; i < (int)sizeof(*tcp) / 4; i++)
		sum += ((__u32 *)tcp)[i];
	tcp->check = ~csum_fold(sum);
	return 1;
}

/* As much of the packet as fits is quoted: up to 576 bytes in all (RFC 1812 section 4.3.2.3), or 1,280 (RFC 4443 section 2.4).
 * Our headers go in front, what is behind the quote is cut off. */
static __noinline int make_icmp_error(struct xdp_md *ctx, const struct packet *p, enum icmp_error what, __u32 mtu)
{
	__u32 family = p->tuple.family;
	__u32 room = ip_header_bytes(family) + sizeof(struct icmphdr);
	__u32 quote = (family == ABI_IPV4 ? IPV4_MIN_MTU : IPV6_MIN_MTU) - room;
	struct ethhdr was, *eth;
	struct icmphdr *icmp;
	int sum;

	if ((void *)(p->eth + 1) > p->end)
		return 0;
	was = *p->eth;
	if (p->ip_bytes < quote)
		quote = p->ip_bytes;
	if (bpf_xdp_adjust_tail(ctx, (int)(sizeof(was) + quote) - (int)bpf_xdp_get_buff_len(ctx)) ||
	    bpf_xdp_adjust_head(ctx, -(int)room))
		return 0;
	sum = csum_frame(ctx, sizeof(was) + room, quote);
	eth = (void *)(long)ctx->data;
	if (sum < 0 || (void *)(eth + 1) > (void *)(long)ctx->data_end)
		return 0;
	*eth = was;
	swap_macs(eth, p->in);
	icmp = put_ip(eth + 1, (void *)(long)ctx->data_end, &p->tuple, sizeof(*icmp) + quote, icmp_protocol(family));
	if (!icmp || (void *)(icmp + 1) > (void *)(long)ctx->data_end)
		return 0;
	put_icmp_error(icmp, family, what, mtu);
	finish_icmp(icmp, &p->tuple, sizeof(*icmp) + quote, sum);
	return 1;
}

#endif
