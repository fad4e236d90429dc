/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */

/* lbctl trace: what the packet programs did with a packet. Two programs of its own, in front of the packet programs only while
 * somebody traces: the packet programs are never changed, and cost nothing more when nobody does.
 *
 *   trace_gate    what the hook runs then. It hands on to the first tracer, or to the fast program when there is none
 *   trace_packet  looks at the packet, has it carried out, and looks at it again
 *   trace_leaving for a capture file: frames as the clsact program sends them
 *
 * "Has it carried out" is a tail call from a subprogram: what is called takes the place of the subprogram alone, and so does what
 * it calls in turn, so that the verdict of whichever program ended the walk comes back here. (fentry and fexit would do the same,
 * but need to patch the kernel's text, which some kernels do not let.) Why a packet was dropped is what was counted between the two
 * looks: a packet stays on its CPU, and the counters are per CPU.
 *
 * `tracers` is the agent's own, and not pinned: when the agent goes, however it does, the kernel empties it. Of a trace whose agent
 * was killed remains the gate, two tail calls long, until the next agent puts its own program on the hook.
 */

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "abi/bucket.h"
#include "abi/limits.h"
#include "abi/tcp.h"
#include "abi/trace.h"
#include "wire.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum { TCX_NEXT = -1 }; /* 6.6's; TC_ACT_UNSPEC */

const volatile struct abi_trace_filter filter = {};
const volatile __u32 snaplen = 256;
const volatile __u32 window_limit = 1000; /* packets in a window of 1/ABI_TRACE_WINDOWS s */
const volatile __u32 mark_magic = 0;
const volatile __u32 max_connections = 1;
const volatile __u64 table_secret[4] = {}; /* the data plane's (config.h) */

const volatile __u32 place = 0; /* in `tracers`: those behind it come after it */

/* ---- the data plane's tables, read only; sizes are taken from them ---- */

#define SHARED_ARRAY(name, map_type, value_type, flags) \
	struct {                                        \
		__uint(type, map_type);                 \
		__uint(max_entries, 1);                 \
		__uint(map_flags, flags);               \
		__type(key, __u32);                     \
		__type(value, value_type);              \
	} name SEC(".maps")

SHARED_ARRAY(conn, BPF_MAP_TYPE_ARRAY, struct abi_bucket, BPF_F_MMAPABLE);
SHARED_ARRAY(slot, BPF_MAP_TYPE_ARRAY, struct abi_slot, BPF_F_MMAPABLE);
SHARED_ARRAY(endpoint, BPF_MAP_TYPE_ARRAY, struct abi_endpoint, BPF_F_MMAPABLE);
SHARED_ARRAY(vip, BPF_MAP_TYPE_ARRAY, struct abi_vip, BPF_F_MMAPABLE);
SHARED_ARRAY(proxy, BPF_MAP_TYPE_ARRAY, struct abi_proxy, BPF_F_MMAPABLE);
SHARED_ARRAY(counters, BPF_MAP_TYPE_PERCPU_ARRAY, __u64, 0);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, ABI_PROGRAM_COUNT);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} programs SEC(".maps");

/* ---- its own ---- */

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, ABI_TRACERS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} tracers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ABI_TRACE_RING_BYTES);
} packets SEC(".maps");

struct work {
	__u64 counted[ABI_REASON_COUNT]; /* at the entry */
	__u32 pad0;
	__s32 lost_way;                  /* what a packet that no program took is answered with: XDP_ABORTED, 0 */
	__u32 found_slot; /* find_connection()'s */
	__u32 direction;  /* likewise */
	struct abi_tuple tuple; /* looked for */
	struct abi_traced traced;
	__u8 bytes[2 * ABI_TRACE_MAX_SNAPLEN]; /* right behind it: told as one */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct work);
} work SEC(".maps");

struct totals {
	__u64 window; /* number of the window that `seen` counts in */
	__u32 seen;
	__u32 pad0;
	__u64 lost; /* above the limit, or the agent did not keep up */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct totals);
} totals SEC(".maps");

static __always_inline struct work *my_work(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&work, &zero);
}

static __always_inline bool same(const volatile struct abi_address *a, const struct abi_address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] && a->word[3] == b->word[3];
}

/* ---- reading a frame: a copy of it, whose first ABI_TRACE_MIN_SNAPLEN bytes are there (zero behind its end) ---- */

