"""S2: a default route learned from one customer is told to another, whose own outer packets then follow it.

    ns home --- [kanmond] 192.0.2.1 --- ns isp --- 198.51.100.2 ns x  (strongSwan, BIRD: says 0.0.0.0/0)
    10.1.0.10    tunnels x, y               \\---- 203.0.113.2  ns y  (strongSwan + FRR, or kanmond) --- ns desk
"""

from lab.conditions import timeout, wait_until
from lab.traffic import Stream, lossless
from lab.trap import DESK, HOME, trap


def streams(s):
    return [Stream(s.home, HOME, s.desk, DESK, rate_pps=200), Stream(s.desk, DESK, s.home, HOME, rate_pps=200)]


def settled(s):
    """The session has outlived two hold times since the streams began."""
    return wait_until(lambda: s.peer(), 60, "the session to outlive two hold times",
                      accept=lambda row: row["state"] == "Established" and row["since_s"] > 18, interval_s=0.5)


@timeout(240)
def test_the_trap_and_its_name(lab):
    """strongSwan beside FRR prefers the default route: the session flaps, and the gateway says what this is."""
    with trap(lab, "frr", to_y="all") as s:
        s.wait_up()
        wait_until(lambda: s.peer()["flaps"], 150, "the session to flap three times", accept=lambda n: n >= 3,
                   interval_s=0.5)
        said = s.gateway.wait_log(r"default-route-loop .*peer=y.*", 60)
        row = s.peer()
        assert "default route" in (row["reason"] or ""), row
        print(f"S2 trap: {row['flaps']} flaps; the gateway: {said}")


@timeout(150)
def test_an_export_policy_is_a_cure(lab):
    """The same customer, told everything but the default route."""
    with trap(lab, "frr", to_y="no-default") as s:
        s.wait_up()
        s.wait_through()
        with lossless(*streams(s)):
            settled(s)
        assert s.peer()["flaps"] == 0
        routes = s.y_frr.routes()
        assert "10.1.0.0/24" in routes and "0.0.0.0/0" not in routes, sorted(routes)
        print("S2 export policy: no flap, 0 lost in two hold times")


@timeout(150)
def test_kanmon_in_the_same_place_is_not_caught(lab):
    """The default route is taken, and no outer packet follows it."""
    with trap(lab, "kanmon", to_y="all") as s:
        s.wait_up()
        s.wait_through()
        wait_until(lambda: [r for r in s.y_gateway.rows("routes") if r["prefix"] == "0.0.0.0/0" and r["table"] == "main"],
                   20, "the default route at y", accept=lambda rows: rows and rows[0]["state"] == "active")
        with lossless(*streams(s)):
            settled(s)
        assert s.peer()["flaps"] == 0
        print("S2 Kanmon as the customer: default route active, no flap, 0 lost in two hold times")
