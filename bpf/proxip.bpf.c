/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/* The packet's walk, in the order in which a packet meets it:
 *
 *   parse      packet.h     what is it, and whose frame is it
 *   conn       conn.h       the connection that it belongs to
 *   judge      judge.h      TTL, next hop and MTU, before anything is touched
 *   follow     conn.h       TCP state and accounts
 *   translate  translate.h  one tuple into the other, checksums
 *   forward    forward.h    by redirect, or marked for the clsact program (marked.h)
 *
 * That is the fast program. Whatever else a packet may be goes on in the slow one (slow.h):
 *
 *   match      match.h      is it to an address of ours, and to which service
 *   select     select.h     which backend, and from which Proxy IP
 *   open       open.h       both halves of a new connection, or neither; ports.h: its proxy port
 *   answer     answer.h     ARP, echo, RST, ICMP errors
 *
 * and no packet at all sets expire.h in motion: a timer.
 */

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "expire.h"
#include "marked.h"
#include "slow.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Where the client is now: its answers go there (several routers, a MAC that moved). */
static __always_inline void learn_client(struct found *f, const struct packet *p)
{
	if (f->direction == ABI_ORIGINAL && (f->slot->client_hop.iface != p->from.iface ||
					     !same_mac(f->slot->client_hop.mac, p->from.mac)))
		WRITE_ONCE(*(__u64 *)&f->slot->client_hop, *(const __u64 *)&p->from);
}

static __always_inline int counted_drop(enum abi_reason reason)
{
	count(reason);
	return XDP_DROP;
}

static __always_inline int forward(struct xdp_md *ctx, struct packet *p, struct found *f, const struct passage *way)
{
	struct abi_tuple to;

	rewrite_of(f, &to);
	if (!conn_unchanged(f))
		return counted_drop(ABI_CONTENDED);
	learn_client(f, p);
	conn_follow(f, p);
	if (way->way == WAY_MARK)
		return pass_marked(ctx, p->in, f);
	if (!translate(ctx, p, &to))
		return counted_drop(ABI_TRANSLATE);
	return redirect(p, &way->hop, way->out);
}

/* A packet of an established connection ends here, counted by that connection. */
SEC("xdp")
int proxip_xdp(struct xdp_md *ctx)
{
	struct passage to = {};
	struct packet p = {};
	struct found f = {};
	enum frame_kind kind = parse(ctx, &p);

	if (kind == FRAME_OTHER) {
		note_verdict(ABI_VERDICT_PASS, 0, 0);
		count(ABI_PASSED);
		return XDP_PASS;
	}
	if (likely(kind == FRAME_FLOW && conn_find(&p.tuple, &f) && !begins_anew(&p, &f))) {
		note_connection(&f);
		if (likely(!judge(&p, hop_of(&f), &to))) {
			note_passage(&to);
			note_verdict(ABI_VERDICT_FORWARD, 0, 0);
			return dry_run ? XDP_PASS : forward(ctx, &p, &f, &to);
		}
	}
	bpf_tail_call(ctx, &programs, PROGRAM_SLOW);
	return counted_drop(ABI_CONTENDED); /* only while the agent replaces the programs */
}

/* The one exit of everything else: every verdict is counted here. */
SEC("xdp")
int proxip_slow(struct xdp_md *ctx)
{
	struct verdict v = {.what = ABI_VERDICT_PASS};
	struct packet p = {};
	enum frame_kind kind = parse(ctx, &p);

	if (kind == FRAME_FLOW) {
		walk_flow(&p, &v);
	} else if (kind == FRAME_ARP) {
		if (is_arp_for_us(&p)) {
			v.what = ABI_VERDICT_ANSWER;
			v.answer = ABI_ANSWER_ARP;
		}
	} else if (kind != FRAME_OTHER) {
		walk_other(&p, kind, &v);
	}

	note_verdict(v.what, v.reason, v.answer);
	if (dry_run)
		return XDP_PASS;
	switch (v.what) {
	case ABI_VERDICT_FORWARD: /* it has a connection now */
		bpf_tail_call(ctx, &programs, PROGRAM_FAST);
		return counted_drop(ABI_CONTENDED);
	case ABI_VERDICT_PASS:
		count(ABI_PASSED);
		return XDP_PASS;
	case ABI_VERDICT_DROP:
		count(v.reason);
		break;
	case ABI_VERDICT_ANSWER: break;
	}
	return v.answer ? answer(ctx, &p, &v) : XDP_DROP;
}

SEC("tc")
int proxip_tc(struct __sk_buff *skb)
{
	struct found f = {};
	struct abi_mark mark;

	if (skb->vlan_present) /* the NIC took its tag off before XDP saw it: it belongs to a VLAN interface */
		return TC_ACT_UNSPEC;
	if (read_mark(skb, &mark)) {
		if (mark.kind == ABI_MARK_ANSWER)
			return bpf_redirect(skb->ifindex, 0);
		return find_marked(&mark, &f) ? carry_out(skb, &f) : drop_marked(ABI_MARK_STALE);
	}
	if (lacks_metadata(skb->ingress_ifindex) && find_unmarked(skb, &f))
		return carry_out(skb, &f);
	return TC_ACT_UNSPEC;
}

SEC("xdp")
int proxip_arm(struct xdp_md *ctx)
{
	return arm_sweeper() ? XDP_ABORTED : XDP_PASS;
}

/* Sends one frame out of the interface that its payload names (dataplane/redirect_capability.cpp). */
SEC("xdp")
int proxip_probe(struct xdp_md *ctx)
{
	__u32 *ifindex = (void *)(long)ctx->data + sizeof(struct ethhdr);

	if ((void *)(ifindex + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	return bpf_redirect(*ifindex, 0);
}
