"""A hub with segments A and B, a data centre and an operations site on private lines: the topology of S1.

    ns a  10.1.0.10 --- vpc-a [        ] line-dc  10.255.1.1 --- 10.255.1.2 [ns dc]  LAN 10.10.0.1 --- ns servers
    ns b  10.2.0.10 --- vpc-b [kanmond ]                              | 10.255.3.0/30     10.10.0.10
                              [        ] line-ops 10.255.2.1 --- 10.255.2.2 [ns ops] LAN 10.20.0.1 --- ns desk
                                                                                          10.20.0.10
Tunnels (strongSwan): dc-a and dc-b to 172.16.1.1, ops to 172.16.2.1, loopback addresses of the routers. Table D, the
underlay `lines`, has no static route: what BGP says on the two lines is all it knows of these addresses.
"""

import contextlib

from .bird import Bird
from .capture import Sniffer
from .conditions import wait_until
from .kanmon import Kanmon
from .scenario import tunnel_settings
from .standing import Standing
from .strongswan import StrongSwan, connection
from .traffic import ping

HOSTS = {"a": "10.1.0.10", "b": "10.2.0.10", "servers": "10.10.0.10", "desk": "10.20.0.10"}
NETS = {"a": "10.1.0.0/24", "b": "10.2.0.0/24", "servers": "10.10.0.0/24", "desk": "10.20.0.0/24"}
OUTSIDE = {"dc": "172.16.1.1", "ops": "172.16.2.1"}
LINES = {"dc": ("10.255.1.1", "10.255.1.2"), "ops": ("10.255.2.1", "10.255.2.2")}
INSIDE = {"dc-a": ("169.254.31.1", "169.254.31.2", "169.254.31.0/30"),
          "dc-b": ("169.254.31.5", "169.254.31.6", "169.254.31.4/30"),
          "ops": ("169.254.32.1", "169.254.32.2", "169.254.32.0/30")}
HUB, DC, OPS = 64512, 65010, 65020
# The pairs that may speak, each in both directions; every other pair must not.
ALLOWED = {("a", "servers"), ("b", "servers"), ("a", "desk"), ("b", "desk")}


