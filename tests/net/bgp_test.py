"""BGP with real peers: on a line of a route table, and inside a tunnel.

    ns home              ns gw                              ns router
    eth0 ---- gw-lan [kanmond] gw-line ---------------- line [FRR | BIRD | GoBGP | OpenBGPD | ExaBGP]
    10.1.0.10  10.1.0.1      10.3.0.1                 10.3.0.2   lo 10.9.0.1, 2001:db8:9::1
    2001:db8:a1::10 ::1    2001:db8:3::1          2001:db8:3::2
"""

import contextlib
import copy
import json
import signal

from lab import bgpfeed
from lab.bird import Bird
from lab.conditions import timeout, wait_until
from lab.exabgp import ExaBgp
from lab.frr import Frr
from lab.gobgp import GoBgp
from lab.kanmon import Kanmon
from lab.openbgpd import OpenBgpd
from lab.scenario import AWAY, HOME, site
from lab.traffic import Stream, lossless, wait_ping

OURS, THEIRS = 64501, 64500
KEY = "a-key-of-sixteen"
FAR = {"v4": "10.9.0.1", "v6": "2001:db8:9::1"}
NET = {"v4": "10.9.0.0/24", "v6": "2001:db8:9::/64"}
PEER4 = {"neighbor": "10.3.0.2", "remote-as": THEIRS, "import-policy": "all", "export-policy": "all",
         "connect-retry-seconds": 2}
PEER6 = {**PEER4, "neighbor": "2001:db8:3::2"}



def speaker_config(name, peers, extra=None, bgp=None):
    return {
        "version": 1,
        "system": {"name": name, "workers": 1, "power": "balanced"},
        "ports": {"lan": {"device": "af_packet:gw-lan", "addresses": ["10.1.0.1/24", "2001:db8:a1::1/64"],
                          "table": "main"},
                  "line": {"device": "af_packet:gw-line", "addresses": ["10.3.0.1/24", "2001:db8:3::1/64"],
                           "table": "main", "host-device": "kn-line"}},
        "route-tables": {"main": {"routes": [{"prefix": "10.77.0.0/16", "blackhole": True}]}},
        "bgp": {**(bgp or {}), "speakers": {"main": {"as": OURS, "router-id": "10.3.0.1", "hold-time-seconds": 9,
                                                     "originate": ["connected"], **(extra or {}), "peers": peers}}}}


class Line:
    """.gateway, .home, .router; what a test does with a peer in .router is its own."""

    def __init__(self, lab, peers, extra=None, bgp=None):
        self.home, self.gw, self.router = lab.namespace("home"), lab.namespace("gw"), lab.namespace("router")
        lab.link(self.home, "eth0", self.gw, "gw-lan")
        lab.link(self.gw, "gw-line", self.router, "line")
        for interface in ("gw-lan", "gw-line"):
            lab.silent_port(self.gw, interface)
        self.home.address("eth0", f"{HOME['v4']}/24", f"{HOME['v6']}/64")
        self.home.route("default", "via", "10.1.0.1")
        self.home.route("::/0", "via", "2001:db8:a1::1")
        self.router.address("line", "10.3.0.2/24", "2001:db8:3::2/64")
        self.router.address("lo", f"{FAR['v4']}/32", f"{FAR['v6']}/128")
        self.router.forwarding()
        self.config = speaker_config("gw", peers, extra, bgp)
        self.gateway = Kanmon(self.gw, self.config)

    def route_back(self):
        """For peers that leave the kernel's table alone."""
        self.router.route("10.1.0.0/24", "via", "10.3.0.1")

    def change(self, change):
        change(self.config)
        self.gateway.write_config(self.config)
        return self.gateway.reload()

    def peer(self, name="p"):
        """Its row of show bgp; a state of none while there is no such peer."""
        return next((row for row in self.gateway.rows("bgp") if row["peer"] == name), {"state": "none"})

    def neighbor(self, name="p"):
        return json.loads(self.gateway.cli("show", "bgp", "neighbors", name).stdout)

    def wait_state(self, state="Established", name="p", deadline_s=30):
        return wait_until(lambda: self.peer(name), deadline_s, f"peer {name} {state}",
                          accept=lambda row: row["state"] == state, interval_s=0.1)

    def paths(self, *words):
        return json.loads(self.gateway.cli("show", "bgp", "routes", *words).stdout)["bgp-routes"]

    def wait_route(self, prefix, state="active", origin="bgp-direct-connect", deadline_s=20):
        """The route compiler has it, by show routes."""
        def look():
            document = json.loads(self.gateway.cli("show", "routes", prefix).stdout)
            return [row for row in document["routes"] if row["prefix"] == prefix and row["origin"] == origin]
        return wait_until(look, deadline_s, f"{prefix} {state}", interval_s=0.1,
                          accept=lambda rows: any(row["state"] == state for row in rows) if state else not rows)

    def wait_no_route(self, prefix):
        return self.wait_route(prefix, state=None)


