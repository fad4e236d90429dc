/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_SELECT_H
#define PROXIP_SELECT_H

/* Which backend, and from which Proxy IP? Decides and commits nothing (but for round robin's turn), so that explain can ask
 * the same question. Everything is read from one half of the configuration. */

#include "match.h"
#include "ports.h"

static __always_inline __u32 hash_client(const struct abi_tuple *t, bool with_port)
{
	__u32 zero = 0;
	struct abi_control *c = bpf_map_lookup_elem(&control, &zero);
	__u64 h = c ? c->hash_seed : 0;

	h = mix(h, (__u64)t->source.word[0] << 32 | t->source.word[1]);
	h = mix(h, (__u64)t->source.word[2] << 32 | t->source.word[3]);
	if (with_port)
		h = mix(h, (__u64)t->source_port_be << 32 | (__u64)t->destination_port_be << 16 | t->protocol);
	return mix(h, h >> 29);
}

/* 0 .. count-1 from 32 well-mixed bits, without a division. */
static __always_inline __u32 scale(__u32 hash, __u32 count)
{
	return ((__u64)hash * count) >> 32;
}

static __always_inline __u32 next_turn(__u32 service_id, __u32 count)
{
	struct abi_service_live *live = bpf_map_lookup_elem(&service_live, &service_id);

	if (!live)
		return 0;
	return (dry_run ? READ_ONCE(live->next_turn) : __sync_fetch_and_add(&live->next_turn, 1)) % count;
}

/* Which of the service's backends stands at that position of its schedule. */
static __always_inline __u32 place_at(const struct abi_service *s, __u32 half, __u32 position)
{
	void *table = bpf_map_lookup_elem(&lookup, &half);
	__u32 entry = s->lookup_first + position;
	__u32 block_key = entry / ABI_LOOKUP_BLOCK;
	struct abi_lookup_block *block = table ? bpf_map_lookup_elem(table, &block_key) : NULL;

	return block ? block->backend[entry % ABI_LOOKUP_BLOCK] : 0;
}

static __always_inline struct abi_backend *backend_in(const struct abi_service *s, __u32 half, __u32 place)
{
	__u32 key = half * ABI_MAX_BACKENDS + s->backend_first + place;

	return place < s->backend_count ? bpf_map_lookup_elem(&backend, &key) : NULL;
}

/* Two counters that other CPUs move: what closed between the two readings is not fewer than none. */
static __always_inline __u64 live_of(const __u64 *opened, const __u64 *closed)
{
	__u64 ended = READ_ONCE(*closed);
	__s64 live = READ_ONCE(*opened) - ended;

	return live > 0 ? live : 0;
}

static __always_inline __u64 live_on(__u32 binding_id)
{
	struct abi_binding_live *live = bpf_map_lookup_elem(&binding_live, &binding_id);

	return live ? live_of(&live->opened, &live->closed) : 0;
}

static __always_inline bool takes_one_more(const struct abi_backend *b)
{
	return b->weight && (!b->max_connections || live_on(b->binding) < b->max_connections);
}

#define SECOND_CHOICES 4 /* a second draw is often the first one's backend where there are few */

/* Two choices by weight, and the one with fewer connections for its weight (Mitzenmacher, "The Power of Two Choices"). */
static __noinline int less_loaded(const struct abi_service *s, __u32 half, __u32 hash)
{
	__u32 one = place_at(s, half, scale(hash, s->lookup_count)), other = one;
	struct abi_backend *a, *b;

	for (int draw = 0; draw < SECOND_CHOICES && other == one; draw++) {
		hash = mix(hash, draw + 1);
		other = place_at(s, half, scale(hash, s->lookup_count));
	}
	a = backend_in(s, half, one);
	b = backend_in(s, half, other);
	if (!a || !b)
		return one;
	return live_on(b->binding) * a->weight < live_on(a->binding) * b->weight ? other : one;
}

static __always_inline __u32 scheduled(const struct abi_service *s, __u32 half, __u32 service_id, const struct abi_tuple *t)
{
	__u32 count = s->lookup_count;
	__u32 hash = hash_client(t, s->scheduler == ABI_MAGLEV || s->scheduler == ABI_LEAST_CONNECTIONS);

	if (s->scheduler == ABI_ROUND_ROBIN)
		return place_at(s, half, next_turn(service_id, count));
	if (s->scheduler == ABI_LEAST_CONNECTIONS)
		return less_loaded(s, half, hash);
	return place_at(s, half, scale(hash, count));
}

struct backend_search {
	__u32 first; /* within both halves */
	__u32 count;
	__u32 at;
	__u32 binding; /* this one; with `any`, whichever takes one more */
	__u32 any;
	__u32 place;
	__u32 found;
};

static long try_backend(__u32 step, void *context)
{
	struct backend_search *search = context;
	__u32 place = search->at + step;
	struct abi_backend *b;
	__u32 key;

	if (place >= search->count)
		place -= search->count;
	key = search->first + place;
	b = bpf_map_lookup_elem(&backend, &key);
	if (!b || !(search->any ? takes_one_more(b) : b->binding == search->binding))
		return 0;
	search->place = place;
	search->found = 1;
	return 1;
}

static __always_inline bool search_backend(const struct abi_service *s, __u32 half, struct backend_search *search)
{
	search->first = half * ABI_MAX_BACKENDS + s->backend_first;
	search->count = s->backend_count;
	bpf_loop(search->count, try_backend, search, 0);
	return search->found;
}

