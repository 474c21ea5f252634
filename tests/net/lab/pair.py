"""An active-active gateway of another cloud at the far end of four tunnels: the topology of S3.

    ns home           ns gw                      ns t1 t2 (instance 0), t3 t4 (instance 1)     ns vnet
    10.1.0.10 --- 10.1.0.1 [kanmond] 198.51.10i.1 ===== 198.51.10i.2 [strongSwan, BIRD] 10.2.0.i --+-- 10.2.0.10
                                                                                                     [BIRD]

Each end of a tunnel is a namespace: strongSwan's userspace ESP holds one tunnel of these selectors. The four are
one autonomous system, as the pair is; vnet's own routing is iBGP with them, so that a session that ends moves the
way back. Azure's timers: keepalive 60 s, hold 180 s, and it never initiates BGP.
"""

import contextlib
import json

from .bird import Bird
from .capture import Sniffer
from .conditions import wait_until
from .kanmon import Kanmon
from .scenario import tunnel_settings
from .standing import Standing
from .strongswan import StrongSwan, connection

HOME, VNET = "10.1.0.10", "10.2.0.10"
HOME_NET, VNET_NET = "10.1.0.0/24", "10.2.0.0/24"
OURS, THEIRS = 64513, 65515
TUNNELS = (1, 2, 3, 4)
# AWS's end is the first station of each /30, Azure's the second; 169.254.21.x and .22.x are Azure's range.
INSIDE = {1: ("169.254.21.1", "169.254.21.2", "169.254.21.0/30"), 2: ("169.254.22.1", "169.254.22.2", "169.254.22.0/30"),
          3: ("169.254.21.5", "169.254.21.6", "169.254.21.4/30"), 4: ("169.254.22.5", "169.254.22.6", "169.254.22.4/30")}
DRAINED = "if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept;"


def outside(i):
    return f"198.51.{100 + i}.1", f"198.51.{100 + i}.2"