static __always_inline void read_l4(const __u8 *frame, __u32 at, struct abi_tuple *t, __u8 *tcp_flags)
{
	if (t->protocol != IPPROTO_TCP && t->protocol != IPPROTO_UDP)
		return;
	if (at > ABI_TRACE_MIN_SNAPLEN - sizeof(struct tcphdr))
		return;
	t->source_port_be = *(const __u16 *)(frame + at);
	t->destination_port_be = *(const __u16 *)(frame + at + 2);
	if (t->protocol == IPPROTO_TCP)
		*tcp_flags = frame[at + 13];
}

static __always_inline void read_ip4(const __u8 *frame, __u32 at, struct abi_tuple *t, __u8 *tcp_flags)
{
	const struct iphdr *ip = (const void *)(frame + at);

	t->family = ABI_IPV4;
	t->source.word[0] = ip->saddr;
	t->destination.word[0] = ip->daddr;
	t->protocol = ip->protocol;
	if (!(ip->frag_off & bpf_htons(IP_OFFSET_MASK)))
		read_l4(frame, at + ip->ihl * 4, t, tcp_flags);
}

static __always_inline void read_ip6(const __u8 *frame, __u32 at, struct abi_tuple *t, __u8 *tcp_flags)
{
	const struct ipv6hdr *ip6 = (const void *)(frame + at);
	__u32 l4 = at + sizeof(*ip6);

	t->family = ABI_IPV6;
	__builtin_memcpy(&t->source, &ip6->saddr, sizeof(t->source));
	__builtin_memcpy(&t->destination, &ip6->daddr, sizeof(t->destination));
	t->protocol = ip6->nexthdr;
	if (t->protocol == NEXT_FRAGMENT) {
		const struct ipv6_fragment *piece = (const void *)(frame + l4);

		t->protocol = piece->next_header;
		if (piece->offset & bpf_htons(IPV6_OFFSET_MASK))
			return;
		l4 += sizeof(*piece);
	}
	read_l4(frame, l4, t, tcp_flags);
}

static __always_inline void read_arp(const __u8 *frame, __u32 at, struct abi_tuple *t)
{
	const struct arp_ipv4 *arp = (const void *)(frame + at);

	t->family = ABI_IPV4;
	t->source.word[0] = arp->sender;
	t->destination.word[0] = arp->target;
}

static __always_inline __u16 read_frame(const __u8 *frame, struct abi_tuple *t, __u8 *tcp_flags)
{
	__u16 type = ((const struct ethhdr *)frame)->h_proto;
	__u32 at = sizeof(struct ethhdr);

	__builtin_memset(t, 0, sizeof(*t));
	*tcp_flags = 0;
	if (type == bpf_htons(ETH_P_8021Q)) {
		type = *(const __u16 *)(frame + at + 2);
		at += 4;
	}
	if (type == bpf_htons(ETH_P_IP))
		read_ip4(frame, at, t, tcp_flags);
	else if (type == bpf_htons(ETH_P_IPV6))
		read_ip6(frame, at, t, tcp_flags);
	else if (type == bpf_htons(ETH_P_ARP))
		read_arp(frame, at, t);
	return type;
}

/* An ICMP error belongs to the connection of the packet that it quotes, which went the other way. */
static __always_inline bool read_quoted(const __u8 *frame, struct abi_traced *p, struct abi_tuple *t)
{
	__u32 at = sizeof(struct ethhdr) + sizeof(struct iphdr);
	__u8 type = frame[at];
	const struct iphdr *ip;
	__u32 l4;

	if (p->ethertype_be != bpf_htons(ETH_P_IP) || p->in.protocol != IPPROTO_ICMP ||
	    (type != ICMP_DEST_UNREACH && type != ICMP_TIME_EXCEEDED && type != ICMP_PARAMETER_PROBLEM))
		return false;
	ip = (const void *)(frame + at + sizeof(struct icmphdr));
	l4 = at + sizeof(struct icmphdr) + ip->ihl * 4;
	if (l4 > ABI_TRACE_MIN_SNAPLEN - 4)
		return false;
	__builtin_memset(t, 0, sizeof(*t));
	t->family = ABI_IPV4;
	t->protocol = ip->protocol;
	t->source.word[0] = ip->daddr;
	t->destination.word[0] = ip->saddr;
	t->source_port_be = *(const __u16 *)(frame + l4 + 2);
	t->destination_port_be = *(const __u16 *)(frame + l4);
	return true;
}

