/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_TRACE_CONN_H
#define PROXIP_TRACE_CONN_H

/* The connection of a packet: found as the packet programs find it (bucket.h), and left as it is. */

#include "abi/tcp.h"
#include "trace_frame.h"

static __always_inline __u64 find_entry(const struct abi_tuple *key)
{
	__u64 hash = abi_tuple_hash(key, table_secret);
	__u32 place = abi_bucket_of(hash, abi_buckets(max_connections));
	struct abi_bucket *b = bpf_map_lookup_elem(&conn, &place);

	if (!b)
		return 0;
	for (int i = 0; i < ABI_BUCKET_ENTRIES; i++) {
		__u64 entry = *(const volatile __u64 *)&b->entry[i];

		if (abi_tag_of(entry) == abi_tag_of(hash))
			return entry;
	}
	return 0;
}

/* An entry has no tuple: the slot has to confirm it (bucket.h). */
__noinline int find_connection(const struct abi_tuple *key)
{
	struct work *w = my_work();
	struct abi_slot *found;
	__u64 entry;
	__u32 index;
	bool its;

	if (!key || !w)
		return 0;
	entry = find_entry(key);
	if (!entry)
		return 0;
	index = abi_entry_slot(entry);
	found = bpf_map_lookup_elem(&slot, &index);
	if (!found)
		return 0;
	its = abi_entry_direction(entry) == ABI_ORIGINAL ?
		      same(&found->client, &key->source) && found->client_port_be == key->source_port_be :
		      found->backend_port_be == key->source_port_be && found->proxy_port_be == key->destination_port_be;
	if (!its || found->protocol != key->protocol || !abi_has_mapping(found->state.state))
		return 0;
	w->found_slot = index;
	w->direction = abi_entry_direction(entry);
	return 1;
}

static __always_inline struct abi_slot *connection_of(struct work *w)
{
	__u32 index;

	w->tuple = w->traced.in;
	if (!find_connection(&w->tuple) && !(read_quoted(w->bytes, &w->traced, &w->tuple) && find_connection(&w->tuple)))
		return NULL;
	index = w->found_slot;
	return bpf_map_lookup_elem(&slot, &index);
}

#endif
