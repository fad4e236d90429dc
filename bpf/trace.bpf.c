/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/* lbctl trace: what the packet programs did with a packet. Two programs of its own, in front of the packet programs only while
 * somebody traces: the packet programs are never changed, and cost nothing more when nobody does.
 *
 *   trace_gate    what the hook runs then. It hands on to the first tracer, or to the fast program when there is none
 *   trace_packet  looks at the packet, has it carried out, and looks at it again
 *   trace_leaving for a capture file: frames as the clsact program sends them
 *
 * "Has it carried out" is a tail call from a subprogram: what is called takes the place of the subprogram alone, and so does what
 * it calls in turn, so that the verdict of whichever program ended the walk comes back here. (fentry and fexit would do the same,
 * but need to patch the kernel's text, which some kernels do not let.) Why a packet was dropped is what was counted between the two
 * looks: a packet stays on its CPU, and the counters are per CPU.
 *
 * `tracers` is the agent's own, and not pinned: when the agent goes, however it does, the kernel empties it. Of a trace whose agent
 * was killed remains the gate, two tail calls long, until the next agent puts its own program on the hook.
 */

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "trace_look.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { TCX_NEXT = -1 }; /* 6.6's; TC_ACT_UNSPEC */

/* The tracers behind this one, then the packet programs; what they return is returned. A tail call that fails goes on here: that
 * there is nobody is read from a map, since the verifier must not take it for the only outcome. */
static __noinline int carry_out(struct xdp_md *ctx)
{
	struct work *w;

#pragma unroll
	for (__u32 next = 1; next < ABI_TRACERS; next++)
		if (next > place)
			bpf_tail_call(ctx, &tracers, next);
	bpf_tail_call(ctx, &programs, ABI_PROGRAM_FAST);
	w = my_work();
	return w ? w->lost_way : XDP_ABORTED;
}

SEC("xdp")
int trace_packet(struct xdp_md *ctx)
{
	int wanted = look_before(ctx);
	int verdict = carry_out(ctx);

	if (wanted)
		look_after(ctx, verdict);
	return verdict;
}

/* At the egress of the interfaces that packets leave by (tcx), for a capture file alone: what the clsact program made of a packet.
 * What XDP sends does not pass here. A packet that leaves has the tuple of its connection's other half, turned round. */
SEC("tc")
int trace_leaving(struct __sk_buff *skb)
{
	struct work *w = my_work();
	struct abi_traced *p;
	struct abi_slot *s;
	__u32 headers = skb->len < ABI_TRACE_MIN_SNAPLEN ? skb->len : ABI_TRACE_MIN_SNAPLEN;
	__u32 bytes = kept(skb->len);
	__u32 index;

	if (!w || filter.drops || !may_copy(&headers))
		return TCX_NEXT;
	p = &w->traced;
	__builtin_memset(w->bytes, 0, ABI_TRACE_MIN_SNAPLEN);
	bpf_skb_load_bytes(skb, 0, w->bytes, headers);
	p->ethertype_be = read_frame(w->bytes, &p->out, &p->tcp_flags);
	w->tuple = p->out;
	w->tuple.source = p->out.destination;
	w->tuple.destination = p->out.source;
	w->tuple.source_port_be = p->out.destination_port_be;
	w->tuple.destination_port_be = p->out.source_port_be;
	p->in = w->tuple;
	if (!find_connection(&w->tuple))
		return TCX_NEXT;
	index = w->found_slot;
	s = bpf_map_lookup_elem(&slot, &index);
	if (!s || !matches_early(p, s))
		return TCX_NEXT;
	p->ns = bpf_ktime_get_ns();
	p->reasons = 0;
	p->verdict = XDP_PASS;
	p->marked = ABI_TRACE_LEFT;
	p->direction = w->direction == ABI_ORIGINAL ? ABI_REPLY : ABI_ORIGINAL;
	p->known = p->known_before = 1;
	p->service = s->service;
	p->ifindex = skb->ifindex;
	p->length = p->captured = 0;
	p->out_length = skb->len;
	p->out_captured = may_copy(&bytes) && !bpf_skb_load_bytes(skb, 0, w->bytes, bytes) ? bytes : 0;
	if (left_matches(p, s) && within_limit(p->ns))
		tell(w);
	return TCX_NEXT;
}

SEC("xdp")
int trace_gate(struct xdp_md *ctx)
{
#pragma unroll
	for (__u32 next = 0; next < ABI_TRACERS; next++)
		bpf_tail_call(ctx, &tracers, next);
	bpf_tail_call(ctx, &programs, ABI_PROGRAM_FAST);
	return XDP_ABORTED; /* only while the agent replaces the programs */
}
