/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_TRACE_LOOK_H
#define PROXIP_TRACE_LOOK_H

/* The two looks at a packet, before and after it is carried out, and what was counted in between. */

#include "trace_conn.h"
#include "trace_frame.h"
#include "trace_match.h"
#include "trace_tell.h"

/* Global functions are verified once each, and not once for each path that leads to them: without that it would be too many. */

__noinline int count_before(void)
{
	struct work *w = my_work();

	if (!w)
		return 0;
	for (__u32 i = 0; i < ABI_REASON_COUNT; i++) {
		__u32 key = i;
		__u64 *value = bpf_map_lookup_elem(&counters, &key);

		w->counted[i] = value ? *value : 0;
	}
	return 0;
}

__noinline int count_after(void)
{
	struct work *w = my_work();
	__u64 reasons = 0;

	if (!w)
		return 0;
	for (__u32 i = 0; i < ABI_REASON_COUNT; i++) {
		__u32 key = i;
		__u64 *value = bpf_map_lookup_elem(&counters, &key);

		__u64 grown;

		if (!value)
			break;
		grown = *value - w->counted[i];
		reasons |= (grown | -grown) >> 63 << i; /* a branch would double the verifier's paths, 40 times */
	}
	w->traced.reasons = reasons;
	return 0;
}

/* Not 0: the packet may be told when it has been carried out. */
__noinline int look_before(struct xdp_md *ctx)
{
	struct work *w = my_work();
	struct abi_traced *p;
	struct abi_slot *s;

	if (!w)
		return 0;
	p = &w->traced;
	p->length = bpf_xdp_get_buff_len(ctx);
	copy_headers(ctx, w->bytes, p->length);
	p->ethertype_be = read_frame(w->bytes, &p->in, &p->tcp_flags);
	s = connection_of(w);
	if (!matches_early(p, s))
		return 0;
	p->ifindex = ctx->ingress_ifindex;
	p->known_before = s != NULL;
	p->captured = copy(ctx, w->bytes, p->length);
	count_before();
	return 1;
}

/* What the clsact program makes of it: the other half's tuple, turned round (conn.h). */
static __always_inline void leaving_tuple(struct abi_traced *p, struct abi_slot *s, const struct abi_endpoint *e)
{
	__u32 vip_index = s->service, proxy_index = s->proxy;
	struct abi_proxy *from = bpf_map_lookup_elem(&proxy, &proxy_index);
	struct abi_vip *v = bpf_map_lookup_elem(&vip, &vip_index);

	if (!from || !v)
		return;
	p->out.family = s->family;
	p->out.protocol = s->protocol;
	if (p->direction == ABI_ORIGINAL) {
		p->out.source = s->state.flags & ABI_CONN_SNAT ? from->address : s->client;
		p->out.source_port_be = s->proxy_port_be;
		p->out.destination = e->address;
		p->out.destination_port_be = s->backend_port_be;
	} else {
		p->out.source = v->address;
		p->out.source_port_be = s->vip_port_be;
		p->out.destination = s->client;
		p->out.destination_port_be = s->client_port_be;
	}
}

static __always_inline void note_connection(struct abi_traced *p, struct abi_slot *s, __u32 direction)
{
	__u32 index;
	struct abi_endpoint *e;

	p->known = s != NULL;
	p->direction = direction;
	p->service = 0;
	__builtin_memset(&p->hop, 0, sizeof(p->hop));
	if (!s)
		return;
	p->service = s->service;
	index = s->endpoint;
	e = bpf_map_lookup_elem(&endpoint, &index);
	if (!e)
		return;
	p->hop = direction == ABI_REPLY ? s->client_hop : e->hop;
	if (p->marked == ABI_TRACE_TO_CLSACT)
		leaving_tuple(p, s, e);
}

/* A frame that XDP passes without counting it goes on to the clsact program: as it shall leave, or to be translated there. */
static __always_inline __u8 marked_as(struct xdp_md *ctx, const struct abi_traced *p)
{
	struct abi_mark *mark = (void *)(long)ctx->data_meta;

	if (p->verdict != XDP_PASS || (p->reasons & (1ULL << ABI_PASSED | 1ULL << ABI_PASSED_TAGGED)))
		return ABI_TRACE_NOT_MARKED;
	if ((void *)(mark + 1) <= (void *)(long)ctx->data && mark->magic == mark_magic && mark->kind == ABI_MARK_READY)
		return ABI_TRACE_READY;
	return ABI_TRACE_TO_CLSACT;
}

__noinline int look_after(struct xdp_md *ctx, int verdict)
{
	struct work *w = my_work();
	__u32 captured;
	struct abi_traced *p;
	struct abi_slot *s;
	__u8 flags;

	if (!w)
		return 0;
	p = &w->traced;
	captured = p->captured;
	p->ns = bpf_ktime_get_ns();
	p->verdict = verdict;
	count_after();
	p->marked = marked_as(ctx, p);
	__builtin_memset(&p->out, 0, sizeof(p->out));
	p->out_captured = 0;
	p->out_length = 0;
	s = connection_of(w); /* the headers in front are still as they came */
	note_connection(p, s, w->direction);
	if (captured > ABI_TRACE_MAX_SNAPLEN)
		return 0;
	if (verdict == XDP_TX || verdict == XDP_REDIRECT || p->marked == ABI_TRACE_READY) {
		p->out_length = bpf_xdp_get_buff_len(ctx);
		copy_headers(ctx, w->bytes + captured, p->out_length);
		read_frame(w->bytes + captured, &p->out, &flags);
		p->out_captured = copy(ctx, w->bytes + captured, p->out_length);
	}
	if (matches_late(p, s) && within_limit(p->ns))
		tell(w);
	return 0;
}

#endif