/* ---- the filter ---- */

static __always_inline __u64 find_entry(const struct abi_tuple *key)
{
	__u64 hash = abi_tuple_hash(key, table_secret);
	__u32 place = abi_bucket_of(hash, abi_buckets(max_connections));
	struct abi_bucket *b = bpf_map_lookup_elem(&conn, &place);

	if (!b)
		return 0;
	for (int i = 0; i < ABI_BUCKET_ENTRIES; i++) {
		__u64 entry = *(const volatile __u64 *)&b->entry[i];

		if (abi_tag_of(entry) == abi_tag_of(hash))
			return entry;
	}
	return 0;
}

/* An entry has no tuple: the slot has to confirm it (bucket.h). */
__noinline int find_connection(const struct abi_tuple *key)
{
	struct work *w = my_work();
	struct abi_slot *found;
	__u64 entry;
	__u32 index;
	bool its;

	if (!key || !w)
		return 0;
	entry = find_entry(key);
	if (!entry)
		return 0;
	index = abi_entry_slot(entry);
	found = bpf_map_lookup_elem(&slot, &index);
	if (!found)
		return 0;
	its = abi_entry_direction(entry) == ABI_ORIGINAL ?
		      same(&found->client, &key->source) && found->client_port_be == key->source_port_be :
		      found->backend_port_be == key->source_port_be && found->proxy_port_be == key->destination_port_be;
	if (!its || found->protocol != key->protocol || !abi_has_mapping(found->state.state))
		return 0;
	w->found_slot = index;
	w->direction = abi_entry_direction(entry);
	return 1;
}

static __always_inline bool is_end(const volatile struct abi_address *address, __u8 family, __u16 port_be,
				   const struct abi_address *end, const struct abi_tuple *t, __u16 end_port_be)
{
	return t->family == family && same(address, end) && (!port_be || port_be == end_port_be);
}

static __always_inline bool to_service(const struct abi_tuple *t)
{
	__u16 port = bpf_ntohs(t->destination_port_be);

	return t->family == filter.vip_family && t->protocol == filter.vip_protocol && same(&filter.vip, &t->destination) &&
	       (!filter.vip_last_port || (port >= filter.vip_first_port && port <= filter.vip_last_port));
}

static __always_inline bool backend_matches(const struct abi_traced *p, struct abi_slot *s)
{
	if (s) {
		__u32 index = s->endpoint;
		struct abi_endpoint *e = bpf_map_lookup_elem(&endpoint, &index);

		return e && e->family == filter.backend_family && same(&filter.backend, &e->address) &&
		       (!filter.backend_port_be || filter.backend_port_be == s->backend_port_be);
	}
	return is_end(&filter.backend, filter.backend_family, filter.backend_port_be, &p->in.source, &p->in,
		      p->in.source_port_be) ||
	       is_end(&filter.backend, filter.backend_family, filter.backend_port_be, &p->in.destination, &p->in,
		      p->in.destination_port_be);
}

/* Known at the entry already: what is not wanted costs no more than this. */
static __always_inline bool matches_early(const struct abi_traced *p, struct abi_slot *s)
{
	if (filter.protocol && p->in.protocol != filter.protocol && !s)
		return false;
	if (filter.protocol && s && s->protocol != filter.protocol)
		return false;
	if (filter.client_family) {
		if (s ? s->family != filter.client_family || !same(&filter.client, &s->client) ||
				(filter.client_port_be && filter.client_port_be != s->client_port_be) :
			!is_end(&filter.client, filter.client_family, filter.client_port_be, &p->in.source, &p->in,
				p->in.source_port_be))
			return false;
	}
	if (filter.vip_family && !(s ? s->service == filter.service : to_service(&p->in)))
		return false;
	return true;
}

static __always_inline bool has_host(const struct abi_tuple *t)
{
	return t->family == filter.host_family && (same(&filter.host, &t->source) || same(&filter.host, &t->destination));
}

static __always_inline bool has_port(const struct abi_tuple *t)
{
	return filter.port_be == t->source_port_be || filter.port_be == t->destination_port_be;
}

#define DROP_BIT(id, symbol, name, help) | 1ULL << (id)
#define NO_BIT(id, symbol, name, help)
static const __u64 drop_reasons = 0 ABI_REASONS(DROP_BIT, NO_BIT);

