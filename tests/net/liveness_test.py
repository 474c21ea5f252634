"""BFD and health probes with real peers: found, believed, failed over, and not fooled.

    ns home             ns gw                            ns r1                          ns away
    10.1.0.10 --- 10.1.0.1 [kanmond] 192.0.2.1 ====== 192.0.2.2 [strongSwan] 10.2.0.1 --- 10.2.0.10
                                  198.51.100.1 ==+                                    |
                                                 +=== 198.51.100.2 [strongSwan] 10.2.0.2
                                                         ns r2
BFD is spoken by BIRD or FRR's bfdd on the routers, through strongSwan's tunnels. Each test prints what it
measured.
"""

import json
import time

from lab.bird import Bird
from lab.branch import AWAY, HOME, INSIDE, branch
from lab.conditions import timeout, wait_until
from lab.frr import Frr
from lab.process import CommandFailed
from lab.scenario import site
from lab.stall import stalled
from lab.traffic import Stream

FAST = {"interval-milliseconds": 50, "multiplier": 3}
BIRD_FAST = "interval 50 ms; multiplier 3;"
KEY = "bfd-secret-01234"
SIGNED = {"authentication": "meticulous-keyed-sha1", "key-id": 7, "pre-shared-key": KEY}
BIRD_SIGNED = BIRD_FAST + f' authentication meticulous keyed sha1; password "{KEY}" {{ id 7; }};'


def failover(s, view, stream, cut=1):
    """Cuts a line under traffic; returns (longest pause of the stream, the gateway's own finding) in ms."""
    stream.wait_received(200)
    s.cut(cut)
    row = s.wait_path(view, cut, "down")
    stream.wait_received(300)
    report = stream.stop()
    found = s.gateway.wait_log(rf"tunnel=line{cut} by=\S+ why=.* after_ms=(\d+)")
    return report, found


@timeout(120)
def test_failover_by_bfd_with_bird(lab):
    """3 x 50 ms: the traffic's gap is at most 200 ms, and no flow waits for control."""
    with branch(lab, {1: {"bfd": FAST}, 2: {"bfd": {**FAST, **SIGNED}}}) as s:
        s.wait_up()
        for i, options in ((1, BIRD_FAST), (2, BIRD_SIGNED)):
            s.bird(i, options)
            s.wait_path("bfd", i, "up")
            row = wait_until(lambda i=i: s.row("bfd", i), 10, "the fast interval",
                             accept=lambda row: row["detection_ms"] == 150.0)
            assert row["state"] == "up" and row["remote_state"] == "up" and row["tx_interval_ms"] == 50.0, row
        stream = Stream(s.home, HOME, s.away, AWAY, rate_pps=1000)
        report, found = failover(s, "bfd", stream)
        print(f"failover by BFD 3 x 50 ms: traffic gap {report.longest_pause_ms} ms, lost {report.lost}; {found}")
        assert report.longest_pause_ms <= 200, report
        assert s.row("bfd", 1)["diag"] == "detection-time-expired"
        assert s.row("bfd", 2)["times_down"] == 0 and s.row("bfd", 2)["refused"] == 0, s.row("bfd", 2)
        # And back: nothing is lost by going back to a line that works.
        s.mend(1)
        s.wait_path("bfd", 1, "up", 30)
        with_two = Stream(s.home, HOME, s.away, AWAY, rate_pps=1000)
        with_two.wait_received(300)
        with_two.stop().require_perfect()


@timeout(120)
def test_failover_by_health_check(lab):
    """At defaults: within three seconds; fail-back after the switch-back delay, without a loss."""
    checks = {1: {"health-check": {"target": INSIDE[1][1], "switch-back-seconds": 2}},
              2: {"health-check": {"target": INSIDE[2][1]}}}
    with branch(lab, checks) as s:
        s.wait_up()
        for i in (1, 2):
            s.wait_path("health", i, "up")
        stream = Stream(s.home, HOME, s.away, AWAY, rate_pps=500)
        report, found = failover(s, "health", stream)
        print(f"failover by health check at defaults: traffic gap {report.longest_pause_ms} ms; {found}")
        assert report.longest_pause_ms <= 3000, report
        s.mend(1)
        back = Stream(s.home, HOME, s.away, AWAY, rate_pps=500)
        mended = time.monotonic()
        row = wait_until(lambda: s.row("health", 1), 10, "answers again", accept=lambda row: row["why"] == "switch-back")
        s.wait_path("health", 1, "up", 20)
        print(f"fail-back after {1000 * (time.monotonic() - mended):.0f} ms")
        assert time.monotonic() - mended >= 2
        back.wait_received(300)
        back.stop().require_perfect()
        assert s.row("health", 1)["transitions"] >= 2, row


