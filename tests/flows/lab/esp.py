"""The other end of a tunnel: ESP by scapy, an implementation that shares no line with ours."""

import secrets

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, IPSecIntegrityError, SecurityAssociation
from scapy.layers.ipsec import _ESPPlain
from scapy.packet import Packet, Raw

KEY_BYTES = {"AES128-GCM-16": 16 + 4, "AES256-GCM-16": 32 + 4}  # with the salt, RFC 4106 section 8.1
ICV_BYTES = 16
UDP_ENCAP_PORT = 4500


def next_header(inner: Packet) -> int:
    return 4 if isinstance(inner, IP) else 41


class Direction:
    """One SA: a key and an SPI."""

    def __init__(self, algorithm: str, spi: int):
        self.spi = spi
        self.keymat = secrets.token_bytes(KEY_BYTES[algorithm])
        self.sa = SecurityAssociation(ESP, spi=spi, crypt_algo="AES-GCM", crypt_key=self.keymat)

    def encrypt(self, plain: _ESPPlain, esn: int | None) -> bytes:
        return bytes(self.sa.crypt_algo.encrypt(self.sa, plain, self.sa.crypt_key,
                                                esn_en=esn is not None, esn=esn or 0))

    def decrypt(self, esp: ESP, esn: int | None) -> _ESPPlain:
        return self.sa.crypt_algo.decrypt(self.sa, esp, self.sa.crypt_key,
                                          esn_en=esn is not None, esn=esn or 0)


class Peer:
    """A tunnel as its far end sees it: seals what goes to the gateway, opens what comes from it."""

    def __init__(self, name: str, algorithm: str, local: str, remote: str, udp: bool, esn: bool,
                 port: int = UDP_ENCAP_PORT):
        self.name = name
        self.gateway, self.address = local, remote  # outside addresses: the gateway's, ours
        self.udp, self.esn, self.port = udp, esn, port
        self.to_gateway = Direction(algorithm, 0)  # the gateway chooses this SPI
        self.from_gateway = Direction(algorithm, secrets.randbelow(2**31) + 2**30)
        self.sequence = 0
        self.high = 0  # extended numbers: the high word of what comes from the gateway

    def seal(self, inner: Packet | bytes, seq: int | None = None, **changes) -> Packet:
        """The outer packet that carries `inner`. `changes` break it, one thing each:
        spi, nh, padding, padlen (ESP fields), udp (encapsulation), src, dst, sport, outer (fields of
        the outer IP header), flip (bit number to flip in the ESP packet), cut (octets to take off
        its end)."""
        if seq is None:
            self.sequence += 1
            seq = self.sequence
        plain = _ESPPlain(spi=changes.get("spi", self.to_gateway.spi), seq=seq & 0xffffffff,
                          iv=seq.to_bytes(8, "big"), data=bytes(inner),
                          nh=changes.get("nh", next_header(inner) if "nh" not in changes else 0))
        self.to_gateway.sa.crypt_algo.pad(plain)
        if "padding" in changes:
            plain.padding, plain.padlen = changes["padding"], len(changes["padding"])
        if "padlen" in changes:
            plain.padlen = changes["padlen"]
        octets = bytearray(self.to_gateway.encrypt(plain, seq >> 32 if self.esn else None))
        if "flip" in changes:
            octets[changes["flip"] // 8] ^= 0x80 >> changes["flip"] % 8
        return self.wrap(bytes(octets[:len(octets) - changes.get("cut", 0)]), **changes)

    def wrap(self, esp: bytes, **changes) -> Packet:
        """Puts an IP header, and for UDP encapsulation a UDP header, in front of octets."""
        src, dst = changes.get("src", self.address), changes.get("dst", self.gateway)
        fields = changes.get("outer", {})
        udp = changes.get("udp", self.udp)
        payload = Raw(esp)
        if udp:
            # RFC 3948 section 2.1: a zero checksum over IPv4; over IPv6 it must be right.
            check = {} if ":" in src else {"chksum": 0}
            sport = changes.get("sport", self.port)
            payload = UDP(sport=sport, dport=UDP_ENCAP_PORT, **check) / payload
        protocol = 17 if udp else 50
        if ":" in src:
            return IPv6(src=src, dst=dst, nh=protocol, **fields) / payload
        return IP(src=src, dst=dst, proto=protocol, **fields) / payload

    def open(self, outer: Packet) -> Packet:
        """The inner packet of an outer one; AssertionError says what is wrong with it."""
        octets = self.esp_of(outer)
        assert len(octets) % 4 == 0, "ESP packet is not a multiple of four octets"
        esp = ESP(octets)
        assert esp.spi == self.from_gateway.spi, f"SPI {esp.spi:#x} is not the one of {self.name}"
        try:
            plain = self.from_gateway.decrypt(esp, self.high if self.esn else None)
        except IPSecIntegrityError as error:
            raise AssertionError("scapy refuses the ICV") from error
        # RFC 4303 section 2.4: the pad octets are 1, 2, 3, …; scapy does not look.
        assert plain.padlen < 4, f"{plain.padlen} octets of padding where fewer than 4 are needed"
        assert plain.nh in (4, 41), f"next header {plain.nh}"
        return (IP if plain.nh == 4 else IPv6)(plain.data)

    def esp_of(self, outer: Packet) -> bytes:
        assert (outer.src, outer.dst) == (self.gateway, self.address), \
            f"outer packet goes from {outer.src} to {outer.dst}"
        if self.udp:
            assert UDP in outer, f"not encapsulated in UDP: {outer.summary()}"
            udp = outer[UDP]
            assert (udp.sport, udp.dport) == (UDP_ENCAP_PORT, self.port), \
                f"UDP ports {udp.sport} and {udp.dport}"
            assert udp.len == len(bytes(udp)), "UDP length is wrong"
            if outer.version == 4:
                assert udp.chksum == 0, "UDP checksum over IPv4 is not zero (RFC 3948 section 2.1)"
            return bytes(udp.payload)
        protocol = outer.proto if outer.version == 4 else outer.nh
        assert protocol == 50, f"not ESP: protocol {protocol}"
        return bytes(outer.payload)
