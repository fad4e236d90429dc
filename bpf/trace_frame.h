/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_TRACE_FRAME_H
#define PROXIP_TRACE_FRAME_H

/* What a frame says, and copies of it: a copy has the first ABI_TRACE_MIN_SNAPLEN bytes, zero behind the frame's end. */

#include <bpf/bpf_endian.h>

#include "trace_maps.h"

static __always_inline __u32 kept(__u32 bytes)
{
	__u32 most = snaplen;

	if (most > ABI_TRACE_MAX_SNAPLEN)
		most = ABI_TRACE_MAX_SNAPLEN;
	return bytes < most ? bytes : most;
}

/* No frame is shorter than its Ethernet header. 6.1's verifier refuses to copy what may be 0 bytes. It learns the least and the
 * most from two comparisons with the very register that is used: not from one with 0, nor from one with a difference, which the
 * compiler would make of the two. */
static __always_inline bool may_copy(__u32 *bytes)
{
	barrier_var(*bytes);
	if (*bytes < sizeof(struct ethhdr))
		return false;
	barrier_var(*bytes);
	return *bytes <= ABI_TRACE_MAX_SNAPLEN;
}

static __always_inline __u32 copy(struct xdp_md *ctx, __u8 *to, __u32 bytes)
{
	bytes = kept(bytes);
	if (!may_copy(&bytes))
		return 0;
	return bpf_xdp_load_bytes(ctx, 0, to, bytes) ? 0 : bytes;
}

static __always_inline void copy_headers(struct xdp_md *ctx, __u8 *to, __u32 bytes)
{
	__builtin_memset(to, 0, ABI_TRACE_MIN_SNAPLEN);
	if (bytes > ABI_TRACE_MIN_SNAPLEN)
		bytes = ABI_TRACE_MIN_SNAPLEN;
	if (may_copy(&bytes))
		bpf_xdp_load_bytes(ctx, 0, to, bytes);
}

static __always_inline void read_l4(const __u8 *frame, __u32 at, struct abi_tuple *t, __u8 *tcp_flags)
{
	if (t->protocol != IPPROTO_TCP && t->protocol != IPPROTO_UDP)
		return;
	if (at > ABI_TRACE_MIN_SNAPLEN - sizeof(struct tcphdr))
		return;
	t->source_port_be = *(const __u16 *)(frame + at);
	t->destination_port_be = *(const __u16 *)(frame + at + 2);
	if (t->protocol == IPPROTO_TCP)
		*tcp_flags = frame[at + 13];
}

static __always_inline void read_ip4(const __u8 *frame, __u32 at, struct abi_tuple *t, __u8 *tcp_flags)
{
	const struct iphdr *ip = (const void *)(frame + at);

	t->family = ABI_IPV4;
	t->source.word[0] = ip->saddr;
	t->destination.word[0] = ip->daddr;
	t->protocol = ip->protocol;
	if (!(ip->frag_off & bpf_htons(IP_OFFSET_MASK)))
		read_l4(frame, at + ip->ihl * 4, t, tcp_flags);
}

static __always_inline void read_ip6(const __u8 *frame, __u32 at, struct abi_tuple *t, __u8 *tcp_flags)
{
	const struct ipv6hdr *ip6 = (const void *)(frame + at);
	__u32 l4 = at + sizeof(*ip6);

	t->family = ABI_IPV6;
	__builtin_memcpy(&t->source, &ip6->saddr, sizeof(t->source));
	__builtin_memcpy(&t->destination, &ip6->daddr, sizeof(t->destination));
	t->protocol = ip6->nexthdr;
	if (t->protocol == NEXT_FRAGMENT) {
		const struct ipv6_fragment *piece = (const void *)(frame + l4);

		t->protocol = piece->next_header;
		if (piece->offset & bpf_htons(IPV6_OFFSET_MASK))
			return;
		l4 += sizeof(*piece);
	}
	read_l4(frame, l4, t, tcp_flags);
}

static __always_inline void read_arp(const __u8 *frame, __u32 at, struct abi_tuple *t)
{
	const struct arp_ipv4 *arp = (const void *)(frame + at);

	t->family = ABI_IPV4;
	t->source.word[0] = arp->sender;
	t->destination.word[0] = arp->target;
}

static __always_inline __u16 read_frame(const __u8 *frame, struct abi_tuple *t, __u8 *tcp_flags)
{
	__u16 type = ((const struct ethhdr *)frame)->h_proto;
	__u32 at = sizeof(struct ethhdr);

	__builtin_memset(t, 0, sizeof(*t));
	*tcp_flags = 0;
	if (type == bpf_htons(ETH_P_8021Q)) {
		type = *(const __u16 *)(frame + at + 2);
		at += 4;
	}
	if (type == bpf_htons(ETH_P_IP))
		read_ip4(frame, at, t, tcp_flags);
	else if (type == bpf_htons(ETH_P_IPV6))
		read_ip6(frame, at, t, tcp_flags);
	else if (type == bpf_htons(ETH_P_ARP))
		read_arp(frame, at, t);
	return type;
}

/* An ICMP error belongs to the connection of the packet that it quotes, which went the other way. */
static __always_inline bool read_quoted(const __u8 *frame, struct abi_traced *p, struct abi_tuple *t)
{
	__u32 at = sizeof(struct ethhdr) + sizeof(struct iphdr);
	__u8 type = frame[at];
	const struct iphdr *ip;
	__u32 l4;

	if (p->ethertype_be != bpf_htons(ETH_P_IP) || p->in.protocol != IPPROTO_ICMP ||
	    (type != ICMP_DEST_UNREACH && type != ICMP_TIME_EXCEEDED && type != ICMP_PARAMETER_PROBLEM))
		return false;
	ip = (const void *)(frame + at + sizeof(struct icmphdr));
	l4 = at + sizeof(struct icmphdr) + ip->ihl * 4;
	if (l4 > ABI_TRACE_MIN_SNAPLEN - 4)
		return false;
	__builtin_memset(t, 0, sizeof(*t));
	t->family = ABI_IPV4;
	t->protocol = ip->protocol;
	t->source.word[0] = ip->daddr;
	t->destination.word[0] = ip->saddr;
	t->source_port_be = *(const __u16 *)(frame + l4 + 2);
	t->destination_port_be = *(const __u16 *)(frame + l4);
	return true;
}

#endif
