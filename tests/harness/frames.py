#!/usr/bin/env python3
"""Puts frames on an interface that no honest host would send, and prints how many of each kind: {"syn": 300000}.

frames.py flood INTERFACE MAC ADDRESS PORT COUNT         SYNs from as many made-up clients (100.64.0.0/10, RFC 6598)
frames.py malformed INTERFACE MAC ADDRESS PORT COUNT     frames with lengths and headers that cannot be, in turn

MAC is the load balancer's, ADDRESS and PORT a service's (IPv4)."""

import json
import socket
import struct
import sys
import time

MARK = b"MALFORMED-PROXIP"


def folded(total):
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def words(data):
    data += b"\0" * (len(data) % 2)
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def ipv4(source, destination, protocol, payload, length=None, ihl=5, version=4):
    header = struct.pack("!BBHHHBBH4s4s", version << 4 | ihl, 0, length if length is not None else 20 + len(payload), 1,
                         0x4000, 64, protocol, 0, source, destination)
    return header[:10] + struct.pack("!H", ~folded(words(header)) & 0xFFFF) + header[12:] + payload


def tcp(source, destination, sport, dport, flags=2, offset=5, payload=b""):
    segment = struct.pack("!HHIIBBHHH", sport, dport, 1000, 0, offset << 4, flags, 65535, 0, 0) + payload
    total = words(source + destination) + 6 + len(segment) + words(segment)
    return segment[:16] + struct.pack("!H", ~folded(total) & 0xFFFF) + segment[18:]


def udp(sport, dport, payload, length=None):
    return struct.pack("!HHHH", sport, dport, length if length is not None else 8 + len(payload), 0) + payload


def flood(vip, port, count):
    base = struct.unpack("!I", socket.inet_aton("100.64.0.0"))[0]
    for i in range(count):
        source = struct.pack("!I", base + 1 + i * 7919 % 4000000)
        yield "syn", 0x0800, ipv4(source, vip, 6, tcp(source, vip, 1024 + i % 60000, port))


def malformed(vip, port, count):
    client = socket.inet_aton("1.1.1.100")
    syn = tcp(client, vip, 5555, port, payload=MARK)
    question = udp(5555, port, MARK)
    kinds = [
        ("longer than its frame", 0x0800, ipv4(client, vip, 6, syn, length=20 + len(syn) + 1)),
        ("shorter than its header", 0x0800, ipv4(client, vip, 6, syn, length=19)),
        ("header length 4", 0x0800, ipv4(client, vip, 6, syn, ihl=4)),
        ("IP version 5", 0x0800, ipv4(client, vip, 6, syn, version=5)),
        ("TCP cut off", 0x0800, ipv4(client, vip, 6, syn[:19])),
        ("TCP data offset 4", 0x0800, ipv4(client, vip, 6, tcp(client, vip, 5555, port, offset=4, payload=MARK))),
        ("TCP data offset beyond the end", 0x0800,
         ipv4(client, vip, 6, tcp(client, vip, 5555, port, offset=15, payload=MARK))),
        ("UDP cut off", 0x0800, ipv4(client, vip, 17, question[:7])),
        ("UDP longer than its packet", 0x0800, ipv4(client, vip, 17, udp(5555, port, MARK, length=200))),
        ("UDP shorter than its header", 0x0800, ipv4(client, vip, 17, udp(5555, port, MARK, length=7))),
    ]
    for i in range(count):
        yield kinds[i % len(kinds)]


def main():
    what, interface, mac, address, port, count = sys.argv[1:7]
    vip = socket.inet_aton(address)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    ethernet = bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("0200000000aa")
    sent = {}
    make = {"flood": flood, "malformed": malformed}[what]
    for kind, ethertype, packet in make(vip, int(port), int(count)):
        while True:
            try:
                sock.send(ethernet + struct.pack("!H", ethertype) + packet)
                break
            except OSError:  # the device's queue is full
                time.sleep(0.001)
        sent[kind] = sent.get(kind, 0) + 1
    print(json.dumps(sent))


if __name__ == "__main__":
    main()
