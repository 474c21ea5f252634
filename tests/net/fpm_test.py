"""Routes of another routing daemon: FRR beside the gateway, whose zebra gives them by FPM.

    ns home ---- [kanmond] ============ [kanmond] ---- ns away
                     | kn-branch            | kn-branch
                 ns near: zebra, bgpd --- ns far: zebra, bgpd       BGP inside the tunnel

The gateway has no route to away of its own: what leads there is what bgpd in `near` learned from bgpd
in `far` and zebra said over FPM.
"""

import contextlib

from lab.conditions import wait_until
from lab.frr import Frr
from lab.scenario import AWAY_NET, HOME_NET, site
from lab.traffic import lossless, wait_ping
from host_test import with_inside

NETS = {"v4": AWAY_NET["v4"], "v6": AWAY_NET["v6"]}
NEAR_CONFIG = """
fpm address 127.0.0.1 port 2620
router bgp 65001
 bgp router-id 169.254.21.1
 no bgp ebgp-requires-policy
 neighbor 169.254.21.2 remote-as 65002
 neighbor fd00:21::2 remote-as 65002
 address-family ipv6 unicast
  neighbor fd00:21::2 activate
 exit-address-family
exit
"""
FAR_CONFIG = f"""
router bgp 65002
 bgp router-id 169.254.21.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 169.254.21.1 remote-as 65001
 neighbor fd00:21::1 remote-as 65001
 address-family ipv4 unicast
  network {NETS["v4"]}
 exit-address-family
 address-family ipv6 unicast
  neighbor fd00:21::1 activate
  network {NETS["v6"]}
 exit-address-family
exit
"""


def fed_by_fpm(stale_s):
    def change(config, host):
        config = with_inside(["icmp", "bgp"], host)(config)
        table = config["route-tables"]["main"]
        table["routes"] = [r for r in table["routes"] if r["prefix"] not in NETS.values()]
        table["fpm"] = {"stale-time-seconds": stale_s}
        selectors = config["tunnels"]["branch"]["traffic-selectors"]
        selectors["local"].append(HOME_NET["v6"])
        selectors["remote"].append(AWAY_NET["v6"])
        return config
    return change


def peer_too(host):
    def change(config):
        config = with_inside(["icmp", "bgp"], host)(config)
        selectors = config["tunnels"]["branch"]["traffic-selectors"]
        selectors["local"].append(AWAY_NET["v6"])
        selectors["remote"].append(HOME_NET["v6"])
        return config
    return change


def feed(gateway):
    [row] = gateway.rows("fpm")
    return row


def fpm_routes(gateway):
    return {row["prefix"]: row for row in gateway.rows("routes") if row["origin"] == "fpm"}


@contextlib.contextmanager
def fed_site(lab, stale_s=120):
    near, far = lab.namespace("near"), lab.namespace("far")
    change = fed_by_fpm(stale_s)
    with site(lab, peer="kanmon", inside=("v4", "v6"), change_config=lambda c: change(c, near),
              change_peer=peer_too(far)) as s:
        s.gateway.wait_up(30)
        s.peer.wait_up(30)
        for number, namespace in enumerate((near, far), 1):  # bgpd takes no IPv6 neighbour without
            namespace.run("ip", "address", "add", f"fe80::{number}/64", "dev", "kn-branch")
        s.far_frr = Frr(far, FAR_CONFIG, "far")
        s.near_frr = Frr(near, NEAR_CONFIG, "near", daemons=("zebra -M dplane_fpm_nl", "bgpd"))
        wait_until(lambda: set(NETS.values()) <= set(fpm_routes(s.gateway)), 30, "both routes by FPM")
        for family, source, there in (("v4", "10.1.0.10", "10.2.0.10"),
                                      ("v6", "2001:db8:a1::10", "2001:db8:a2::10")):
            wait_ping(s.home, source, there)
        yield s


def test_routes_of_frr_carry_traffic_and_go_when_withdrawn(lab):
    with fed_site(lab) as s:
        rows = fpm_routes(s.gateway)
        for prefix in NETS.values():
            assert rows[prefix]["state"] == "active" and rows[prefix]["next_hop"] == "branch", rows[prefix]
        row = feed(s.gateway)
        assert row["state"] == "connected" and row["unresolved"] == 0, row
        with lossless(*s.streams()):
            pass
        s.far_frr.vtysh("configure terminal", "router bgp 65002", "address-family ipv4 unicast",
                        f"no network {NETS['v4']}")
        wait_until(lambda: NETS["v4"] not in fpm_routes(s.gateway), 10, "the withdrawn route to go")
        assert NETS["v6"] in fpm_routes(s.gateway)


def test_the_other_daemons_restart_loses_no_packet(lab):
    """zebra dies and comes back: routes stay meanwhile, and are the connection's own afterwards."""
    with fed_site(lab) as s, lossless(*s.streams()):
        s.near_frr.crash()
        wait_until(lambda: feed(s.gateway)["state"] == "waiting", 10, "the connection to end")
        assert feed(s.gateway)["stale"] >= 2
        s.near_frr.start()
        wait_until(lambda: feed(s.gateway), 60, "both routes to be told again",
                   accept=lambda row: row["state"] == "connected" and row["stale"] == 0)


def test_stale_routes_go_after_their_time(lab):
    with fed_site(lab, stale_s=2) as s:
        s.near_frr.crash()
        wait_until(lambda: not fpm_routes(s.gateway), 15, "stale routes to go")
        assert feed(s.gateway)["routes"] == 0


def test_a_reload_changes_the_port_and_keeps_what_does_not_change(lab):
    with fed_site(lab) as s:
        before = feed(s.gateway)["connections"]
        s.gateway.reload()
        assert feed(s.gateway)["connections"] == before and set(NETS.values()) <= set(fpm_routes(s.gateway))
        config = s.config
        config["route-tables"]["main"]["fpm"]["port"] = 2621
        s.gateway.write_config(config)
        s.gateway.reload()
        assert feed(s.gateway)["listens_at"] == "127.0.0.1:2621" and not fpm_routes(s.gateway)
        s.near_frr.vtysh("configure terminal", "fpm address 127.0.0.1 port 2621")
        wait_until(lambda: set(NETS.values()) <= set(fpm_routes(s.gateway)), 30, "the routes at the new port")
