"""The same tunnel with AF_XDP ports instead of AF_PACKET, and what Kanmon's XDP program does on them.

    ns home              ns gw                       ns peer                  ns away
    10.1.0.10 ---- gw-lan [kanmond, af_xdp] gw-wan ==== wan [strongSwan] lan ---- 10.2.0.10
                             192.0.2.1           |
                             192.0.2.9 (kernel)  bad ESP at ten times the good rate
"""

import time

from scapy.all import IP, UDP, Ether, IPv6, Raw, raw

from lab.conditions import wait_until
from lab.scenario import AWAY, HOME, site
from lab.traffic import inject, iperf3, lossless, ping, wait_ping

GATEWAY, PEER, KERNEL = "192.0.2.1", "192.0.2.2", "192.0.2.9"
GATEWAY6, PEER6 = "2001:db8:1::1", "2001:db8:1::2"
GOOD_PPS, FLOOD_FACTOR, ROUNDS = 500, 10, 300


def test_af_xdp_ports(lab):
    """Up, lossless through a rekey, fast, and no XDP program stays behind (Kanmon.stop checks it)."""
    with site(lab, device="af_xdp") as s:
        s.wait_up()
        with lossless(*s.streams()):
            before = s.peer.child_spis()
            s.gateway.rekey()
            s.wait_new_child(before)
        assert iperf3(s.home, HOME["v4"], s.away, AWAY["v4"], 1) > 5


def test_two_workers_share_one_queue(lab):
    """An af_xdp port has one queue: the worker that polls it hands flows over, and nothing is lost or late."""
    # Both workers encrypt into one SA: the far end needs a window wider than libipsec's 128.
    with site(lab, peer="kanmon", device="af_xdp", workers=2) as s:
        s.wait_up()
        assert {port["spread"] for port in s.gateway.rows("ports")} == {"workers"}
        with lossless(*s.streams(rate_pps=GOOD_PPS), *s.streams(rate_pps=GOOD_PPS, size=900)):
            pass
        # Flat out is more than two cores have for four workers and what measures: what does not fit is dropped
        # by name, but it flows.
        assert iperf3(s.home, HOME["v4"], s.away, AWAY["v4"], 2, False, "--parallel", "16") > 5
        s.gateway.require_conservation()
        workers = s.gateway.rows("workers")
        assert all(w["handed_over"] > 100 and w["taken_over"] > 100 for w in workers), workers
        assert sorted(q for w in workers for q in w["queues"]) == ["lan.0", "wan.0"], workers


def test_af_xdp_after_a_crash(lab):
    """A killed daemon leaves its XDP program, which then lets everything by; the next one removes it."""
    with site(lab, device="af_xdp") as s:
        s.wait_up()
        s.gateway.crash()
        # ESP and all else is the kernel's now: it answers for an address it is given.
        s.gateway_namespace.address("gw-wan", f"{KERNEL}/24")
        wait_ping(s.peer_namespace, PEER, KERNEL)
        s.gateway_namespace.run("ip", "address", "flush", "dev", "gw-wan")
        s.gateway.start()
        s.wait_up()
        with lossless(*s.streams()):
            pass
        assert s.gateway.steering()["esp_in_udp"] > 0, "Kanmon's own program is on the port again"


def bad_esp(s):
    """{reason: frames}: ESP that belongs to no SA, in every wrapping."""
    ether = Ether(dst=s.gateway_namespace.mac("gw-wan"), src=s.peer_namespace.mac("wan"))
    v4, v6 = ether / IP(src=PEER, dst=GATEWAY), ether / IPv6(src=PEER6, dst=GATEWAY6)
    udp = UDP(sport=4500, dport=4500, chksum=0)

    def esp(spi, octets=80):
        return Raw((spi.to_bytes(4, "big") + bytes([0, 0, 0, 1]) + bytes(octets))[:octets])
    v4.proto, v6.nh = 50, 50
    in_udp = ether / IP(src=PEER, dst=GATEWAY) / udp
    return {
        "unknown_spi": [raw(head / esp(0xdead0000 + n)) for n in range(10) for head in (v4, v6, in_udp)],
        "reserved_spi": [raw(v4 / esp(n)) for n in (0, 1, 255)] + [raw(in_udp / esp(7))],
        "esp_too_short": [raw(v6 / esp(0xdead0000, 12)), raw(in_udp / esp(0xdead0000, 23))],
    }


