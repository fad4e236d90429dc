/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_MATCH_H
#define PROXIP_MATCH_H

/* Whose address is it, and which service? Asked only when a packet belongs to no connection. */

#include "packet.h"

static __always_inline struct abi_local_info *find_local(const struct abi_address *address, __u32 family)
{
	struct scratch *w = work_space();

	if (!w)
		return NULL;
	w->local_key = (struct abi_local){.address = *address, .family = family};
	return bpf_map_lookup_elem(&local, &w->local_key);
}

/* False: it is none of ours. */
static __always_inline bool may_be_local(const struct abi_address *address)
{
	__u32 bit = abi_local_bit(address), zero = 0;
	struct abi_local_filter *filter = bpf_map_lookup_elem(&local_filter, &zero);

	return !filter || (filter->word[bit / 64 % (ABI_LOCAL_FILTER_BITS / 64)] >> (bit % 64)) & 1;
}

/* The half of the configuration that is in force. Read once per packet, so that a packet sees one configuration. */
static __always_inline __u32 current_half(void)
{
	__u32 zero = 0;
	struct abi_control *c = bpf_map_lookup_elem(&control, &zero);

	return c ? READ_ONCE(c->epoch) & 1 : 0;
}

static __always_inline __u32 *match_service(const struct abi_tuple *tuple, __u32 half)
{
	struct scratch *w = work_space();
	__u32 *id;

	if (!w)
		return NULL;
	w->match_key = (struct abi_match){
		.address = tuple->destination,
		.port = bpf_ntohs(tuple->destination_port_be),
		.protocol = tuple->protocol,
		.family = tuple->family,
		.half = half,
	};
	id = bpf_map_lookup_elem(&match, &w->match_key);
	if (id)
		return id;
	w->match_key.port = 0;
	return bpf_map_lookup_elem(&match, &w->match_key);
}

/* Of a service that has a list: may this client connect? */
static __always_inline bool is_allowed(const struct abi_address *client, __u32 half, __u32 service_id)
{
	struct scratch *w = work_space();

	if (!w)
		return false;
	w->allowed_key = (struct abi_allowed){
		.prefix_bits = 8 * (sizeof(struct abi_allowed) - sizeof(__u32)),
		.service = half * ABI_MAX_SERVICES + service_id,
		.address = *client,
	};
	return bpf_map_lookup_elem(&allowed, &w->allowed_key);
}

static __always_inline struct abi_service *service_in(__u32 half, __u32 id)
{
	__u32 key = half * ABI_MAX_SERVICES + id;

	return bpf_map_lookup_elem(&service, &key);
}

#endif