@contextlib.contextmanager
def line(lab, peers, **options):
    """Ends with conservation, and with no key in the log."""
    standing = Line(lab, peers, **options)
    yield standing
    standing.gateway.require_conservation()
    standing.gateway.stop()
    assert KEY not in standing.gateway.log(), "the MD5 key is in the log"


def frr_text(more="", families=("ipv4",), neighbor="10.3.0.1", options=()):
    lines = [f"router bgp {THEIRS}", " bgp router-id 10.3.0.2", " no bgp ebgp-requires-policy",
             " bgp graceful-restart", f" neighbor {neighbor} remote-as {OURS}", f" neighbor {neighbor} timers 3 9",
             f" neighbor {neighbor} timers connect 1", *(f" neighbor {neighbor} {option}" for option in options)]
    return "\n".join(lines) + "\n" + more


@timeout(120)
def test_frr_both_families_md5_and_gtsm(lab):
    """BGP-11, BGP-18, BGP-19: routes of both families, real traffic over them, a refresh that flaps nothing."""
    options = (f"password {KEY}", "ttl-security hops 1")
    config = f"""router bgp {THEIRS}
 bgp router-id 10.3.0.2
 no bgp ebgp-requires-policy
 neighbor 10.3.0.1 remote-as {OURS}
 neighbor 10.3.0.1 timers 3 9
 neighbor 10.3.0.1 {options[0]}
 neighbor 10.3.0.1 {options[1]}
 neighbor 2001:db8:3::1 remote-as {OURS}
 neighbor 2001:db8:3::1 timers 3 9
 address-family ipv4 unicast
  network {NET['v4']}
  no neighbor 2001:db8:3::1 activate
 exit-address-family
 address-family ipv6 unicast
  network {NET['v6']}
  neighbor 2001:db8:3::1 activate
 exit-address-family
ip route {NET['v4']} blackhole
ipv6 route {NET['v6']} blackhole
"""
    peers = {"p": {**PEER4, "md5-password": KEY, "ttl-security": True}, "six": PEER6}
    with line(lab, peers) as s:
        frr = Frr(s.router, config, daemons=("zebra", "staticd", "bgpd"))
        s.wait_state()
        s.wait_state(name="six")
        for prefix in NET.values():
            s.wait_route(prefix)
        assert s.neighbor()["md5"] and s.neighbor()["ttl_security"]
        wait_until(lambda: frr.routes(), 15, "FRR to learn our subnet", accept=lambda seen: "10.1.0.0/24" in seen)
        wait_until(lambda: frr.routes("ipv6"), 15, "FRR to learn our IPv6 subnet",
                   accept=lambda seen: "2001:db8:a1::/64" in seen)
        for family in ("v4", "v6"):
            wait_ping(s.home, HOME[family], FAR[family])
        streams = [Stream(s.home, HOME[f], s.router, FAR[f]) for f in ("v4", "v6")]
        streams += [Stream(s.router, FAR[f], s.home, HOME[f]) for f in ("v4", "v6")]
        with lossless(*streams):
            before = s.neighbor()["updates"][0]
            s.gateway.cli("bgp", "clear", "p", "--soft-in")
            wait_until(lambda: s.neighbor()["updates"][0], 15, "FRR to send its routes again",
                       accept=lambda seen: seen > before)
            s.gateway.cli("bgp", "clear", "p", "--soft-out")
        assert s.peer()["flaps"] == 0
        # A wrong key: no session, and the other one does not notice.
        s.change(lambda c: c["bgp"]["speakers"]["main"]["peers"]["p"].update({"md5-password": "another key of 16"}))
        s.wait_no_route(NET["v4"])
        assert s.peer("six")["flaps"] == 0
        s.change(lambda c: c["bgp"]["speakers"]["main"]["peers"]["p"].update({"md5-password": KEY}))
        s.wait_state()
        s.wait_route(NET["v4"])


