"""A gateway, a customer that advertises a default route, and one that may be caught by it: the topology of S2.

    ns home --- [kanmond] 192.0.2.1 --- ns isp --- 198.51.100.2 ns x  (strongSwan, BIRD: says 0.0.0.0/0)
    10.1.0.10    tunnels x, y               \\---- 203.0.113.2  ns y  (strongSwan + FRR, or kanmond)  10.4.0.1
                                                                      |
                                                                 ns desk 10.4.0.10
y reaches the gateway by a default route to isp: nothing more specific leads there.
"""

import contextlib
import copy

from .bird import Bird
from .capture import Sniffer
from .frr import Frr
from .kanmon import Kanmon
from .scenario import tunnel_settings
from .strongswan import PSK, StrongSwan, connection
from .traffic import wait_ping

HOME, DESK = "10.1.0.10", "10.4.0.10"
HOME_NET, X_NET, Y_NET = "10.1.0.0/24", "10.3.0.0/24", "10.4.0.0/24"
GATEWAY, X, Y = "192.0.2.1", "198.51.100.2", "203.0.113.2"
INSIDE = {"x": ("169.254.41.1", "169.254.41.2", "169.254.41.0/30"), "y": ("169.254.42.1", "169.254.42.2", "169.254.42.0/30")}
HUB, AS_X, AS_Y = 64512, 65041, 65042
NO_DEFAULT = {"prefix-lists": {"default": [{"prefix": "0.0.0.0/0"}]},
              "route-maps": {"no-default": [{"action": "deny", "match-prefix-list": "default"}, {}]}}


