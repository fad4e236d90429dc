/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_ABI_BUCKET_H
#define PROXIP_ABI_BUCKET_H

/* Where a tuple stands in `conn`, and what stands there.
 *
 * The table is an array of buckets of two cache lines; an entry is one word, which holds a slot, a direction and 36 bits of the tuple's
 * hash. The tuple itself is not in it: the slot has it. A packet therefore meets one line of the table and then the slot's, where a
 * kernel hash meets its bucket, its element (two lines) and then the slot. */

#include "types.h"

#ifdef __cplusplus
namespace proxip::abi {
#endif

enum { ABI_ENTRY_TAG_SHIFT = 28, ABI_PAGE_SHIFT = 5, ABI_MIN_BUCKETS = 64 };
enum { ABI_PAGE_BUCKETS = 1 << ABI_PAGE_SHIFT }; /* of 128 bytes: a page of memory */

/* Two keys a connection in buckets of fifteen: 2.7 a bucket when the table is full. That one of 786,432 buckets overflows then has a
 * probability of 2 % (Poisson); the connection that finds it so is refused as in a full table. */
static inline __attribute__((always_inline)) __u32 abi_buckets(__u32 max_connections)
{
	__u32 buckets = max_connections - max_connections / 4;

	buckets = (buckets + ABI_PAGE_BUCKETS - 1) / ABI_PAGE_BUCKETS * ABI_PAGE_BUCKETS;
	return buckets < ABI_MIN_BUCKETS ? (__u32)ABI_MIN_BUCKETS : buckets;
}

static inline __attribute__((always_inline)) __u64 abi_hash_step(__u64 h, __u64 value, __u64 secret)
{
	h = (h ^ value) * (secret | 1);
	return h ^ (h >> 32);
}

/* The lowest bits of the source port: in the byte order of the wire, of a little-endian machine. */
enum { ABI_NEAR_PORTS_BE = (ABI_PAGE_BUCKETS - 1) << 8 };

/* Multiplied by a secret, so that nobody outside can choose tuples that meet in a bucket. What a client chooses stands in the lower
 * halves of the words: a difference in the highest bit would pass a multiplication as it is.
 *
 * Successive source ports of one client (a server that calls the VIP, a proxy, a NAT) come to the same page, each to a bucket of its own: a
 * page that the processor's TLB does not know costs more than the line. */
static inline __attribute__((always_inline)) __u64 abi_tuple_hash(const struct abi_tuple *t, const volatile __u64 *secret)
{
	__u64 rest = ((__u64)t->protocol << 40) | ((__u64)t->family << 32) | ((__u64)t->destination_port_be << 16) |
		     (t->source_port_be & ~ABI_NEAR_PORTS_BE & 0xffff);
	__u64 h = secret[0];

	h = abi_hash_step(h, ((__u64)t->destination.word[0] << 32) | t->source.word[0], secret[1]);
	if (t->family != ABI_IPV4) {
		h = abi_hash_step(h, ((__u64)t->destination.word[1] << 32) | t->source.word[1], secret[2]);
		h = abi_hash_step(h, ((__u64)t->destination.word[2] << 32) | t->source.word[2], secret[1]);
		h = abi_hash_step(h, ((__u64)t->destination.word[3] << 32) | t->source.word[3], secret[2]);
	}
	return abi_hash_step(h, rest, secret[3]) ^ ((t->source_port_be & ABI_NEAR_PORTS_BE) >> 8);
}

static inline __attribute__((always_inline)) __u32 abi_bucket_of(__u64 hash, __u32 buckets)
{
	__u64 chosen = (hash & ((1U << ABI_ENTRY_TAG_SHIFT) - 1)) >> ABI_PAGE_SHIFT;
	__u64 page = (chosen * (buckets / ABI_PAGE_BUCKETS)) >> (ABI_ENTRY_TAG_SHIFT - ABI_PAGE_SHIFT);

	return (__u32)(page * ABI_PAGE_BUCKETS + hash % ABI_PAGE_BUCKETS);
}

static inline __attribute__((always_inline)) __u64 abi_tag_of(__u64 hash)
{
	return hash >> ABI_ENTRY_TAG_SHIFT;
}

/* Never 0, which is a free place. */
static inline __attribute__((always_inline)) __u64 abi_entry(__u64 tag, __u32 slot, __u32 direction)
{
	return (tag << ABI_ENTRY_TAG_SHIFT) | ((__u64)(slot + 1) << 1) | direction;
}

static inline __attribute__((always_inline)) __u32 abi_entry_slot(__u64 entry)
{
	return (__u32)((entry & ((1U << ABI_ENTRY_TAG_SHIFT) - 1)) >> 1) - 1;
}

static inline __attribute__((always_inline)) __u32 abi_entry_direction(__u64 entry)
{
	return entry & 1;
}

#ifdef __cplusplus
} // namespace proxip::abi
#endif

#endif
