/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_ABI_TYPES_H
#define PROXIP_ABI_TYPES_H

/* What the data plane and the agent share. Compiled by both sides; sizes and offsets are asserted at the end.
 *
 * Byte order: fields named `*_be` are in network order, all others in host order. Addresses are bytes as on the wire;
 * IPv4 stands in the first four, the other twelve are zero, and the family is part of every key.
 */

#include <linux/types.h>

#ifdef __cplusplus
#include <cstddef>
#define ABI_ASSERT(what) static_assert(what)
namespace proxip::abi {
#else
#include <stddef.h>
#define ABI_ASSERT(what) _Static_assert(what, #what)
#endif

/* What outlives a load of the program has two versions. ABI_VERSION: tables of connections, of what they name, and of interfaces. A
 * data plane of another one is not adopted. ABI_CONFIG_VERSION: the tables that an agent can make anew from its configuration
 * (ABI_CONFIG_TABLES). Those of another version are replaced, and no connection is lost (docs/reliability.md). */
enum { ABI_VERSION = 2, ABI_CONFIG_VERSION = 1 };

/* `programs` is among them: a program calls only those that know its tables. */
#define ABI_CONFIG_TABLES(TABLE) \
	TABLE(control)           \
	TABLE(service)           \
	TABLE(backend)           \
	TABLE(source)            \
	TABLE(match)             \
	TABLE(lookup)            \
	TABLE(allowed)           \
	TABLE(local)             \
	TABLE(local_filter)      \
	TABLE(programs)

enum abi_family { ABI_IPV4 = 1, ABI_IPV6 = 2 };

struct abi_address {
	__u32 word[4]; /* wire order */
};

/* A way out: an entry of `iface` and the MAC of the neighbour there. Eight bytes, so that one aligned store changes both
 * halves together: neither side ever sees a half-written one. iface 0: unresolved. */
struct abi_hop {
	__u8 mac[6];
	__u16 iface;
} __attribute__((aligned(8)));

/* ---- connections ------------------------------------------------------------------------------------------------ */

/* One direction as it stands in the packet. Client -> VIP is the original direction; backend -> Proxy IP (or backend ->
 * client, where the source is kept) is the reply direction. */
struct abi_tuple {
	struct abi_address source;
	struct abi_address destination;
	__u16 source_port_be;
	__u16 destination_port_be;
	__u8 protocol; /* IPPROTO_* */
	__u8 family;   /* enum abi_family */
	__u16 zero;
};

enum { ABI_BUCKET_ENTRIES = 15, ABI_BUCKET_FIRST_LINE = 7 };

/* `conn`: which connection a tuple belongs to (bucket.h). Read without the lock, written under it, by the data plane only. */
struct abi_bucket {
#ifdef __cplusplus
	__u32 lock;
#else
	struct bpf_spin_lock lock;
#endif
	__u32 beyond; /* entries on the second cache line: with none it need not be read */
	__u64 entry[ABI_BUCKET_ENTRIES]; /* 0: free */
};

/* `table_seed`: what `conn` is hashed with. Constant from the first load on; all 0: there was none yet. */
struct abi_table_seed {
	__u64 secret[4];
};

enum abi_direction { ABI_ORIGINAL = 0, ABI_REPLY = 1 };

/* The life of a connection. SYN..UDP are live; CLOSED keeps its mapping, but gives its port up when one is needed. */
enum abi_conn_state {
	ABI_FREE = 0,
	ABI_OPENING, /* being made by one CPU: not visible as a connection yet */
	ABI_SYN,
	ABI_ESTABLISHED,
	ABI_CLOSING,
	ABI_CLOSED,
	ABI_UDP,
	ABI_DYING, /* being removed by one CPU */
	ABI_CONN_STATES,
};

enum abi_conn_flags {
	ABI_CONN_REPLIED = 1 << 0,      /* the backend has answered */
	ABI_CONN_FIN_CLIENT = 1 << 1,
	ABI_CONN_FIN_BACKEND = 1 << 2,
	ABI_CONN_BACKEND_FIRST = 1 << 3, /* the backend closed first: it holds TIME_WAIT */
	ABI_CONN_RST_CLIENT = 1 << 4,
	ABI_CONN_RST_BACKEND = 1 << 5,
	ABI_CONN_IN_RING = 1 << 6, /* its port is in the ring again */
	ABI_CONN_SNAT = 1 << 7,    /* it has a Proxy IP and port */
};

enum abi_snat_reason { ABI_SNAT_NONE = 0, ABI_SNAT_ALWAYS, ABI_SNAT_HAIRPIN, ABI_SNAT_OFF_PATH, ABI_SNAT_TUPLE_TAKEN };

/* The one word that decides who owns a slot: changed only by compare-and-swap, read once per packet. The generation rises
 * with each use of the slot, so that a stale reader notices. */
struct abi_conn_word {
	__u32 generation;
	__u8 state; /* enum abi_conn_state */
	__u8 flags; /* enum abi_conn_flags */
	__u16 zero;
};

struct abi_counter {
	__u64 packets;
	__u64 bytes; /* of the IP packet */
};

/* `slot`: a connection. The first cache line is what a packet reads, the second what it writes. */
struct abi_slot {
	union {
		struct abi_conn_word state;
		__u64 word;
	};
	struct abi_address client;
	__u16 client_port_be;
	__u16 vip_port_be;
	__u16 proxy_port_be; /* the client's own where ABI_CONN_SNAT is not set */
	__u16 backend_port_be;
	__u32 service;  /* index of `vip` */
	__u32 endpoint; /* index of `endpoint` */
	__u32 binding;  /* index of `binding` */
	__u32 proxy;    /* index of `proxy`, with ABI_CONN_SNAT */
	__u32 ring;     /* index of `ring`, with ABI_CONN_SNAT */
	__u8 family;
	__u8 protocol;
	__u8 snat_reason; /* enum abi_snat_reason */
	__u8 counted;     /* enum abi_quota_kind bits: what it is counted in while it is live */
	/* What the checksums change by when the original becomes what the backend gets (RFC 1624 equation 3); a reply's by the complement */
	__u16 l4_change; /* addresses and ports */
	__u16 ip_change; /* addresses alone, of IPv4 */
	__u32 pad1;

