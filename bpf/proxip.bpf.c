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
 * That is the fast program. Others, each entered by a tail call, are for what is rare:
 *
 *   slow       slow.h       no connection yet, or a packet that cannot go on
 *     match      match.h      is it to an address of ours, and to which service
 *     select     select.h     which backend, and from which Proxy IP
 *     open       open.h       both halves of a new connection, or neither; ports.h: its proxy port
 *     refuse     refuse.h     RST, ICMP errors
 *   control    answer.h     ARP, neighbour discovery, ping
 *              icmp.h       ICMP errors about connections, both ways
 *   fragment   fragment.h   datagrams in pieces
 *
 * and no packet at all sets expire.h in motion: a timer.
 */

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "answer.h"
#include "expire.h"
#include "fragment.h"
#include "icmp.h"
#include "marked.h"
#include "slow.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Where the client is now: its answers go there (several routers, a MAC that moved). */
static __always_inline void learn_client(struct found *f, const struct packet *p)
{
	const __u64 from = *(const __u64 *)&p->from;

	if (f->direction == ABI_ORIGINAL && READ_ONCE(*(__u64 *)&f->slot->client_hop) != from)
		WRITE_ONCE(*(__u64 *)&f->slot->client_hop, from);
}

static __always_inline int counted_drop(enum abi_reason reason)
{
	count(reason);
	return XDP_DROP;
}

static __always_inline int forward(struct xdp_md *ctx, struct packet *p, struct found *f, const struct passage *way)
{
	bool translated = way->way == WAY_MARK || translate(ctx, p, f);

	if (!conn_unchanged(f)) /* what it was translated into may have been another connection's */
		return counted_drop(ABI_CONTENDED);
	learn_client(f, p);
	conn_follow(f, p);
	if (!translated)
		return counted_drop(ABI_TRANSLATE);
	return way->way == WAY_MARK ? pass_marked(ctx, p->in, f) : redirect(p, &way->hop, way->out);
}

static __always_inline __u32 program_for(const struct packet *p, enum frame_kind kind)
{
	if (kind == FRAME_ICMP || kind == FRAME_ARP)
		return ABI_PROGRAM_CONTROL;
	return p->fragment && (kind == FRAME_FLOW || kind == FRAME_FRAGMENT) ? ABI_PROGRAM_FRAGMENT : ABI_PROGRAM_SLOW;
}

static __always_inline int pass(enum abi_reason counted_as)
{
	note_verdict(ABI_VERDICT_PASS, 0, 0);
	count(counted_as);
	return XDP_PASS;
}

static __always_inline int would_forward(const struct passage *to)
{
	note_passage(to);
	note_verdict(ABI_VERDICT_FORWARD, 0, 0);
	return XDP_PASS;
}

/* A packet of an established connection ends here, counted by that connection; and one that is not ours. */
SEC("xdp")
int proxip_xdp(struct xdp_md *ctx)
{
	struct passage to;
	struct packet p = {};
	struct found f;
	enum frame_kind kind = parse(ctx, &p);

	if (kind == FRAME_OTHER)
		return pass(is_tagged(&p) ? ABI_PASSED_TAGGED : ABI_PASSED);
	if (likely(kind == FRAME_FLOW && !p.fragment)) {
		if (unlikely(!conn_find(&p.tuple, &f))) {
			/* What the host forwards or receives beside us pays for two cache lines, not for the other program. */
			if (!may_be_local(&p.tuple.destination))
				return pass(ABI_PASSED);
		} else if (likely(!begins_anew(&p, &f))) {
			note_connection(&f);
			if (likely(!judge(&p, hop_of(&f), &to))) {
				if (dry_run)
					return would_forward(&to);
				return forward(ctx, &p, &f, &to);
			}
		}
	}
	bpf_tail_call(ctx, &programs, program_for(&p, kind));
	return counted_drop(ABI_CONTENDED); /* only while the agent replaces the programs */
}

/* The one exit of new connections and refusals: every verdict is counted here. */
SEC("xdp")
int proxip_slow(struct xdp_md *ctx)
{
	struct verdict v = {.what = ABI_VERDICT_PASS};
	struct packet p = {};
	enum frame_kind kind = parse(ctx, &p);

	if (kind == FRAME_FLOW)
		walk_flow(&p, &v);
	else if (kind != FRAME_OTHER)
		walk_other(&p, kind, &v);

	note_verdict(v.what, v.reason, v.answer);
	if (dry_run)
		return XDP_PASS;
	switch (v.what) {
	case ABI_VERDICT_FORWARD: /* it has a connection now */
		bpf_tail_call(ctx, &programs, ABI_PROGRAM_FAST);
		return counted_drop(ABI_CONTENDED);
	case ABI_VERDICT_PASS:
		count(ABI_PASSED);
		return XDP_PASS;
	default:
		count(v.reason);
		return v.answer ? tell(ctx, &p, &v) : XDP_DROP;
	}
}

static __always_inline int answered(struct xdp_md *ctx, const struct packet *p, enum abi_reason event, bool made)
{
	if (!made)
		return XDP_DROP;
	count(event);
	return send_ready(ctx, way_out(p->in, p->in), p->in, p->from.iface);
}