@timeout(150)
def test_bfd_stays_up_while_control_stands_still(lab):
    """BFD-03: the control thread is stopped for 30 s. The far end, BIRD at 3 x 50 ms, sees no change."""
    with branch(lab, {1: {"bfd": FAST}}) as s:
        s.wait_up()
        bird = s.bird(1, BIRD_FAST)
        s.wait_path("bfd", 1, "up")
        wait_until(lambda: s.row("bfd", 1)["detection_ms"], 10, "the fast interval", accept=lambda ms: ms == 150.0)
        before = s.row("bfd", 1)
        # ARP is control's: a router that has to ask again meanwhile would get no answer.
        s.routers[1].run("ip", "neigh", "replace", "192.0.2.1", "lladdr", s.gw.mac("gw-wan1"), "dev", "wan",
                         "nud", "permanent")
        with stalled(s.gateway.process.pid):
            start = time.monotonic()
            wait_until(lambda: bird.ask("show", "bfd", "sessions"), 40, "thirty seconds with BIRD's session up",
                       accept=lambda text: "Up" in text and time.monotonic() - start >= 30)
        after = wait_until(lambda: s.row("bfd", 1), 10, "an answer of control")
        print(f"control stopped 30 s: failures {after['times_down'] - before['times_down']}, packets sent meanwhile "
              f"{after['sent'] - before['sent']}")
        assert after["times_down"] == before["times_down"] == 0 and after["state"] == "up", after
        assert after["sent"] - before["sent"] >= 500, (before, after)


def test_failover_happens_while_control_stands_still(lab):
    """The worker moves the flows itself; control learns of it afterwards."""
    with branch(lab, {1: {"bfd": FAST}}) as s:
        s.wait_up()
        s.bird(1, BIRD_FAST)
        wait_until(lambda: s.row("bfd", 1)["detection_ms"], 15, "the fast interval", accept=lambda ms: ms == 150.0)
        stream = Stream(s.home, HOME, s.away, AWAY, rate_pps=1000)
        stream.wait_received(200)
        with stalled(s.gateway.process.pid):
            s.cut(1)
            stream.wait_received(500)
        report = stream.stop()
        print(f"failover with control stopped: traffic gap {report.longest_pause_ms} ms")
        assert report.longest_pause_ms <= 200, report
        s.wait_path("bfd", 1, "down")
        s.gateway.wait_log("path down")


def test_bfd_with_frr_survives_rekeys_and_reload(lab):
    """FRR's bfdd; rekeys of the tunnel and reloads do not touch the session, new intervals are negotiated."""
    with branch(lab, {1: {"bfd": FAST}}) as s:
        s.wait_up()
        local, remote = INSIDE[1][1], INSIDE[1][0]
        frr = Frr(s.routers[1], f"""bfd
 peer {remote} local-address {local} interface ipsec0
  detect-multiplier 3
  receive-interval 50
  transmit-interval 50
  no shutdown
""", daemons=("zebra", "bfdd"))
        s.wait_path("bfd", 1, "up")
        wait_until(lambda: s.row("bfd", 1)["detection_ms"], 10, "the fast interval", accept=lambda ms: ms == 150.0)
        for _ in range(3):
            before = s.gateway.child_spis("line1", active_only=True)
            s.gateway.rekey("line1")
            wait_until(lambda: s.gateway.child_spis("line1", active_only=True), 15, "a new child SA",
                       accept=lambda now: len(now) == 1 and not now & before)
        s.gateway.reload()
        s.config["tunnels"]["line1"]["bfd"] = {"interval-milliseconds": 100, "multiplier": 5}
        s.gateway.write_config(s.config)
        s.gateway.reload()
        [peer] = wait_until(lambda: json.loads(frr.vtysh("show bfd peers json")), 10, "the new interval at FRR",
                            accept=lambda peers: peers and peers[0]["remote-transmit-interval"] == 100)
        assert peer["status"] == "up" and peer["remote-detect-multiplier"] == 5, peer
        row = s.row("bfd", 1)
        assert row["times_down"] == 0 and row["state"] == "up" and row["tx_interval_ms"] == 100.0, row
        # Taken out of the configuration: FRR is told that it was on purpose (AdminDown), and the tunnel stays.
        del s.config["tunnels"]["line1"]["bfd"]
        s.gateway.write_config(s.config)
        s.gateway.reload()
        wait_until(lambda: json.loads(frr.vtysh("show bfd peers json"))[0], 10, "FRR to see the end",
                   accept=lambda peer: peer["status"] == "down" and "neighbor" in peer["diagnostic"])
        assert s.gateway.rows("bfd") == []
        assert s.gateway.is_up("line1")
        frr.stop()


def test_a_key_that_differs_brings_nothing_up(lab):
    """BFD-05: BIRD with another key. Nothing of what it sends counts, and the reason has a name."""
    with branch(lab, {2: {"bfd": {**FAST, **SIGNED}}}) as s:
        s.wait_up()
        s.bird(2, BIRD_SIGNED.replace(KEY, "bfd-secret-43210"))
        row = s.wait_path("bfd", 2, "down")
        row = wait_until(lambda: s.row("bfd", 2), 10, "packets to be refused", accept=lambda row: row["refused"] >= 3)
        assert row["received"] == 0 and [r.split("=")[0] for r in row["refusals"]] == ["auth-digest"], row
        assert KEY not in s.gateway.log()


