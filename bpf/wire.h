/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_WIRE_H
#define PROXIP_WIRE_H

/* Headers as on the wire. ARP and ICMP are written out, since <linux/if_arp.h> and <linux/icmp.h> pull in the C library. */

#include <linux/types.h>

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#define IP_MORE_FRAGMENTS 0x2000
#define IP_OFFSET_MASK 0x1fff
#define IP_DONT_FRAGMENT 0x4000

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

enum icmp_type {
	ICMP_ECHOREPLY = 0,
	ICMP_DEST_UNREACH = 3,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
};
enum icmp_unreachable { ICMP_PORT_UNREACH = 3, ICMP_FRAG_NEEDED = 4 };
enum icmp_exceeded { ICMP_EXC_TTL = 0 };

struct icmphdr { /* RFC 792 */
	__u8 type;
	__u8 code;
	__u16 checksum;
	__be16 unused; /* echo: identifier */
	__be16 mtu;    /* fragmentation needed (RFC 1191); echo: sequence number */
};

#endif
