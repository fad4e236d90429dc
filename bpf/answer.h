/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_ANSWER_H
#define PROXIP_ANSWER_H

/* What the load balancer says itself: ARP replies and echo replies for its addresses, TCP resets, ICMP errors. Each turns the
 * frame that asked into its answer; it goes back where it came from. */

#include "checksum.h"
#include "forward.h"
#include "match.h"

#define ANSWER_TTL 64
#define ICMP_TOKENS_PER_TICK 128 /* about 1,000 ICMP errors a second and CPU (RFC 1812 section 4.3.2.8) */

static __always_inline bool is_ours_to_answer(const struct abi_local_info *info)
{
	return (info->flags & ABI_LOCAL_ANSWER) && !(info->flags & ABI_LOCAL_HOST);
}

static __always_inline void swap_macs(struct ethhdr *eth, const struct abi_iface *in)
{
	memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	memcpy(eth->h_source, in->mac, ETH_ALEN);
}

/* Back through the interface that it came from. */
static __always_inline int send_back(struct xdp_md *ctx, struct abi_iface *in, __u32 place)
{
	struct abi_mark mark = {.magic = mark_magic(), .slot = place, .kind = ABI_MARK_ANSWER};

	if (way_out(in, in) == WAY_REDIRECT)
		return bpf_redirect(in->ifindex, 0);
	if (leave_mark(ctx, &mark))
		return XDP_PASS;
	count(ABI_NO_WAY_OUT);
	return XDP_DROP;
}

/* Who has a VIP or a Proxy IP? We, unless the host itself has it, or a neighbour does; on its own segment alone. */
static __always_inline bool is_arp_for_us(const struct packet *p)
{
	struct arp_ipv4 *arp = (void *)(p->eth + 1);
	struct abi_address target = {};
	struct abi_local_info *info;

	if ((void *)(arp + 1) > p->end || arp->hardware != bpf_htons(ARP_HARDWARE_ETHERNET) ||
	    arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_bytes != ETH_ALEN || arp->protocol_bytes != 4 ||
	    arp->operation != bpf_htons(ARP_REQUEST))
		return false;
	target.word[0] = arp->target;
	info = find_local(&target, ABI_IPV4);
	return info && is_ours_to_answer(info) &&
	       (!(info->flags & ABI_LOCAL_ONE_IFACE) || info->iface == p->from.iface);
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

static __always_inline bool is_echo_request(const struct packet *p)
{
	struct icmphdr *icmp = p->l4;

	return (void *)(icmp + 1) <= p->end && p->l4_bytes >= sizeof(*icmp) && icmp->type == ICMP_ECHO && icmp->code == 0;
}

static __always_inline void finish_ipv4(struct iphdr *ip)
{
	__u64 sum = 0;

	ip->check = 0;
	for (int i = 0; i < 10; i++)
		sum += ((__u16 *)ip)[i];
	ip->check = ~csum_fold(sum);
}

static __always_inline bool make_echo_reply(struct packet *p)
{
	struct icmphdr *icmp = p->l4;
	__u16 was_ttl = bpf_htons(p->ip->ttl << 8);

	if ((void *)(icmp + 1) > p->end)
		return false;
	icmp->type = ICMP_ECHOREPLY;
	icmp->checksum = csum_apply(icmp->checksum, csum_change(bpf_htons(ICMP_ECHO << 8), bpf_htons(ICMP_ECHOREPLY << 8)));
	p->ip->saddr = p->tuple.destination.word[0];
	p->ip->daddr = p->tuple.source.word[0];
	p->ip->ttl = ANSWER_TTL;
	p->ip->check = csum_apply(p->ip->check, csum_change(was_ttl, bpf_htons(ANSWER_TTL << 8)));
	swap_macs(p->eth, p->in);
	return true;
}

static __always_inline void fill_ipv4(struct iphdr *ip, const struct abi_tuple *asked, __u16 bytes, __u8 protocol)
{
	*ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(bytes),
		.frag_off = bpf_htons(IP_DONT_FRAGMENT),
		.ttl = ANSWER_TTL,
		.protocol = protocol,
		.saddr = asked->destination.word[0],
		.daddr = asked->source.word[0],
	};
	finish_ipv4(ip);
}

