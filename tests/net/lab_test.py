"""The laboratory itself, proven before it judges anything: two strongSwans, then a kernel with ESP.

    ns west (strongSwan, libipsec)             ns east (strongSwan libipsec | user-mode Linux kernel ESP)
    10.1.0.1 lo --- wan 192.0.2.1/24 ========== 192.0.2.2/24 wan --- 10.2.0.1 lo | lan -- ns client
                                      sniffer

Planted faults (a clear-text packet, losses, duplicates, a kept offload) must be caught.
"""

import os
import signal
import subprocess
import sys

from lab import traffic
from lab.capture import Sniffer
from lab.conditions import ConditionTimeout, wait_until
from lab.netns import Lab, require_no_offloads
from lab.process import CommandFailed, pid_alive
from lab.strongswan import StrongSwan, connection
from lab.swanconf import parse_raw
from lab.traffic import Stream, iperf3, lossless, ping, wait_ping
from lab.uml import UmlHost, UmlStrongSwan

INSIDE = ["10.1.0.0/24", "10.2.0.0/24"]


def fails(kind, action):
    """Runs an action that must raise `kind`; returns the message."""
    try:
        action()
    except kind as error:
        return str(error)
    raise AssertionError("the planted fault was not caught")


def wire(lab):
    west, east = lab.namespace("west"), lab.namespace("east")
    lab.link(west, "wan", east, "wan")
    west.address("wan", "192.0.2.1/24")
    west.address("lo", "10.1.0.1/32")
    return west, east


def two_strongswans(lab):
    west, east = wire(lab)
    east.address("wan", "192.0.2.2/24")
    east.address("lo", "10.2.0.1/32")
    left = StrongSwan(west, connection("192.0.2.1", "192.0.2.2", "west", "east", "10.1.0.0/24", "10.2.0.0/24"))
    right = StrongSwan(east, connection("192.0.2.2", "192.0.2.1", "east", "west", "10.2.0.0/24", "10.1.0.0/24"))
    return left, right


def test_strongswan_to_strongswan(lab):
    left, right = two_strongswans(lab)
    sniffer = Sniffer(left.namespace, "wan", INSIDE)
    left.initiate()
    spis = {tuple(sorted(pair)) for pair in left.child_spis()}
    assert spis == {tuple(sorted(pair)) for pair in right.child_spis()}, "both ends name the same SAs"
    with lossless(Stream(left.namespace, "10.1.0.1", right.namespace, "10.2.0.1"),
                  Stream(left.namespace, "10.1.0.1", right.namespace, "10.2.0.1", 200, kind="icmp")):
        pass
    assert iperf3(left.namespace, "10.1.0.1", right.namespace, "10.2.0.1", 1) > 1
    assert iperf3(left.namespace, "10.1.0.1", right.namespace, "10.2.0.1", 1, reverse=True) > 1
    sniffer.require_no_clear_text()
    esp = [frame for frame in sniffer.frames() if frame.is_esp_in_udp()]
    assert len(esp) > 200 and not any(frame.is_esp() for frame in sniffer.frames()), "libipsec always uses UDP"


def test_strongswan_restart_and_delete(lab):
    left, right = two_strongswans(lab)
    left.initiate()
    right.terminate(ike="net")
    left.wait_down()
    left.initiate()
    old = left.ike_spis()
    right.stop(graceful=False)
    right.start()
    right.initiate()
    assert right.ike_spis() and not right.ike_spis() & old
    wait_ping(left.namespace, "10.1.0.1", "10.2.0.1")


def test_wrong_psk_is_an_answer(lab):
    left, right = two_strongswans(lab)
    right.configure(connection("192.0.2.2", "192.0.2.1", "east", "west", "10.2.0.0/24", "10.1.0.0/24"),
                    psk="another-key")
    right.load()
    assert "AUTHENTICATION_FAILED" in left.initiate(check=False)