	struct abi_hop client_hop; /* where the client's last packet came from */
	__u32 opened;    /* ticks */
	__u32 last_seen; /* ticks */
	struct abi_counter in;
	struct abi_counter out;
	__u32 acked_be[2]; /* by enum abi_direction: what that end acknowledged last, 0: nothing. A RST that it takes begins there */
	__u64 opened_ns;   /* `opened`, exactly. Not of that tick: written by a program that did not know this field */
};

/* Time in the data plane: the coarse monotonic clock in units of 2^27 ns (0.134 s); 32 bits last 18 years. */
enum { ABI_TICK_SHIFT = 27 };

/* `orders`: the agent's, of connections that are to end now. The timer that expires the idle ones carries them out. */
struct abi_order {
	__u32 slot;
	__u32 generation;
};

/* `nat_events`: who had a proxy port, when (RFC 6888 REQ-12 to 14). Ids as in the slot: the agent reads them before it frees them. */
enum abi_nat_kind {
	ABI_NAT_OPENED = 1, /* or came back to life after its end was told */
	ABI_NAT_CLOSED,     /* its port may be another's from here on */
};

struct abi_nat_event { /* times: CLOCK_MONOTONIC_COARSE */
	__u64 since_ns; /* when the connection was opened */
	__u64 at_ns;    /* when this happened */
	struct abi_address client;
	__u16 client_port_be;
	__u16 vip_port_be;
	__u16 proxy_port_be;
	__u16 backend_port_be;
	__u32 service;
	__u32 endpoint;
	__u32 proxy;
	__u8 kind; /* enum abi_nat_kind */
	__u8 family;
	__u8 protocol;
	__u8 zero;
};

/* ---- identities: dense ids, kept while anything names them ------------------------------------------------------- */

struct abi_vip { /* a service's address; its configuration is in `service`, by the same index */
	struct abi_address address;
	__u16 first_port; /* 0 with last_port 0: every port */
	__u16 last_port;
	__u8 protocol;
	__u8 family;
	__u8 used;
	__u8 pad0;
	__u64 pad1;
};

struct abi_endpoint { /* a backend's address, port and protocol, however many services name it */
	struct abi_address address;
	__u16 port_be; /* 0: the port that the client called */
	__u8 protocol;
	__u8 family;
	__u8 used;
	__u8 inline_prefix; /* with ABI_ENDPOINT_INLINE: length of the prefix of the backend's own segment */
	__u8 flags;         /* enum abi_endpoint_flags */
	__u8 pad0;
	struct abi_hop hop;
	__u64 pad1[4];
};

enum abi_endpoint_flags { ABI_ENDPOINT_INLINE = 1 << 0 }; /* its answers come back here by themselves */

struct abi_proxy { /* a Proxy IP */
	struct abi_address address;
	__u8 family;
	__u8 used;
	__u16 pad0;
	__u32 pad1;
	__u64 pad2; /* a power of two: never on two cache lines */
};

struct abi_binding { /* an endpoint as one service uses it */
	__u32 service;
	__u32 endpoint;
	__u32 used;
	__u32 flags; /* enum abi_binding_flags; changed in place */
};

enum abi_binding_flags {
	ABI_BINDING_DOWN = 1 << 0, /* its backend died: what it has not answered, and UDP, goes to another */
};

struct abi_binding_live { /* shared by the CPUs; written when a connection opens or closes, not per packet */
	__u64 opened;
	__u64 closed;
};

struct abi_binding_stats { /* per CPU */
	struct abi_counter in;
	struct abi_counter out;
};

/* ---- proxy ports ------------------------------------------------------------------------------------------------- */

enum { ABI_RING_SEGMENTS = 8, ABI_SLAB_PORTS = 65536 };

struct abi_port_segment {
	__u16 first;
	__u16 count_minus_one;
};

/* `ring`: the proxy ports of one (Proxy IP, endpoint). Ports that were never used come out of a permutation of `fresh`, the
 * others out of a FIFO of `count` places in a slab, from `base` on. Written under the lock, by the data plane only, but
 * for what stands below `fixed`, which the agent sets before the ring is named by anything. */
struct abi_ring {
#ifdef __cplusplus
	__u32 lock;
#else
	struct bpf_spin_lock lock;
#endif
	__u32 head; /* place of the next port to hand out, 0 .. count-1 */
	__u32 queued; /* ports in the FIFO */
	__u32 fresh; /* ports handed out for the first time: in use are fresh - queued */
	/* fixed */
	__u32 count;
	__u32 seed;
	__u32 proxy;
	__u32 endpoint;
	__u16 chunk; /* index of `port_chunks` */
	__u16 slab;  /* index in that chunk */
	__u16 base;
	__u8 used;
	__u8 segments;
	struct abi_port_segment segment[ABI_RING_SEGMENTS];
};

struct abi_slab {
	__u16 port[ABI_SLAB_PORTS]; /* host order */
};

/* `source`: the Proxy IPs that one backend entry may use, in the pool's order. */
struct abi_source {
	__u32 proxy;
	__u32 ring;
};

/* ---- configuration: two halves, chosen by the epoch -------------------------------------------------------------- */

struct abi_control { /* written by the agent. Its size and the first field stay, whatever the version */
	__u64 abi_version;
	__u64 epoch;           /* its lowest bit is the half that is in force */
	__u64 generation[2];   /* of the configuration in each half */
	__u64 hash_seed;
	__u64 max_connections; /* what `slot` and `conn` were made for */
	__u64 config_version;
	__u64 flags; /* enum abi_control_flags; changed in place */
};

enum abi_control_flags { ABI_CONTROL_NAT_LOG = 1 << 0 }; /* who has a proxy port is told, in `nat_events` */

struct abi_ledger { /* written by the data plane, with atomics */
	__u64 opened;
	__u64 closed;       /* opened - closed: live connections */
	__u64 fresh_slots;  /* slots below it were in use at least once */
	__u64 reclaim_hand; /* where the search for a slot goes on when the table is full */
	__u64 sweep_hand;
	__u64 pad0[3];
};

/* `clock`: written by the sweep, read by each packet, on a line of its own. */
struct abi_clock {
	__u32 ticks; /* of the last sweep: a data plane without a heartbeat is noticed */
	__u32 pad0[15];
};

struct abi_match { /* `match`: a VIP and a port -> service */
	struct abi_address address;
	__u16 port; /* host order; 0: every port that has no entry of its own */
	__u8 protocol;
	__u8 family;
	__u32 half;
};

struct abi_service { /* `service`: index = half * ABI_MAX_SERVICES + id */
	__u32 lookup_first; /* into the half's `lookup`, in entries */
	__u32 lookup_count; /* 0: no backend */
	__u32 backend_first; /* into `backend`, within the half */
	__u32 backend_count;
	__u8 scheduler; /* enum abi_scheduler */
	__u8 snat;      /* enum abi_snat */
	__u8 flags;     /* enum abi_service_flags */
	__u8 pad0;
	__u32 idle[ABI_CONN_STATES]; /* ticks a connection may be silent in that state */
	/* live connections; 0: no limit */
	__u32 max_connections;
	__u32 max_per_client;   /* of one client address; of IPv6, of one /64 */
	__u32 max_client_ports; /* towards one endpoint, of one client address, likewise; from the service's pool */
	__u32 affinity;         /* ticks that a client is remembered after its last new connection; 0: not */
	__u32 pad1[15];         /* a power of two: never on more cache lines than it needs */
};

enum abi_scheduler { ABI_MAGLEV = 0, ABI_ROUND_ROBIN, ABI_SOURCE_HASH, ABI_LEAST_CONNECTIONS };
enum abi_snat { ABI_SNAT_MODE_ALWAYS = 0, ABI_SNAT_MODE_AUTO, ABI_SNAT_MODE_NEVER };
enum abi_service_flags {
	ABI_SERVICE_RESET = 1 << 0, /* on_failure = reset */
	ABI_SERVICE_ALLOW = 1 << 1, /* only for the clients that `allowed` has */
};

struct abi_service_live { /* by service id; shared by the CPUs, written when a connection opens or closes */
	__u64 next_turn; /* round robin's */
	__u64 opened;
	__u64 closed;
	__u64 pad0;
};

/* `quota`: live connections of one client, where there is a limit to them. */
struct abi_quota {
	__u32 address[4]; /* wire order; of IPv6 the first 64 bits */
	__u32 id;         /* of the service, or of the endpoint */
	__u8 kind;        /* enum abi_quota_kind */
	__u8 family;
	__u16 zero;
};

enum abi_quota_kind {
	ABI_QUOTA_CLIENT = 1 << 0, /* connections of a service */
	ABI_QUOTA_PORTS = 1 << 1,  /* proxy ports towards an endpoint */
};

struct abi_backend { /* `backend`: index = half * ABI_MAX_BACKENDS + service.backend_first + i */
	__u32 binding;
	__u32 endpoint;
	__u32 source_first; /* into `source`, within the half */
	__u32 source_count;
	__u32 weight;          /* 0: gets no new connections now */
	__u32 max_connections; /* live ones of the service; 0: no limit */
	__u64 pad0;
};

/* `affinity`: where a client of a service went last. */
struct abi_client {
	struct abi_address address;
	__u32 service;
	__u32 zero;
};

struct abi_went_to {
	__u32 binding;
	__u32 place; /* of the backend within the service, at that time */
	__u32 until; /* ticks */
	__u32 pad0;
};

/* `allowed`: client networks, of the services that have such a list. A trie over service and address. */
struct abi_allowed {
	__u32 prefix_bits; /* 32 of the service, and the prefix's */
	__u32 service;     /* index of `service`: the half is in it */
	struct abi_address address;
};

enum { ABI_LOOKUP_BLOCK = 64 };

struct abi_lookup_block { /* backend numbers within the service; 64 to a value, since an array rounds values up to 8 bytes */
	__u16 backend[ABI_LOOKUP_BLOCK];
};

/* ---- the neighbourhood ------------------------------------------------------------------------------------------- */

/* `iface`: an open-addressed table, since an ifindex can be any number. Place 0 stands for "none". */
static inline __attribute__((always_inline)) __u32 abi_iface_place(__u32 ifindex, __u32 probe)
{
	return 1 + ((ifindex + probe) & 255); /* no division: each packet comes by here */
}

struct abi_iface {
	__u8 mac[6];
	__u16 flags; /* enum abi_iface_flags */
	__u32 ifindex;
	__u32 mtu;
	__u64 pad0[6];
};

enum abi_iface_flags {
	ABI_IFACE_USED = 1 << 0,
	ABI_IFACE_ATTACHED = 1 << 1,      /* our program runs here */
	ABI_IFACE_REDIRECT_IN = 1 << 2,   /* frames that came in here may leave by XDP redirect (native mode) */
	ABI_IFACE_REDIRECT_OUT = 1 << 3,  /* takes redirected frames */
	ABI_IFACE_PARTIAL = 1 << 4,       /* may deliver frames with a partial checksum (veth) */
	ABI_IFACE_NO_METADATA = 1 << 5,   /* set by the data plane: the driver has no metadata room */
	ABI_IFACE_NO_LINK_LAYER = 1 << 6, /* tun, wireguard: packets have no Ethernet header */
};

struct abi_local { /* `local`: an address of ours */
	struct abi_address address;
	__u32 family;
};

struct abi_local_info {
	__u32 flags;
	__u32 iface; /* where ABI_LOCAL_ONE_IFACE: the only place of `iface` on which it is answered for */
};

/* `local_filter`: a bit for each address in `local`, and for others that share it. What has none is not ours, without a look into
 * `local`. Set before an address comes into the table, cleared after it left. */
enum { ABI_LOCAL_FILTER_BITS = 65536 };

struct abi_local_filter {
	__u64 word[ABI_LOCAL_FILTER_BITS / 64];
};

static inline __attribute__((always_inline)) __u32 abi_local_bit(const struct abi_address *a)
{
	return ((a->word[0] ^ a->word[1] ^ a->word[2] ^ a->word[3]) * 0x9e3779b1U) >> 16;
}

enum abi_local_flags {
	ABI_LOCAL_VIP = 1 << 0,
	ABI_LOCAL_PROXY = 1 << 1,
	ABI_LOCAL_HOST = 1 << 2,     /* also an address of the host: what matches nothing is the host's */
	ABI_LOCAL_ANSWER = 1 << 3,   /* nobody else has it: ARP is answered */
	ABI_LOCAL_ONE_IFACE = 1 << 4, /* on-link on one interface: answered there alone */
};

/* What the XDP program leaves in front of a frame that the clsact program is to send. Constant per direction of a
 * connection, so that GRO can still merge. */
struct abi_mark {
	__u32 magic; /* made of the installation's seed, never 0 */
	__u32 slot;  /* or the place of `iface` that a frame which is ready leaves by */
	__u32 generation;
	__u32 kind; /* enum abi_mark_kind */
};

enum abi_mark_kind { ABI_MARK_ORIGINAL = 0, ABI_MARK_REPLY = 1, ABI_MARK_READY = 2 };

/* ---- fragments --------------------------------------------------------------------------------------------------- */

/* `trail`: a datagram in fragments, as it comes in (RFC 791 section 3.2, RFC 8200 section 4.5). Later ones follow the first. */
struct abi_datagram {
	struct abi_address source;
	struct abi_address destination;
	__u32 id_be;   /* IPv4: in the lower half */
	__u8 protocol; /* IPv6: 0 */
	__u8 family;
	__u16 zero;
};

struct abi_trail {
	__u32 slot;
	__u32 generation;
	__u32 direction; /* enum abi_direction */
	__u32 id_be;     /* as it goes out: two clients behind one Proxy IP may use the same one */
	__u32 seen;      /* ticks */
};

/* ---- programs ---------------------------------------------------------------------------------------------------- */

/* `programs`: who calls whom by a tail call. Name, program. */
#define ABI_PROGRAMS(PROGRAM)            \
	PROGRAM(FAST, proxip_xdp)        \
	PROGRAM(SLOW, proxip_slow)       \
	PROGRAM(CONTROL, proxip_control) \
	PROGRAM(FRAGMENT, proxip_fragment)

#define ABI_PROGRAM_ENUM(name, program) ABI_PROGRAM_##name,
enum abi_program { ABI_PROGRAMS(ABI_PROGRAM_ENUM) ABI_PROGRAM_COUNT };

/* ---- decisions, as explain reads them ---------------------------------------------------------------------------- */

enum abi_verdict { ABI_VERDICT_PASS = 0, ABI_VERDICT_FORWARD, ABI_VERDICT_ANSWER, ABI_VERDICT_DROP };
enum abi_answer { ABI_ANSWER_NONE = 0, ABI_ANSWER_ARP, ABI_ANSWER_ECHO, ABI_ANSWER_TCP_RST, ABI_ANSWER_ICMP, ABI_ANSWER_ND };

struct abi_decision {
	__u32 verdict; /* enum abi_verdict */
	__u32 reason;  /* enum abi_reason, with ABI_VERDICT_DROP */
	__u32 answer;  /* enum abi_answer */
	__u8 known;        /* the packet belongs to a connection */
	__u8 has_service;  /* `service` is set; likewise below */
	__u8 has_backend;
	__u8 has_proxy;
	__u32 service;
	__u32 endpoint;
	__u32 proxy;
	__u32 snat_reason; /* enum abi_snat_reason */
	__u16 proxy_port_be; /* 0: not known before the packet comes */
	__u16 direction;     /* enum abi_direction */
	__u32 via_tc;
	__u32 slot;       /* with `known`, the connection; and below, which of those that the slot has held */
	__u32 generation;
	struct abi_hop hop;
};

ABI_ASSERT(sizeof(struct abi_hop) == 8);
ABI_ASSERT(sizeof(struct abi_tuple) == 40);
ABI_ASSERT(sizeof(struct abi_bucket) == 128);
ABI_ASSERT(sizeof(struct abi_conn_word) == 8);
ABI_ASSERT(sizeof(struct abi_slot) == 128);
ABI_ASSERT(offsetof(struct abi_slot, client_hop) == 64);
ABI_ASSERT(offsetof(struct abi_slot, opened_ns) == 120);
ABI_ASSERT(sizeof(struct abi_nat_event) == 56);
ABI_ASSERT(sizeof(struct abi_vip) == 32);
ABI_ASSERT(sizeof(struct abi_endpoint) == 64);
ABI_ASSERT(sizeof(struct abi_proxy) == 32);
ABI_ASSERT(sizeof(struct abi_ring) == 72);
ABI_ASSERT(sizeof(struct abi_control) == 64);
ABI_ASSERT(sizeof(struct abi_ledger) == 64);
ABI_ASSERT(sizeof(struct abi_clock) == 64);
ABI_ASSERT(sizeof(struct abi_match) == 24);
ABI_ASSERT(sizeof(struct abi_service) == 128);
ABI_ASSERT(sizeof(struct abi_backend) == 32);
ABI_ASSERT(sizeof(struct abi_client) == 24);
ABI_ASSERT(sizeof(struct abi_order) == 8);
ABI_ASSERT(sizeof(struct abi_went_to) == 16);
ABI_ASSERT(sizeof(struct abi_allowed) == 24);
ABI_ASSERT(sizeof(struct abi_iface) == 64);
ABI_ASSERT(sizeof(struct abi_datagram) == 40);
ABI_ASSERT(sizeof(struct abi_trail) == 20);
ABI_ASSERT(sizeof(struct abi_quota) == 24);

#ifdef __cplusplus
} // namespace proxip::abi
#endif

#endif
