/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_CHECKSUM_H
#define PROXIP_CHECKSUM_H

/* Internet checksums (RFC 1071, incremental: RFC 1624 equation 3). Sums are 64-bit accumulators of 16- and 32-bit words as
 * they stand in memory; folding makes them one. */

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi/types.h"
#include "config.h"
#include "maps.h"

static __always_inline __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of a sum that needs no more than 32 bits. */
static __always_inline __u16 csum_fold32(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return sum + (sum >> 16);
}

/* Does `sum`, which is not 0, fold to `folded`? 65535 is odd, and 2^16 is 1 modulo 65535: what folds to the same differs by a multiple of it, and a
 * multiple of an odd number is recognised by one multiplication (Granlund and Montgomery 1994, section 9). */
static __always_inline bool csum_folds_to(__u64 sum, __u16 folded)
{
	const __u64 inverse = 0xfffefffefffeffffULL, most = ~0ULL / 0xffff;

	return folded && (sum + 0xffff - folded) * inverse <= most;
}

static __always_inline __u64 csum_address(const struct abi_address *a)
{
	return (__u64)a->word[0] + a->word[1] + a->word[2] + a->word[3];
}

/* What must be added to a checksum when `was` becomes `is`. */
static __always_inline __u64 csum_change(__u64 was, __u64 is)
{
	return (__u16)~csum_fold(was) + is;
}

static __always_inline __u16 csum_apply(__u16 checksum, __u64 change)
{
	return ~csum_fold((__u16)~checksum + change);
}

/* The same for a sum of some words of 16 bits. */
static __always_inline __u16 csum_apply32(__u16 checksum, __u32 change)
{
	return ~csum_fold32((__u16)~checksum + change);
}

static __always_inline __u64 csum_addresses(const struct abi_tuple *t)
{
	if (likely(t->family == ABI_IPV4))
		return (__u64)t->source.word[0] + t->destination.word[0];
	return csum_address(&t->source) + csum_address(&t->destination);
}

/* Of the pseudo-header (RFC 9293 section 3.1), without the addresses. */
static __always_inline __u64 csum_rest(__u8 protocol, __u32 l4_bytes)
{
	return bpf_htons(protocol) + bpf_htons(l4_bytes);
}

static __always_inline __u64 csum_pseudo(const struct abi_tuple *t, __u32 l4_bytes)
{
	return csum_addresses(t) + csum_rest(t->protocol, l4_bytes);
}

static __always_inline __u64 tuple_sum(const struct abi_tuple *t)
{
	return csum_addresses(t) + t->source_port_be + t->destination_port_be;
}

/* What a translation adds to the checksums, each folded. */
struct csum_changes {
	__u16 l4;
	__u16 ip;
};

static __always_inline struct csum_changes changes_between(const struct abi_tuple *was, const struct abi_tuple *is)
{
	return (struct csum_changes){
		.l4 = csum_fold(csum_change(tuple_sum(was), tuple_sum(is))),
		.ip = csum_fold(csum_change(csum_addresses(was), csum_addresses(is))),
	};
}

/* By constant steps that the verifier can follow: at most 512 bytes at once, which is what bpf_csum_diff() takes on 6.1. The
 * offset is a scalar and the pointer is made anew for each step, so that the steps' states look alike and are pruned. */
#define CSUM_STEP(size)                                                         \
	if (left >= (size)) {                                                   \
		void *at = (void *)(long)ctx->data + (offset & 0x3fff);         \
                                                                                \
		if (at + (size) > (void *)(long)ctx->data_end)                  \
			return -1;                                              \
		sum = (__u32)bpf_csum_diff(NULL, 0, at, (size), sum);           \
		offset += (size);                                               \
		left -= (size);                                                 \
	}

#define CSUM_BLOCKS 18 /* 9,216 bytes */

/* The same where part of the frame is out of reach: copied piece by piece. */
__noinline int csum_pieces(struct xdp_md *ctx, __u32 offset, __u32 left)
{
	struct scratch *w = work_space();
	__u32 sum = 0;

	if (!w)
		return -1;
	for (int i = 0; i < CSUM_BLOCKS && left >= sizeof(w->piece); i++) {
		if (bpf_xdp_load_bytes(ctx, offset, w->piece, sizeof(w->piece)))
			return -1;
		sum = (__u32)bpf_csum_diff(NULL, 0, (void *)w->piece, sizeof(w->piece), sum);
		offset += sizeof(w->piece);
		left -= sizeof(w->piece);
	}
	if (left >= sizeof(w->piece))
		return -1;
	if (left) {
		for (int i = 0; i < (int)sizeof(w->piece) / 8; i++)
			((__u64 *)w->piece)[i] = 0;
		left--; /* 6.1 does not see that it is not 0 */
		asm volatile("" : "+r"(left));
		if (bpf_xdp_load_bytes(ctx, offset, w->piece, (left & (sizeof(w->piece) - 1)) + 1))
			return -1;
		sum = (__u32)bpf_csum_diff(NULL, 0, (void *)w->piece, sizeof(w->piece), sum);
	}
	return csum_fold(sum);
}

/* Global: verified on its own. The folded sum of `left` bytes from `offset` of the frame on, or -1. */
__noinline int csum_frame(struct xdp_md *ctx, __u32 offset, __u32 left)
{
	__u32 sum = 0;
	__u64 tail = 0;
	__u8 *last;

	if ((void *)(long)ctx->data + offset + left > (void *)(long)ctx->data_end)
		return csum_pieces(ctx, offset, left);
	for (int i = 0; i < CSUM_BLOCKS && left >= 512; i++)
		CSUM_STEP(512)
	if (left >= 512)
		return -1;
	CSUM_STEP(256)
	CSUM_STEP(128)
	CSUM_STEP(64)
	CSUM_STEP(32)
	CSUM_STEP(16)
	CSUM_STEP(8)
	CSUM_STEP(4)
	last = (void *)(long)ctx->data + (offset & 0x3fff);
	if (left >= 2) {
		if ((void *)(last + 2) > (void *)(long)ctx->data_end)
			return -1;
		tail = *(__u16 *)last;
		last += 2;
		left -= 2;
	}
	if (left) {
		if ((void *)(last + 1) > (void *)(long)ctx->data_end)
			return -1;
		tail += bpf_htons(*last << 8);
	}
	return csum_fold((__u64)sum + tail);
}

#endif