static __always_inline bool is_dropped(const struct abi_traced *p)
{
	return (p->reasons & drop_reasons) ||
	       p->verdict == XDP_DROP || p->verdict == XDP_ABORTED;
}

static __always_inline bool matches_late(const struct abi_traced *p, struct abi_slot *s)
{
	if (filter.backend_family && !backend_matches(p, s))
		return false;
	if (filter.host_family && !has_host(&p->in) && !has_host(&p->out))
		return false;
	if (filter.port_be && !has_port(&p->in) && !has_port(&p->out))
		return false;
	return !filter.drops || is_dropped(p);
}

/* The host and the port may be those that the packet came with. */
static __always_inline bool left_matches(struct abi_traced *p, struct abi_slot *s)
{
	__u16 came_to = p->direction == ABI_ORIGINAL ? s->vip_port_be : s->proxy_port_be;
	__u16 came_from = p->direction == ABI_ORIGINAL ? s->client_port_be : s->backend_port_be;
	__u32 index = s->service;
	struct abi_vip *v = bpf_map_lookup_elem(&vip, &index);

	if (filter.backend_family && !backend_matches(p, s))
		return false;
	if (filter.host_family && !has_host(&p->out) &&
	    !(s->family == filter.host_family && (same(&filter.host, &s->client) || (v && same(&filter.host, &v->address)))))
		return false;
	return !filter.port_be || has_port(&p->out) || filter.port_be == came_to || filter.port_be == came_from;
}

/* ---- telling ---- */

static __always_inline struct totals *all_totals(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&totals, &zero);
}

/* Two CPUs at the turn of a window may both begin it anew: a few packets too many. */
static __always_inline bool within_limit(__u64 ns)
{
	__u64 window = ns / (1000000000ULL / ABI_TRACE_WINDOWS);
	struct totals *t = all_totals();

	if (!t)
		return false;
	if (t->window != window) {
		t->window = window;
		t->seen = 0;
	}
	if (__sync_fetch_and_add(&t->seen, 1) < window_limit)
		return true;
	__sync_fetch_and_add(&t->lost, 1);
	return false;
}

static __always_inline __u32 kept(__u32 bytes)
{
	__u32 most = snaplen;

	if (most > ABI_TRACE_MAX_SNAPLEN)
		most = ABI_TRACE_MAX_SNAPLEN;
	return bytes < most ? bytes : most;
}

static __always_inline __u32 copy(struct xdp_md *ctx, __u8 *to, __u32 bytes)
{
	bytes = kept(bytes);
	if (bytes == 0 || bytes > ABI_TRACE_MAX_SNAPLEN)
		return 0;
	return bpf_xdp_load_bytes(ctx, 0, to, bytes) ? 0 : bytes;
}

static __always_inline void copy_headers(struct xdp_md *ctx, __u8 *to, __u32 bytes)
{
	__builtin_memset(to, 0, ABI_TRACE_MIN_SNAPLEN);
	if (bytes > ABI_TRACE_MIN_SNAPLEN)
		bytes = ABI_TRACE_MIN_SNAPLEN;
	if (bytes)
		bpf_xdp_load_bytes(ctx, 0, to, bytes);
}

static __always_inline struct abi_slot *connection_of(struct work *w)
{
	__u32 index;

	w->tuple = w->traced.in;
	if (!find_connection(&w->tuple) && !(read_quoted(w->bytes, &w->traced, &w->tuple) && find_connection(&w->tuple)))
		return NULL;
	index = w->found_slot;
	return bpf_map_lookup_elem(&slot, &index);
}

/* Global functions are verified once each, and not once for each path that leads to them: without that it would be too many. */

__noinline int count_before(void)
{
	struct work *w = my_work();

	if (!w)
		return 0;
	for (__u32 i = 0; i < ABI_REASON_COUNT; i++) {
		__u32 key = i;
		__u64 *value = bpf_map_lookup_elem(&counters, &key);

		w->counted[i] = value ? *value : 0;
	}
	return 0;
}

