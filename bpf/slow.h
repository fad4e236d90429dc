/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_SLOW_H
#define PROXIP_SLOW_H

/* Everything that is not a packet of a connection on its way: new connections, what is asked of us, what cannot go on. */

#include "explain.h"
#include "match.h"
#include "open.h"
#include "refuse.h"

/* `reason` counts with a drop; `answer` is what the sender is told. */
struct verdict {
	enum abi_verdict what;
	enum abi_reason reason;
	enum abi_answer answer;
	enum icmp_error icmp;
	__u32 mtu; /* with ERROR_TOO_BIG */
};

static __always_inline void drop(struct verdict *v, enum abi_reason reason)
{
	v->what = ABI_VERDICT_DROP;
	v->reason = reason;
}

static __always_inline void drop_with_icmp(struct verdict *v, enum abi_reason reason, enum icmp_error icmp)
{
	drop(v, reason);
	v->answer = ABI_ANSWER_ICMP;
	v->icmp = icmp;
}

/* What on_failure = reset promises: a client that cannot be served is told at once. */
static __always_inline void refuse(struct verdict *v, const struct packet *p, const struct abi_service *s, enum abi_reason reason)
{
	drop(v, reason);
	if (!(s->flags & ABI_SERVICE_RESET))
		return;
	if (p->tuple.protocol == IPPROTO_UDP)
		drop_with_icmp(v, reason, ERROR_PORT_UNREACHABLE);
	else if (!(p->tcp_flags & ABI_TCP_RST))
		v->answer = ABI_ANSWER_TCP_RST;
}

/* What a router says to the sender of a packet that cannot leave. */
static __always_inline void cannot_leave(struct verdict *v, enum abi_reason reason, const struct passage *to)
{
	switch (reason) {
	case ABI_TTL_EXPIRED: drop_with_icmp(v, reason, ERROR_HOPS); break;
	case ABI_NO_NEXT_HOP: drop_with_icmp(v, reason, ERROR_HOST_UNREACHABLE); break;
	case ABI_TOO_BIG:
		drop_with_icmp(v, reason, ERROR_TOO_BIG);
		v->mtu = to->out ? to->out->mtu : IPV6_MIN_MTU;
		break;
	default: drop(v, reason);
	}
}

/* To an address of ours, but of no connection and to no service. What is also the host's is the host's. */
static __always_inline void not_served(struct verdict *v, const struct abi_local_info *info, enum abi_reason reason)
{
	if (!info || (info->flags & ABI_LOCAL_HOST))
		v->what = ABI_VERDICT_PASS;
	else
		drop(v, reason);
}

static __always_inline enum abi_reason reason_of(enum frame_kind kind)
{
	return kind == FRAME_FRAGMENT ? ABI_FRAGMENT : kind == FRAME_EXTENSION ? ABI_EXTENSION : kind == FRAME_MALFORMED ? ABI_BAD_HEADER : ABI_PROTOCOL;
}

/* Not TCP or UDP as it should be: ours all the same if it is sent to an address of ours. */
static __always_inline void walk_other(const struct packet *p, enum frame_kind kind, struct verdict *v)
{
	not_served(v, find_local(&p->tuple.destination, p->tuple.family), reason_of(kind));
}

/* The first packet of a connection: true with the choice in the work space, or a verdict. Commits nothing. */
static __noinline int decide(const struct packet *p, struct verdict *v)
{
	struct scratch *w = work_space();
	struct abi_local_info *info;
	struct passage to = {};
	struct abi_service *s;
	struct abi_endpoint *e;
	struct choice *c;
	int reason;
	__u32 *id;

	if (!w)
		return 0;
	c = &w->choice;
	c->half = current_half();
	id = match_service(&p->tuple, c->half);
	if (!id) {
		info = find_local(&p->tuple.destination, p->tuple.family);
		not_served(v, info, info && (info->flags & ABI_LOCAL_VIP) ? ABI_NO_SERVICE : ABI_UNSOLICITED);
		return 0;
	}
	c->service_id = *id;
	s = service_in(c->half, c->service_id);
	if (!s)
		return 0;
	note_service(c->service_id);
	if (!is_unicast(&p->tuple.source, p->tuple.family)) {
		drop(v, ABI_BAD_SOURCE);
		return 0;
	}
	if (p->tuple.protocol == IPPROTO_TCP && (p->tcp_flags & (ABI_TCP_SYN | ABI_TCP_ACK | ABI_TCP_RST)) != ABI_TCP_SYN) {
		refuse(v, p, s, ABI_NO_CONNECTION);
		return 0;
	}
	reason = choose_backend(c, s, &p->tuple);
	e = reason ? NULL : bpf_map_lookup_elem(&endpoint, &c->endpoint);
	if (!e) {
		refuse(v, p, s, ABI_NO_BACKEND);
		return 0;
	}
	note_backend(c);
	reason = judge(p, READ_ONCE(e->hop), &to);
	note_passage(&to);
	if (reason) {
		cannot_leave(v, reason, &to);
		return 0;
	}
	if (c->snat_reason) {
		if (!choose_source(c, &p->tuple)) {
			refuse(v, p, s, ABI_PORTS_EXHAUSTED);
			return 0;
		}
		note_proxy(c->proxy, 0);
	}
	v->what = ABI_VERDICT_FORWARD;
	return 1;
}

