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

/* ---- limits ---- */

static __always_inline bool service_is_full(const struct abi_service *s, __u32 service_id)
{
	struct abi_service_live *live = s->max_connections ? bpf_map_lookup_elem(&service_live, &service_id) : NULL;

	return live && live_of(&live->opened, &live->closed) >= s->max_connections;
}

/* 0, or the limit that stands in the way. A look: nothing is counted. */
static __always_inline int beyond_limits(const struct abi_service *s, const struct choice *c, const struct abi_tuple *t)
{
	__u64 client = client_high(&t->source);

	if (service_is_full(s, c->service_id))
		return ABI_SERVICE_FULL;
	if (s->max_per_client && quota_reached(client, c->service_id, ABI_QUOTA_CLIENT << 8 | t->family, s->max_per_client))
		return ABI_CLIENT_FULL;
	if (s->max_client_ports && c->snat_reason &&
	    quota_reached(client, c->endpoint, ABI_QUOTA_PORTS << 8 | t->family, s->max_client_ports))
		return ABI_CLIENT_PORTS;
	return 0;
}

static __noinline void count_off(const struct choice *c, const struct abi_tuple *t)
{
	struct counted counted = {.client = client_high(&t->source),
				  .service = c->service_id,
				  .endpoint = c->endpoint,
				  .family = t->family,
				  .kinds = c->counted};

	count_out(&counted);
}

