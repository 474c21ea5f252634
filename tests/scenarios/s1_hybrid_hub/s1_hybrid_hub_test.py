"""S1: a hub with segments A and B, a data centre and operations on private lines; operations reboots.

    ns a  10.1.0.10 --- [        ] line-dc  === dc-a, dc-b === [ns dc]  10.10.0.10 ns servers
    ns b  10.2.0.10 --- [kanmond ]                                | 10.255.3.0/30
                        [        ] line-ops ====== ops ======= [ns ops] 10.20.0.10 ns desk
"""

from lab.conditions import timeout, wait_until
from lab.hub import HOSTS, OUTSIDE, hub
from lab.traffic import Stream, lossless, wait_all_received

DC_PAIRS = {("a", "servers"), ("b", "servers"), ("servers", "a"), ("servers", "b")}


def streams(s):
    return [Stream(s.hosts[x], HOSTS[x], s.hosts[y], HOSTS[y], rate_pps=200) for x, y in sorted(DC_PAIRS)]


def routes_of_table_d(s):
    return {row["prefix"]: row for row in s.gateway.rows("routes")
            if row["table"] == "lines" and row["origin"].startswith("bgp")}


@timeout(300)
def test_the_faulty_design_dies_with_the_router_of_operations(lab):
    with hub(lab, mended=False) as s:
        s.wait_up()
        assert set(routes_of_table_d(s)) == {"172.16.0.0/16"}, "table D knows more than the one summary"
        running = streams(s)
        wait_all_received(running, 100)
        s.reboot_ops()
        s.gateway.wait_not_up(60, "ops")
        # The data centre still reaches the hub: its SAs live, and nothing comes back through them.
        wait_until(s.reachable, 60, "nobody to reach anybody", accept=lambda pairs: not pairs)
        assert not routes_of_table_d(s), "the summary outlived its line"
        blackholes = [row for row in s.gateway.rows("routes")
                      if row["prefix"] == "10.20.0.0/24" and row["state"] == "blackhole"]
        assert {row["table"] for row in blackholes} >= {"a", "b"}, blackholes
        s.return_ops()
        s.wait_up(90)
        wait_all_received(running, 100)
        reports = [stream.stop() for stream in running]
        to_dc = [report for report, pair in zip(reports, sorted(DC_PAIRS)) if pair[1] == "servers"]
        print(f"S1 faulty: the reboot of operations cut the data centre off for "
              f"{min(r.longest_pause_ms for r in to_dc) / 1000:.1f} s, {sum(r.lost for r in to_dc)} packets lost")
        assert all(r.lost > 100 for r in to_dc), "the fault was not reproduced"


@timeout(300)
def test_the_mended_design_loses_nothing(lab):
    with hub(lab, mended=True) as s:
        s.wait_up()
        assert set(routes_of_table_d(s)) == {f"{address}/32" for address in OUTSIDE.values()}, routes_of_table_d(s)
        running = streams(s)
        with lossless(*running):
            s.reboot_ops()
            s.gateway.wait_not_up(60, "ops")
            wait_until(lambda: routes_of_table_d(s), 30, "operations' route to go",
                       accept=lambda routes: set(routes) == {f"{OUTSIDE['dc']}/32"})
            assert s.reachable() == DC_PAIRS, "the pairs of the data centre, and no others"
            s.return_ops()
            s.wait_up(90)
            wait_all_received(running, 100)
        print(f"S1 mended: the reboot of operations cost the data centre 0 of "
              f"{sum(stream.report.sent for stream in running)} packets")