__noinline int count_after(void)
{
	struct work *w = my_work();
	__u64 reasons = 0;

	if (!w)
		return 0;
	for (__u32 i = 0; i < ABI_REASON_COUNT; i++) {
		__u32 key = i;
		__u64 *value = bpf_map_lookup_elem(&counters, &key);

		__u64 grown;

		if (!value)
			break;
		grown = *value - w->counted[i];
		reasons |= (grown | -grown) >> 63 << i; /* a branch would double the verifier's paths, 40 times */
	}
	w->traced.reasons = reasons;
	return 0;
}

/* Not 0: the packet may be told when it has been carried out. */
__noinline int look_before(struct xdp_md *ctx)
{
	struct work *w = my_work();
	struct abi_traced *p;
	struct abi_slot *s;

	if (!w)
		return 0;
	p = &w->traced;
	p->length = bpf_xdp_get_buff_len(ctx);
	copy_headers(ctx, w->bytes, p->length);
	p->ethertype_be = read_frame(w->bytes, &p->in, &p->tcp_flags);
	s = connection_of(w);
	if (!matches_early(p, s))
		return 0;
	p->ifindex = ctx->ingress_ifindex;
	p->known_before = s != NULL;
	p->captured = copy(ctx, w->bytes, p->length);
	count_before();
	return 1;
}

/* What the clsact program makes of it: the other half's tuple, turned round (conn.h). */
static __always_inline void leaving_tuple(struct abi_traced *p, struct abi_slot *s, const struct abi_endpoint *e)
{
	__u32 vip_index = s->service, proxy_index = s->proxy;
	struct abi_proxy *from = bpf_map_lookup_elem(&proxy, &proxy_index);
	struct abi_vip *v = bpf_map_lookup_elem(&vip, &vip_index);

	if (!from || !v)
		return;
	p->out.family = s->family;
	p->out.protocol = s->protocol;
	if (p->direction == ABI_ORIGINAL) {
		p->out.source = s->state.flags & ABI_CONN_SNAT ? from->address : s->client;
		p->out.source_port_be = s->proxy_port_be;
		p->out.destination = e->address;
		p->out.destination_port_be = s->backend_port_be;
	} else {
		p->out.source = v->address;
		p->out.source_port_be = s->vip_port_be;
		p->out.destination = s->client;
		p->out.destination_port_be = s->client_port_be;
	}
}

static __always_inline void note_connection(struct abi_traced *p, struct abi_slot *s, __u32 direction)
{
	__u32 index;
	struct abi_endpoint *e;

	p->known = s != NULL;
	p->direction = direction;
	p->service = 0;
	__builtin_memset(&p->hop, 0, sizeof(p->hop));
	if (!s)
		return;
	p->service = s->service;
	index = s->endpoint;
	e = bpf_map_lookup_elem(&endpoint, &index);
	if (!e)
		return;
	p->hop = direction == ABI_REPLY ? s->client_hop : e->hop;
	if (p->marked == ABI_TRACE_TO_CLSACT)
		leaving_tuple(p, s, e);
}

/* A frame that XDP passes without counting it goes on to the clsact program: as it shall leave, or to be translated there. */
static __always_inline __u8 marked_as(struct xdp_md *ctx, const struct abi_traced *p)
{
	struct abi_mark *mark = (void *)(long)ctx->data_meta;

	if (p->verdict != XDP_PASS || (p->reasons & (1ULL << ABI_PASSED | 1ULL << ABI_PASSED_TAGGED)))
		return ABI_TRACE_NOT_MARKED;
	if ((void *)(mark + 1) <= (void *)(long)ctx->data && mark->magic == mark_magic && mark->kind == ABI_MARK_READY)
		return ABI_TRACE_READY;
	return ABI_TRACE_TO_CLSACT;
}

static __always_inline void tell(struct work *w)
{
	struct totals *t = all_totals();
	__u32 size = sizeof(w->traced) + w->traced.captured + w->traced.out_captured;

	if (size > sizeof(w->traced) + sizeof(w->bytes))
		return;
	if (bpf_ringbuf_output(&packets, &w->traced, size, 0) && t)
		__sync_fetch_and_add(&t->lost, 1);
}

