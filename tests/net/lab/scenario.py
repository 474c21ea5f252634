"""Two sites and a tunnel: the topology most tests start from, and what must hold at the end of each.

    ns home              ns gw                          ns peer                      ns away
    eth0 ---- gw-lan [kanmond] gw-wan ======== wan [strongSwan | guest kernel | kanmond] lan ---- eth0
    10.1.0.10  10.1.0.1      192.0.2.1      192.0.2.2                          10.2.0.1  10.2.0.10
    2001:db8:a1::10 ::1   2001:db8:1::1  2001:db8:1::2                  2001:db8:a2::1   2001:db8:a2::10

The gateway's interfaces have no kernel address: kanmond answers for them. The outside link is recorded
from before the daemon starts until after it has ended.
"""

import contextlib
import copy

from .capture import Sniffer
from .conditions import wait_until
from .kanmon import Kanmon
from .strongswan import PSK, StrongSwan, connection
from .traffic import Stream, wait_ping
from .uml import UmlHost, UmlStrongSwan

OUTSIDE = {"v4": ("192.0.2.1", "192.0.2.2"), "v6": ("2001:db8:1::1", "2001:db8:1::2")}
HOME = {"v4": "10.1.0.10", "v6": "2001:db8:a1::10"}
AWAY = {"v4": "10.2.0.10", "v6": "2001:db8:a2::10"}
HOME_NET = {"v4": "10.1.0.0/24", "v6": "2001:db8:a1::/64"}
AWAY_NET = {"v4": "10.2.0.0/24", "v6": "2001:db8:a2::/64"}
INSIDE = [*HOME_NET.values(), *AWAY_NET.values(), "10.8.0.0/16", "10.9.0.0/16"]
GATEWAY_ID, PEER_ID = "gw.example", "branch.example"


def tunnel_settings(local, remote, local_id, remote_id, local_ts, remote_ts, /, **changes):
    """A tunnel's config section; changes use '_' for '-' (phase2_lifetime_seconds=...)."""
    return {
        "table": "main", "underlay": "internet", "local-address": local, "remote-address": remote,
        "local-id": local_id, "remote-id": remote_id, "pre-shared-key": PSK, "startup-action": "add",
        "traffic-selectors": {"local": local_ts, "remote": remote_ts},
        "phase1-encryption-algorithms": ["AES256-GCM-16"], "phase1-dh-group-numbers": [19],
        "phase2-encryption-algorithms": ["AES256-GCM-16"], "phase2-dh-group-numbers": [],
        **{key.replace("_", "-"): value for key, value in changes.items()}}


def gateway_config(name, outside, wan_addresses, lan_addresses, device, workers, tunnel, remote_nets, mtu=1500):
    """The config of a gateway with a wan port, a lan port and one tunnel called branch."""
    routes = [{"prefix": prefix, "tunnel": "branch"} for prefix in remote_nets]
    return {
        "version": 1,
        "system": {"name": name, "workers": workers, "power": "balanced"},
        "ports": {"wan": {"device": f"{device}:{name}-wan", "mtu": mtu, "addresses": wan_addresses,
                          "underlay": "internet"},
                  "lan": {"device": f"{device}:{name}-lan", "mtu": mtu, "addresses": lan_addresses,
                          "table": "main"}},
        "underlays": {"internet": {"routes": []}},
        "route-tables": {"main": {"routes": [*routes, {"prefix": "10.9.0.0/16", "blackhole": True},
                                             {"prefix": "10.8.0.0/16", "tunnel": "branch"}]}},
        "tunnels": {"branch": tunnel}}


