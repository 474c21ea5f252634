"""S5: a branch with two lines, weights 100 and 0, a health check per tunnel, and VRRP on the branch's LAN.

    ns home             ns gw                          ns r1 (VRRP 150)               ns away
    10.1.0.10 --- 10.1.0.1 [kanmond] 192.0.2.1 ===== 192.0.2.2 [strongSwan] 10.2.0.1 --+- 10.2.0.10
                                  198.51.100.1 ==+                                     |  by 10.2.0.254
                                                 +== 198.51.100.2 [strongSwan] 10.2.0.2+
                                                       ns r2 (VRRP 100)
"""

import time

from lab.branch import AWAY, HOME, INSIDE, branch
from lab.conditions import timeout, wait_until
from lab.kanmon import program
from lab.keepalived import Keepalived
from lab.process import run
from lab.traffic import Stream

VIRTUAL = "10.2.0.254"
# A router's own address on the branch's LAN: what answers there went through that router's tunnel both ways.
RIGHT = {1: "10.2.0.1", 2: "10.2.0.2"}


def checks(targets, **more):
    return {i: {"health-check": {"target": targets[i], "source": "10.1.0.1", **more}} for i in (1, 2)}


def with_vrrp(s):
    """Both routers speak VRRP and track the gateway through their own tunnel; away's way out is the master."""
    s.vrrp = {i: Keepalived(s.routers[i], "lan", f"{VIRTUAL}/24", priority, INSIDE[i][1], INSIDE[i][0])
              for i, priority in ((1, 150), (2, 100))}
    wait_until(lambda: [s.vrrp[i].is_master() for i in (1, 2)], 30, "r1 to be the only master",
               accept=lambda masters: masters == [True, False])
    s.away.route("default", "via", VIRTUAL)
    return s


def validate(s):
    done = run([program("kanmon"), "validate", s.gateway.config_path], check=False)
    return done.stdout + done.stderr


@timeout(240)
def test_failover_and_fail_back(lab):
    """Line 1 dies in silence under traffic both ways, and comes back."""
    with branch(lab, checks(RIGHT, **{"hold-down-seconds": 3, "switch-back-seconds": 5})) as s:
        s.wait_up()
        with_vrrp(s)
        for i in (1, 2):
            s.wait_path("health", i, "up")
        for line in validate(s).splitlines():
            if "dead path" in line:
                print(line)
        there = Stream(s.home, HOME, s.away, AWAY, rate_pps=500)
        back = Stream(s.away, AWAY, s.home, HOME, rate_pps=500)
        for stream in (there, back):
            stream.wait_received(300)
        before = s.gateway.rows("groups")
        assert {(r["next_hop"], r["state"]) for r in before} == {("line1", "active"), ("line2", "standby")}, before

        s.cut(1)
        s.wait_path("health", 1, "down")
        wait_until(lambda: [s.vrrp[i].is_master() for i in (1, 2)], 30, "r2 to be master",
                   accept=lambda masters: masters == [False, True])
        for stream in (there, back):
            stream.wait_received(500)
        forward, reverse = there.stop(), back.stop()
        found = s.gateway.wait_log(r"path +down tunnel=line1 .*")
        print(f"failover: gateway to branch {forward.longest_pause_ms} ms, branch to gateway (VRRP) "
              f"{reverse.longest_pause_ms} ms; {found}")
        assert forward.longest_pause_ms <= 3000, forward
        assert max(forward.longest_pause_ms, reverse.longest_pause_ms) < 15_000, "not far under 30 s"

        there = Stream(s.home, HOME, s.away, AWAY, rate_pps=500)
        back = Stream(s.away, AWAY, s.home, HOME, rate_pps=500)
        for stream in (there, back):
            stream.wait_received(300)
        s.mend(1)
        mended = time.monotonic()
        row = s.wait_path("health", 1, "up", 40)
        took = time.monotonic() - mended
        wait_until(lambda: [s.vrrp[i].is_master() for i in (1, 2)], 60, "r1 to be master again",
                   accept=lambda masters: masters == [True, False])
        for stream in (there, back):
            stream.wait_received(500)
        forward, reverse = there.stop(), back.stop()
        print(f"fail-back: used again after {took:.1f} s (hold-down 3 s, switch-back 5 s); lost {forward.lost} and "
              f"{reverse.lost}")
        assert took >= 5, "the switch-back delay was not kept"
        forward.require_perfect()
        assert row["transitions"] == 2, "it flapped"
        assert s.row("health", 2)["transitions"] == 0, "line 2 was touched"


@timeout(180)
def test_the_shared_server_is_the_wrong_target(lab):
    """Both probes ask one server: what it answers leaves by the VRRP master, whichever line asked."""
    with branch(lab, checks({1: AWAY, 2: AWAY})) as s:
        s.wait_up()
        with_vrrp(s)
        said = validate(s)
        assert "health-check.target: is the target of line1 too" in said, said
        s.wait_path("health", 1, "up")
        row = wait_until(lambda: s.row("health", 2), 15, "line2's answers to come by line1",
                         accept=lambda row: row["asymmetric"] >= 5)
        assert row["answered"] == 0 and row["asymmetric_by"] == "line1" and row["path"] != "up", row
        line = s.gateway.wait_log(r"path +asymmetric tunnel=line2 .*")
        print(f"wrong target: {line}")
        # The mend: each line asks its own router.
        for i in (1, 2):
            s.config["tunnels"][f"line{i}"]["health-check"]["target"] = RIGHT[i]
        s.gateway.write_config(s.config)
        s.gateway.reload()
        for i in (1, 2):
            s.wait_path("health", i, "up")
            assert s.row("health", i)["asymmetric"] == 0
        assert "too: its answers" not in validate(s)
