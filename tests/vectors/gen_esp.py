#!/usr/bin/python3
"""Writes esp.vectors: ESP packets as scapy builds them, the independent second implementation.

Run it only to change what is covered; the result is committed and read by esp_vector_test.cc.
Each line is one packet:

  packet ALG OUTER INNER UDP ESN KEYMAT SPI SEQUENCE INNER_HEX OUTER_HEX
  digest ALG OUTER INNER UDP ESN KEYMAT SPI SEQUENCE PAYLOAD_BYTES SHA256_OF_OUTER

The inner packet of a digest line is inner(INNER, PAYLOAD_BYTES) below, which the test rebuilds.
Outer headers: 192.0.2.1 to 192.0.2.2 or 2001:db8::1 to ::2, TTL 64, DF, id = low half of the
sequence number, flow label 0, UDP 4500 to 4500 with no checksum on IPv4 and a right one on IPv6.
"""
import hashlib
import itertools
import os
import struct

from scapy.all import IP, UDP, IPv6, Raw
from scapy.layers.ipsec import ESP, SecurityAssociation

KEY_BYTES = {"AES128-GCM-16": 16, "AES256-GCM-16": 32}


def pattern(n):
    return bytes((i * 7 + n) & 0xFF for i in range(n))


def inner(version, payload_bytes):
    """UDP-less packet of protocol 253 (RFC 3692) with `payload_bytes` behind the IP header."""
    body = pattern(payload_bytes)
    if version == 4:
        return bytes(IP(src="10.1.0.1", dst="10.2.0.1", ttl=63, id=payload_bytes, proto=253,
                        tos=0xB8) / Raw(body))
    return bytes(IPv6(src="2001:db8:a::1", dst="2001:db8:b::1", hlim=63, nh=253, tc=0xB8)
                 / Raw(body))


def seal(alg, outer, inner_bytes, udp, esn, keymat, spi, sequence):
    low, high = sequence & 0xFFFFFFFF, sequence >> 32
    tunnel = (IP(src="192.0.2.1", dst="192.0.2.2") if outer == 4
              else IPv6(src="2001:db8::1", dst="2001:db8::2"))
    sa = SecurityAssociation(ESP, spi=spi, crypt_algo="AES-GCM", crypt_key=keymat,
                             tunnel_header=tunnel, esn_en=esn)
    sa.seq_num = low  # encrypt() takes an argument of zero for none
    packet = IP(inner_bytes) if inner_bytes[0] >> 4 == 4 else IPv6(inner_bytes)
    sealed = sa.encrypt(packet, seq_num=low, iv=struct.pack("!Q", sequence), esn_en=esn, esn=high)
    esp = bytes(sealed[ESP])
    proto = 17 if udp else 50
    tos = 0xB8
    head = (IP(src="192.0.2.1", dst="192.0.2.2", ttl=64, flags="DF", id=low & 0xFFFF, proto=proto,
               tos=tos) if outer == 4
            else IPv6(src="2001:db8::1", dst="2001:db8::2", hlim=64, nh=proto, tc=tos, fl=0))
    if not udp:
        return bytes(head / Raw(esp))
    port = UDP(sport=4500, dport=4500, chksum=0) if outer == 4 else UDP(sport=4500, dport=4500)
    return bytes(head / port / Raw(esp))


def combinations():
    return itertools.product(KEY_BYTES, (4, 6), (4, 6), (0, 1), (0, 1))


def keymat_of(alg, spi):
    n = KEY_BYTES[alg] + 4
    return hashlib.shake_256(f"{alg} {spi}".encode()).digest(n)


def lines():
    for n, (alg, outer, version, udp, esn) in enumerate(combinations()):
        spi = 0x10000 + n
        keymat = keymat_of(alg, spi)
        # Both sides of the 32-bit border with extended sequence numbers.
        first = 0xFFFFFFFC if esn else 1 + n * 1000
        lengths = (0, 1, 2, 3, 4, 5, 64, 129, 700)
        for i, size in enumerate(lengths):
            clear = inner(version, size)
            sealed = seal(alg, outer, clear, udp, esn, keymat, spi, first + i)
            yield (f"packet {alg} {outer} {version} {udp} {esn} {keymat.hex()} {spi:x} "
                   f"{first + i} {clear.hex()} {sealed.hex()}")
    every = list(combinations())
    for size in range(1501):
        n = size % len(every)
        alg, outer, version, udp, esn = every[n]
        spi, sequence = 0x20000 + n, (1 << 33 | size + 1) if esn else size + 1
        keymat = keymat_of(alg, spi)
        sealed = seal(alg, outer, inner(version, size), udp, esn, keymat, spi, sequence)
        yield (f"digest {alg} {outer} {version} {udp} {esn} {keymat.hex()} {spi:x} {sequence} "
               f"{size} {hashlib.sha256(sealed).hexdigest()}")


if __name__ == "__main__":
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "esp.vectors"), "w") as out:
        out.write("# Written by gen_esp.py, which says what the columns are.\n")
        out.writelines(line + "\n" for line in lines())
