/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_BUCKET_H
#define PROXIP_BUCKET_H

/* The table `conn`: put in, take out, find (abi/bucket.h says how it is laid out). Readers take no lock; what they find, the slot has to
 * confirm. Two different tuples of one bucket whose 36 bits agree are treated as one: the second is taken for already there, which has
 * a probability of 2^-34 for a new connection of a full table. */

#include <asm-generic/errno.h>

#include "abi/bucket.h"
#include "config.h"
#include "maps.h"

static __always_inline struct abi_bucket *bucket_at(__u64 hash)
{
	__u32 place = abi_bucket_of(hash, conn_buckets);

	return bpf_map_lookup_elem(&conn, &place);
}

static __always_inline __u64 tuple_hash(const struct abi_tuple *tuple)
{
	return abi_tuple_hash(tuple, table_secret);
}

/* The entry, or 0. */
static __always_inline __u64 bucket_find(const struct abi_tuple *tuple)
{
	__u64 hash = tuple_hash(tuple);
	__u64 tag = abi_tag_of(hash);
	const struct abi_bucket *b = bucket_at(hash);
	__u64 entry;

	if (!b)
		return 0;
#pragma unroll
	for (int i = 0; i < ABI_BUCKET_FIRST_LINE; i++) {
		entry = READ_ONCE(b->entry[i]);
		if (abi_tag_of(entry) == tag)
			return entry;
	}
	if (likely(!READ_ONCE(b->beyond)))
		return 0;
#pragma unroll
	for (int i = ABI_BUCKET_FIRST_LINE; i < ABI_BUCKET_ENTRIES; i++) {
		entry = READ_ONCE(b->entry[i]);
		if (abi_tag_of(entry) == tag)
			return entry;
	}
	return 0;
}

/* 0, -EEXIST, or -ENOSPC. Global functions: their frames are small, and callers' stacks are full. */
__noinline int bucket_insert(__u64 hash, __u32 slot_id, __u32 direction)
{
	struct abi_bucket *b = bucket_at(hash);
	__u64 tag = abi_tag_of(hash);
	__u32 place = ABI_BUCKET_ENTRIES;
	int exists = 0;

	if (!b)
		return -ENOSPC;
	bpf_spin_lock(&b->lock);
#pragma unroll
	for (int i = ABI_BUCKET_ENTRIES - 1; i >= 0; i--) {
		if (!b->entry[i])
			place = i;
		else if (abi_tag_of(b->entry[i]) == tag)
			exists = -EEXIST;
	}
	if (!exists && place < ABI_BUCKET_ENTRIES) {
		WRITE_ONCE(b->entry[place], abi_entry(tag, slot_id, direction));
		if (place >= ABI_BUCKET_FIRST_LINE)
			b->beyond++;
	}
	bpf_spin_unlock(&b->lock);
	return exists ?: place < ABI_BUCKET_ENTRIES ? 0 : -ENOSPC;
}

__noinline int bucket_delete(__u64 hash, __u32 slot_id, __u32 direction)
{
	struct abi_bucket *b = bucket_at(hash);
	__u64 entry = abi_entry(abi_tag_of(hash), slot_id, direction);

	if (!b)
		return 0;
	bpf_spin_lock(&b->lock);
#pragma unroll
	for (int i = 0; i < ABI_BUCKET_ENTRIES; i++) {
		if (b->entry[i] != entry)
			continue;
		WRITE_ONCE(b->entry[i], 0);
		if (i >= ABI_BUCKET_FIRST_LINE)
			b->beyond--;
	}
	bpf_spin_unlock(&b->lock);
	return 0;
}

#endif