/* The same, and counted: 0, or the limit, and nothing is. */
static __noinline int count_in(const struct abi_service *s, struct choice *c, const struct abi_tuple *t)
{
	__u64 client = client_high(&t->source);
	int taken;

	c->counted = 0;
	if (s->max_per_client) {
		taken = quota_take(client, c->service_id, ABI_QUOTA_CLIENT << 8 | t->family, s->max_per_client);
		if (taken == QUOTA_REACHED || taken == QUOTA_CONTENDED)
			return taken == QUOTA_REACHED ? ABI_CLIENT_FULL : ABI_CONTENDED;
		if (taken == QUOTA_TAKEN)
			c->counted |= ABI_QUOTA_CLIENT;
	}
	if (s->max_client_ports && c->snat_reason) {
		taken = quota_take(client, c->endpoint, ABI_QUOTA_PORTS << 8 | t->family, s->max_client_ports);
		if (taken == QUOTA_REACHED || taken == QUOTA_CONTENDED) {
			count_off(c, t);
			return taken == QUOTA_REACHED ? ABI_CLIENT_PORTS : ABI_CONTENDED;
		}
		if (taken == QUOTA_TAKEN)
			c->counted |= ABI_QUOTA_PORTS;
	}
	return 0;
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
	if ((s->flags & ABI_SERVICE_ALLOW) && !is_allowed(&p->tuple.source, c->half, c->service_id)) {
		drop(v, ABI_NOT_ALLOWED); /* in silence: who may not call need not know that there is something */
		return 0;
	}
	if (p->tuple.protocol == IPPROTO_TCP && (p->tcp_flags & (ABI_TCP_SYN | ABI_TCP_ACK | ABI_TCP_RST)) != ABI_TCP_SYN) {
		refuse(v, p, s, ABI_NO_CONNECTION);
		return 0;
	}
	reason = choose_backend(c, s, &p->tuple);
	e = reason ? NULL : bpf_map_lookup_elem(&endpoint, &c->endpoint);
	if (!e) {
		refuse(v, p, s, reason ?: ABI_NO_BACKEND);
		return 0;
	}
	note_backend(c);
	reason = beyond_limits(s, c, &p->tuple);
	if (reason) {
		refuse(v, p, s, reason);
		return 0;
	}
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

static __noinline bool is_known(const struct packet *p)
{
	return bucket_find(&p->tuple);
}

/* How often a choice is carried out anew after a race: for the last port of a ring, or with the removal of its tuple. */
#define COMMIT_TRIES 3

/* 0, or a drop reason. In a full table somebody gives way first; not from within open_chosen(), whose stack is deep. */
static __always_inline int carry_out_choice(const struct packet *p, struct scratch *w, const struct abi_service *s)
{
	int reason = ABI_CONTENDED;

	for (int try = 0; try < COMMIT_TRIES; try++) {
		reason = open_chosen();
		if (!reason || (reason == ABI_TABLE_FULL && !slot_reclaim()))
			return reason;
		if (reason == ABI_CONTENDED && is_known(p))
			return reason; /* another CPU opened it */
		if (reason == ABI_TUPLE_TAKEN) {
			if (s->snat != ABI_SNAT_MODE_AUTO)
				return reason;
			w->choice.snat_reason = ABI_SNAT_TUPLE_TAKEN;
		}
		if (w->choice.snat_reason && !choose_source(&w->choice, &p->tuple))
			return ABI_PORTS_EXHAUSTED;
	}
	return reason;
}

static __always_inline void commit(const struct packet *p, struct verdict *v)
{
	struct scratch *w = work_space();
	struct abi_service *s = w ? service_in(w->choice.half, w->choice.service_id) : NULL;
	int reason;

	if (!s) {
		drop(v, ABI_CONTENDED);
		return;
	}
	w->open_key = p->tuple;
	w->choice.client_hop = p->from;
	reason = count_in(s, &w->choice, &w->open_key);
	if (!reason) {
		reason = carry_out_choice(p, w, s);
		if (!reason) {
			if (s->affinity)
				remember(&w->open_key, s, &w->choice);
			return;
		}
		count_off(&w->choice, &w->open_key);
	}
	if (reason != ABI_CONTENDED)
		refuse(v, p, s, reason);
	else if (!is_known(p)) /* else another CPU opened it: its connection is ours */
		drop(v, ABI_CONTENDED);                  /* silently: the sender's next try works */
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

/* ---- what commit() would meet, for explain: looked at, and nothing is taken ---- */

/* As slot_take() and slot_reclaim() would find it. */
static __noinline int foresee_slot(void)
{
	struct abi_ledger *l = the_ledger();
	struct abi_slot *s;
	__u32 slot_id;

	if (!l)
		return 0;
	if (READ_ONCE(l->fresh_slots) < max_connections || !bpf_map_peek_elem(&free_slots, &slot_id))
		return 1;
	for (int visit = 0; visit < RECLAIM_VISITS; visit++) {
		slot_id = (READ_ONCE(l->reclaim_hand) + visit) % max_connections;
		s = bpf_map_lookup_elem(&slot, &slot_id);
		if (s && (READ_ONCE(s->state.state) == ABI_CLOSED || READ_ONCE(s->state.state) == ABI_SYN))
			return 1;
	}
	return 0;
}

/* The client keeps its address: has the backend a live connection with it already? As claim_reply_as_client() would find it. */
static __noinline int foresee_reply_taken(const struct packet *p)
{
	struct found owner = {};
	struct scratch *w = work_space();
	struct abi_endpoint *e = w ? bpf_map_lookup_elem(&endpoint, &w->choice.endpoint) : NULL;

	if (!e)
		return 0;
	w->claim_key = (struct abi_tuple){
		.source = e->address,
		.destination = p->tuple.source,
		.source_port_be = e->port_be ?: p->tuple.destination_port_be,
		.destination_port_be = p->tuple.source_port_be,
		.protocol = p->tuple.protocol,
		.family = p->tuple.family,
	};
	return conn_find(&w->claim_key, &owner) && owner.state.state != ABI_CLOSED;
}

static __noinline void foresee(const struct packet *p, struct verdict *v)
{
	struct scratch *w = work_space();
	struct abi_service *s = w ? service_in(w->choice.half, w->choice.service_id) : NULL;

	if (!s)
		return;
	if (!foresee_slot()) {
		refuse(v, p, s, ABI_TABLE_FULL);
		return;
	}
	if (w->choice.snat_reason || !foresee_reply_taken(p))
		return;
	if (s->snat != ABI_SNAT_MODE_AUTO) {
		refuse(v, p, s, ABI_TUPLE_TAKEN);
		return;
	}
	w->choice.snat_reason = ABI_SNAT_TUPLE_TAKEN;
	note_backend(&w->choice);
	if (choose_source(&w->choice, &p->tuple))
		note_proxy(w->choice.proxy, 0);
	else
		refuse(v, p, s, ABI_PORTS_EXHAUSTED);
}

static __always_inline void walk_flow(const struct packet *p, struct verdict *v)
{
	if (walk_known(p, v) || !decide(p, v))
		return;
	if (dry_run)
		foresee(p, v);
	else
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
