#!/usr/bin/python3
"""Writes ip.txt beside itself: IP packets given to the gateway and what scapy says must come out.

A line is `NAME in=HEX [mtu=N] out=HEX[,HEX…]`. The expectations are built from the RFCs with
scapy's layers (RFC 792, 1191, 1812, 4443, 791), never from the gateway's own output.
Addresses: the gateway is 10.0.1.1 / 2001:db8:1::1, the sender 10.0.1.9 / 2001:db8:1::9.
"""
import pathlib

from scapy.all import (
    ICMP, IP, IPOption_RR, IPOption_Security, IPv6, Raw, TCP, UDP, conf, fragment, raw)
from scapy.layers.inet6 import (
    ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig,
    ICMPv6TimeExceeded, IPv6ExtHdrDestOpt)

conf.checkIPaddr = False
GW4, HOST4, FAR4 = "10.0.1.1", "10.0.1.9", "10.9.9.9"
GW6, HOST6, FAR6 = "2001:db8:1::1", "2001:db8:1::9", "2001:db8:9::9"
lines = []


def text(n):
    return bytes((i * 7 + 3) & 0xFF for i in range(n))


def add(name, given, out, mtu=None):
    hexes = ",".join(raw(p).hex() for p in out)
    size = f" mtu={mtu}" if mtu else ""
    lines.append(f"{name} in={raw(given).hex()}{size} out={hexes}")


def error4(about, kind, code, **fields):
    # RFC 1812: at most 576 octets, precedence 6; RFC 6864: an atomic datagram needs no id.
    quote = raw(about)[:576 - 28]
    return (IP(src=GW4, dst=about[IP].src, tos=0xC0, id=0, flags="DF", ttl=64)
            / ICMP(type=kind, code=code, **fields) / Raw(quote))


def error6(about, layer):
    # RFC 4443 section 2.4(c): not longer than the minimum MTU.
    quote = raw(about)[:1280 - 48]
    return IPv6(src=GW6, dst=about[IPv6].src, hlim=64) / layer / Raw(quote)


# Echo (RFC 792; RFC 4443 section 4.2).
for n in (0, 1, 56, 1452):
    q = IP(src=HOST4, dst=GW4, id=7, ttl=9, tos=4) / ICMP(type=8, id=5, seq=n) / Raw(text(n))
    a = IP(src=GW4, dst=HOST4, id=7, ttl=64, tos=4) / ICMP(type=0, id=5, seq=n) / Raw(text(n))
    add(f"echo4_{n}", q, [a])
    q = IPv6(src=HOST6, dst=GW6, hlim=9, fl=77) / ICMPv6EchoRequest(id=5, seq=n, data=text(n))
    a = IPv6(src=GW6, dst=HOST6, hlim=64, fl=77) / ICMPv6EchoReply(id=5, seq=n, data=text(n))
    add(f"echo6_{n}", q, [a])
q = IP(src=HOST4, dst=GW4, options=[IPOption_Security()]) / ICMP(id=5) / Raw(text(9))
a = (IP(src=GW4, dst=HOST4, ttl=64, options=[IPOption_Security()])
     / ICMP(type=0, id=5) / Raw(text(9)))
add("echo4_options", q, [a])

# Errors.
for n in (0, 100, 1400):
    p = IP(src=HOST4, dst=FAR4, ttl=1, id=3) / UDP(sport=1, dport=2) / Raw(text(n))
    add(f"ttl4_{n}", p, [error4(p, 11, 0)])
    p = IPv6(src=HOST6, dst=FAR6, hlim=1) / UDP(sport=1, dport=2) / Raw(text(n))
    add(f"ttl6_{n}", p, [error6(p, ICMPv6TimeExceeded(code=0))])