@timeout(90)
def test_without_a_policy_nothing_is_exchanged(lab):
    """BGP-10 (RFC 8212), and a reload that lets a policy in asks nobody for anything."""
    bare = {key: value for key, value in PEER4.items() if not key.endswith("policy")}
    with line(lab, {"p": bare}) as s:
        bird = Bird(s.router, "10.3.0.2", bird_text())
        s.wait_state()
        wait_until(lambda: s.peer()["received"], 10, "BIRD's routes")
        assert s.peer()["accepted"] == 0 and s.peer()["advertised"] == 0
        [row] = s.paths(NET["v4"])
        assert row["state"] == "rejected" and "RFC 8212" in row["reason"], row
        updates = s.neighbor()["updates"][0]
        s.change(lambda c: c["bgp"]["speakers"]["main"]["peers"]["p"].update({"import-policy": "all"}))
        s.wait_route(NET["v4"])
        assert s.neighbor()["updates"][0] == updates and s.peer()["flaps"] == 0
        assert "10.1.0.0/24" not in bird.routes()


def bird_text(more="", static="", channel="import all; export all;"):
    return f"""
protocol static {{ ipv4; route {NET['v4']} blackhole; {static} }}
protocol bgp kanmon {{
  local 10.3.0.2 as {THEIRS}; neighbor 10.3.0.1 as {OURS};
  hold time 9; connect retry time 1; error wait time 1, 2; connect delay time 1; {more}
  ipv4 {{ {channel} }};
}}
"""


@timeout(120)
def test_bird_restarts_gracefully(lab):
    """BGP-17: BIRD is killed and comes back; its routes are stale meanwhile, forward, and go if they do not return."""
    with line(lab, {"p": {**PEER4, "restart-time-seconds": 60}}) as s:
        more = "graceful restart on; graceful restart time 60;"
        bird = Bird(s.router, "10.3.0.2", bird_text(more, "route 10.10.0.0/16 blackhole;"))
        s.wait_state()
        for prefix in (NET["v4"], "10.10.0.0/16"):
            s.wait_route(prefix)
        s.route_back()
        wait_ping(s.home, HOME["v4"], FAR["v4"])
        with lossless(Stream(s.home, HOME["v4"], s.router, FAR["v4"])):
            bird.process.stop(signal.SIGKILL)
            wait_until(lambda: s.peer(), 15, "stale routes", accept=lambda row: row["stale"] >= 2, interval_s=0.1)
            s.wait_route(NET["v4"])
            bird.configure(bird_text(more))
            bird.start(options=("-R",))
            s.wait_state()
            s.wait_no_route("10.10.0.0/16")
            s.wait_route(NET["v4"])
        wait_until(lambda: s.peer(), 10, "nothing stale", accept=lambda row: row["stale"] == 0)
        assert s.neighbor()["swept"] == 1


