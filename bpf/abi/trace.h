/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_ABI_TRACE_H
#define PROXIP_ABI_TRACE_H

/* What the tracer (trace.bpf.c) and the agent share. Both are of one build: nothing of it outlives the agent. Byte order as in
 * types.h. */

#include "reasons.h"
#include "types.h"

#ifdef __cplusplus
namespace proxip::abi {
#endif

enum {
	ABI_TRACE_MAX_SNAPLEN = 9216, /* two frames of it, and what is told of them, are a per-CPU value of less than 32 KiB */
	ABI_TRACE_MIN_SNAPLEN = 128,  /* every header that is looked at */
	ABI_TRACE_RING_BYTES = 4 << 20,
	ABI_TRACERS = 4,              /* traces at a time: each wraps the next one */
	ABI_TRACE_WINDOWS = 10, /* a second, that the limit is divided by */
};

/* What must hold, all of it. Zero: anything. */
struct abi_trace_filter {
	struct abi_address client;
	struct abi_address backend;
	struct abi_address host;
	struct abi_address vip; /* the service's, for packets that have no connection */
	__u32 service;          /* index of `vip` */
	__u16 client_port_be;
	__u16 backend_port_be;
	__u16 port_be;
	__u16 vip_first_port; /* host order; with the last one 0: every port */
	__u16 vip_last_port;
	__u8 client_family; /* 0: the address is not asked for; likewise below */
	__u8 backend_family;
	__u8 host_family;
	__u8 vip_family; /* 0: no service is asked for */
	__u8 vip_protocol;
	__u8 protocol;
	__u8 drops;
};

enum abi_trace_mark {
	ABI_TRACE_NOT_MARKED = 0,
	ABI_TRACE_READY,     /* the clsact program sends it as it is */
	ABI_TRACE_TO_CLSACT, /* it translates it: `out` is what will come of it, and its bytes are not there */
	ABI_TRACE_LEFT,      /* as it left then: `out` and its bytes alone */
};

/* A packet, and behind it `captured` bytes as it came and `out_captured` as it left. */
struct abi_traced {
	__u64 ns; /* CLOCK_MONOTONIC, when it left the program */
	__u64 reasons; /* those that were counted, by id */
	struct abi_tuple in;
	struct abi_tuple out; /* family 0: nothing left */
	struct abi_hop hop;   /* of the connection, in this direction; iface 0: none */
	__u32 ifindex;
	__u32 verdict; /* XDP_* */
	__u32 length;  /* of the frame on the wire */
	__u32 out_length;
	__u32 captured;
	__u32 out_captured;
	__u32 service; /* with `known` */
	__u16 ethertype_be;
	__u8 known;     /* it has a connection now */
	__u8 known_before;
	__u8 direction; /* enum abi_direction */
	__u8 tcp_flags;
	__u8 marked; /* enum abi_trace_mark */
	__u8 pad0;
};

ABI_ASSERT(ABI_REASON_COUNT <= 64);
ABI_ASSERT(sizeof(struct abi_traced) == 8 + 8 + 40 + 40 + 8 + 7 * 4 + 2 + 6 + 4);

#ifdef __cplusplus
} // namespace proxip::abi
#endif

#endif
