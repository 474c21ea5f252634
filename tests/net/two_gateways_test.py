"""Two Kanmons facing each other, two workers each.

    ns home              ns gw                       ns peer                 ns away
    10.1.0.10 ---- 10.1.0.1 [kanmond] 192.0.2.1 ==== 192.0.2.2 [kanmond] 10.2.0.1 ---- 10.2.0.10
                            2 workers         sniffer          2 workers
"""

from lab.conditions import wait_until
from lab.scenario import AWAY, HOME, site
from lab.traffic import iperf3, lossless


def test_two_workers_each(lab):
    """Native ESP, many flows, rekeys by either side and of the IKE SA: nothing is lost."""
    with site(lab, peer="kanmon", workers=2, inside=("v4", "v6")) as s:
        s.wait_up()
        with lossless(*s.streams(), *s.streams(rate_pps=500, size=1000)):
            for side in (s.gateway, s.peer, s.gateway):
                before = side.child_spis(active_only=True)
                side.rekey()
                wait_until(lambda: side.child_spis(active_only=True), 15, "a new child SA",
                           accept=lambda now: len(now) == 1 and not now & before)
            s.peer.rekey(ike=True)
        assert s.outside_kinds() == {"native"}
        for reverse in (False, True):
            assert iperf3(s.home, HOME["v4"], s.away, AWAY["v4"], 2, reverse, "--parallel", "4") > 5


def test_forced_udp_encapsulation(lab):
    with site(lab, peer="kanmon", workers=2, tunnel={"force_udp_encapsulation": True}) as s:
        s.wait_up()
        with lossless(*s.streams()):
            pass
        assert s.outside_kinds() == {"udp"}


def test_one_restarts(lab):
    with site(lab, peer="kanmon", workers=2) as s:
        s.wait_up()
        s.gateway.crash()
        s.gateway.start()
        s.wait_up()
        with lossless(*s.streams()):
            pass


def test_implicit_iv(lab):
    """ESP-20: both ends of a tunnel agree on AES-GCM with implicit IV; eight octets more fit, and a rekeying keeps it."""
    settings = {"phase2_encryption_algorithms": ["AES256-GCM-16-IIV", "AES256-GCM-16"]}
    with site(lab, peer="kanmon", workers=2, tunnel=settings) as s:
        s.wait_up()
        with lossless(*s.streams()):
            before = s.gateway.child_spis(active_only=True)
            s.gateway.rekey()
            wait_until(lambda: s.gateway.child_spis(active_only=True), 15, "a new child SA",
                       accept=lambda now: len(now) == 1 and not now & before)
        assert {row["algorithm"] for row in s.gateway.rows("sas")} == {"AES256-GCM-16-IIV"}
        assert s.gateway.tunnel()["mtu"] == (1500 - 20 - 8 - 16) // 4 * 4 - 2