@timeout(120)
def test_operators_words_and_drain(lab):
    """RFC 9003 both ways, a shutdown that stays until cleared, RFC 8326 by drain."""
    with line(lab, {"p": PEER4}) as s:
        frr = Frr(s.router, frr_text(f" address-family ipv4 unicast\n  network {NET['v4']}\n exit-address-family\n"
                                     f"ip route {NET['v4']} blackhole\n"), daemons=("zebra", "staticd", "bgpd"))
        s.wait_state()
        s.wait_route(NET["v4"])
        s.gateway.cli("drain", "--peer", "p")
        wait_until(lambda: frr.ask("show bgp ipv4 unicast 10.1.0.0/24"), 10, "GRACEFUL_SHUTDOWN at FRR",
                   accept=lambda seen: "gracefulShutdown" in json.dumps(seen) or "graceful-shutdown" in json.dumps(seen))
        assert s.peer()["draining"] and s.paths(NET["v4"])[0]["local_pref"] == 0
        s.gateway.cli("undrain", "--all")
        wait_until(lambda: json.dumps(frr.ask("show bgp ipv4 unicast 10.1.0.0/24")), 10, "no GRACEFUL_SHUTDOWN",
                   accept=lambda seen: "raceful" not in seen)
        frr.vtysh("configure terminal", f"router bgp {THEIRS}", "neighbor 10.3.0.1 shutdown message works on the roof")
        s.wait_no_route(NET["v4"])
        wait_until(lambda: s.peer()["reason"] or "", 10, "the words of FRR's operator",
                   accept=lambda reason: "works on the roof" in reason)
        s.gateway.wait_log(r"text=\"?works on the roof")
        frr.vtysh("configure terminal", f"router bgp {THEIRS}", "no neighbor 10.3.0.1 shutdown")
        s.wait_state(deadline_s=40)
        s.gateway.cli("bgp", "shutdown", "p", "--text", "changing the cable")
        s.wait_state("Shutdown")
        wait_until(lambda: json.dumps(frr.neighbor("10.3.0.1")), 10, "our words at FRR",
                   accept=lambda seen: "changing the cable" in seen)
        s.gateway.cli("bgp", "clear", "p")
        s.wait_state(deadline_s=40)
    wait_until(lambda: json.dumps(frr.neighbor("10.3.0.1")), 10, "our farewell at FRR",
               accept=lambda seen: "the gateway stops" in seen)


@timeout(90)
def test_gobgp_and_a_limit_of_prefixes(lab):
    """BGP-12: a warning, then the session ends with 6/1 and is tried again after the time that was set."""
    config = {"global": {"config": {"as": THEIRS, "router-id": "10.3.0.2"}},
              "neighbors": [{"config": {"neighbor-address": "10.3.0.1", "peer-as": OURS},
                             "timers": {"config": {"connect-retry": 2, "hold-time": 9, "keepalive-interval": 3}},
                             "afi-safis": [{"config": {"afi-safi-name": "ipv4-unicast"}}]}]}
    limit = {"ipv4": 4, "warning-percent": 50, "restart-after-seconds": 2}
    with line(lab, {"p": {**PEER4, "max-prefixes": limit}}) as s:
        gobgp = GoBgp(s.router, config)
        s.wait_state()
        for n in range(4):
            gobgp.ask("global", "rib", "add", f"10.20.{n}.0/24")
        s.wait_route("10.20.3.0/24")
        s.gateway.wait_log("max-prefixes-near")
        gobgp.ask("global", "rib", "add", "10.20.4.0/24")
        s.gateway.wait_log("max-prefixes-exceeded")
        s.wait_no_route("10.20.0.0/24")
        for n in range(3):
            gobgp.ask("global", "rib", "del", f"10.20.{n}.0/24")
        s.wait_state(deadline_s=40)
        s.wait_route("10.20.4.0/24")


