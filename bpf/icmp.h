/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_ICMP_H
#define PROXIP_ICMP_H

/* ICMP errors about packets of connections, on their way to whoever sent those packets (RFC 5508 section 4, RFC 4443). What they
 * quote went out through us, so its tuple turned round is the key of a packet that comes in here: the direction that the error
 * takes itself. Both packets are translated as that direction's are; the state and the timer are left alone. */

#include "judge.h"
#include "refuse.h"

static __always_inline bool is_icmp_error(const struct packet *p)
{
	struct icmphdr *icmp = l4_header(p, sizeof(*icmp));

	if (!icmp)
		return false;
	if (p->tuple.family == ABI_IPV6)
		return icmp->type <= ICMP6_LAST_ERROR;
	return icmp->type == ICMP_DEST_UNREACH || icmp->type == ICMP_TIME_EXCEEDED || icmp->type == ICMP_PARAMETER_PROBLEM;
}

static __always_inline void turn_round(struct abi_tuple *t)
{
	struct abi_address source = t->source;
	__u16 port = t->source_port_be;

	t->source = t->destination;
	t->destination = source;
	t->source_port_be = t->destination_port_be;
	t->destination_port_be = port;
}

#define QUOTED_L4_BYTES 8 /* at least (RFC 792) */

/* `q`: the quoted packet, where it lies; its tuple turned round, and as much of its L4 as is quoted: the frame may go on behind
 * the quote. False: quoted is nothing that we can have sent, or not to who is told. */
static __noinline bool find_quoted(struct packet *p, struct packet *q)
{
	struct icmphdr *icmp = l4_header(p, sizeof(*icmp));
	__u32 before;
	__be16 *ports;

	if (!icmp)
		return false;
	q->end = p->end;
	q->ip = (void *)(icmp + 1);
	if (p->tuple.family == ABI_IPV4) {
		if ((void *)(q->ip + 1) > q->end || !locate_ipv4(q))
			return false;
	} else if (locate_ipv6(q)) {
		return false;
	}
	ports = l4_header(q, QUOTED_L4_BYTES);
	before = sizeof(struct icmphdr) + q->l4_offset;
	if (!ports || q->fragment == FRAGMENT_LATER || p->l4_bytes < before + QUOTED_L4_BYTES ||
	    (q->tuple.protocol != IPPROTO_TCP && q->tuple.protocol != IPPROTO_UDP))
		return false;
	q->tuple.source_port_be = ports[0];
	q->tuple.destination_port_be = ports[1];
	q->l4_bytes = p->l4_bytes - before;
	turn_round(&q->tuple);
	return same_address(&q->tuple.destination, &p->tuple.destination);
}

/* RFC 5508 REQ-3: the ICMP checksum and the quoted IP header's are right; the quoted L4 checksum cannot be told. */
static __noinline bool is_sound(struct xdp_md *ctx, const struct packet *p, const struct packet *q)
{
	int sum = csum_frame(ctx, l4_in_frame(p), p->l4_bytes);

	if (sum < 0)
		return false;
	if (p->tuple.family == ABI_IPV6)
		return csum_fold(sum + answer_pseudo(&p->tuple, p->l4_bytes, IPPROTO_ICMPV6)) == 0xffff;
	if ((__u16)sum != 0xffff)
		return false;
	sum = csum_frame(ctx, l4_in_frame(p) + sizeof(struct icmphdr), q->l4_offset);
	return sum == 0xffff;
}

/* The change of the quoted packet, as the ICMP checksum sees it. `to`: as the packet that it answers would leave. */
static __always_inline __u64 translate_quoted(struct packet *q, const struct abi_tuple *to)
{
	__u64 change = csum_change(tuple_sum(&q->tuple), tuple_sum(to));
	bool udp = q->tuple.protocol == IPPROTO_UDP;
	__u32 check_at = udp ? offsetof(struct udphdr, check) : offsetof(struct tcphdr, check);
	__be16 *ports = l4_header(q, QUOTED_L4_BYTES);
	__u16 *check = l4_checksum(q);
	__u16 was;

	if (!ports)
		return 0;
	ports[0] = to->destination_port_be;
	ports[1] = to->source_port_be;
	if (check && check_at + sizeof(*check) <= q->l4_bytes && !(udp && *check == 0)) {
		was = *check;
		*check = csum_apply(was, csum_change(tuple_sum(&q->tuple), tuple_sum(to)));
		if (udp && *check == 0)
			*check = 0xffff;
		change += csum_change(was, *check);
	}
	if (q->tuple.family == ABI_IPV4) {
		if ((void *)(q->ip + 1) > q->end)
			return 0;
		was = q->ip->check;
		q->ip->saddr = to->destination.word[0];
		q->ip->daddr = to->source.word[0];
		q->ip->check = csum_apply(was, csum_change(csum_address(&q->tuple.source) + csum_address(&q->tuple.destination),
							   csum_address(&to->source) + csum_address(&to->destination)));
		change += csum_change(was, q->ip->check);
	} else {
		if ((void *)(q->ip6 + 1) > q->end)
			return 0;
		memcpy(&q->ip6->saddr, &to->destination, sizeof(q->ip6->saddr));
		memcpy(&q->ip6->daddr, &to->source, sizeof(q->ip6->daddr));
	}
	return change;
}

/* The error says that it comes from the end that the receiver knows: the VIP, or the Proxy IP. Where the client's address is
 * kept, its network is no secret, and who speaks stays. */
static __noinline bool translate_error(struct packet *p, struct packet *q, const struct found *f)
{
	struct scratch *w = work_space();
	struct icmphdr *icmp = l4_header(p, sizeof(*icmp));
	struct leaving leaving;
	__u64 change;

	if (!w || !icmp)
		return false;
	rewrite_of(f, &w->quoted);
	if (!conn_unchanged(f))
		return false;
	w->leaving = w->quoted;
	if (f->direction == ABI_ORIGINAL && !f->proxy)
		w->leaving.source = p->tuple.source;
	change = translate_quoted(q, &w->quoted);
	if (p->tuple.family == ABI_IPV6)
		change += csum_change(csum_address(&p->tuple.source) + csum_address(&p->tuple.destination),
				      csum_address(&w->leaving.source) + csum_address(&w->leaving.destination));
	icmp->checksum = csum_apply(icmp->checksum, change);
	leaving = leaving_as(&w->leaving);
	return translate_ip(p, &leaving, changes_between(&p->tuple, &w->leaving).ip);
}

/* 0: forwarded, `to` says by which way; else a drop reason, ABI_ICMP_UNMATCHED when it is about none of our connections. */
static __noinline int pass_error(struct xdp_md *ctx, struct packet *p, struct passage *to)
{
	struct packet q = {};
	struct found f = {};
	int reason;

	if (!find_quoted(p, &q) || !conn_find(&q.tuple, &f))
		return ABI_ICMP_UNMATCHED;
	if (!is_sound(ctx, p, &q))
		return ABI_ICMP_INVALID;
	reason = judge(p, hop_of(&f), to);
	if (reason)
		return reason; /* no errors about errors (RFC 1122 section 3.2.2) */
	if (dry_run)
		return 0;
	return translate_error(p, &q, &f) ? 0 : ABI_TRANSLATE;
}

#endif