class Hub(Standing):
    """`mended`: each line advertises its own router's outside address, and operations speaks BGP."""

    def __init__(self, lab, mended):
        self.lab, self.mended = lab, mended
        self.lay_out()
        self.sniffers = [Sniffer(self.routers[r], "line", list(NETS.values()), also="tcp port 179")
                         for r in ("dc", "ops")]
        self.config = self.gateway_config()
        self.start_dc()
        self.start_ops()
        self.gateway = Kanmon(self.gw, self.config)

    def lay_out(self):
        lab = self.lab
        self.gw = lab.namespace("gw")
        self.hosts = {name: lab.namespace(name) for name in HOSTS}
        self.routers = {"dc": lab.namespace("dc"), "ops": lab.namespace("ops")}
        for vpc in ("a", "b"):
            lab.link(self.hosts[vpc], "eth0", self.gw, f"vpc-{vpc}")
            lab.silent_port(self.gw, f"vpc-{vpc}")
        for (router, host, number) in (("dc", "servers", 1), ("ops", "desk", 2)):
            space = self.routers[router]
            lab.link(self.gw, f"line-{router}", space, "line")
            lab.silent_port(self.gw, f"line-{router}")
            lab.link(space, "lan", self.hosts[host], "eth0")
            space.address("line", f"{LINES[router][1]}/30")
            space.address("lo", f"{OUTSIDE[router]}/32")
            space.address("lan", f"10.{number}0.0.1/24")
            space.forwarding()
        lab.link(self.routers["dc"], "wan", self.routers["ops"], "wan")
        self.routers["dc"].address("wan", "10.255.3.1/30")
        self.routers["ops"].address("wan", "10.255.3.2/30")
        self.routers["ops"].route(f"{OUTSIDE['dc']}/32", "via", "10.255.3.1")
        for name, host in self.hosts.items():
            host.address("eth0", f"{HOSTS[name]}/24")
            host.route("default", "via", HOSTS[name].rsplit(".", 1)[0] + ".1")

    def start_dc(self):
        ends = {}
        for tunnel, segment in (("dc-a", "a"), ("dc-b", "b")):
            link = INSIDE[tunnel][2]
            ends[tunnel] = connection(OUTSIDE["dc"], LINES["dc"][0], f"{tunnel}.example", f"hub-{tunnel}.example",
                                      [NETS["servers"], link], [NETS[segment], link])["net"]
            ends[tunnel]["children"] = {tunnel: ends[tunnel]["children"]["net"]}
        self.dc_swan = StrongSwan(self.routers["dc"], ends)
        for tunnel in ends:
            self.routers["dc"].address("ipsec0", f"{INSIDE[tunnel][1]}/30")
        self.dc_bird = Bird(self.routers["dc"], LINES["dc"][1], self.dc_config())

    def start_ops(self):
        space, link = self.routers["ops"], INSIDE["ops"][2]
        segments = [NETS["a"], NETS["b"], link]
        self.ops_swan = StrongSwan(space, connection(OUTSIDE["ops"], LINES["ops"][0], "ops.example", "hub-ops.example",
                                                     [NETS["desk"], link], segments))
        space.address("ipsec0", f"{INSIDE['ops'][1]}/30")
        self.ops_bird = Bird(space, LINES["ops"][1], self.ops_config())

    def line_bgp(self, router, number, exports):
        near, far = LINES[router]
        return (f"protocol bgp line {{ local {far} as {number}; neighbor {near} as {HUB}; hold time 9; "
                f"connect delay time 1; error wait time 1, 2; ipv4 {{ import none; export where {exports}; }}; }}\n")

    def tunnel_bgp(self, tunnel, number, own):
        near, far, _ = INSIDE[tunnel]
        return (f"protocol bgp {tunnel.replace('-', '_')} {{ local {far} as {number}; neighbor {near} as {HUB}; "
                f"hold time 9; connect delay time 1; error wait time 1, 2; "
                f"ipv4 {{ import all; export where net = {own}; next hop self; }}; }}\n")

    def dc_config(self):
        """The fault: the data centre's line says nothing of its own outside address."""
        exports = f"net = {OUTSIDE['dc']}/32" if self.mended else "false"
        return ("protocol direct { ipv4; interface \"lan\", \"lo\"; }\n" + self.line_bgp("dc", DC, exports)
                + self.tunnel_bgp("dc-a", DC, NETS["servers"]) + self.tunnel_bgp("dc-b", DC, NETS["servers"]))

    def ops_config(self):
        """The fault: the line of operations says a summary that covers everybody's."""
        if not self.mended:
            return ("protocol static { ipv4; route 172.16.0.0/16 blackhole; }\n"
                    + self.line_bgp("ops", OPS, "net = 172.16.0.0/16"))
        return ("protocol direct { ipv4; interface \"lan\", \"lo\"; }\n"
                + self.line_bgp("ops", OPS, f"net = {OUTSIDE['ops']}/32") + self.tunnel_bgp("ops", OPS, NETS["desk"]))

    def tunnel(self, name, router, table, local_ts, remote_ts):
        near, _, link = INSIDE[name]
        return {**tunnel_settings(LINES[router][0], OUTSIDE[router], f"hub-{name}.example", f"{name}.example",
                                  [*local_ts, link], [*remote_ts, link], startup_action="start",
                                  dpd_timeout_seconds=10),
                "table": table, "underlay": "lines", "inside-addresses": [f"{near}/30"]}

    def gateway_config(self):
        ports = {f"vpc-{v}": {"device": f"af_packet:vpc-{v}", "addresses": [f"10.{n}.0.1/24"]}
                 for n, v in ((1, "a"), (2, "b"))}
        for router, (near, _) in LINES.items():
            ports[f"line-{router}"] = {"device": f"af_packet:line-{router}", "addresses": [f"{near}/30"],
                                       "underlay": "lines", "host-device": f"up-{router}"}
        servers, desk = [NETS["servers"]], [NETS["desk"]]
        tunnels = {"dc-a": self.tunnel("dc-a", "dc", "a", [NETS["a"]], servers),
                   "dc-b": self.tunnel("dc-b", "dc", "b", [NETS["b"]], servers),
                   "ops": self.tunnel("ops", "ops", "c", [NETS["a"], NETS["b"]], desk)}
        for tunnel in tunnels.values():
            del tunnel["table"]
        attachments = {"vpc-a": {"kind": "vpc", "port": "vpc-a"}, "vpc-b": {"kind": "vpc", "port": "vpc-b"},
                       **{name: {"kind": "vpn", "tunnels": [name]} for name in tunnels}}
        if not self.mended:
            attachments["ops"].update({"static-routes": desk, "on-down": "blackhole"})
        peer = {"import-policy": "all", "export-policy": "all", "connect-retry-seconds": 2}
        inside = lambda name, number: {"neighbor": INSIDE[name][1], "remote-as": number, **peer}
        speakers = {"lines": {"peers": {f"line-{r}": {"neighbor": LINES[r][1], "remote-as": n, **peer}
                                        for r, n in (("dc", DC), ("ops", OPS))}},
                    "a": {"originate": ["connected"], "peers": {"dc-a": inside("dc-a", DC)}},
                    "b": {"originate": ["connected"], "peers": {"dc-b": inside("dc-b", DC)}}}
        if self.mended:
            speakers["c"] = {"originate": ["propagated"], "peers": {"ops": inside("ops", OPS)}}
        speakers = {name: {"as": HUB, "router-id": "10.255.1.1", "hold-time-seconds": 9, **s}
                    for name, s in speakers.items()}
        return {"version": 1, "system": {"name": "hub", "workers": 1, "power": "balanced"}, "ports": ports,
                "underlays": {"lines": {}}, "attachments": attachments,
                "route-tables": {"a": {"associations": ["vpc-a", "dc-a"], "propagations": ["ops"]},
                                 "b": {"associations": ["vpc-b", "dc-b"], "propagations": ["ops"]},
                                 "c": {"associations": ["ops"], "propagations": ["vpc-a", "vpc-b"]}},
                "tunnels": tunnels, "bgp": {"speakers": speakers}}

    # Using

    def wait_up(self, deadline_s=60):
        for tunnel in INSIDE:
            self.gateway.wait_up(deadline_s, tunnel)
        wait_until(self.reachable, deadline_s, "the allowed pairs, and no others, to reach each other",
                   accept=lambda pairs: pairs == self.both_ways())
        return self

    @staticmethod
    def both_ways():
        return ALLOWED | {(y, x) for x, y in ALLOWED}

    def reachable(self):
        """{(from, to)} of all pairs of hosts whose echo comes back."""
        return {(x, y) for x in HOSTS for y in HOSTS
                if x != y and ping(self.hosts[x], HOSTS[x], HOSTS[y], 2, 56, 0.05, "-W", "1").received}

    def reboot_ops(self):
        """The router is gone: its daemons, its lines. Its configuration waits for the return."""
        self.ops_bird.process.stop()
        self.ops_swan.stop(graceful=False)
        for interface in ("line", "wan", "lan"):
            self.routers["ops"].run("ip", "link", "set", interface, "down")

    def return_ops(self):
        for interface in ("line", "wan", "lan"):
            self.routers["ops"].run("ip", "link", "set", interface, "up")
        self.routers["ops"].route(f"{OUTSIDE['dc']}/32", "via", "10.255.3.1")
        self.start_ops()


@contextlib.contextmanager
def hub(lab, mended):
    """A Hub whose verify() runs when the block ends well."""
    standing = Hub(lab, mended)
    yield standing
    standing.verify()