@timeout(60)
def test_openbgpd(lab):
    config = f"""AS {THEIRS}
router-id 10.3.0.2
fib-update no
network {NET['v4']}
neighbor 10.3.0.1 {{
  remote-as {OURS}
  holdtime 9
  announce IPv4 unicast
}}
allow to any
allow from any
"""
    with line(lab, {"p": PEER4}) as s:
        peer = OpenBgpd(s.router, config)
        s.wait_state(deadline_s=40)
        s.wait_route(NET["v4"])
        wait_until(peer.routes, 15, "OpenBGPD to learn our subnet", accept=lambda seen: "10.1.0.0/24" in seen)
        s.route_back()
        wait_ping(s.home, HOME["v4"], FAR["v4"])


@timeout(60)
def test_malformed_updates_of_exabgp(lab):
    """BGP-03: an attribute that is broken withdraws its route alone; the session and the others stay."""
    static = f"""  static {{
    route {NET['v4']} next-hop 10.3.0.2;
    route 10.30.0.0/16 next-hop 10.3.0.2 attribute [ 0x08 0xc0 0x000102 ];
    route 10.31.0.0/16 next-hop 10.3.0.2 attribute [ 0x63 0xc0 0x0102 ];
  }}"""
    with line(lab, {"p": PEER4}) as s:
        ExaBgp(s.router, "10.3.0.2", "10.3.0.1", THEIRS, OURS, static)
        s.wait_state()
        s.wait_route(NET["v4"])
        s.wait_route("10.31.0.0/16")  # unknown, optional, transitive: passed on
        wait_until(lambda: s.neighbor()["treated_as_withdrawn"], 10, "RFC 7606 at work")
        assert s.paths("10.30.0.0/16") == []
        assert s.peer()["flaps"] == 0 and s.peer()["state"] == "Established"


@timeout(60)
def test_dynamic_peers_and_strangers(lab):
    """BGP-11: who connects from the range is a peer, anybody else's connection is closed."""
    peers = {"range": {**PEER4, "neighbor": "10.3.0.0/30"}}
    with line(lab, peers) as s:
        Bird(s.router, "10.3.0.2", bird_text())
        s.wait_state(name="range@10.3.0.2")
        s.wait_route(NET["v4"])
        s.router.address("line", "10.3.0.9/24")
        refused = s.router.run("socat", "-u", "TCP4:10.3.0.1:179,bind=10.3.0.9,connect-timeout=3", "STDOUT",
                               check=False, timeout_s=10)
        assert refused.stdout == ""
        assert s.gateway.show("bgp")["totals"]["strangers"] == 1


@timeout(120)
def test_bgp_inside_a_tunnel(lab):
    """strongSwan and BIRD at the other end of a tunnel: routes learned inside lead into it, never in clear (INV-2)."""
    inside = ["169.254.21.0/30"]

    def change(config):
        tunnel = config["tunnels"]["branch"]
        tunnel["inside-addresses"] = ["169.254.21.1/30"]
        tunnel["traffic-selectors"] = {"local": ["0.0.0.0/0"], "remote": ["0.0.0.0/0"]}
        config["route-tables"]["main"]["routes"] = []
        peer = {**PEER4, "neighbor": "169.254.21.2"}
        config["bgp"] = {"speakers": {"main": {"as": OURS, "hold-time-seconds": 9, "originate": ["connected"],
                                               "peers": {"cloud": peer}}}}
        return config

    with site(lab, peer="kanmon", change_config=change, change_peer=lambda c: far_end(c, lab)) as s:
        s.gateway.wait_up()
        far = s.far = lab.far
        bird = Bird(far, "169.254.21.2", f"""
protocol static {{ ipv4; route 10.2.0.0/24 via 169.254.21.1; }}
protocol bgp kanmon {{
  local 169.254.21.2 as {THEIRS}; neighbor 169.254.21.1 as {OURS}; hold time 9; connect retry time 1;
  error wait time 1, 2; connect delay time 1;
  ipv4 {{ import all; export all; next hop self; }};
}}""")
        wait_until(lambda: s.gateway.rows("bgp"), 30, "the session in the tunnel",
                   accept=lambda rows: rows[0]["state"] == "Established", interval_s=0.1)
        def learned():
            rows = json.loads(s.gateway.cli("show", "routes", "10.2.0.0/24").stdout)["routes"]
            return [row for row in rows if row["origin"] == "bgp-vpn"]
        rows = wait_until(learned, 20, "the learned route", accept=lambda rows: rows and rows[0]["state"] == "active")
        assert rows[0]["kind"] == "tunnel" and rows[0]["next_hop"] == "branch", rows
        assert "10.1.0.0/24" in bird.routes()
        wait_ping(s.home, HOME["v4"], AWAY["v4"])
        with lossless(*s.streams()):
            pass
        # The session ends: the route goes, and what was going by it is dropped by name, not sent in clear.
        bird.ask("disable", "kanmon")
        wait_until(learned, 20, "the route to go", accept=lambda rows: not rows)
        bird.ask("enable", "kanmon")
        wait_until(learned, 20, "the route to come back", accept=lambda rows: rows and rows[0]["state"] == "active")
        wait_ping(s.home, HOME["v4"], AWAY["v4"])