class Pair(Standing):
    """.gateway, .ends {1 … 4} (namespaces), .peers and .birds likewise, .home, .vnet."""

    def __init__(self, lab, check=None, bgp=None):
        """`check`: the health-check of each tunnel; `bgp`: keys of each BGP peer."""
        self.lab = lab
        self.lay_out()
        self.sniffers = [Sniffer(self.ends[i], "wan", [HOME_NET, VNET_NET]) for i in TUNNELS]
        self.peers = {i: self.peer(i) for i in TUNNELS}
        self.config = self.gateway_config(check, bgp or {})
        self.gateway = Kanmon(self.gw, self.config)
        self.birds = {i: Bird(self.ends[i], f"10.2.0.{i}", self.end_bird(i)) for i in TUNNELS}
        self.vnet_bird = Bird(self.vnet, VNET, self.vnet_config())

    def lay_out(self):
        lab = self.lab
        self.home, self.gw, self.vnet = lab.namespace("home"), lab.namespace("gw"), lab.namespace("vnet")
        self.lan = lab.namespace("lan")
        self.ends = {i: lab.namespace(f"t{i}") for i in TUNNELS}
        lab.link(self.home, "eth0", self.gw, "gw-lan")
        self.lan.run("ip", "link", "add", "br0", "type", "bridge")
        self.lan.run("ip", "link", "set", "br0", "up")
        for i, end in self.ends.items():
            lab.link(self.gw, f"gw-wan{i}", end, "wan")
            lab.silent_port(self.gw, f"gw-wan{i}")
            lab.link(end, "lan", self.lan, f"t{i}")
            end.address("wan", f"{outside(i)[1]}/24")
            end.address("lan", f"10.2.0.{i}/24")
            end.forwarding()
            self.count_flows(end)
        lab.silent_port(self.gw, "gw-lan")
        lab.link(self.vnet, "eth0", self.lan, "vnet")
        for port in ("vnet", *(f"t{i}" for i in TUNNELS)):
            self.lan.run("ip", "link", "set", port, "master", "br0")
        self.home.address("eth0", f"{HOME}/24")
        self.home.route("default", "via", "10.1.0.1")
        self.vnet.address("eth0", f"{VNET}/24")
        self.vnet.sysctl("ipv4.fib_multipath_hash_policy", 1)  # by ports too

    @staticmethod
    def count_flows(end):
        """Which streams to vnet pass here: packets by UDP port."""
        end.run("nft", "add table inet flows; "
                "add set inet flows seen { type inet_service; flags dynamic; size 1024; counter; }; "
                "add chain inet flows pass { type filter hook forward priority 0; }; "
                f"add rule inet flows pass ip daddr {VNET} udp dport 5000-9999 add @seen {{ udp dport }}")

    def peer(self, i):
        local, remote = outside(i)
        link = INSIDE[i][2]
        peer = StrongSwan(self.ends[i], connection(
            remote, local, f"t{i}.example", "gw.example", [VNET_NET, link], [HOME_NET, link]))
        self.ends[i].address("ipsec0", f"{INSIDE[i][1]}/30")
        return peer

    def gateway_config(self, check, bgp):
        tunnels, peers = {}, {}
        ports = {"lan": {"device": "af_packet:gw-lan", "mtu": 1500, "addresses": ["10.1.0.1/24"], "table": "main"}}
        for i in TUNNELS:
            local, remote = outside(i)
            near, far, link = INSIDE[i]
            ports[f"wan{i}"] = {"device": f"af_packet:gw-wan{i}", "mtu": 1500, "addresses": [f"{local}/24"],
                                "underlay": "internet"}
            tunnels[f"az{i}"] = {
                **tunnel_settings(local, remote, "gw.example", f"t{i}.example", [HOME_NET, link], [VNET_NET, link],
                                  startup_action="start"),
                "inside-addresses": [f"{near}/30"],
                **({"health-check": {"target": far, "source": near, **check}} if check else {})}
            peers[f"az{i}"] = {"neighbor": far, "remote-as": THEIRS, "import-policy": "all", "export-policy": "all",
                               "connect-retry-seconds": 2, **bgp}
        speaker = {"as": OURS, "router-id": "10.1.0.1", "hold-time-seconds": 180, "multipath": 4,
                   "originate": ["connected"], "peers": peers}
        return {"version": 1, "system": {"name": "gw", "workers": 1, "power": "balanced"}, "ports": ports,
                "underlays": {"internet": {"routes": []}}, "route-tables": {"main": {"routes": []}},
                "tunnels": tunnels, "bgp": {"speakers": {"main": speaker}}}

    def end_bird(self, i):
        near, far, _ = INSIDE[i]
        return f"""
protocol direct {{ ipv4; interface "lan"; }}
protocol kernel {{ ipv4 {{ import none; export where source = RTS_BGP; }}; }}
protocol bgp aws {{
  local {far} as {THEIRS}; neighbor {near} as {OURS}; passive on; hold time 180; keepalive time 60;
  ipv4 {{ import filter {{ {DRAINED} }}; export where source = RTS_DEVICE; next hop self; }};
}}
protocol bgp vnet {{
  local 10.2.0.{i} as {THEIRS}; neighbor {VNET} as {THEIRS}; hold time 9; connect delay time 1; error wait time 1, 2;
  ipv4 {{ import none; export where source = RTS_BGP; next hop self; }};
}}"""

    def vnet_config(self):
        sessions = "\n".join(f"""
protocol bgp t{i} {{ local {VNET} as {THEIRS}; neighbor 10.2.0.{i} as {THEIRS}; hold time 9; connect delay time 1;
  error wait time 1, 2; ipv4 {{ import all; export none; }}; }}""" for i in TUNNELS)
        return ("protocol kernel { merge paths on; ipv4 { import none; export where source = RTS_BGP; }; }\n"
                "protocol direct { ipv4; interface \"eth0\"; }" + sessions)

    # Using

    def wait_up(self, deadline_s=60):
        for i in TUNNELS:
            self.gateway.wait_up(deadline_s, f"az{i}")
            self.peers[i].wait_up(deadline_s)
        self.wait_carrying(TUNNELS, deadline_s)
        return self

    def members(self):
        """{tunnel: row} of the group that leads to vnet."""
        return {int(row["next_hop"][2:]): row for row in self.gateway.rows("groups")}

    def wait_carrying(self, tunnels, deadline_s=60):
        """The gateway sends by exactly these tunnels, and vnet's way back has the same."""
        wait_until(lambda: {i for i, row in self.members().items() if row["state"] == "active"}, deadline_s,
                   f"the group to carry by {tunnels}", accept=lambda active: active == set(tunnels), interval_s=0.05)

    def wait_back(self, tunnels, deadline_s=60):
        wait_until(lambda: self.vnet.run("ip", "route", "show", HOME_NET).stdout, deadline_s,
                   f"vnet's way back by {tunnels}", interval_s=0.1,
                   accept=lambda text: {i for i in TUNNELS if f"via 10.2.0.{i} " in text} == set(tunnels))

    def flows(self):
        """{UDP port: {tunnel: packets}} to vnet since the start."""
        seen = {}
        for i, end in self.ends.items():
            listed = json.loads(end.run("nft", "-j", "list", "set", "inet", "flows", "seen").stdout)["nftables"]
            for item in listed:
                for element in item.get("set", {}).get("elem", []):
                    counted = element["elem"]
                    seen.setdefault(counted["val"], {})[i] = counted["counter"]["packets"]
        return seen

    def cut(self, i):
        self.cut_line(self.ends[i])

    def mend(self, i):
        self.mend_line(self.ends[i])


@contextlib.contextmanager
def pair(lab, **options):
    """A Pair whose verify() runs when the block ends well."""
    standing = Pair(lab, **options)
    yield standing
    standing.verify()