/* What is asked of us, and what routers and hosts have to say about our packets. */
SEC("xdp")
int proxip_control(struct xdp_md *ctx)
{
	struct abi_local_info *info;
	struct passage to = {};
	struct packet p = {};
	enum frame_kind kind = parse(ctx, &p);
	int reason = ABI_PROTOCOL;

	if (kind == FRAME_ARP && is_arp_for_us(&p)) {
		note_verdict(ABI_VERDICT_ANSWER, 0, ABI_ANSWER_ARP);
		return dry_run ? XDP_PASS : answered(ctx, &p, ABI_ANSWERED_ARP, make_arp_reply(&p));
	}
	if (kind == FRAME_ICMP && is_solicitation_for_us(ctx, &p)) {
		note_verdict(ABI_VERDICT_ANSWER, 0, ABI_ANSWER_ND);
		return dry_run ? XDP_PASS : answered(ctx, &p, ABI_ANSWERED_ND, make_advertisement(ctx, &p));
	}
	if (kind != FRAME_ICMP || p.to_group) {
		count(ABI_PASSED);
		return XDP_PASS;
	}
	if (is_icmp_error(&p)) {
		reason = pass_error(ctx, &p, &to);
		if (!reason) {
			note_verdict(ABI_VERDICT_FORWARD, 0, 0);
			if (dry_run || (void *)(p.eth + 1) > p.end)
				return XDP_PASS;
			count(ABI_ICMP_TRANSLATED);
			write_macs(p.eth, to.hop.mac, to.out->mac);
			return send_ready(ctx, to.way, to.out, to.hop.iface);
		}
		if (reason != ABI_ICMP_UNMATCHED)
			return counted_drop(reason);
	}
	info = find_local(&p.tuple.destination, p.tuple.family);
	if (info && is_ours_to_answer(info) && is_echo_request(&p)) {
		if (is_unicast(&p.tuple.source, p.tuple.family)) {
			note_verdict(ABI_VERDICT_ANSWER, 0, ABI_ANSWER_ECHO);
			return dry_run ? XDP_PASS : answered(ctx, &p, ABI_ANSWERED_ECHO, make_echo_reply(&p));
		}
		reason = ABI_BAD_SOURCE;
	}
	if (info && !(info->flags & ABI_LOCAL_HOST)) {
		note_verdict(ABI_VERDICT_DROP, reason, 0);
		return counted_drop(reason);
	}
	note_verdict(ABI_VERDICT_PASS, 0, 0);
	count(ABI_PASSED);
	return XDP_PASS;
}

static __always_inline int without_trail(const struct packet *p)
{
	struct abi_local_info *info = find_local(&p->tuple.destination, p->tuple.family);

	if (info && !(info->flags & ABI_LOCAL_HOST))
		return counted_drop(ABI_FRAGMENT);
	count(ABI_PASSED);
	return XDP_PASS;
}

/* The pieces of a datagram: the first as any packet, the others behind it. */
SEC("xdp")
int proxip_fragment(struct xdp_md *ctx)
{
	struct passage way = {};
	struct packet p = {};
	struct found f = {};
	struct scratch *w = work_space();
	enum frame_kind kind = parse(ctx, &p);
	__u32 id_be = 0;
	int reason;

	if (dry_run || !w || (kind != FRAME_FLOW && kind != FRAME_FRAGMENT))
		return XDP_PASS;
	if (p.fragment == FRAGMENT_LATER) {
		if (!follow_trail(&p, &f, &id_be))
			return without_trail(&p);
	} else if (!conn_find(&p.tuple, &f) || begins_anew(&p, &f)) {
		bpf_tail_call(ctx, &programs, ABI_PROGRAM_SLOW);
		return counted_drop(ABI_CONTENDED);
	}
	reason = judge(&p, hop_of(&f), &way);
	if (reason) {
		if (p.fragment != FRAGMENT_LATER)
			bpf_tail_call(ctx, &programs, ABI_PROGRAM_SLOW); /* which tells the sender */
		return counted_drop(reason);
	}
	rewrite_of(&f, &w->leaving);
	if (!conn_unchanged(&f))
		return counted_drop(ABI_CONTENDED);
	if (p.fragment != FRAGMENT_LATER)
		id_be = leave_trail(&p, &f, &w->leaving);
	learn_client(&f, &p);
	conn_follow(&f, &p);
	if (!translate_fragment(&p, &w->leaving, id_be))
		return counted_drop(ABI_TRANSLATE);
	count(ABI_FRAGMENTS);
	write_macs(p.eth, way.hop.mac, way.out->mac);
	return send_ready(ctx, way.way, way.out, way.hop.iface);
}

SEC("tc")
int proxip_tc(struct __sk_buff *skb)
{
	struct found f = {};
	struct abi_mark mark;

	if (skb->vlan_present) /* the NIC took its tag off before XDP saw it: it belongs to a VLAN interface */
		return TC_ACT_UNSPEC;
	if (read_mark(skb, &mark)) {
		if (mark.kind == ABI_MARK_READY)
			return send_on(&mark);
		return conn_at(&f, mark.slot, mark.generation, mark.kind) ? carry_out(skb, &f) : drop_marked(ABI_MARK_STALE);
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
