"""The machine's own stack behind the gateway: inside addresses and port addresses on TUN devices.

    ns home              ns gw                                ns peer                 ns away
    10.1.0.10 ---- 10.1.0.1 [kanmond] 192.0.2.1 ========= 192.0.2.2 [kanmond] 10.2.0.1 ---- 10.2.0.10
                   kn-branch 169.254.21.1/30                 kn-branch 169.254.21.2/30
                             fd00:21::1/126                            fd00:21::2/126
"""

import contextlib

from lab.conditions import wait_until
from lab.scenario import AWAY_NET, HOME_NET, site
from lab.traffic import lossless, ping

INSIDE = {"gw": ["169.254.21.1/30", "fd00:21::1/126"], "peer": ["169.254.21.2/30", "fd00:21::2/126"]}
BLOB = bytes(range(256)) * 4096  # 1 MiB


def with_inside(services, host):
    """A config gets inside addresses in the namespace `host`, and selectors that let them through."""
    def change(config):
        config["route-tables"]["main"]["host-namespace"] = host.netns
        name = config["system"]["name"]
        tunnel = config["tunnels"]["branch"]
        tunnel["inside-addresses"] = INSIDE[name]
        tunnel["host-services"] = list(services)
        nets = {"gw": [HOME_NET["v4"], AWAY_NET["v4"]], "peer": [AWAY_NET["v4"], HOME_NET["v4"]]}[name]
        links = ["169.254.21.0/30", "fd00:21::/126"]
        tunnel["traffic-selectors"] = {"local": [nets[0], *links], "remote": [nets[1], *links]}
        return config
    return change


@contextlib.contextmanager
def inside_site(lab, services=("icmp", "bgp")):
    """Two Kanmons; .near and .far are the namespaces of their machines' programs."""
    near, far = lab.namespace("near"), lab.namespace("far")
    with site(lab, peer="kanmon", change_config=with_inside(services, near),
              change_peer=with_inside(services, far)) as s:
        s.near, s.far = near, far
        yield s


def transfer(server, client, family, here, there, port):
    """Sends BLOB from client to server over the kernel's TCP; returns what arrived."""
    path = server.lab.path(f"blob-{family}-{port}")
    listen = f"TCP{family}-LISTEN:{port},bind={there},reuseaddr"
    sink = server.spawn("sink", "socat", "-u", listen, f"CREATE:{path}")
    source = client.lab.path("blob")
    with open(source, "wb") as file:
        file.write(BLOB)
    connect = f"TCP{family}:{there}:{port},bind={here},connect-timeout=5,retry=50,interval=0.1"
    client.run("socat", "-u", f"FILE:{source}", connect, timeout_s=60)
    assert sink.wait(20) == 0, sink.tail()
    with open(path, "rb") as file:
        return file.read()


def test_the_kernels_tcp_goes_through_the_tunnel(lab):
    """TCP 179 of the machine's own stack, both families, both ways, beside traffic of the hosts."""
    with inside_site(lab) as s:
        s.wait_up()
        with lossless(*s.streams()):
            for family, near, far in (("4", "169.254.21.1", "169.254.21.2"), ("6", "[fd00:21::1]", "[fd00:21::2]")):
                for server, client, here, there in ((s.far, s.near, near, far), (s.near, s.far, far, near)):
                    assert transfer(server, client, family, here, there, 179) == BLOB
        for gateway in (s.gateway, s.peer):
            [row] = gateway.rows("host")
            assert row["device"] == "kn-branch" and row["owner"] == "tunnel branch", row
            assert row["to_host"] > 1000 and row["from_host"] > 1000 and row["full"] == 0, row


def test_ping_from_the_machine(lab):
    with inside_site(lab) as s:
        s.wait_up()
        for here, there in (("169.254.21.1", "169.254.21.2"), ("fd00:21::1", "fd00:21::2")):
            assert ping(s.near, here, there, 20).received == 20