class Trap:
    """`y`: "frr" (strongSwan beside FRR, nothing pinned) or "kanmon". `to_y`: the gateway's export policy towards y."""

    def __init__(self, lab, y, to_y):
        self.lab, self.kind = lab, y
        self.lay_out()
        self.sniffer = Sniffer(self.gw, "gw-wan", [HOME_NET, X_NET, Y_NET])
        self.gateway = Kanmon(self.gw, self.gateway_config(to_y))
        self.start_x()
        (self.start_frr if y == "frr" else self.start_kanmon)()

    def lay_out(self):
        lab = self.lab
        self.home, self.gw, self.isp = lab.namespace("home"), lab.namespace("gw"), lab.namespace("isp")
        self.x, self.y, self.desk = lab.namespace("x"), lab.namespace("y"), lab.namespace("desk")
        lab.link(self.home, "eth0", self.gw, "gw-lan")
        lab.link(self.gw, "gw-wan", self.isp, "gw")
        lab.link(self.x, "wan", self.isp, "x")
        lab.link(self.y, "wan", self.isp, "y")
        lab.link(self.y, "lan", self.desk, "eth0")
        for port in ("gw-lan", "gw-wan"):
            lab.silent_port(self.gw, port)
        for interface, address in (("gw", "192.0.2.254/24"), ("x", "198.51.100.254/24"), ("y", "203.0.113.254/24")):
            self.isp.address(interface, address)
        self.isp.forwarding()
        self.home.address("eth0", f"{HOME}/24")
        self.home.route("default", "via", "10.1.0.1")
        self.desk.address("eth0", f"{DESK}/24")
        self.desk.route("default", "via", "10.4.0.1")
        self.x.address("wan", f"{X}/24")
        self.x.address("lo", "10.3.0.1/24")  # what strongSwan's routes of the tunnel begin at
        self.x.route("192.0.2.0/24", "via", "198.51.100.254")

    def tunnel(self, name, local, remote, ends, nets, start):
        near, far = ends
        return {**tunnel_settings(local, remote, near, far, [nets[0], INSIDE[name][2]], [nets[1], INSIDE[name][2]],
                                  startup_action="start" if start else "add", dpd_timeout_seconds=30)}

    def gateway_config(self, to_y):
        tunnels = {"x": self.tunnel("x", GATEWAY, X, ("hub.example", "x.example"), (HOME_NET, X_NET), True),
                   "y": self.tunnel("y", GATEWAY, Y, ("hub.example", "y.example"), (HOME_NET, Y_NET), True)}
        for name, tunnel in tunnels.items():
            tunnel["inside-addresses"] = [f"{INSIDE[name][0]}/30"]
        peer = {"import-policy": "all", "connect-retry-seconds": 2}
        peers = {"x": {"neighbor": INSIDE["x"][1], "remote-as": AS_X, "export-policy": "no-default", **peer},
                 "y": {"neighbor": INSIDE["y"][1], "remote-as": AS_Y, "export-policy": to_y, **peer}}
        return {"version": 1, "system": {"name": "hub", "workers": 1, "power": "balanced"},
                "ports": {"wan": {"device": "af_packet:gw-wan", "addresses": [f"{GATEWAY}/24"], "underlay": "internet"},
                          "lan": {"device": "af_packet:gw-lan", "addresses": ["10.1.0.1/24"], "table": "main"}},
                "underlays": {"internet": {"routes": [{"prefix": "0.0.0.0/0", "via": "192.0.2.254"}]}},
                "route-tables": {"main": {}}, "tunnels": tunnels,
                "bgp": {**copy.deepcopy(NO_DEFAULT),
                        "speakers": {"main": {"as": HUB, "router-id": GATEWAY, "hold-time-seconds": 9,
                                              "originate": ["connected"], "peers": peers}}}}

    def start_x(self):
        link = INSIDE["x"][2]
        self.x_swan = StrongSwan(self.x, connection(X, GATEWAY, "x.example", "hub.example", [X_NET, link], [HOME_NET, link]))
        near, far, _ = INSIDE["x"]
        self.x.address("ipsec0", f"{far}/30")
        self.x_bird = Bird(self.x, far, f"""
protocol static {{ ipv4; route 0.0.0.0/0 blackhole; route {X_NET} blackhole; }}
protocol bgp hub {{ local {far} as {AS_X}; neighbor {near} as {HUB}; hold time 9; connect delay time 1;
  error wait time 1, 2; ipv4 {{ import all; export all; next hop self; }}; }}""")

    def start_frr(self):
        near, far, link = INSIDE["y"]
        self.y.address("wan", f"{Y}/24")
        self.y.address("lan", "10.4.0.1/24")
        self.y.forwarding()
        self.y_swan = StrongSwan(self.y, connection(Y, GATEWAY, "y.example", "hub.example", [Y_NET, link], [HOME_NET, link]))
        self.y.address("ipsec0", f"{far}/30")
        # The way out is a floating default: any default that BGP says is preferred to it.
        self.y_frr = Frr(self.y, f"""
ip route 0.0.0.0/0 203.0.113.254 250
router bgp {AS_Y}
 bgp router-id {far}
 no bgp ebgp-requires-policy
 neighbor {near} remote-as {HUB}
 neighbor {near} timers 3 9
 neighbor {near} timers connect 1
 address-family ipv4 unicast
  network {Y_NET}
 exit-address-family
""", "y", daemons=("zebra", "staticd", "bgpd"))

    def start_kanmon(self):
        for port in ("wan", "lan"):
            self.lab.silent_port(self.y, port)
        near, far, _ = INSIDE["y"]
        tunnel = self.tunnel("y", Y, GATEWAY, ("y.example", "hub.example"), (Y_NET, HOME_NET), False)
        tunnel["inside-addresses"] = [f"{far}/30"]
        self.y_gateway = Kanmon(self.y, {
            "version": 1, "system": {"name": "y", "workers": 1, "power": "balanced"},
            "ports": {"wan": {"device": "af_packet:wan", "addresses": [f"{Y}/24"], "underlay": "internet"},
                      "lan": {"device": "af_packet:lan", "addresses": ["10.4.0.1/24"], "table": "main"}},
            "underlays": {"internet": {"routes": [{"prefix": "0.0.0.0/0", "via": "203.0.113.254"}]}},
            "route-tables": {"main": {}}, "tunnels": {"y": tunnel},
            "bgp": {"speakers": {"main": {
                "as": AS_Y, "router-id": far, "hold-time-seconds": 9, "originate": ["connected"],
                "peers": {"hub": {"neighbor": near, "remote-as": HUB, "import-policy": "all", "export-policy": "all",
                                  "connect-retry-seconds": 2}}}}}})

    # Using

    def wait_up(self, deadline_s=40):
        for tunnel in ("x", "y"):
            self.gateway.wait_up(deadline_s, tunnel)
        return self

    def wait_through(self, deadline_s=40):
        wait_ping(self.home, HOME, DESK, deadline_s)

    def peer(self, name="y"):
        return next(row for row in self.gateway.rows("bgp") if row["peer"] == name)

    # Judging

    def verify(self):
        gateways = [self.gateway] + ([self.y_gateway] if self.kind == "kanmon" else [])
        for gateway in gateways:
            gateway.require_conservation()
        for gateway in gateways:
            gateway.stop()
            assert PSK not in gateway.log()
        self.sniffer.require_no_clear_text()


@contextlib.contextmanager
def trap(lab, y, to_y):
    """A Trap whose verify() runs when the block ends well."""
    standing = Trap(lab, y, to_y)
    yield standing
    standing.verify()
