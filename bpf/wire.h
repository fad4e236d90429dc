/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_WIRE_H
#define PROXIP_WIRE_H

/* Headers as on the wire. ARP and ICMP are written out, since <linux/if_arp.h> and <linux/icmp.h> pull in the C library. */

#include <linux/types.h>

#include "abi/types.h"

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

enum { IPV4_MIN_MTU = 576 }; /* what every host takes (RFC 1122 section 3.3.3); IPv6: IPV6_MIN_MTU */

#define IP_MORE_FRAGMENTS 0x2000
#define IP_OFFSET_MASK 0x1fff
#define IP_DONT_FRAGMENT 0x4000

/* <linux/if_ether.h> has the header packed, and what is packed is read byte by byte. */
static inline __attribute__((always_inline)) __be16 ether_type_of(const struct ethhdr *eth)
{
	return *(const __be16 *)((const __u8 *)eth + 2 * ETH_ALEN);
}

/* Eight bytes that begin with a MAC: the MAC stands in the lower six. Each that is read so has two bytes behind it. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a MAC stands in the lower six bytes of a word");
#define MAC_MASK 0xffffffffffffULL

static inline __attribute__((always_inline)) __u64 mac_word(const __u8 *mac)
{
	return *(const __u64 *)mac;
}

static inline __attribute__((always_inline)) _Bool same_mac(const __u8 *a, const __u8 *b)
{
	return !((mac_word(a) ^ mac_word(b)) & MAC_MASK);
}

/* One store: what is read as eight bytes next was not written in pieces. */
static inline __attribute__((always_inline)) void write_hop(struct abi_hop *hop, const __u8 *mac, __u32 iface)
{
	*(__u64 *)hop = (mac_word(mac) & MAC_MASK) | (__u64)iface << 48;
}

/* `frame` is one of Ethernet. It is not the header's type, whose members are packed: they are written byte by byte. */
static inline __attribute__((always_inline)) void write_macs(void *frame, const __u8 *to, const __u8 *from)
{
	__u64 source = mac_word(from);

	*(__u64 *)frame = (mac_word(to) & MAC_MASK) | source << 48;
	*(__u32 *)(frame + sizeof(__u64)) = source >> 16;
}

enum { ARP_HARDWARE_ETHERNET = 1, ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp_ipv4 { /* RFC 826, for Ethernet and IPv4 */
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_bytes;
	__u8 protocol_bytes;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__be32 sender;
	__u8 target_mac[ETH_ALEN];
	__be32 target;
} __attribute__((packed));

/* RFC 8200 section 4; what is walked over, and where the walk ends. */
enum ipv6_next_header {
	NEXT_HOP_BY_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_DESTINATION = 60,
};

struct ipv6_extension {
	__u8 next_header;
	__u8 length;        /* in units of 8 bytes, the first not counted */
	__u8 type;          /* routing: its type */
	__u8 segments_left; /* routing */
	__u8 rest[4];
};

struct ipv6_fragment {
	__u8 next_header;
	__u8 reserved;
	__be16 offset; /* in units of 8 bytes, shifted by 3; lowest bit: more fragments */
	__be32 id;
};
#define IPV6_MORE_FRAGMENTS 0x0001
#define IPV6_OFFSET_MASK 0xfff8

enum icmp_type { /* RFC 792 */
	ICMP_ECHOREPLY = 0,
	ICMP_DEST_UNREACH = 3,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER_PROBLEM = 12,
};
enum icmp_unreachable { ICMP_HOST_UNREACH = 1, ICMP_PORT_UNREACH = 3, ICMP_FRAG_NEEDED = 4 };
enum icmp_exceeded { ICMP_EXC_TTL = 0 };

enum icmp6_type { /* RFC 4443, RFC 4861 */
	ICMP6_DEST_UNREACH = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_PARAMETER_PROBLEM = 4,
	ICMP6_LAST_ERROR = 127,
	ICMP6_ECHO = 128,
	ICMP6_ECHOREPLY = 129,
	ICMP6_NEIGHBOUR_SOLICITATION = 135,
	ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,
};
enum icmp6_unreachable { ICMP6_ADDRESS_UNREACH = 3, ICMP6_PORT_UNREACH = 4 };

struct icmphdr { /* RFC 792, RFC 4443 */
	__u8 type;
	__u8 code;
	__u16 checksum;
	union {
		__be32 word; /* too big (IPv6): MTU */
		struct {
			__be16 unused; /* echo: identifier */
			__be16 mtu;    /* fragmentation needed (RFC 1191); echo: sequence number */
		};
	};
};

struct nd_neighbour { /* RFC 4861 sections 4.3 and 4.4, with the one option that we write */
	struct icmphdr icmp;
	struct in6_addr target;
	__u8 option;
	__u8 option_length; /* in units of 8 bytes */
	__u8 mac[ETH_ALEN];
};
enum { ND_TARGET_LINK_LAYER = 2 };
enum { ND_SOLICITED = 1 << 30, ND_OVERRIDE = 1 << 29 }; /* of icmp.word, in host order */

#endif
