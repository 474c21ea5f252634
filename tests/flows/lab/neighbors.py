"""The stations' side of ARP and IPv6 neighbour discovery."""

from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr,
                                IPv6)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

ARP_REQUEST, ARP_REPLY = 1, 2


def is_resolution(frame: Packet) -> bool:
    """ARP, a neighbour solicitation or a neighbour advertisement."""
    return ARP in frame or ICMPv6ND_NS in frame or ICMPv6ND_NA in frame


def answer(question: Packet, stations: dict[str, str]) -> Packet | None:
    """What the station asked for says; None if nobody of that address is there."""
    if ARP in question and question[ARP].op == ARP_REQUEST:
        wanted = question[ARP].pdst
        if wanted in stations and wanted != question[ARP].psrc:
            return Ether(src=stations[wanted], dst=question.src) / ARP(
                op=ARP_REPLY, hwsrc=stations[wanted], psrc=wanted, hwdst=question[ARP].hwsrc,
                pdst=question[ARP].psrc)
    if ICMPv6ND_NS in question:
        wanted = question[ICMPv6ND_NS].tgt
        if wanted in stations:
            return Ether(src=stations[wanted], dst=question.src) / IPv6(
                src=wanted, dst=question[IPv6].src, hlim=255) / ICMPv6ND_NA(
                    tgt=wanted, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=stations[wanted])
    return None