def neighbor_session(s):
    [row] = s.gateway.rows("bfd")
    return row


def test_single_hop_on_the_underlay(lab):
    """A session with the router on the line, FRR and then BIRD: routes via it go with it."""
    def change(config):
        config["ports"]["wan"]["bfd"] = [{"remote-address": "192.0.2.2", "interval-milliseconds": 50}]
        config["underlays"]["internet"]["routes"] = [{"prefix": "203.0.113.0/24", "via": "192.0.2.2",
                                                      "on-down": "withdraw"}]
        return config
    with site(lab, change_config=change) as s:
        s.wait_up()
        up = lambda: wait_until(lambda: neighbor_session(s), 15, "the session up at 3 x 50 ms",
                                accept=lambda row: row["state"] == "up" and row["detection_ms"] == 150.0)
        state = lambda: [r["state"] for r in s.gateway.rows("routes") if r["prefix"] == "203.0.113.0/24"]
        frr = Frr(s.peer_namespace, """bfd
 peer 192.0.2.1 local-address 192.0.2.2 interface wan
  detect-multiplier 3
  receive-interval 50
  transmit-interval 50
  no shutdown
""", daemons=("zebra", "bfdd"))
        row = up()
        assert row["port"] == "wan" and row["tunnel"] is None, row
        wait_until(state, 5, "the route to be in use", accept=lambda states: states == ["active"])
        for process in frr.processes:
            process.kill()
        wait_until(state, 5, "the route to be down", accept=lambda states: states == ["down"])
        assert neighbor_session(s)["diag"] == "detection-time-expired"
        s.peer_namespace.sysctl("ipv4.ip_local_port_range", "49152 65535")  # see lab/branch.py
        bird = Bird(s.peer_namespace, "192.0.2.2", f"""
protocol bfd {{ interface "wan" {{ {BIRD_FAST} }}; neighbor 192.0.2.1 dev "wan" local 192.0.2.2; }}""")
        up()
        wait_until(state, 5, "the route to be in use again", accept=lambda states: states == ["active"])
        # BFD with the router is in clear by its nature: it ends before the judging, and is not counted.
        bird.process.kill()
        del s.config["ports"]["wan"]["bfd"]
        s.gateway.write_config(s.config)
        s.gateway.reload()
        s.wait_up()
        s.sniffer.planted = s.sniffer.tripwire.count()


def test_the_wrong_target_is_named(lab):
    """A probe to a host whose answers come back by the other line does not count, and says so (scenario S5)."""
    checks = {1: {"health-check": {"target": AWAY, "source": "10.1.0.1"}},
              2: {"health-check": {"target": "10.2.0.2", "source": "10.1.0.1"}}}
    with branch(lab, checks) as s:
        s.wait_up()
        s.wait_path("health", 2, "up")
        s.wait_path("health", 1, "up")
        s.away.route("default", "via", "10.2.0.2")
        row = wait_until(lambda: s.row("health", 1), 10, "answers that come by line2",
                         accept=lambda row: row["asymmetric"] >= 5)
        assert row["asymmetric_by"] == "line2", row
        lost = row["lost"]
        more = wait_until(lambda: s.row("health", 1), 10, "more of them",
                          accept=lambda now: now["asymmetric"] >= row["asymmetric"] + 5)
        assert more["lost"] == lost, "an answer by another way is not a loss"
        line = s.gateway.wait_log(r"path asymmetric tunnel=line1 .*")
        print(f"wrong target: {line}")
        assert s.gateway.drops()["local.asymmetric"] >= 10


@timeout(150)
def test_bfd_stays_up_while_many_routes_load(lab):
    """BFD-03: control reads and compiles a configuration of 40,000 more routes; BIRD at 3 x 50 ms sees no change."""
    with branch(lab, {1: {"bfd": FAST}}) as s:
        s.wait_up()
        bird = s.bird(1, BIRD_FAST)
        wait_until(lambda: s.row("bfd", 1)["detection_ms"], 15, "the fast interval", accept=lambda ms: ms == 150.0)
        s.config["route-tables"]["main"]["routes"] += [
            {"prefix": f"11.{n // 256}.{n % 256}.0/24", "tunnel": "line2"} for n in range(40_000)]
        s.gateway.write_config(s.config)
        start = time.monotonic()
        s.gateway.hangup()
        in_main = lambda: next(row["prefixes"] for row in s.gateway.rows("tables") if row["table"] == "main")
        prefixes = wait_until(in_main, 120, "the routes to be there", accept=lambda n: n > 40_000, interval_s=0.2,
                              ignore=(CommandFailed,))
        took = time.monotonic() - start
        row = s.row("bfd", 1)
        print(f"{prefixes} prefixes, loaded in {took:.1f} s, failures {row['times_down']}")
        assert row["times_down"] == 0 and row["state"] == "up", row
        assert "Up" in bird.ask("show", "bfd", "sessions")