def far_end(config, lab):
    """The other Kanmon, whose machine runs the BGP daemon behind a host device."""
    lab.far = lab.namespace("far")
    config["route-tables"]["main"]["host-namespace"] = lab.far.netns
    config["route-tables"]["main"]["routes"] = [{"prefix": "10.1.0.0/24", "tunnel": "branch"}]
    tunnel = config["tunnels"]["branch"]
    tunnel["inside-addresses"] = ["169.254.21.2/30"]
    tunnel["traffic-selectors"] = {"local": ["0.0.0.0/0"], "remote": ["0.0.0.0/0"]}
    return config


@timeout(120)
def test_bgp_inside_a_tunnel_to_strongswan(lab):
    """The cloud's end is strongSwan with BIRD on the same machine, as on a router; loss-free over learned routes."""
    def change(config):
        tunnel = config["tunnels"]["branch"]
        tunnel["inside-addresses"] = ["169.254.21.1/30"]
        tunnel["traffic-selectors"] = {"local": ["10.1.0.0/24", "169.254.21.0/30"],
                                       "remote": ["10.2.0.0/24", "169.254.21.0/30"]}
        config["route-tables"]["main"]["routes"] = []
        config["bgp"] = {"speakers": {"main": {"as": OURS, "hold-time-seconds": 9, "originate": ["connected"],
                                               "peers": {"cloud": {**PEER4, "neighbor": "169.254.21.2"}}}}}
        return config

    child = {"local_ts": ["10.2.0.0/24", "169.254.21.0/30"], "remote_ts": ["10.1.0.0/24", "169.254.21.0/30"]}
    with site(lab, change_config=change, child=child) as s:
        s.peer_namespace.address("lo", "169.254.21.2/32")
        s.gateway.wait_up()
        bird = Bird(s.peer_namespace, "169.254.21.2", f"""
protocol static {{ ipv4; route 10.2.0.0/24 blackhole; }}
protocol bgp kanmon {{
  local 169.254.21.2 as {THEIRS}; neighbor 169.254.21.1 as {OURS}; multihop 2; hold time 9; connect retry time 1;
  error wait time 1, 2; connect delay time 1;
  ipv4 {{ import all; export all; next hop self; }};
}}""")
        wait_until(lambda: s.gateway.rows("bgp"), 30, "the session in the tunnel",
                   accept=lambda rows: rows[0]["state"] == "Established", interval_s=0.1)
        wait_until(lambda: json.loads(s.gateway.cli("show", "routes", "10.2.0.0/24").stdout)["routes"], 20,
                   "the learned route", accept=lambda rows: rows and rows[0]["state"] == "active")
        wait_until(bird.routes, 10, "BIRD to learn our subnet", accept=lambda seen: "10.1.0.0/24" in seen)
        wait_ping(s.home, HOME["v4"], AWAY["v4"])
        with lossless(*s.streams()):
            pass


