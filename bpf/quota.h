/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_QUOTA_H
#define PROXIP_QUOTA_H

/* How much one client may have (RFC 6888 REQ-4, REQ-5): counted where there is a limit, while the connection is live. Exact: an
 * element that falls to nothing is marked dead before it is deleted, and nobody counts in a dead one. */

#include "account.h"
#include "maps.h"

#define QUOTA_DEAD 0xffffffff
#define QUOTA_TRIES 8

#define EBUSY 16
#define EEXIST 17

enum { QUOTA_TAKEN, QUOTA_REACHED, QUOTA_CONTENDED, QUOTA_NO_ROOM };

/* The client as one number: all of IPv4, or an IPv6 /64. */
static __always_inline __u64 client_high(const struct abi_address *a)
{
	return (__u64)a->word[0] << 32 | a->word[1];
}

static __always_inline struct abi_quota *quota_key(__u64 client, __u32 id, __u32 kind_family)
{
	struct scratch *w = work_space();

	if (!w)
		return NULL;
	w->quota_key = (struct abi_quota){
		.address = {client >> 32, (__u32)client},
		.id = id,
		.kind = kind_family >> 8,
		.family = kind_family,
	};
	return &w->quota_key;
}

/* Is there room? A look that changes nothing. */
static __always_inline bool quota_reached(__u64 client, __u32 id, __u32 kind_family, __u32 limit)
{
	struct abi_quota *key = quota_key(client, id, kind_family);
	__u32 *count = key ? bpf_map_lookup_elem(&quota, key) : NULL;

	return count && READ_ONCE(*count) != QUOTA_DEAD && READ_ONCE(*count) >= limit;
}

/* limit 0: none, counted all the same. */
static __always_inline int quota_take(__u64 client, __u32 id, __u32 kind_family, __u32 limit)
{
	struct abi_quota *key = quota_key(client, id, kind_family);
	__u32 one = 1;

	for (int try = 0; key && try < QUOTA_TRIES; try++) {
		__u32 *count = bpf_map_lookup_elem(&quota, key);
		__u32 was;

		if (!count) {
			int err = bpf_map_update_elem(&quota, key, &one, BPF_NOEXIST);

			if (!err)
				return QUOTA_TAKEN;
			if (err != -EEXIST && err != -EBUSY)
				return QUOTA_NO_ROOM;
			continue;
		}
		was = READ_ONCE(*count);
		if (was == QUOTA_DEAD)
			continue;
		if (limit && was >= limit)
			return QUOTA_REACHED;
		if (__sync_val_compare_and_swap(count, was, was + 1) == was)
			return QUOTA_TAKEN;
	}
	return QUOTA_CONTENDED;
}

static __always_inline void quota_give(__u64 client, __u32 id, __u32 kind_family)
{
	struct abi_quota *key = quota_key(client, id, kind_family);

	for (int try = 0; key && try < QUOTA_TRIES; try++) {
		__u32 *count = bpf_map_lookup_elem(&quota, key);
		__u32 was;

		if (!count)
			return;
		was = READ_ONCE(*count);
		if (was == QUOTA_DEAD)
			continue;
		if (__sync_val_compare_and_swap(count, was, was > 1 ? was - 1 : QUOTA_DEAD) != was)
			continue;
		if (was <= 1)
			bpf_map_delete_elem(&quota, key);
		return;
	}
}

static __always_inline void counted_in(const struct abi_slot *s, struct counted *c)
{
	c->kinds = s->counted;
	c->client = client_high(&s->client);
	c->service = s->service;
	c->endpoint = s->endpoint;
	c->family = s->family;
}

static __always_inline void count_out(const struct counted *c)
{
	if (c->kinds & ABI_QUOTA_CLIENT)
		quota_give(c->client, c->service, ABI_QUOTA_CLIENT << 8 | c->family);
	if (c->kinds & ABI_QUOTA_PORTS)
		quota_give(c->client, c->endpoint, ABI_QUOTA_PORTS << 8 | c->family);
}

/* Of a connection that came back to life: it is there already, whatever the limit. */
static __always_inline void count_again(const struct counted *c)
{
	if (c->kinds & ABI_QUOTA_CLIENT)
		quota_take(c->client, c->service, ABI_QUOTA_CLIENT << 8 | c->family, 0);
	if (c->kinds & ABI_QUOTA_PORTS)
		quota_take(c->client, c->endpoint, ABI_QUOTA_PORTS << 8 | c->family, 0);
}

#endif
