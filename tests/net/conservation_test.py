"""Every packet has one fate, and the counters say which: good and bad traffic mixed, counted exactly.

    ns home              ns gw                       ns peer                  ns away
    10.1.0.10 ---- 10.1.0.1 [kanmond] 192.0.2.1 ==== 192.0.2.2 [strongSwan] 10.2.0.1 ---- 10.2.0.10
         |                                               |
     forged clear packets                    forged, replayed and broken ESP, noise

What arrived at the gateway's interfaces is counted by the kernel, which is not ours to be wrong.
"""

from scapy.all import ICMP, IP, UDP, Ether, IPv6, IPv6ExtHdrFragment, Raw, raw

from lab.conditions import wait_until
from lab.scenario import site
from lab.traffic import inject, lossless

GATEWAY, PEER, HOME, AWAY = "192.0.2.1", "192.0.2.2", "10.1.0.10", "10.2.0.10"


def kernel_minus_kanmon(s):
    """Frames the kernel delivered to (took from) the gateway's interfaces, minus those kanmond counts."""
    kernel = [s.gateway_namespace.counters(port) for port in ("gw-wan", "gw-lan")]
    received, transmitted = s.gateway.port_packets()
    return (sum(k["rx_packets"] for k in kernel) - received, sum(k["tx_packets"] for k in kernel) - transmitted)


def forged_esp(frames, change):
    """Copies of recorded ESP-in-UDP frames, each changed by change(bytes, index, offset of ESP)."""
    result = []
    for index, frame in enumerate(frames):
        data = bytearray(frame.data)
        change(data, index, 14 + 20 + 8)
        result.append(bytes(data))
    return result


def far_ahead(data, index, esp):
    """A sequence number the peer has not reached: the window lets it by, so the ICV must catch it."""
    number = int.from_bytes(data[esp + 4:esp + 8], "big") + 1000 + index
    data[esp + 4:esp + 8] = number.to_bytes(4, "big")


def other_spi(data, index, esp):
    data[esp:esp + 4] = (0xdead0000 + index).to_bytes(4, "big")


def unchanged(*_):
    pass


def bad_from_outside(s, esp):
    """{drop name: frames} that arrive on the wan port."""
    ether = Ether(dst=s.gateway_namespace.mac("gw-wan"), src=s.peer_namespace.mac("wan"))
    to_us = ether / IP(src=PEER, dst=GATEWAY)
    fragment = (ether / IPv6(src="2001:db8:1::2", dst="2001:db8:1::1") / IPv6ExtHdrFragment(nh=50, m=1)
                / Raw(bytes(61)))  # not the last, and no multiple of eight octets
    return {
        "decrypt.replayed": forged_esp(esp[-20:], unchanged),
        "decrypt.icv_failed": forged_esp(esp[-30:], far_ahead),
        "decrypt.unknown_spi": forged_esp(esp[-40:], other_spi),
        "classify.ethertype_unknown": [raw(Ether(dst=ether.dst, src=ether.src, type=0x88cc) / Raw(bytes(60)))] * 10,
        "classify.not_our_mac": [raw(Ether(dst="02:00:00:00:00:99", src=ether.src) / IP(src=PEER, dst=GATEWAY) / ICMP())] * 10,
        "classify.ip4_bad_checksum": [raw(ether / IP(src=PEER, dst=GATEWAY, chksum=0x1234) / ICMP())] * 10,
        # IPv6: DPDK's AF_PACKET driver has the kernel put IPv4 fragments together before it sees them.
        "classify.fragment_bad": [raw(fragment)] * 10,
        "route.underlay_transit": [raw(ether / IP(src=PEER, dst="198.51.100.1") / ICMP())] * 10,
        "local.no_service": [raw(to_us / UDP(sport=9, dport=9) / Raw(bytes(20)))] * 10,
    }


def bad_from_inside(s):
    """{drop name: frames} that arrive on the lan port."""
    ether = Ether(dst=s.gateway_namespace.mac("gw-lan"), src=s.home.mac("eth0"))
    def to(destination, **fields):
        return raw(ether / IP(src=HOME, dst=destination, **fields) / UDP(sport=7, dport=7) / Raw(bytes(30)))
    return {
        "route.no_route": [to("203.0.113.5")] * 25,
        "route.blackhole": [to("10.9.0.1")] * 15,
        "route.ttl_exceeded": [to(AWAY, ttl=1)] * 5,
        "encrypt.selector_mismatch": [to("10.8.0.1")] * 5,
    }


def nondescript(s):
    """Frames whose drop's name this test does not fix, only that there is one: empty, short, multicast."""
    ether = Ether(dst=s.gateway_namespace.mac("gw-lan"), src=s.home.mac("eth0"))
    return [raw(ether / IP(src=HOME, dst="224.0.0.5") / UDP() / Raw(bytes(9))),
            raw(Ether(dst=ether.dst, src=ether.src, type=0x0800)), raw(ether / IP(src=HOME, dst=AWAY, len=900)),
            raw(Ether(dst=ether.dst, src=ether.src, type=0x86dd) / Raw(bytes(12)))] * 4


def test_good_and_bad_traffic_adds_up(lab):
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=200, size=64)):
            pass
        esp = [f for f in s.sniffer.frames() if f.is_esp_in_udp() and f.source == PEER and len(f.data) < 320]
        assert len(esp) > 40, "enough recorded ESP to forge from"
        s.gateway.require_conservation()
        apart, drops, totals = kernel_minus_kanmon(s), s.gateway.drops(), s.gateway.totals()

        bad_wan, bad_lan, odd = bad_from_outside(s, esp), bad_from_inside(s), nondescript(s)
        s.sniffer.planted = len(bad_wan["classify.ethertype_unknown"]) + len(bad_wan["local.no_service"])
        with lossless(*s.streams(rate_pps=500)):
            inject(s.peer_namespace, "wan", [frame for frames in bad_wan.values() for frame in frames])
            inject(s.home, "eth0", [frame for frames in bad_lan.values() for frame in frames] + odd)

        for name, frames in {**bad_wan, **bad_lan}.items():
            wait_until(lambda: s.gateway.drops().get(name, 0) - drops.get(name, 0), 5,
                       f"{len(frames)} drops named {name}", accept=lambda count: count == len(frames))
        named = sum(s.gateway.drops().values()) - sum(drops.values())
        assert named >= sum(map(len, [*bad_wan.values(), *bad_lan.values(), odd])), "no bad frame got through"
        s.gateway.require_conservation()
        wait_until(lambda: kernel_minus_kanmon(s), 10, "the kernel to have counted the same packets",
                   accept=lambda now: now == apart, interval_s=0.2)
        now = s.gateway.totals()
        print({key: now[key] - totals[key] for key in now}, s.gateway.drops())


def test_nothing_lost_in_a_flood_of_forgeries(lab):
    """Forged ESP at several times the good rate moves no window and costs no good packet (ESP-01, ESP-02)."""
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=200, size=64)):
            pass
        esp = [f for f in s.sniffer.frames() if f.is_esp_in_udp() and f.source == PEER and len(f.data) < 320]
        with lossless(*s.streams(rate_pps=500)):
            for _ in range(20):
                inject(s.peer_namespace, "wan", forged_esp(esp[-50:], far_ahead) + forged_esp(esp[-50:], other_spi))
