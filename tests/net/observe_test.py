"""What the packet path tells of itself under real traffic: latency, the way of packets, copies of them. A
strongSwan is the peer, tshark reads the capture.

    ns home              ns gw                       ns peer                  ns away
    10.1.0.10 ---- 10.1.0.1 [kanmond] 192.0.2.1 ==== 192.0.2.2 [strongSwan] 10.2.0.1 ---- 10.2.0.10
"""

import json

from lab.conditions import timeout
from lab.process import run
from lab.scenario import AWAY, HOME, site
from lab.traffic import lossless


def trace(s, *words):
    """The packets `kanmon trace` tells, one JSON document a line."""
    return [json.loads(line) for line in s.gateway.cli("trace", *words).stdout.splitlines()]


def ways(packet):
    return [(step["stage"], step["to"]) for step in packet["steps"]]


OUT = [("route", "encrypt"), ("encrypt", "port"), ("tx", "sent")]
IN = [("rx", "classify"), ("classify", "decrypt"), ("decrypt", "route"), ("route", "port"), ("tx", "sent")]


@timeout(120)
def test_trace_and_latency_under_traffic(lab):
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=500)):
            ((inbound, outbound),) = s.gateway.child_spis(active_only=True)
            leaving = trace(s, "spi", outbound, "-n", "5", "--seconds", "20")
            coming = trace(s, "spi", inbound, "-n", "5", "--seconds", "20")
            asked = s.gateway.cli("trace", "src", HOME["v4"], "-n", "1", as_json=False).stdout
            dropped = s.gateway.cli("trace", "dst", "not", check=False)
        assert [p["number"] for p in leaving] == [1, 2, 3, 4, 5], leaving
        assert all(ways(p) == OUT and p["outcome"] == "sent" for p in leaving), leaving
        numbers = [p["steps"][1]["sequence"] for p in leaving]
        assert numbers == sorted(set(numbers)), numbers
        assert all(ways(p) == IN for p in coming), coming
        assert all(p["steps"][2]["tunnel"] == "branch" for p in coming), coming
        assert HOME["v4"] in asked and "encrypt" in asked and "tunnel branch, SPI" in asked, asked
        assert dropped.returncode == 1 and "column 5" in dropped.stdout + dropped.stderr, dropped

        rows = {row["worker"]: row for row in s.gateway.rows("latency")}
        total = rows.pop("all")
        assert total["packets"] == sum(row["packets"] for row in rows.values()) > 0, total
        assert 0 < total["p50_us"] <= total["p99_us"] <= total["p999_us"] <= total["longest_us"], total
        totals = s.gateway.show("drops")["totals"]
        assert totals["in_flight"] == 0, totals


@timeout(120)
def test_capture_is_what_tshark_reads(lab):
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        path = lab.path("branch.pcapng")
        with lossless(*s.streams(rate_pps=200)):
            told = s.gateway.cli("capture", "tunnel", "branch", "-w", path, "-n", "300", "--seconds", "30")
        assert "300 packets captured" in told.stderr and "lost" not in told.stderr, told.stderr
        fields = ["frame.interface_name", "frame.protocols", "ip.src", "esp.spi"]
        words = [word for field in fields for word in ("-e", field)]
        read = run(["tshark", "-r", path, "-T", "fields", *words])
        rows = [line.split("\t") for line in read.stdout.splitlines()]
        assert len(rows) == 300
        inside = [row for row in rows if row[0] == "tunnel:branch"]
        outside = [row for row in rows if row[0] == "wan"]
        ((inbound, outbound),) = s.gateway.child_spis(active_only=True)
        assert {row[2] for row in inside} == {HOME["v4"], AWAY["v4"]}, inside
        assert {row[3] for row in outside} == {f"0x{inbound}", f"0x{outbound}"}, outside
        assert abs(len(inside) - len(outside)) <= 4, "each packet is there inside and outside"
        assert s.gateway.show("drops")["totals"]["in_flight"] == 0