def test_flood_of_bad_esp(lab):
    """Ten bad packets to a good one: no good one is lost, no bad one reaches a worker, all are counted."""
    with site(lab, device="af_xdp", initiator="gateway") as s:
        s.wait_up()
        bad = bad_esp(s)
        burst = [frame for frames in bad.values() for frame in frames]
        before, received = s.gateway.drops(), s.gateway.totals()["received"]
        pause_s = len(burst) / (2 * GOOD_PPS * FLOOD_FACTOR)  # a good stream in each direction
        with lossless(*s.streams(rate_pps=GOOD_PPS)):
            for _ in range(ROUNDS):
                inject(s.peer_namespace, "wan", burst)
                time.sleep(pause_s)
        for reason, frames in bad.items():
            grown = lambda name=f"xdp.{reason}": s.gateway.drops().get(name, 0) - before.get(name, 0)
            wait_until(grown, 5, f"{ROUNDS * len(frames)} drops named xdp.{reason}",
                       accept=lambda count, want=ROUNDS * len(frames): count == want)
        s.gateway.require_conservation()
        totals, names = s.gateway.totals(), s.gateway.drops()
        assert "decrypt.unknown_spi" not in names, f"bad ESP reached a worker: {names}"
        assert totals["dropped_early"] == sum(n for name, n in names.items() if name.startswith("xdp."))
        print(totals, totals["received"] - received, s.gateway.steering())


def test_flood_without_xdp(lab):
    """The same flood on a port that has no program in front: workers drop it, and still lose nothing good."""
    with site(lab, workers=2, initiator="gateway") as s:
        s.wait_up()
        bad = bad_esp(s)["unknown_spi"]
        lines = len(s.gateway.log().splitlines())
        pause_s = len(bad) / (2 * GOOD_PPS * FLOOD_FACTOR)
        with lossless(*s.streams(rate_pps=GOOD_PPS)):
            for _ in range(ROUNDS):
                inject(s.peer_namespace, "wan", bad)
                time.sleep(pause_s)
        wait_until(lambda: s.gateway.drops().get("decrypt.unknown_spi", 0), 5, "every bad packet to be counted",
                   accept=lambda count: count == ROUNDS * len(bad))
        s.gateway.require_conservation()
        logged = s.gateway.log().splitlines()[lines:]
        assert len(logged) < 50, f"{ROUNDS * len(bad)} bad packets made {len(logged)} lines of log: {logged[-5:]}"


def test_rekeys_lose_nothing_to_the_filter(lab):
    """SPIs come and go under traffic; the program knows each before the peer does and until it is gone."""
    with site(lab, device="af_xdp", initiator="gateway") as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=GOOD_PPS)):
            for _ in range(5):
                before = s.peer.child_spis()
                s.gateway.rekey()
                s.wait_new_child(before)
        assert s.gateway.steering()["unknown_spi"] == 0


def shares_wan(config):
    config["ports"]["wan"]["kernel-addresses"] = [KERNEL]
    return config


def test_the_kernel_keeps_its_addresses(lab):
    """kernel-addresses: one interface, the gateway's address and one the kernel answers for."""
    with site(lab, device="af_xdp", change_config=shares_wan) as s:
        s.gateway_namespace.address("gw-wan", f"{KERNEL}/24")
        s.wait_up()
        with lossless(*s.streams(rate_pps=GOOD_PPS)):
            for address in (KERNEL, GATEWAY):
                wait_ping(s.peer_namespace, PEER, address)
                assert ping(s.peer_namespace, PEER, address, 5).received == 5, address
        counts = s.gateway.steering()
        assert counts["kernel"] >= 5 and counts["icmp"] >= 5, counts
        # Without the key the address is nobody's: the kernel does not see the question.
        s.gateway.write_config({**s.config, "ports": {**s.config["ports"], "wan": {
            key: value for key, value in s.config["ports"]["wan"].items() if key != "kernel-addresses"}}})
        s.gateway.reload()
        assert ping(s.peer_namespace, PEER, KERNEL, 2).received == 0


def test_the_librarys_program(lab):
    """xdp: library: everything is the gateway's, nothing is dropped early."""
    def library(config):
        for port in config["ports"].values():
            port["xdp"] = "library"
        return config
    with site(lab, device="af_xdp", initiator="gateway", change_config=library) as s:
        s.wait_up()
        bad = bad_esp(s)["unknown_spi"]
        with lossless(*s.streams(rate_pps=GOOD_PPS)):
            inject(s.peer_namespace, "wan", bad)
        wait_until(lambda: s.gateway.drops().get("decrypt.unknown_spi", 0), 5, "the workers to drop them",
                   accept=lambda count: count == len(bad))
        assert s.gateway.rows("steering") == []