def test_other_services_stay_shut(lab):
    """What host-services does not name never reaches the machine, though it listens."""
    with inside_site(lab, ["icmp"]) as s:
        s.wait_up()
        listener = s.far.spawn("listener", "socat", "-u", "TCP4-LISTEN:179,bind=169.254.21.2", "STDOUT")
        refused = s.near.run("socat", "-u", "OPEN:/dev/null",
                             "TCP4:169.254.21.2:179,connect-timeout=2", check=False, timeout_s=20)
        assert refused.returncode != 0, "the connection was made"
        assert listener.alive()
        wait_until(lambda: s.peer.rows("host")[0]["refused_in"], 5, "refused packets to be counted")
        listener.stop()


def test_a_reload_makes_and_removes_the_device(lab):
    with inside_site(lab) as s:
        s.wait_up()
        links = lambda: s.near.run("ip", "-o", "link").stdout
        assert "kn-branch" in links()
        config = s.config
        tunnel = {**config["tunnels"]["branch"], "host-device": "inside0"}
        s.gateway.write_config({**config, "tunnels": {"branch": tunnel}})
        s.gateway.reload()
        assert "inside0" in links() and "kn-branch" not in links()
        assert ping(s.near, "169.254.21.1", "169.254.21.2", 10).received == 10
        # A name somebody else has: refused, and everything goes on as before.
        s.near.run("ip", "tuntap", "add", "taken0", "mode", "tun")
        s.gateway.write_config({**config, "tunnels": {"branch": {**tunnel, "host-device": "taken0"}}})
        answer = s.gateway.cli("reload", check=False, as_json=False)
        assert answer.returncode != 0 and "taken0" in answer.stdout + answer.stderr, answer
        assert "inside0" in links()
        assert ping(s.near, "169.254.21.1", "169.254.21.2", 10).received == 10


def test_inside_addresses_cannot_be_reached_in_clear(lab):
    """A station on the outside line that routes the inside addresses to the gateway finds nobody there."""
    with inside_site(lab, ["any"]) as s:
        s.wait_up()
        listener = s.near.spawn("listener", "socat", "-u", "TCP4-LISTEN:179,bind=169.254.21.1", "STDOUT")
        s.peer_namespace.address("wan", "192.0.2.9/24")
        s.peer_namespace.route("169.254.21.0/30", "via", "192.0.2.1")
        tried = s.peer_namespace.run("socat", "-u", "OPEN:/dev/null", "TCP4:169.254.21.1:179,connect-timeout=2",
                                     check=False, timeout_s=20)
        assert tried.returncode != 0, "an inside address answered in clear"
        assert s.gateway.rows("host")[0]["to_host"] == 0
        s.sniffer.planted = s.sniffer.tripwire.count()
        s.peer_namespace.run("ip", "address", "del", "192.0.2.9/24", "dev", "wan")
        listener.stop()


def test_a_port_shares_its_address(lab):
    """The underlay's address on a host device: BGP with a router on the line, nothing else."""
    near = lab.namespace("near")
    def change(config):
        config["ports"]["wan"]["host-device"] = "kn-wan"
        config["underlays"]["internet"]["host-namespace"] = near.netns
        return config
    with site(lab, change_config=change) as s:
        s.wait_up()
        for server, client, here, there in ((s.peer_namespace, near, "192.0.2.1", "192.0.2.2"),
                                            (near, s.peer_namespace, "192.0.2.2", "192.0.2.1")):
            assert transfer(server, client, "4", here, there, 179) == BLOB
        listener = near.spawn("listener", "socat", "-u", "TCP4-LISTEN:22,bind=192.0.2.1", "STDOUT")
        refused = s.peer_namespace.run("socat", "-u", "OPEN:/dev/null", "TCP4:192.0.2.1:22,connect-timeout=2",
                                       check=False, timeout_s=20)
        assert refused.returncode != 0, "a service that is not in the list answered"
        assert s.gateway.rows("host")[0]["refused_in"] > 0
        listener.stop()
        s.sniffer.planted = s.sniffer.tripwire.count()  # BGP with the router is in clear by its nature
