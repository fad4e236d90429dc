/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/* The two ends of the bench, and what it compares with. One core runs all of it, so plain counters do. */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

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

__u8 header[BENCH_HEADER_BYTES];
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

/* Live frames keep the bytes of their last run: everything is written each time. */
SEC("xdp")
int bench_generate(struct xdp_md *ctx)
{
	struct frame *f = (void *)(long)ctx->data;
	struct bench_flow *flow;
	__u32 key = next_flow;

	if ((void *)(f + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow)
		return XDP_ABORTED;
	next_flow = key + 1 < flow_count ? key + 1 : 0;

	__builtin_memcpy(f, header, sizeof(*f));
	f->ip.saddr = flow->source;
	f->ip.daddr = flow->destination;
	f->ip.check = flow->ip_check;
	f->udp.source = flow->source_port;
	f->udp.dest = flow->destination_port;
	f->udp.check = flow->udp_check;
	return bpf_redirect(first_hop, 0);
}

static __always_inline void count_arrival(void *data, void *end)
{
	struct frame *f = data;

	if ((void *)(f + 1) <= end && f->eth.h_proto == bpf_htons(ETH_P_IP) &&
	    (f->ip.saddr & expect.source_mask) == expect.source &&
	    (f->ip.daddr & expect.destination_mask) == expect.destination)
		arrivals.expected++;
	else
		arrivals.other++;
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