@timeout(90)
def test_routes_of_another_table(lab):
    """What an attachment propagates is forwarded and told by the other table's speaker; not the other way round."""
    def widen(s):
        s.second = lab.namespace("second")
        lab.link(s.gw, "gw-line2", s.second, "line")
        lab.silent_port(s.gw, "gw-line2")
        s.second.address("line", "10.4.0.2/24")
        s.second.address("lo", "10.19.0.1/32")
        s.second.route("10.9.0.0/24", "via", "10.4.0.1")
        s.router.route("10.4.0.0/24", "via", "10.3.0.1")
        s.config["ports"]["line2"] = {"device": "af_packet:gw-line2", "addresses": ["10.4.0.1/24"], "table": "other",
                                      "host-device": "kn-line2"}
        s.config["route-tables"]["other"] = {"propagations": ["line"]}
        s.config["route-tables"]["main"]["propagations"] = ["line2"]
        s.config["bgp"]["speakers"]["other"] = {"as": OURS, "router-id": "10.4.0.1", "hold-time-seconds": 9, "peers": {
            "q": {**PEER4, "neighbor": "10.4.0.2", "remote-as": 64510}}}
        s.gateway.write_config(s.config)
        s.gateway.reload()

    with line(lab, {"p": PEER4}) as s:
        Bird(s.router, "10.3.0.2", bird_text())
        s.wait_state()
        s.wait_route(NET["v4"])
        widen(s)
        second = Bird(s.second, "10.4.0.2", f"""
protocol static {{ ipv4; route 10.19.0.0/24 blackhole; }}
protocol bgp kanmon {{
  local 10.4.0.2 as 64510; neighbor 10.4.0.1 as {OURS}; hold time 9; connect retry time 1; error wait time 1, 2;
  connect delay time 1; ipv4 {{ import all; export all; }};
}}""")
        s.wait_state(name="q")
        routes = wait_until(second.routes, 20, "the route of the other table", accept=lambda seen: NET["v4"] in seen)
        assert f"BGP.as_path: {OURS} {THEIRS}" in routes[NET["v4"]][0], routes
        wait_ping(s.second, "10.4.0.2", FAR["v4"])
        # 10.19.0.0/24 of table other is in table main by line2's propagation, and told to nobody of table other only.
        wait_until(lambda: json.loads(s.gateway.cli("show", "routes", "--table", "main", "10.19.0.0/24").stdout)["routes"],
                   10, "line2's routes in table main", accept=bool)
        assert s.peer("p")["flaps"] == 0
        # No propagation: the route goes from the other table and from its neighbour.
        s.config["route-tables"]["other"]["propagations"] = []
        s.gateway.write_config(s.config)
        s.gateway.reload()
        wait_until(second.routes, 20, "the route to be withdrawn", accept=lambda seen: NET["v4"] not in seen)


@timeout(60)
def test_a_restart_of_ours_is_announced(lab):
    """RFC 4724: the R-bit in the first OPEN only, and nothing is told before the neighbour's End-of-RIB."""
    with line(lab, {"p": {**PEER4, "graceful-restart": "restarter", "restart-time-seconds": 30}}) as s:
        frr = Frr(s.router, frr_text())
        s.wait_state()
        seen = wait_until(lambda: frr.neighbor("10.3.0.1"), 10, "FRR's view",
                          accept=lambda row: "gracefulRestartInfo" in json.dumps(row))
        assert '"rBit": true' in json.dumps(seen), json.dumps(seen)[:2000]
        wait_until(frr.routes, 40, "our routes at FRR", accept=lambda seen: "10.1.0.0/24" in seen)
        s.gateway.cli("bgp", "clear", "p", "--text", "once more")
        wait_until(lambda: s.peer()["flaps"], 20, "the session to end", accept=lambda n: n == 1)
        s.wait_state(deadline_s=40)
        assert '"rBit": false' in json.dumps(frr.neighbor("10.3.0.1"))