__noinline int look_after(struct xdp_md *ctx, int verdict)
{
	struct work *w = my_work();
	__u32 captured;
	struct abi_traced *p;
	struct abi_slot *s;
	__u8 flags;

	if (!w)
		return 0;
	p = &w->traced;
	captured = p->captured;
	p->ns = bpf_ktime_get_ns();
	p->verdict = verdict;
	count_after();
	p->marked = marked_as(ctx, p);
	__builtin_memset(&p->out, 0, sizeof(p->out));
	p->out_captured = 0;
	p->out_length = 0;
	s = connection_of(w); /* the headers in front are still as they came */
	note_connection(p, s, w->direction);
	if (captured > ABI_TRACE_MAX_SNAPLEN)
		return 0;
	if (verdict == XDP_TX || verdict == XDP_REDIRECT || p->marked == ABI_TRACE_READY) {
		p->out_length = bpf_xdp_get_buff_len(ctx);
		copy_headers(ctx, w->bytes + captured, p->out_length);
		read_frame(w->bytes + captured, &p->out, &flags);
		p->out_captured = copy(ctx, w->bytes + captured, p->out_length);
	}
	if (matches_late(p, s) && within_limit(p->ns))
		tell(w);
	return 0;
}

/* ---- the programs ---- */

/* The tracers behind this one, then the packet programs; what they return is returned. A tail call that fails goes on here: that
 * there is nobody is read from a map, since the verifier must not take it for the only outcome. */
static __noinline int carry_out(struct xdp_md *ctx)
{
	struct work *w;

#pragma unroll
	for (__u32 next = 1; next < ABI_TRACERS; next++)
		if (next > place)
			bpf_tail_call(ctx, &tracers, next);
	bpf_tail_call(ctx, &programs, ABI_PROGRAM_FAST);
	w = my_work();
	return w ? w->lost_way : XDP_ABORTED;
}

SEC("xdp")
int trace_packet(struct xdp_md *ctx)
{
	int wanted = look_before(ctx);
	int verdict = carry_out(ctx);

	if (wanted)
		look_after(ctx, verdict);
	return verdict;
}

/* At the egress of the interfaces that packets leave by (tcx), for a capture file alone: what the clsact program made of a packet.
 * What XDP sends does not pass here. A packet that leaves has the tuple of its connection's other half, turned round. */
SEC("tc")
int trace_leaving(struct __sk_buff *skb)
{
	struct work *w = my_work();
	struct abi_traced *p;
	struct abi_slot *s;
	__u32 headers = skb->len < ABI_TRACE_MIN_SNAPLEN ? skb->len : ABI_TRACE_MIN_SNAPLEN;
	__u32 bytes = kept(skb->len);
	__u32 index;

	if (!w || filter.drops || headers < sizeof(struct ethhdr) || bytes > ABI_TRACE_MAX_SNAPLEN || !bytes)
		return TCX_NEXT;
	p = &w->traced;
	__builtin_memset(w->bytes, 0, ABI_TRACE_MIN_SNAPLEN);
	bpf_skb_load_bytes(skb, 0, w->bytes, headers);
	p->ethertype_be = read_frame(w->bytes, &p->out, &p->tcp_flags);
	w->tuple = p->out;
	w->tuple.source = p->out.destination;
	w->tuple.destination = p->out.source;
	w->tuple.source_port_be = p->out.destination_port_be;
	w->tuple.destination_port_be = p->out.source_port_be;
	p->in = w->tuple;
	if (!find_connection(&w->tuple))
		return TCX_NEXT;
	index = w->found_slot;
	s = bpf_map_lookup_elem(&slot, &index);
	if (!s || !matches_early(p, s))
		return TCX_NEXT;
	p->ns = bpf_ktime_get_ns();
	p->reasons = 0;
	p->verdict = XDP_PASS;
	p->marked = ABI_TRACE_LEFT;
	p->direction = w->direction == ABI_ORIGINAL ? ABI_REPLY : ABI_ORIGINAL;
	p->known = p->known_before = 1;
	p->service = s->service;
	p->ifindex = skb->ifindex;
	p->length = p->captured = 0;
	p->out_length = skb->len;
	p->out_captured = bpf_skb_load_bytes(skb, 0, w->bytes, bytes) ? 0 : bytes;
	if (left_matches(p, s) && within_limit(p->ns))
		tell(w);
	return TCX_NEXT;
}

SEC("xdp")
int trace_gate(struct xdp_md *ctx)
{
#pragma unroll
	for (__u32 next = 0; next < ABI_TRACERS; next++)
		bpf_tail_call(ctx, &tracers, next);
	bpf_tail_call(ctx, &programs, ABI_PROGRAM_FAST);
	return XDP_ABORTED; /* only while the agent replaces the programs */
}