p = IP(src=HOST4, dst="172.16.0.1", ttl=7) / UDP(sport=1, dport=2) / Raw(text(20))
add("no_route4", p, [error4(p, 3, 0)])
p = IPv6(src=HOST6, dst="2001:db8:ffff::1", hlim=7) / UDP(sport=1, dport=2) / Raw(text(20))
add("no_route6", p, [error6(p, ICMPv6DestUnreach(code=0))])
p = IP(src=HOST4, dst=GW4) / UDP(sport=1, dport=7) / Raw(text(20))
add("closed_udp4", p, [error4(p, 3, 3)])
p = IP(src=HOST4, dst=GW4) / TCP(sport=1, dport=7)
add("closed_tcp4", p, [error4(p, 3, 3)])
p = IP(src=HOST4, dst=GW4, proto=47) / Raw(text(20))
add("closed_protocol4", p, [error4(p, 3, 2)])
p = IPv6(src=HOST6, dst=GW6) / UDP(sport=1, dport=7) / Raw(text(20))
add("closed_udp6", p, [error6(p, ICMPv6DestUnreach(code=4))])

# Too big (RFC 1191, RFC 4443 section 3.2). What is quoted has been on its way: TTL lowered.
for mtu in (1280, 1400):
    p = IP(src=HOST4, dst=FAR4, flags="DF", ttl=7) / UDP(sport=1, dport=2) / Raw(text(1450))
    q = p.copy()
    q.ttl = 6
    add(f"too_big4_{mtu}", p, [error4(q, 3, 4, nexthopmtu=mtu)], mtu)
    p = IPv6(src=HOST6, dst=FAR6, hlim=7) / UDP(sport=1, dport=2) / Raw(text(1440))
    q = p.copy()
    q.hlim = 6
    add(f"too_big6_{mtu}", p, [error6(q, ICMPv6PacketTooBig(mtu=mtu))], mtu)

# Transit: TTL lowered once, nothing else changed.
for ttl in (2, 64, 255):
    p = IP(src=HOST4, dst=FAR4, ttl=ttl, id=ttl, flags="DF") / UDP(sport=1, dport=2) / Raw(text(30))
    q = p.copy()
    q.ttl = ttl - 1
    add(f"transit4_{ttl}", p, [q])
    p = IPv6(src=HOST6, dst=FAR6, hlim=ttl) / IPv6ExtHdrDestOpt() / UDP(dport=2) / Raw(text(30))
    q = p.copy()
    q.hlim = ttl - 1
    add(f"transit6_{ttl}", p, [q])

# Fragmentation on the way out (RFC 791 section 3.2).
for n, mtu in ((1500, 1400), (1473, 1500), (1900, 576), (1000, 68)):
    p = IP(src=HOST4, dst=FAR4, ttl=7, id=99) / UDP(sport=1, dport=2) / Raw(text(n))
    q = IP(raw(p))
    q.ttl = 6
    del q.chksum
    size = (mtu - 20) // 8 * 8
    add(f"split4_{n}_{mtu}", p, fragment(IP(raw(q)), fragsize=size), mtu)
# A middle fragment is split further: offsets go on, the last keeps MF.
p = IP(src=HOST4, dst=FAR4, ttl=7, id=99, flags="MF", frag=50, proto=17) / Raw(text(1200))
parts = []
for at in range(0, 1200, 552):
    piece = text(1200)[at:at + 552]
    parts.append(IP(src=HOST4, dst=FAR4, ttl=6, id=99, flags="MF", frag=50 + at // 8, proto=17)
                 / Raw(piece))
add("split4_middle", p, parts, 576)
# Only options with the copied flag go into later fragments: security does, record route does not.
p = (IP(src=HOST4, dst=FAR4, ttl=7, id=99, proto=17,
        options=[IPOption_RR(routers=["0.0.0.0"]), IPOption_Security()])
     / Raw(text(1200)))
header = p.__class__(raw(p)).ihl * 4
first = (576 - header) // 8 * 8
q = IP(src=HOST4, dst=FAR4, ttl=6, id=99, proto=17, flags="MF",
       options=[IPOption_RR(routers=["0.0.0.0"]), IPOption_Security()]) / Raw(text(1200)[:first])
parts = [q]
later = (576 - 32) // 8 * 8  # 20 octets, 11 of security, 1 of padding
for at in range(first, 1200, later):
    piece = text(1200)[at:at + later]
    parts.append(IP(src=HOST4, dst=FAR4, ttl=6, id=99, proto=17, frag=at // 8,
                    flags="MF" if at + later < 1200 else 0, options=[IPOption_Security()])
                 / Raw(piece))
add("split4_options", p, parts, 576)

pathlib.Path(__file__).with_name("ip.txt").write_text("\n".join(lines) + "\n")
