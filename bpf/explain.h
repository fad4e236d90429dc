/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_EXPLAIN_H
#define PROXIP_EXPLAIN_H

/* What a dry run found out, for `explain`. The verifier removes all of this from the live programs. */

#include "judge.h"

static __always_inline struct abi_decision *dry_decision(void)
{
	__u32 zero = 0;

	return dry_run ? bpf_map_lookup_elem(&decision, &zero) : NULL;
}

static __always_inline void note_service(__u32 service_id)
{
	struct abi_decision *d = dry_decision();

	if (!d)
		return;
	d->has_service = 1;
	d->service = service_id;
}

static __always_inline void note_backend(const struct choice *c)
{
	struct abi_decision *d = dry_decision();

	if (!d)
		return;
	d->has_backend = 1;
	d->endpoint = c->endpoint;
	d->snat_reason = c->snat_reason;
}

static __always_inline void note_proxy(__u32 proxy_id, __u16 port_be)
{
	struct abi_decision *d = dry_decision();

	if (!d)
		return;
	d->has_proxy = 1;
	d->proxy = proxy_id;
	d->proxy_port_be = port_be;
}

static __always_inline void note_connection(const struct found *f)
{
	struct abi_decision *d = dry_decision();

	if (!d)
		return;
	d->known = 1;
	d->direction = f->direction;
	d->slot = f->slot_id;
	d->generation = f->state.generation;
	d->has_service = 1;
	d->service = f->slot->service;
	d->has_backend = 1;
	d->endpoint = f->slot->endpoint;
	d->snat_reason = f->slot->snat_reason;
	if (f->proxy)
		note_proxy(f->slot->proxy, f->slot->proxy_port_be);
}

static __always_inline void note_verdict(enum abi_verdict verdict, enum abi_reason reason, enum abi_answer answer)
{
	struct abi_decision *d = dry_decision();

	if (!d)
		return;
	d->verdict = verdict;
	d->reason = reason;
	d->answer = answer;
}

static __always_inline void note_passage(const struct passage *to)
{
	struct abi_decision *d = dry_decision();

	if (!d)
		return;
	d->hop = to->hop;
	d->via_tc = to->way == WAY_MARK;
}

#endif
