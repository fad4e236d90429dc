/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_ABI_PERMUTATION_H
#define PROXIP_ABI_PERMUTATION_H

/* A keyed permutation of 0 .. count-1: a Feistel network over the next power of two, walked until it lands inside (Black and
 * Rogaway, "Ciphers with Arbitrary Finite Domains", section 4). With it "all ports in an unguessable order" costs no memory. */

#include <linux/types.h>

#ifdef __cplusplus
namespace proxip::abi {
#endif

static inline __attribute__((always_inline)) __u32 abi_feistel_round(__u32 half, __u32 seed, __u32 round)
{
	__u32 x = (half ^ seed) + round * 0x9e3779b9U;

	x ^= x >> 16;
	x *= 0x7feb352dU;
	x ^= x >> 15;
	x *= 0x846ca68bU;
	x ^= x >> 16;
	return x;
}

static inline __attribute__((always_inline)) __u32 abi_feistel(__u32 x, __u32 bits, __u32 seed)
{
	__u32 low_bits = bits / 2;
	__u32 high_bits = bits - low_bits;
	__u32 low_mask = (1U << low_bits) - 1;
	__u32 high_mask = (1U << high_bits) - 1;
	__u32 low = x & low_mask;
	__u32 high = x >> low_bits;

	for (__u32 round = 0; round < 4; round += 2) {
		high = (high ^ abi_feistel_round(low, seed, round)) & high_mask;
		low = (low ^ abi_feistel_round(high, seed, round + 1)) & low_mask;
	}
	return (high << low_bits) | low;
}

/* 1 <= count <= 65536, index < count. At least every second value of the network lies inside, so a walk of 64 steps that
 * never does has probability 2^-64; the walk is bounded for the verifier's sake. */
static inline __attribute__((always_inline)) __u32 abi_permute(__u32 index, __u32 count, __u32 seed)
{
	__u32 bits = 1;

	for (__u32 i = 1; i < 16; i++)
		if ((1U << bits) < count)
			bits++;
	for (__u32 step = 0; step < 64; step++) {
		index = abi_feistel(index, bits, seed);
		if (index < count)
			return index;
	}
	return index % count;
}

#ifdef __cplusplus
} // namespace proxip::abi
#endif

#endif
