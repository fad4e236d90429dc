/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_TRACE_MATCH_H
#define PROXIP_TRACE_MATCH_H

/* The filter. All that it asks must hold; what can be known before a packet is carried out is asked before. */

#include <bpf/bpf_endian.h>

#include "trace_maps.h"

static __always_inline bool is_end(const volatile struct abi_address *address, __u8 family, __u16 port_be,
				   const struct abi_address *end, const struct abi_tuple *t, __u16 end_port_be)
{
	return t->family == family && same(address, end) && (!port_be || port_be == end_port_be);
}

static __always_inline bool to_service(const struct abi_tuple *t)
{
	__u16 port = bpf_ntohs(t->destination_port_be);

	return t->family == filter.vip_family && t->protocol == filter.vip_protocol && same(&filter.vip, &t->destination) &&
	       (!filter.vip_last_port || (port >= filter.vip_first_port && port <= filter.vip_last_port));
}

static __always_inline bool backend_matches(const struct abi_traced *p, struct abi_slot *s)
{
	if (s) {
		__u32 index = s->endpoint;
		struct abi_endpoint *e = bpf_map_lookup_elem(&endpoint, &index);

		return e && e->family == filter.backend_family && same(&filter.backend, &e->address) &&
		       (!filter.backend_port_be || filter.backend_port_be == s->backend_port_be);
	}
	return is_end(&filter.backend, filter.backend_family, filter.backend_port_be, &p->in.source, &p->in,
		      p->in.source_port_be) ||
	       is_end(&filter.backend, filter.backend_family, filter.backend_port_be, &p->in.destination, &p->in,
		      p->in.destination_port_be);
}

/* Known at the entry already: what is not wanted costs no more than this. */
static __always_inline bool matches_early(const struct abi_traced *p, struct abi_slot *s)
{
	if (filter.protocol && p->in.protocol != filter.protocol && !s)
		return false;
	if (filter.protocol && s && s->protocol != filter.protocol)
		return false;
	if (filter.client_family) {
		if (s ? s->family != filter.client_family || !same(&filter.client, &s->client) ||
				(filter.client_port_be && filter.client_port_be != s->client_port_be) :
			!is_end(&filter.client, filter.client_family, filter.client_port_be, &p->in.source, &p->in,
				p->in.source_port_be))
			return false;
	}
	if (filter.vip_family && !(s ? s->service == filter.service : to_service(&p->in)))
		return false;
	return true;
}

static __always_inline bool has_host(const struct abi_tuple *t)
{
	return t->family == filter.host_family && (same(&filter.host, &t->source) || same(&filter.host, &t->destination));
}

static __always_inline bool has_port(const struct abi_tuple *t)
{
	return filter.port_be == t->source_port_be || filter.port_be == t->destination_port_be;
}

#define DROP_BIT(id, symbol, name, help) | 1ULL << (id)
#define NO_BIT(id, symbol, name, help)
static const __u64 drop_reasons = 0 ABI_REASONS(DROP_BIT, NO_BIT);

static __always_inline bool is_dropped(const struct abi_traced *p)
{
	return (p->reasons & drop_reasons) ||
	       p->verdict == XDP_DROP || p->verdict == XDP_ABORTED;
}

static __always_inline bool matches_late(const struct abi_traced *p, struct abi_slot *s)
{
	if (filter.backend_family && !backend_matches(p, s))
		return false;
	if (filter.host_family && !has_host(&p->in) && !has_host(&p->out))
		return false;
	if (filter.port_be && !has_port(&p->in) && !has_port(&p->out))
		return false;
	return !filter.drops || is_dropped(p);
}

/* The host and the port may be those that the packet came with. */
static __always_inline bool left_matches(struct abi_traced *p, struct abi_slot *s)
{
	__u16 came_to = p->direction == ABI_ORIGINAL ? s->vip_port_be : s->proxy_port_be;
	__u16 came_from = p->direction == ABI_ORIGINAL ? s->client_port_be : s->backend_port_be;
	__u32 index = s->service;
	struct abi_vip *v = bpf_map_lookup_elem(&vip, &index);

	if (filter.backend_family && !backend_matches(p, s))
		return false;
	if (filter.host_family && !has_host(&p->out) &&
	    !(s->family == filter.host_family && (same(&filter.host, &s->client) || (v && same(&filter.host, &v->address)))))
		return false;
	return !filter.port_be || has_port(&p->out) || filter.port_be == came_to || filter.port_be == came_from;
}

#endif