def test_kernel_esp_in_user_mode_linux(lab):
    """Two guests: native ESP (protocol 50) between two real kernels, a client behind one of them."""
    west, east, client = lab.namespace("west"), lab.namespace("east"), lab.namespace("client")
    lab.link(west, "wan", east, "wan")
    lab.link(east, "lan", client, "eth0")
    client.address("eth0", "10.2.0.10/24")
    client.route("default", "via", "10.2.0.1")
    here, there = UmlHost(west, ["wan"]), UmlHost(east, ["wan", "lan"])
    here.address("vec0", "192.0.2.1/24")
    here.address("lo", "10.1.0.1/32")
    there.address("vec0", "192.0.2.2/24")
    there.address("vec1", "10.2.0.1/24")
    there.forwarding()
    sniffer = Sniffer(east, "wan", INSIDE)
    UmlStrongSwan(there, connection("192.0.2.2", "192.0.2.1", "east", "west", "10.2.0.0/24", "10.1.0.0/24"))
    left = UmlStrongSwan(here, connection("192.0.2.1", "192.0.2.2", "west", "east", "10.1.0.0/24", "10.2.0.0/24",
                                          esp="aes256gcm16-esn"))
    fails(CommandFailed, left.initiate)  # the other end is configured without ESN
    left.configure(connection("192.0.2.1", "192.0.2.2", "west", "east", "10.1.0.0/24", "10.2.0.0/24"))
    left.load()
    left.initiate()
    before = left.child_spis()
    here.run("ping -c 20 -i 0.02 -W 2 -I 10.1.0.1 10.2.0.10")
    left.rekey(child="net")
    wait_until(left.child_spis, 10, "new SPIs", accept=lambda now: now and not now & before)
    here.run("ping -c 20 -i 0.02 -W 2 -I 10.1.0.1 10.2.0.10")
    sniffer.require_no_clear_text()
    spis = {frame.spi() for frame in sniffer.frames() if frame.is_esp()}
    assert len(spis) == 4 and not any(frame.is_esp_in_udp() for frame in sniffer.frames()), spis


def test_kernel_esp_to_libipsec(lab):
    """One guest against libipsec, which makes both encapsulate in UDP; streams cross it."""
    west, east = wire(lab)
    client = lab.namespace("client")
    lab.link(east, "lan", client, "eth0")
    client.address("eth0", "10.2.0.10/24")
    client.route("default", "via", "10.2.0.1")
    guest = UmlHost(east, ["wan", "lan"])
    guest.address("vec0", "192.0.2.2/24")
    guest.address("vec1", "10.2.0.1/24")
    guest.forwarding()
    sniffer = Sniffer(west, "wan", INSIDE)
    UmlStrongSwan(guest, connection("192.0.2.2", "192.0.2.1", "east", "west", "10.2.0.0/24", "10.1.0.0/24"))
    left = StrongSwan(west, connection("192.0.2.1", "192.0.2.2", "west", "east", "10.1.0.0/24", "10.2.0.0/24"))
    left.initiate()
    with lossless(Stream(west, "10.1.0.1", client, "10.2.0.10", 500),
                  Stream(client, "10.2.0.10", west, "10.1.0.1", 500)):
        before = left.child_spis()
        left.rekey(child="net")
        wait_until(left.child_spis, 10, "new SPIs", accept=lambda now: now and not now & before)
    sniffer.require_no_clear_text()


def plain_link(lab):
    west, east = wire(lab)
    east.address("wan", "192.0.2.2/24")
    east.address("lo", "10.2.0.1/32")
    west.route("10.2.0.1", "via", "192.0.2.2")
    east.route("10.1.0.1", "via", "192.0.2.1")
    return west, east


def test_sniffer_catches_planted_clear_text(lab):
    west, east = plain_link(lab)
    clean = Sniffer(west, "wan", INSIDE, label="clean")
    assert ping(west, "192.0.2.1", "192.0.2.2").received == 3
    clean.require_no_clear_text()

    inner = Sniffer(west, "wan", INSIDE)
    assert ping(west, "10.1.0.1", "10.2.0.1", 1).received == 1
    message = fails(AssertionError, inner.require_no_clear_text)
    assert "10.2.0.1 in an IP header" in message and "2 frames neither" in message, message


def test_sniffer_catches_marker_inside_esp(lab):
    """ESP with NULL encryption, so to speak: the header is right, the payload is readable."""
    west, _ = plain_link(lab)
    sniffer = Sniffer(west, "wan", INSIDE)
    send = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 50); "
            f"s.sendto(bytes(8) + {traffic.MARKER!r} + bytes(40), ('192.0.2.2', 0))")
    west.run(sys.executable, "-c", send)
    wait_until(lambda: any(frame.is_esp() for frame in sniffer.frames()), 5, "the planted packet recorded")
    message = fails(AssertionError, sniffer.require_no_clear_text)
    assert "payload of a test stream in clear" in message and "neither" not in message, message


def test_sniffer_catches_inside_address_quoted_by_icmp(lab):
    west, east = plain_link(lab)
    east.sysctl("ipv4.ip_forward", 1)
    east.run("ip", "route", "replace", "unreachable", "192.0.2.128/25")
    west.address("lo", "10.1.0.7/32")
    quoted_only = Sniffer(west, "wan", ["10.1.0.7/32"])
    west.route("192.0.2.200", "via", "192.0.2.2")
    ping(west, "10.1.0.7", "192.0.2.200", 1)
    east.route("10.1.0.7", "via", "192.0.2.1")
    ping(west, "10.1.0.7", "192.0.2.200", 1)
    message = fails(AssertionError, quoted_only.require_no_clear_text)
    assert "10.1.0.7 in an IP header" in message, message
    quotes = [frame for frame in quoted_only.frames() if frame.protocol == 1 and frame.body[0] == 3]
    assert quotes and quoted_only.judge(quotes[0]), "the error and what it quotes are both judged"


