"""The same tunnel with AF_XDP ports instead of AF_PACKET.

    ns home              ns gw                       ns peer                  ns away
    10.1.0.10 ---- gw-lan [kanmond, af_xdp] gw-wan ==== wan [strongSwan] lan ---- 10.2.0.10
"""

from lab.scenario import AWAY, HOME, site
from lab.traffic import iperf3, lossless


def test_af_xdp_ports(lab):
    """Up, lossless through a rekey, fast, and no XDP program stays behind (Kanmon.stop checks it)."""
    with site(lab, device="af_xdp") as s:
        s.wait_up()
        with lossless(*s.streams()):
            before = s.peer.child_spis()
            s.gateway.rekey()
            s.wait_new_child(before)
        assert iperf3(s.home, HOME["v4"], s.away, AWAY["v4"], 1) > 5


def test_af_xdp_after_a_crash(lab):
    """A killed daemon leaves its XDP program; the next one removes it and works."""
    with site(lab, device="af_xdp") as s:
        s.wait_up()
        s.gateway.crash()
        s.gateway.start()
        s.wait_up()
        with lossless(*s.streams()):
            pass
