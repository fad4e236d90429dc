/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/* The two ends of the bench, and what it compares with. One core runs all of it, so plain counters do. */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "shared.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set before the load */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bench_flow);
} flows SEC(".maps");

/* ---- set by the bench between runs ---- */

__u8 header[BENCH_HEADER6_BYTES];
__u32 flow_count;
__u32 first_hop;     /* interface that the generator sends by */
__u32 redirect_to;   /* interface that the bare redirect sends by */
struct bench_expect expect;

/* ---- read by it ---- */

__u32 next_flow;
struct bench_arrivals arrivals;

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

struct frame6 {
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct udphdr udp;
} __attribute__((packed));

static __always_inline struct bench_flow *following_flow(void)
{
	__u32 key = next_flow;

	next_flow = key + 1 < flow_count ? key + 1 : 0;
	return bpf_map_lookup_elem(&flows, &key);
}

/* Live frames keep the bytes of their last run: everything is written each time. */
SEC("xdp")
int bench_generate(struct xdp_md *ctx)
{
	struct frame *f = (void *)(long)ctx->data;
	struct bench_flow *flow = following_flow();

	if (!flow || (void *)(f + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(f, header, sizeof(*f));
	f->ip.saddr = flow->source;
	f->ip.daddr = flow->destination;
	f->ip.check = flow->ip_check;
	f->udp.source = flow->source_port;
	f->udp.dest = flow->destination_port;
	f->udp.check = flow->udp_check;
	return bpf_redirect(first_hop, 0);
}

SEC("xdp")
int bench_generate6(struct xdp_md *ctx)
{
	struct frame6 *f = (void *)(long)ctx->data;
	struct bench_flow *flow = following_flow();

	if (!flow || (void *)(f + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	__builtin_memcpy(f, header, sizeof(*f));
	f->ip.saddr.s6_addr32[3] = flow->source;
	f->ip.daddr.s6_addr32[3] = flow->destination;
	f->udp.source = flow->source_port;
	f->udp.dest = flow->destination_port;
	f->udp.check = flow->udp_check;
	return bpf_redirect(first_hop, 0);
}

static __always_inline void count_as(bool expected)
{
	if (expected)
		arrivals.expected++;
	else
		arrivals.other++;
}

static __always_inline bool is_expected(__u32 source, __u32 destination)
{
	return (source & expect.source_mask) == expect.source && (destination & expect.destination_mask) == expect.destination;
}

static __always_inline void count_arrival(void *data, void *end)
{
	struct frame6 *f6 = data;
	struct frame *f = data;

	if ((void *)(f + 1) <= end && f->eth.h_proto == bpf_htons(ETH_P_IP))
		count_as(is_expected(f->ip.saddr, f->ip.daddr));
	else if ((void *)(f6 + 1) <= end && f6->eth.h_proto == bpf_htons(ETH_P_IPV6))
		count_as(is_expected(f6->ip.saddr.s6_addr32[3], f6->ip.daddr.s6_addr32[3]));
	else
		count_as(false);
}

SEC("xdp")
int bench_sink(struct xdp_md *ctx)
{
	count_arrival((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	return XDP_DROP;
}

/* The floor: nothing but the way itself. */
SEC("xdp")
int bench_redirect(struct xdp_md *ctx)
{
	return bpf_redirect(redirect_to, 0);
}

SEC("xdp")
int bench_pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* The far end of what XDP lets pass: behind every other filter, in front of the host's stack. */
SEC("tc")
int bench_tc_sink(struct __sk_buff *skb)
{
	count_arrival((void *)(long)skb->data, (void *)(long)skb->data_end);
	return TC_ACT_SHOT;
}
