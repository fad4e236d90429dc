/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_FORWARD_H
#define PROXIP_FORWARD_H

/* Two ways out. Where both ends can: translate here, redirect. Else leave a mark in front of the frame, let it pass, and the
 * clsact program on the same interface translates and redirects it as an skb (marked.h), before the host's stack sees it. */

#include "translate.h"

enum way { WAY_NONE, WAY_REDIRECT, WAY_MARK };

static __always_inline struct abi_iface *iface_at(__u32 place)
{
	return bpf_map_lookup_elem(&iface, &place);
}

static __always_inline enum way way_out(const struct abi_iface *in, const struct abi_iface *out)
{
	if ((in->flags & ABI_IFACE_REDIRECT_IN) && (out->flags & ABI_IFACE_REDIRECT_OUT))
		return WAY_REDIRECT;
	return WAY_MARK;
}

/* Each data plane has its own: several run side by side, and a mark may come along on a frame of another. */
static __always_inline __u32 mark_magic(void)
{
	__u32 zero = 0;
	struct abi_control *c = bpf_map_lookup_elem(&control, &zero);

	return c ? (__u32)c->hash_seed | 1 : 1;
}

static __always_inline int redirect(struct packet *p, const struct abi_hop *hop, const struct abi_iface *out)
{
	write_macs(p->eth, hop->mac, out->mac);
	return bpf_redirect(out->ifindex, 0);
}

static __always_inline bool leave_mark(struct xdp_md *ctx, const struct abi_mark *mark)
{
	struct abi_mark *place;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*mark)))
		return false;
	place = (void *)(long)ctx->data_meta;
	if ((void *)(place + 1) > (void *)(long)ctx->data)
		return false;
	*place = *mark;
	return true;
}

/* A driver without metadata room: the clsact program is told, and finds the connection by itself. */
static __always_inline int pass_marked(struct xdp_md *ctx, struct abi_iface *in, const struct found *f)
{
	struct abi_mark mark = {
		.magic = mark_magic(),
		.slot = f->slot_id,
		.generation = f->state.generation,
		.kind = f->direction,
	};

	if (unlikely(!leave_mark(ctx, &mark)) && !(in->flags & ABI_IFACE_NO_METADATA))
		WRITE_ONCE(in->flags, in->flags | ABI_IFACE_NO_METADATA);
	return XDP_PASS;
}

/* A frame that is as it shall leave, by whichever way. `place` is that of `out`. */
static __always_inline int send_ready(struct xdp_md *ctx, enum way way, const struct abi_iface *out, __u32 place)
{
	struct abi_mark mark = {.magic = mark_magic(), .slot = place, .kind = ABI_MARK_READY};

	if (way == WAY_REDIRECT)
		return bpf_redirect(out->ifindex, 0);
	if (leave_mark(ctx, &mark))
		return XDP_PASS;
	count(ABI_NO_WAY_OUT);
	return XDP_DROP;
}

#endif
