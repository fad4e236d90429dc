/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_ABI_TCP_H
#define PROXIP_ABI_TCP_H

/* The life of a connection: the table of its states, and the one function that moves a TCP connection between them.
 * A function of values, so that unit tests run the very code that the kernel runs. */

#include "types.h"

#ifdef __cplusplus
namespace proxip::abi {
#endif

/*      symbol       name as shown and as the key of idle_timeout */
#define ABI_SHOWN_STATES(STATE)             \
	STATE(ABI_SYN, "syn")                 \
	STATE(ABI_ESTABLISHED, "established") \
	STATE(ABI_CLOSING, "closing")         \
	STATE(ABI_CLOSED, "closed")           \
	STATE(ABI_UDP, "udp")

enum abi_tcp_flags {
	ABI_TCP_FIN = 1 << 0,
	ABI_TCP_SYN = 1 << 1,
	ABI_TCP_RST = 1 << 2,
	ABI_TCP_ACK = 1 << 4,
};

static inline int abi_is_live(__u8 state)
{
	return state == ABI_SYN || state == ABI_ESTABLISHED || state == ABI_CLOSING || state == ABI_UDP;
}

/* Live, or closed and still translated. */
static inline int abi_has_mapping(__u8 state)
{
	return abi_is_live(state) || state == ABI_CLOSED;
}

/* A connection that was reset goes on when its resetter does: a host that meant its RST sends nothing after it, so the RST was
 * forged or refused (RFC 5961 section 3). One packet may still have been overtaken by the RST, therefore CLOSING first, and
 * ESTABLISHED only when the other side goes on as well. */
static inline struct abi_conn_word abi_tcp_after_reset(struct abi_conn_word word, int from_client)
{
	__u8 own_reset = from_client ? ABI_CONN_RST_CLIENT : ABI_CONN_RST_BACKEND;
	__u8 other_reset = from_client ? ABI_CONN_RST_BACKEND : ABI_CONN_RST_CLIENT;

	if (word.state == ABI_CLOSED && (word.flags & own_reset)) {
		word.state = ABI_CLOSING;
	} else if (word.state == ABI_CLOSING && (word.flags & other_reset)) {
		word.flags = (__u8)(word.flags & ~(ABI_CONN_RST_CLIENT | ABI_CONN_RST_BACKEND));
		if (!(word.flags & (ABI_CONN_FIN_CLIENT | ABI_CONN_FIN_BACKEND)))
			word.state = ABI_ESTABLISHED;
	}
	return word;
}

/* The state after a packet. `from_client`: original direction. */
static inline struct abi_conn_word abi_tcp_next(struct abi_conn_word word, int from_client, __u8 tcp_flags)
{
	const __u8 both_fins = ABI_CONN_FIN_CLIENT | ABI_CONN_FIN_BACKEND;

	if (tcp_flags & ABI_TCP_RST) {
		/* The client refuses a challenge ACK of the port's former connection; its next SYN must find this mapping
		 * (RFC 7857 section 2.2). */
		if (from_client && word.state == ABI_SYN && !(word.flags & ABI_CONN_REPLIED))
			return word;
		if (word.state != ABI_CLOSED)
			word.flags = (__u8)(word.flags | (from_client ? ABI_CONN_RST_CLIENT : ABI_CONN_RST_BACKEND));
		word.state = ABI_CLOSED;
		return word;
	}
	if (word.flags & (ABI_CONN_RST_CLIENT | ABI_CONN_RST_BACKEND))
		return abi_tcp_after_reset(word, from_client);

	if (word.state == ABI_SYN) {
		if (!from_client && (tcp_flags & ABI_TCP_SYN) && (tcp_flags & ABI_TCP_ACK))
			word.flags |= ABI_CONN_REPLIED;
		else if (from_client && !(tcp_flags & ABI_TCP_SYN) && (word.flags & ABI_CONN_REPLIED))
			word.state = ABI_ESTABLISHED;
	}
	if (word.state != ABI_SYN && word.state != ABI_ESTABLISHED && word.state != ABI_CLOSING)
		return word;

	if (tcp_flags & ABI_TCP_FIN) {
		if (!from_client && !(word.flags & both_fins))
			word.flags |= ABI_CONN_BACKEND_FIRST;
		word.flags = (__u8)(word.flags | (from_client ? ABI_CONN_FIN_CLIENT : ABI_CONN_FIN_BACKEND));
		word.state = ABI_CLOSING;
	} else if ((word.flags & both_fins) == both_fins && from_client == !(word.flags & ABI_CONN_BACKEND_FIRST)) {
		word.state = ABI_CLOSED; /* the first to close acknowledges the other's FIN */
	}
	return word;
}

#ifdef __cplusplus
} // namespace proxip::abi
#endif

#endif
