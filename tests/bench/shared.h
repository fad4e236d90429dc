/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_BENCH_SHARED_H
#define PROXIP_BENCH_SHARED_H

/* What the bench's programs and the bench share. Addresses, ports and checksums are in wire order. Without a namespace, since
 * bpftool's skeleton names these types as C does. */

#include <linux/types.h>

enum { BENCH_HEADER_BYTES = 42, BENCH_HEADER6_BYTES = 62 }; /* Ethernet, IPv4 or IPv6, UDP */

/* What differs from packet to packet; the checksums are of the finished frame. Of IPv6's addresses the last word: all are of one /96. */
struct bench_flow {
	__u32 source;
	__u32 destination;
	__u16 source_port;
	__u16 destination_port;
	__u16 ip_check;
	__u16 udp_check;
};

struct bench_expect { /* what a frame must look like when it reaches the far end */
	__u32 source;
	__u32 source_mask;
	__u32 destination;
	__u32 destination_mask;
};

struct bench_arrivals {
	__u64 expected; /* counted, as they should be */
	__u64 other;    /* anything else that came */
};

#endif