class Site:
    """The standing scenario: .gateway (Kanmon), .peer, .home and .away (namespaces), .sniffer."""

    def __init__(self, lab, peer="strongswan", outside="v4", inside=("v4",), device="af_packet", workers=1,
                 initiator="gateway", tunnel=None, connection_options=None, child=None, esp=None, ike=None,
                 peer_psk=PSK, change_config=None, change_peer=None, mtu=1500):
        self.lab, self.outside, self.inside, self.kind = lab, outside, inside, peer
        self.local, self.remote = OUTSIDE[outside]
        self.home_nets, self.away_nets = [HOME_NET[f] for f in inside], [AWAY_NET[f] for f in inside]
        self.tunnel_changes = tunnel or {}
        self.device, self.workers, self.initiator = device, workers, initiator
        self.options = {"connection": connection_options or {}, "child": child, "psk": peer_psk,
                        **({"esp": esp} if esp else {}), **({"ike": ike} if ike else {})}
        self.change_peer = change_peer
        self.mtu = mtu
        self.lay_out()
        self.sniffer = Sniffer(self.peer_namespace, "wan", INSIDE)
        self.peer = {"strongswan": self.strongswan_peer, "uml": self.uml_peer, "kanmon": self.kanmon_peer}[peer]()
        config = self.gateway_config()
        if change_config:
            config = change_config(copy.deepcopy(config))
        self.config = config
        self.gateway = Kanmon(self.gateway_namespace, config)

    # Building

    def lay_out(self):
        lab = self.lab
        self.home, self.gateway_namespace = lab.namespace("home"), lab.namespace("gw")
        self.peer_namespace, self.away = lab.namespace("peer"), lab.namespace("away")
        lab.link(self.home, "eth0", self.gateway_namespace, "gw-lan", self.mtu)
        lab.link(self.gateway_namespace, "gw-wan", self.peer_namespace, "wan", self.mtu)
        lab.link(self.peer_namespace, "lan", self.away, "eth0", self.mtu)
        for interface in ("gw-lan", "gw-wan"):
            lab.silent_port(self.gateway_namespace, interface)
        self.home.address("eth0", "10.1.0.10/24", "2001:db8:a1::10/64")
        self.away.address("eth0", "10.2.0.10/24", "2001:db8:a2::10/64")
        for namespace, v4, v6 in ((self.home, "10.1.0.1", "2001:db8:a1::1"), (self.away, "10.2.0.1", "2001:db8:a2::1")):
            namespace.route("default", "via", v4)
            namespace.route("::/0", "via", v6)

    def gateway_config(self):
        start = {"startup_action": "start"} if self.initiator == "gateway" else {}
        tunnel = tunnel_settings(self.local, self.remote, GATEWAY_ID, PEER_ID, self.home_nets, self.away_nets,
                                 **{**start, **self.tunnel_changes})
        return gateway_config("gw", self.outside, ["192.0.2.1/24", "2001:db8:1::1/64"],
                              ["10.1.0.1/24", "2001:db8:a1::1/64"], self.device, self.workers, tunnel,
                              self.away_nets, self.mtu)

    def connections(self, **options):
        """swanctl's view of the tunnel; `options` override those given at construction."""
        chosen = {**self.options["connection"], **options}
        names = {key: self.options[key] for key in ("esp", "ike", "child") if key in self.options}
        return connection(self.remote, self.local, PEER_ID, GATEWAY_ID, self.away_nets, self.home_nets,
                          **{**names, **chosen})

    def strongswan_peer(self):
        namespace = self.peer_namespace
        namespace.address("wan", "192.0.2.2/24", "2001:db8:1::2/64")
        namespace.address("lan", "10.2.0.1/24", "2001:db8:a2::1/64")
        namespace.forwarding()
        return StrongSwan(namespace, self.connections(), self.options["psk"])

    def uml_peer(self):
        self.guest = UmlHost(self.peer_namespace, ["wan", "lan"])
        self.guest.address("vec0", "192.0.2.2/24", "2001:db8:1::2/64")
        self.guest.address("vec1", "10.2.0.1/24", "2001:db8:a2::1/64")
        self.guest.forwarding()
        return UmlStrongSwan(self.guest, self.connections(), self.options["psk"])

    def kanmon_peer(self):
        namespace = self.peer_namespace
        for interface in ("wan", "lan"):
            self.lab.silent_port(namespace, interface)
        tunnel = tunnel_settings(self.remote, self.local, PEER_ID, GATEWAY_ID, self.away_nets, self.home_nets,
                                 **self.tunnel_changes, pre_shared_key=self.options["psk"])
        config = gateway_config("peer", self.outside, ["192.0.2.2/24", "2001:db8:1::2/64"],
                                ["10.2.0.1/24", "2001:db8:a2::1/64"], self.device, self.workers, tunnel,
                                self.home_nets, self.mtu)
        for port in ("wan", "lan"):
            config["ports"][port]["device"] = f"{self.device}:{port}"
        return Kanmon(namespace, self.change_peer(config) if self.change_peer else config)

    # Using

    def wait_up(self, deadline_s=30):
        """The tunnel is up at both ends and an echo has come back through it."""
        if self.initiator == "peer" and self.kind != "kanmon":
            self.peer.initiate()
        self.gateway.wait_up(deadline_s)
        self.peer.wait_up(deadline_s)
        for family in self.inside:
            wait_ping(self.home, HOME[family], AWAY[family])
        return self

    def streams(self, rate_pps=1000, size=200, kind="udp"):
        """A numbered stream in each direction, of each inside family."""
        pairs = [(HOME[f], AWAY[f]) for f in self.inside]
        return ([Stream(self.home, home, self.away, away, rate_pps, size, kind) for home, away in pairs]
                + [Stream(self.away, away, self.home, home, rate_pps, size, kind) for home, away in pairs])

    def wait_new_child(self, before):
        """Waits until the peer's SPIs are all new and both ends name the same SAs."""
        wait_until(self.peer.child_spis, 15, "the old child SA to be replaced at the peer",
                   accept=lambda now: now and not now & before)
        return wait_until(
            lambda: (self.peer.child_spis(), {(o, i) for i, o in self.gateway.child_spis()}), 15,
            "both ends to hold the new child SA", accept=lambda both: both[0] and both[0] <= both[1])

    def outside_kinds(self):
        """How ESP travelled on the outside link: a subset of {"native", "udp"}."""
        kinds = set()
        for frame in self.sniffer.frames():
            kinds |= {"native"} if frame.is_esp() else {"udp"} if frame.is_esp_in_udp() else set()
        return kinds

    # Judging

    def verify(self):
        """Conservation, a clean end with deletes sent, no clear text outside, no secret in a log."""
        gateways = [g for g in (self.gateway, self.peer) if isinstance(g, Kanmon)]
        alive = [g for g in gateways if g.process.alive()]
        for gateway in alive:
            gateway.require_conservation()
        for gateway in alive:
            gateway.stop()
        if self.gateway in alive and self.kind != "kanmon":
            self.peer.wait_down()
        self.sniffer.require_no_clear_text()
        for gateway in gateways:
            assert PSK not in gateway.log(), f"{gateway.label}: the pre-shared key is in the log"


@contextlib.contextmanager
def site(lab, **options):
    """A Site whose verify() runs when the block ends well; a failing block is reported as it is."""
    standing = Site(lab, **options)
    yield standing
    standing.verify()