static __always_inline struct abi_client *client_key(const struct abi_tuple *t, __u32 service_id)
{
	struct scratch *w = work_space();

	if (w)
		w->client_key = (struct abi_client){.address = t->source, .service = service_id};
	return w ? &w->client_key : NULL;
}

/* Where the client went last, if that is still a backend of the service and takes one more. */
static __noinline int remembered(const struct abi_tuple *t, const struct abi_service *s, struct choice *c)
{
	struct abi_client *key = client_key(t, c->service_id);
	struct abi_went_to *to = key ? bpf_map_lookup_elem(&affinity, key) : NULL;
	struct backend_search search = {};
	struct abi_backend *b;

	if (!to || (__s32)(now_ticks() - to->until) > 0)
		return 0;
	search.binding = to->binding;
	c->place = to->place;
	b = backend_in(s, c->half, c->place);
	if (!b || b->binding != search.binding) { /* the list of backends is another one now */
		if (!search_backend(s, c->half, &search))
			return 0;
		c->place = search.place;
		b = backend_in(s, c->half, c->place);
	}
	return b && takes_one_more(b);
}

static __always_inline void remember(const struct abi_tuple *t, const struct abi_service *s, const struct choice *c)
{
	struct abi_client *key = client_key(t, c->service_id);
	struct abi_went_to to = {.binding = c->binding, .place = c->place, .until = now_ticks() + s->affinity};

	if (key)
		bpf_map_update_elem(&affinity, key, &to, BPF_ANY);
}

static __always_inline bool in_prefix(const struct abi_address *a, const struct abi_address *b, __u32 length)
{
	for (int i = 0; i < 4; i++) {
		__u32 bits = length > 32 ? 32 : length;
		__u32 mask = bits ? bpf_htonl(0xffffffffU << (32 - bits)) : 0;

		if ((a->word[i] ^ b->word[i]) & mask)
			return false;
		length -= bits;
	}
	return true;
}

/* The client's address may stay only where the answer comes back by itself. */
static __always_inline enum abi_snat_reason snat_reason(const struct abi_service *s, const struct abi_endpoint *e,
							 const struct abi_address *client)
{
	if (s->snat == ABI_SNAT_MODE_ALWAYS)
		return ABI_SNAT_ALWAYS;
	if (s->snat == ABI_SNAT_MODE_NEVER)
		return ABI_SNAT_NONE;
	if (!(e->flags & ABI_ENDPOINT_INLINE))
		return ABI_SNAT_OFF_PATH;
	return in_prefix(client, &e->address, e->inline_prefix) ? ABI_SNAT_HAIRPIN : ABI_SNAT_NONE;
}

struct source_search {
	__u32 first; /* within both halves */
	__u32 count;
	__u32 at;
	__u32 proxy;
	__u32 ring;
	__u32 found;
};

static long try_source(__u32 step, void *context)
{
	struct source_search *search = context;
	__u32 place = search->at + step;
	struct abi_source *candidate;
	struct abi_ring *r;

	if (place >= search->count)
		place -= search->count;
	place += search->first;
	candidate = bpf_map_lookup_elem(&source, &place);
	if (!candidate)
		return 1;
	r = bpf_map_lookup_elem(&ring, &candidate->ring);
	if (!r || !ring_has_port(r))
		return 0;
	search->proxy = candidate->proxy;
	search->ring = candidate->ring;
	search->found = 1;
	return 1;
}

/* A client stays on one Proxy IP as long as that has a port for it (RFC 4787 REQ-2). */
static __always_inline bool choose_source(struct choice *c, const struct abi_tuple *t)
{
	struct source_search search = {
		.first = c->half * ABI_MAX_SOURCES + c->source_first,
		.count = c->source_count,
		.at = scale(hash_client(t, false), c->source_count),
	};

	if (!c->source_count)
		return false;
	try_source(0, &search);
	if (!search.found)
		bpf_loop(search.count, try_source, &search, 0);
	c->proxy = search.proxy;
	c->ring = search.ring;
	return search.found;
}

/* 0, or a drop reason. */
static __always_inline int choose_backend(struct choice *c, const struct abi_service *s, const struct abi_tuple *t)
{
	struct backend_search free = {.any = 1};
	struct abi_backend *chosen;
	struct abi_endpoint *e;

	if (!s->lookup_count)
		return ABI_NO_BACKEND;
	if (!s->affinity || !remembered(t, s, c))
		c->place = scheduled(s, c->half, c->service_id, t);
	chosen = backend_in(s, c->half, c->place);
	if (!chosen)
		return ABI_NO_BACKEND;
	if (unlikely(chosen->max_connections) && !takes_one_more(chosen)) {
		free.at = c->place;
		if (!search_backend(s, c->half, &free))
			return ABI_BACKENDS_FULL;
		c->place = free.place;
		chosen = backend_in(s, c->half, c->place);
	}
	e = chosen ? bpf_map_lookup_elem(&endpoint, &chosen->endpoint) : NULL;
	if (!e)
		return ABI_NO_BACKEND;
	c->binding = chosen->binding;
	c->endpoint = chosen->endpoint;
	c->source_first = chosen->source_first;
	c->source_count = chosen->source_count;
	c->snat_reason = snat_reason(s, e, &t->source);
	return 0;
}

#endif
