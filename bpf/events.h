/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_EVENTS_H
#define PROXIP_EVENTS_H

/* Who has a proxy port: told to the agent's NAT log when a connection is opened and when it ends, and on no other packet's way.
 * Nobody waits for the agent: without it the buffer fills, and what finds no room is counted. */

#include "account.h"
#include "maps.h"

/* Only a connection with a Proxy IP hides its client. */
static __always_inline bool is_told(const struct abi_conn_word *of)
{
	__u32 zero = 0;
	struct abi_control *c = of->flags & ABI_CONN_SNAT ? bpf_map_lookup_elem(&control, &zero) : NULL;

	return c && (READ_ONCE(c->flags) & ABI_CONTROL_NAT_LOG);
}

/* In the work space, while the slot is surely still this connection's. */
static __always_inline void note_nat(struct scratch *w, const struct abi_slot *s)
{
	struct abi_nat_event *e = &w->nat_event;

	e->since_ns = s->opened_ns;
	if ((__u32)(e->since_ns >> ABI_TICK_SHIFT) != s->opened)
		e->since_ns = (__u64)s->opened << ABI_TICK_SHIFT;
	e->client = s->client;
	e->client_port_be = s->client_port_be;
	e->vip_port_be = s->vip_port_be;
	e->proxy_port_be = s->proxy_port_be;
	e->backend_port_be = s->backend_port_be;
	e->service = s->service;
	e->endpoint = s->endpoint;
	e->proxy = s->proxy;
	e->family = s->family;
	e->protocol = s->protocol;
}

/* What was noted has happened. The agent looks by itself: waking it for each one would cost more than all the rest. */
static __always_inline void tell_nat(struct scratch *w, enum abi_nat_kind kind)
{
	w->nat_event.at_ns = bpf_ktime_get_coarse_ns();
	w->nat_event.kind = kind;
	if (bpf_ringbuf_output(&nat_events, &w->nat_event, sizeof(w->nat_event), BPF_RB_NO_WAKEUP))
		count(ABI_NAT_EVENTS_LOST);
}

#endif
