/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_JUDGE_H
#define PROXIP_JUDGE_H

/* Can this packet leave? TTL, next hop and MTU, before anything is touched: what cannot leave is answered as it came. */

#include "forward.h"

struct passage {
	struct abi_hop hop;
	struct abi_iface *out;
	enum way way;
};

/* 0, or a drop reason. */
static __always_inline enum abi_reason judge(const struct packet *p, struct abi_hop hop, struct passage *to)
{
	if (unlikely(hops_left(p) <= 1))
		return ABI_TTL_EXPIRED;
	to->hop = hop;
	to->out = iface_at(hop.iface);
	if (unlikely(!to->out || !hop.iface || !(to->out->flags & ABI_IFACE_USED)))
		return ABI_NO_NEXT_HOP;
	to->way = way_out(p->in, to->out);
	/* Generic XDP sees what GRO or a local sender put together, larger than any MTU: there the clsact program judges. */
	if (unlikely(p->ip_bytes > to->out->mtu) && (p->in->flags & ABI_IFACE_REDIRECT_IN))
		return ABI_TOO_BIG;
	return 0;
}

/* Must this packet of an existing connection begin a new one? A SYN on a closed tuple does (RFC 9293 section 3.6.1), and so does
 * what a backend that died has not answered. A backend that is drained or removed keeps what it has. */
static __always_inline bool begins_anew(const struct packet *p, const struct found *f)
{
	bool is_syn = (p->tcp_flags & (ABI_TCP_SYN | ABI_TCP_ACK)) == ABI_TCP_SYN;
	struct abi_binding *b;

	if (likely(f->state.state == ABI_ESTABLISHED || f->state.state == ABI_CLOSING) || f->direction != ABI_ORIGINAL)
		return false;
	if (f->state.state == ABI_CLOSED)
		return is_syn;
	if (f->state.state == ABI_SYN && !is_syn)
		return false;
	b = bpf_map_lookup_elem(&binding, &f->slot->binding);
	return b && (b->flags & ABI_BINDING_DOWN);
}

#endif