def test_stream_counts_planted_loss(lab):
    west, east = plain_link(lab)
    with Stream(west, "10.1.0.1", east, "10.2.0.1", 2000) as stream:
        stream.wait_received(200)
        east.run("nft", "add table ip lab; add chain ip lab in { type filter hook input priority 0; }; "
                 "add rule ip lab in udp length > 100 numgen inc mod 10 == 0 counter drop")
        stream.wait_received(500)
        east.run("nft", "flush", "ruleset")
        stream.wait_received(200)
        report = stream.stop()
    assert 20 <= report.lost <= report.sent // 10 + 1 and report.received + report.lost == report.sent, report
    assert "packets lost" in fails(AssertionError, report.require_perfect)


def test_stream_counts_planted_duplicates(lab):
    west, east = plain_link(lab)
    mac = east.mac("wan")
    west.run("nft", "add table netdev lab; add chain netdev lab out { type filter hook egress device wan priority 0; }; "
             "add rule netdev lab out ip daddr 10.2.0.1 udp length > 100 numgen inc mod 20 == 0 dup to wan")
    with Stream(west, "10.1.0.1", east, "10.2.0.1", 2000) as stream:
        stream.wait_received(500)
        report = stream.stop()
    assert report.duplicated >= 20 and report.lost == 0, (report, mac)
    assert "duplicated" in fails(AssertionError, report.require_perfect)


def test_icmp_stream_counts_lost_replies(lab):
    west, east = plain_link(lab)
    with Stream(west, "10.1.0.1", east, "10.2.0.1", 1000, kind="icmp") as stream:
        stream.wait_received(100)
        east.run("ip", "link", "set", "wan", "down")
        lost_from = stream.sent()
        wait_until(stream.sent, 5, "50 more sent", accept=lambda sent: sent > lost_from + 50)
        east.run("ip", "link", "set", "wan", "up")
        east.route("10.1.0.1", "via", "192.0.2.1")
        stream.wait_received(100)
        report = stream.stop()
    assert report.lost >= 50 and report.longest_pause_ms > 40, report


def test_kept_offload_is_refused(lab):
    west, _ = wire(lab)
    west.run("ethtool", "-K", "wan", "gro", "on")
    assert "generic-receive-offload" in fails(CommandFailed, lambda: require_no_offloads(west, "wan"))


def test_timeout_names_the_last_observation(lab):
    message = fails(ConditionTimeout, lambda: wait_until(lambda: {"state": "CONNECTING"}, 0.1, "a tunnel",
                                                         accept=lambda seen: seen["state"] == "UP"))
    assert "a tunnel" in message and "CONNECTING" in message


def test_nothing_survives_a_killed_owner(lab):
    """A lab whose owner is killed outright loses its processes at once and its namespaces at the next lab."""
    program = ("import sys, signal; sys.path.insert(0, sys.argv[1])\n"
               "from lab.netns import Lab\n"
               "lab = Lab(directory=sys.argv[2]); ns = lab.namespace('x'); p = ns.spawn('s', 'sleep', '1000')\n"
               "print(p.pid, ns.netns, flush=True); signal.pause()")
    owner = subprocess.Popen([sys.executable, "-c", program, os.path.dirname(os.path.abspath(__file__)),
                              lab.path("victim")], stdout=subprocess.PIPE, text=True)
    pid, netns = owner.stdout.readline().split()
    assert pid_alive(pid) and netns in os.listdir("/run/netns")
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    wait_until(lambda: not pid_alive(pid), 5, "the child of the killed owner to be gone")
    with Lab(directory=lab.path("next")):
        assert netns not in os.listdir("/run/netns")
        assert lab.prefix and all(n.netns in os.listdir("/run/netns") for n in lab.namespaces.values())


def test_swanctl_raw_is_understood(lab):
    text = ("list-sa event {net {uniqueid=1 local-id=CN=a b state=UP child-sas {net-1 {local-ts=[10.0.0.0/8 ::/0] "
            "mode=TUNNEL}}}}\nlist-sas reply {}\n")
    sa = parse_raw(text)[0]["net"]
    assert sa["local-id"] == "CN=a b" and sa["state"] == "UP"
    assert sa["child-sas"]["net-1"] == {"local-ts": ["10.0.0.0/8", "::/0"], "mode": "TUNNEL"}
