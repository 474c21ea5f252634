"""IPv4 and IPv6, inside and outside the tunnel (ESP-35), against strongSwan.

    ns home                   ns gw                          ns peer                        ns away
    2001:db8:a1::10 ---- ::1 [kanmond] 2001:db8:1::1 ==== 2001:db8:1::2 [strongSwan] ::1 ---- 2001:db8:a2::10
    10.1.0.10       ---- .1            192.0.2.1     ==== 192.0.2.2                  .1  ---- 10.2.0.10
"""

from lab.scenario import AWAY, HOME, site
from lab.traffic import iperf3, lossless


def carries(lab, outside, inside, initiator):
    with site(lab, outside=outside, inside=inside, initiator=initiator) as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=500)):
            before = s.peer.child_spis()
            s.gateway.rekey()
            s.wait_new_child(before)
        assert iperf3(s.home, HOME[inside[0]], s.away, AWAY[inside[0]], 1) > 5


def test_ipv6_in_ipv4(lab):
    carries(lab, "v4", ("v6",), "gateway")


def test_ipv4_in_ipv6(lab):
    carries(lab, "v6", ("v4",), "gateway")


def test_ipv6_in_ipv6(lab):
    carries(lab, "v6", ("v6",), "peer")


def test_both_families_in_one_child(lab):
    carries(lab, "v4", ("v4", "v6"), "peer")
