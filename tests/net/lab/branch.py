"""One gateway, two lines, a branch with a router on each: the topology of failover tests.

    ns home             ns gw                            ns r1                          ns away
    10.1.0.10 --- 10.1.0.1 [kanmond] 192.0.2.1 ====== 192.0.2.2 [strongSwan] 10.2.0.1 --- 10.2.0.10
                                  198.51.100.1 ==+                                    |
                                                 |       ns r2                        |
                                                 +=== 198.51.100.2 [strongSwan] 10.2.0.2
                  inside: 169.254.21.1/30 - .2 (line 1)   169.254.22.1/30 - .2 (line 2)

The branch's LAN is one segment (a bridge in ns lan). Both outside lines are recorded.
"""

import contextlib

from .bird import Bird
from .capture import Sniffer
from .conditions import wait_until
from .kanmon import Kanmon
from .scenario import tunnel_settings
from .standing import Standing
from .strongswan import StrongSwan, connection

HOME, AWAY = "10.1.0.10", "10.2.0.10"
HOME_NET, AWAY_NET = "10.1.0.0/24", "10.2.0.0/24"
LINES = {1: ("192.0.2.1", "192.0.2.2"), 2: ("198.51.100.1", "198.51.100.2")}
INSIDE = {1: ("169.254.21.1", "169.254.21.2", "169.254.21.0/30"),
          2: ("169.254.22.1", "169.254.22.2", "169.254.22.0/30")}


class Branch(Standing):
    """.gateway, .routers {1, 2} (namespaces), .peers {1, 2} (strongSwan), .home, .away."""

    def __init__(self, lab, checks, weights=(100, 0), workers=1, change_config=None):
        """`checks`: {line: {key: value}} of the tunnel's config section (bfd, health-check)."""
        self.lab = lab
        self.lay_out()
        self.sniffers = [Sniffer(self.routers[i], "wan", [HOME_NET, AWAY_NET]) for i in (1, 2)]
        self.peers = {i: self.peer(i) for i in (1, 2)}
        self.config = self.gateway_config(checks, weights, workers)
        if change_config:
            self.config = change_config(self.config)
        self.gateway = Kanmon(self.gw, self.config)
        self.birds = {}

    def lay_out(self):
        lab = self.lab
        self.home, self.gw, self.away = lab.namespace("home"), lab.namespace("gw"), lab.namespace("away")
        self.lan = lab.namespace("lan")
        self.routers = {i: lab.namespace(f"r{i}") for i in (1, 2)}
        lab.link(self.home, "eth0", self.gw, "gw-lan")
        self.lan.run("ip", "link", "add", "br0", "type", "bridge")
        self.lan.run("ip", "link", "set", "br0", "up")
        for i, router in self.routers.items():
            lab.link(self.gw, f"gw-wan{i}", router, "wan")
            lab.link(router, "lan", self.lan, f"r{i}")
            router.address("wan", f"{LINES[i][1]}/24")
            router.address("lan", f"10.2.0.{i}/24")
            router.forwarding()
            # BIRD leaves its source port to the kernel; RFC 5881 section 4 wants it above 49151.
            router.sysctl("ipv4.ip_local_port_range", "49152 65535")
        lab.link(self.away, "eth0", self.lan, "away")
        for port in ("r1", "r2", "away"):
            self.lan.run("ip", "link", "set", port, "master", "br0")
        for port in ("gw-lan", "gw-wan1", "gw-wan2"):
            lab.silent_port(self.gw, port)
        self.home.address("eth0", f"{HOME}/24")
        self.home.route("default", "via", "10.1.0.1")
        self.away.address("eth0", f"{AWAY}/24")
        self.away.route("default", "via", "10.2.0.1")

    def peer(self, i):
        local, remote = LINES[i]
        link = INSIDE[i][2]
        peer = StrongSwan(self.routers[i], connection(
            remote, local, f"r{i}.example", "gw.example", [AWAY_NET, link], [HOME_NET, link]))
        # The inside address stands on the tunnel's own device, as on a router with interfaces per tunnel.
        self.routers[i].address("ipsec0", f"{INSIDE[i][1]}/30")
        return peer

    def gateway_config(self, checks, weights, workers):
        tunnels, routes = {}, []
        for i, (local, remote) in LINES.items():
            link = INSIDE[i][2]
            tunnels[f"line{i}"] = {
                **tunnel_settings(local, remote, "gw.example", f"r{i}.example", [HOME_NET, link], [AWAY_NET, link],
                                  startup_action="start"),
                "inside-addresses": [f"{INSIDE[i][0]}/30"], **checks.get(i, {})}
            tunnels[f"line{i}"]["table"] = "main"
            routes.append({"prefix": AWAY_NET, "tunnel": f"line{i}", "weight": weights[i - 1]})
        ports = {f"wan{i}": {"device": f"af_packet:gw-wan{i}", "mtu": 1500, "addresses": [f"{LINES[i][0]}/24"],
                             "underlay": "internet"} for i in LINES}
        ports["lan"] = {"device": "af_packet:gw-lan", "mtu": 1500, "addresses": ["10.1.0.1/24"], "table": "main"}
        return {"version": 1, "system": {"name": "gw", "workers": workers, "power": "balanced"}, "ports": ports,
                "underlays": {"internet": {"routes": []}}, "route-tables": {"main": {"routes": routes}},
                "tunnels": tunnels}

    def bird(self, i, options="", auth=""):
        """BFD on router i, towards the gateway through the tunnel."""
        self.birds[i] = Bird(self.routers[i], f"10.2.0.{i}", f"""
protocol bfd {{
  interface "ipsec0" {{ {options} }};
  neighbor {INSIDE[i][0]} dev "ipsec0" local {INSIDE[i][1]};
}}""")
        return self.birds[i]

    # Using

    def wait_up(self, deadline_s=30):
        for i in (1, 2):
            self.gateway.wait_up(deadline_s, f"line{i}")
            self.peers[i].wait_up(deadline_s)
        return self

    def row(self, view, i):
        for row in self.gateway.rows(view):
            if row["tunnel"] == f"line{i}":
                return row
        raise AssertionError(f"show {view} knows no line{i}")

    def wait_path(self, view, i, path, deadline_s=15):
        return wait_until(lambda: self.row(view, i), deadline_s, f"{view} of line{i}: path {path}",
                          accept=lambda row: row["path"] == path, interval_s=0.02)

    def cut(self, i):
        self.cut_line(self.routers[i])

    def mend(self, i):
        self.mend_line(self.routers[i])


@contextlib.contextmanager
def branch(lab, checks, **options):
    """A Branch whose verify() runs when the block ends well."""
    standing = Branch(lab, checks, **options)
    yield standing
    standing.verify()