/* How often a choice is carried out anew after a race: for the last port of a ring, or with the removal of its tuple. */
#define COMMIT_TRIES 3

/* Carries the choice out. In a full table somebody gives way first; not from within open_chosen(), whose stack is deep. */
static __always_inline void commit(const struct packet *p, struct verdict *v)
{
	struct scratch *w = work_space();
	struct abi_service *s = w ? service_in(w->choice.half, w->choice.service_id) : NULL;
	int reason = ABI_CONTENDED;

	if (w) {
		w->open_key = p->tuple;
		w->choice.client_hop = p->from;
	}
	for (int try = 0; s && try < COMMIT_TRIES; try++) {
		reason = open_chosen();
		if (!reason)
			return;
		if (reason == ABI_CONTENDED && bpf_map_lookup_elem(&conn, &p->tuple))
			return; /* another CPU opened it: its connection is ours */
		if (reason == ABI_TABLE_FULL && !slot_reclaim())
			break;
		if (reason == ABI_TUPLE_TAKEN) {
			if (s->snat != ABI_SNAT_MODE_AUTO)
				break;
			w->choice.snat_reason = ABI_SNAT_TUPLE_TAKEN;
		}
		if (w->choice.snat_reason && !choose_source(&w->choice, &p->tuple)) {
			reason = ABI_PORTS_EXHAUSTED;
			break;
		}
	}
	if (!s || reason == ABI_CONTENDED)
		drop(v, ABI_CONTENDED); /* silently: the sender's next try works */
	else
		refuse(v, p, s, reason);
}

/* A packet of a connection comes here only if it cannot go on, or begins the next one. A stack frame of its own, which the
 * opening of a connection does not pay for. */
static __noinline bool walk_known(const struct packet *p, struct verdict *v)
{
	struct passage to = {};
	struct found f = {};
	int reason;

	if (!conn_find(&p->tuple, &f))
		return false;
	if (begins_anew(p, &f)) {
		if (dry_run || conn_remove(f.slot_id, f.word))
			return false;
		drop(v, ABI_CONTENDED);
		return true;
	}
	reason = judge(p, hop_of(&f), &to);
	if (reason)
		cannot_leave(v, reason, &to);
	else
		v->what = ABI_VERDICT_FORWARD; /* what was in the way is gone */
	return true;
}

static __always_inline void walk_flow(const struct packet *p, struct verdict *v)
{
	if (walk_known(p, v))
		return;
	if (decide(p, v) && !dry_run)
		commit(p, v);
}

/* A drop of which the sender is told. One that cannot be told is a drop all the same. */
static __always_inline int tell(struct xdp_md *ctx, struct packet *p, const struct verdict *v)
{
	struct abi_iface *in = p->in;
	bool made;

	if (!may_be_told(p))
		return XDP_DROP;
	if (v->answer == ABI_ANSWER_ICMP && !icmp_within_rate()) {
		count(ABI_ICMP_SUPPRESSED);
		return XDP_DROP;
	}
	made = v->answer == ABI_ANSWER_ICMP ? make_icmp_error(ctx, p, v->icmp, v->mtu) : make_tcp_reset(ctx, p);
	if (!made)
		return XDP_DROP;
	count(v->answer == ABI_ANSWER_ICMP ? ABI_ANSWERED_ICMP : ABI_ANSWERED_RST);
	return send_ready(ctx, way_out(in, in), in, p->from.iface);
}

#endif