/* RFC 9293 section 3.10.7.1: what a closed port says. The frame becomes Ethernet, IPv4 and TCP without options. */
static __always_inline bool make_tcp_reset(struct xdp_md *ctx, const struct packet *p)
{
	const __u32 size = sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct tcphdr);
	struct tcphdr *asked = p->l4;
	struct abi_tuple back = {};
	struct ethhdr *eth;
	struct iphdr *ip;
	struct tcphdr *tcp;
	__u32 segment;
	__be32 seq = 0, ack_seq = 0;
	bool had_ack;
	__u64 sum = 0;

	if ((void *)(asked + 1) > p->end)
		return false;
	had_ack = asked->ack;
	segment = p->l4_bytes - asked->doff * 4 + asked->syn + asked->fin;
	if (had_ack)
		seq = asked->ack_seq;
	else
		ack_seq = bpf_htonl(bpf_ntohl(asked->seq) + segment);

	if (bpf_xdp_adjust_tail(ctx, (int)size - (int)(ctx->data_end - ctx->data)))
		return false;
	eth = (void *)(long)ctx->data;
	ip = (void *)(eth + 1);
	tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > (void *)(long)ctx->data_end)
		return false;

	swap_macs(eth, p->in);
	fill_ipv4(ip, &p->tuple, size - sizeof(*eth), IPPROTO_TCP);
	*tcp = (struct tcphdr){
		.source = p->tuple.destination_port_be,
		.dest = p->tuple.source_port_be,
		.seq = seq,
		.ack_seq = ack_seq,
		.doff = sizeof(*tcp) / 4,
		.rst = 1,
		.ack = !had_ack,
	};
	back.source = p->tuple.destination;
	back.destination = p->tuple.source;
	back.protocol = IPPROTO_TCP;
	for (int i = 0; i < 10; i++)
		sum += ((__u16 *)tcp)[i];
	tcp->check = ~csum_fold(sum + csum_pseudo(&back, sizeof(*tcp)));
	return true;
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

/* RFC 792: the error quotes the IP header and eight bytes of what it is about. Our headers go in front, what is behind the quote
 * is cut off. `mtu` for fragmentation needed (RFC 1191), else 0. */
static __always_inline bool make_icmp_error(struct xdp_md *ctx, const struct packet *p, __u8 type, __u8 code, __u16 mtu)
{
	const __u32 quote = sizeof(struct iphdr) + 8;
	const __u32 room = sizeof(struct iphdr) + sizeof(struct icmphdr);
	struct ethhdr was = *p->eth;
	struct ethhdr *eth;
	struct iphdr *ip;
	struct icmphdr *icmp;
	__u64 sum = 0;

	if (p->ip->ihl != 5 || p->l4_bytes < 8)
		return false; /* with options: counted, not answered */
	if (bpf_xdp_adjust_tail(ctx, (int)(sizeof(was) + quote) - (int)(ctx->data_end - ctx->data)) ||
	    bpf_xdp_adjust_head(ctx, -(int)room))
		return false;
	eth = (void *)(long)ctx->data;
	ip = (void *)(eth + 1);
	icmp = (void *)(ip + 1);
	if ((void *)(icmp + 1) + quote > (void *)(long)ctx->data_end)
		return false;

	*eth = was;
	swap_macs(eth, p->in);
	fill_ipv4(ip, &p->tuple, room + quote, IPPROTO_ICMP);
	*icmp = (struct icmphdr){.type = type, .code = code, .mtu = bpf_htons(mtu)};
	for (__u32 i = 0; i < (sizeof(*icmp) + quote) / 2; i++)
		sum += ((__u16 *)icmp)[i];
	icmp->checksum = ~csum_fold(sum);
	return true;
}

#endif
