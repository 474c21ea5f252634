#!/usr/bin/python3
"""The part of scripts/bench-bgp that measures. See scripts/bench-bgp --help."""

import argparse
import json
import os
import pathlib
import random
import socket
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "tests/net"), str(ROOT / "scripts")]

import bgp_churn  # noqa: E402
from lab import bgpfeed  # noqa: E402
from lab.bird import Bird  # noqa: E402
from lab.frr import Frr  # noqa: E402
from lab.gobgp import GoBgp  # noqa: E402
from lab.kanmon import Kanmon  # noqa: E402
from lab.netns import Lab  # noqa: E402

FEEDER, DAEMON = "192.0.2.1", "192.0.2.2"
FEEDER_AS, DAEMON_AS = 64500, 64501
DEADLINE_S = 300
POLL_S = 0.05
TICKS = os.sysconf("SC_CLK_TCK")

# The paths of the table are random: some have the daemon's own AS number, which is no loop here.
BIRD = f"""
protocol kernel {{ ipv4 {{ export all; import none; }}; }}
protocol bgp feed {{
  local {DAEMON} as {DAEMON_AS}; neighbor {FEEDER} as {FEEDER_AS}; passive; allow local as 10;
  ipv4 {{ import all; export none; }};
}}"""
FRR = f"""
router bgp {DAEMON_AS}
 bgp router-id {DAEMON}
 no bgp ebgp-requires-policy
 neighbor {FEEDER} remote-as {FEEDER_AS}
 neighbor {FEEDER} passive
 address-family ipv4 unicast
  neighbor {FEEDER} allowas-in 10
 exit-address-family
!
"""
GOBGP = {"global": {"config": {"as": DAEMON_AS, "router-id": DAEMON}},
         "neighbors": [{"config": {"neighbor-address": FEEDER, "peer-as": FEEDER_AS},
                        "transport": {"config": {"passive-mode": True}},
                        "afi-safis": [{"config": {"afi-safi-name": "ipv4-unicast"}}]}]}


KANMON = {
    "version": 1, "system": {"name": "bench", "workers": 1, "power": "balanced"},
    "ports": {"feed": {"device": "af_packet:feed", "addresses": [f"{DAEMON}/24"], "table": "main",
                       "host-device": "kn-feed"}},
    "route-tables": {"main": {}},
    "bgp": {"speakers": {"main": {"as": DAEMON_AS, "router-id": DAEMON, "peers": {
        "feed": {"neighbor": FEEDER, "remote-as": FEEDER_AS, "passive": True, "allow-own-as": 10, "import-policy": "all",
                 "export-policy": "all"}}}}}}


class KanmonCase:
    """Port, TUN device, TCP of the kernel, BGP and the forwarding table of the workers: all in one process."""

    has_fib, in_kernel = True, False

    def __init__(self, namespace):
        namespace.lab.silent_port(namespace, "feed")
        self.daemon = Kanmon(namespace, KANMON)
        self.daemon.pids = [self.daemon.process.pid]
        self.own = self.prefixes()

    def prefixes(self):
        return next(row["prefixes"] for row in self.daemon.rows("tables") if row["table"] == "main")

    def in_rib(self):
        return self.daemon.rows("bgp")[0]["received"]

    def in_fib(self):
        """Prefixes the compiler has put into the forwarding table: without the port's own and the feeder's host route."""
        return self.prefixes() - self.own - 1

    def api(self):
        return bgp_churn.Api(self.daemon.socket)

    def table(self):
        return bgp_churn.kanmon_routes(self.api())

    def check(self, routes):
        """A sample has to carry, by the word of the forwarding side."""
        rng = random.Random(1)
        for address, length in rng.sample(bgpfeed.prefixes(routes), min(routes, 100)):
            prefix = f"{socket.inet_ntoa(address.to_bytes(4, 'big'))}/{length}"
            rows = json.loads(self.daemon.cli("show", "routes", "--limit", "1", prefix).stdout)["routes"]
            assert rows and rows[0]["prefix"] == prefix and rows[0]["state"] == "active", (prefix, rows)


class BirdCase:
    """What each case says: how it is started, and how far it is."""

    has_fib, in_kernel = True, True

    def __init__(self, namespace):
        self.daemon = Bird(namespace, DAEMON, BIRD)

    def in_rib(self):
        return self.daemon.route_count()

    def in_fib(self):
        return self.daemon.exported("kernel1")

    def table(self):
        return bgp_churn.bird_routes(self.daemon)


class FrrCase:
    has_fib, in_kernel = True, True

    def __init__(self, namespace):
        self.daemon = Frr(namespace, FRR, daemons=("zebra -s 90000000", "bgpd"))

    def in_rib(self):
        peers = self.daemon.ask("show bgp ipv4 unicast summary").get("peers", {})
        return peers.get(FEEDER, {}).get("pfxRcd", 0)

    def in_fib(self):
        summary = self.daemon.ask("show ip route summary")
        return sum(row["fib"] for row in summary.get("routes", []) if row["type"] == "ebgp")


class GoBgpCase:
    has_fib, in_kernel = False, True

    def __init__(self, namespace):
        self.daemon = GoBgp(namespace, GOBGP)

    def in_rib(self):
        return self.daemon.route_count()


CASES = {"kanmon": KanmonCase, "bird": BirdCase, "frr": FrrCase, "gobgp": GoBgpCase}


def say(text):
    print(text, file=sys.stderr, flush=True)


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def peak_bytes(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as status:
            total += next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    return total


def reach(probe, goal, start):
    """Seconds from `start` until probe() says `goal`; None if it does not in time."""
    while (count := probe()) < goal:
        if time.monotonic() - start > DEADLINE_S:
            say(f"    only {count} of {goal} after {DEADLINE_S} s")
            return None
        time.sleep(POLL_S)
    return time.monotonic() - start


def churned(case, feeder, churn, deadline_s=60):
    """The churn on a full table: how far behind the feeder was, the lag of markers, whether the end is right."""
    markers = bgp_churn.Markers(churn, feeder, case.api()) if hasattr(case, "api") else None
    if markers:
        markers.start()
    row = {"behind_s": churn.run(feeder)}
    if markers:
        markers.over.set()
        markers.join()
        row.update(markers=len(markers.lags), lag_p50_s=markers.percentile(0.5), lag_p99_s=markers.percentile(0.99),
                   lag_max_s=max(markers.lags))
    end = time.monotonic() + deadline_s
    while (row.update(digest=churn.digest(case.table())) or row["digest"] != churn.expected()) and time.monotonic() < end:
        time.sleep(1)
    row["right"] = row["digest"] == churn.expected()
    return row


def show_churn(rows, rate, seconds):
    print(f"churn: {rate:,} updates/s for {seconds} s; lag from an update to its route carrying")
    for row in rows:
        seen = row["churn"]
        lag = "".join(f"  {key} {1000 * seen[f'lag_{key}_s']:.1f} ms" for key in ("p50", "p99", "max") if f"lag_{key}_s" in seen)
        print(f"  {row['daemon']}: feeder behind {seen['behind_s']:.2f} s{lag}  digest {seen['digest'][:12]} "
              f"{'as expected' if seen['right'] else 'WRONG'}")


def measure(name, routes, octets, churn=None):
    with Lab() as lab:
        here, there = lab.namespace("feeder"), lab.namespace("daemon")
        lab.link(here, "feed", there, "feed")
        here.address("feed", f"{FEEDER}/24")
        if CASES[name].in_kernel:
            there.address("feed", f"{DAEMON}/24")
        case = CASES[name](there)
        pids = case.daemon.pids
        before = cpu_seconds(pids), peak_bytes(pids)
        feeder = bgpfeed.Feeder(here, FEEDER, FEEDER_AS).connect(DAEMON)
        start, fed = feeder.feed(octets)
        row = {"daemon": name, "routes": routes, "fed_s": fed, "rib_s": reach(case.in_rib, routes, start)}
        row["fib_s"] = reach(case.in_fib, routes, start) if case.has_fib and row["rib_s"] else None
        if row["fib_s"] and hasattr(case, "check"):
            case.check(routes)
        if churn and hasattr(case, "table"):
            row["churn"] = churned(case, feeder, churn)
        row["cpu_s"] = cpu_seconds(pids) - before[0]
        row["peak_bytes"] = peak_bytes(pids)
        row["bytes_per_route"] = (row["peak_bytes"] - before[1]) / routes
        row["reached"] = row["rib_s"] is not None and (row["fib_s"] is not None or not case.has_fib)
        if feeder.why:
            say(f"    the session ended: {feeder.why}")
        feeder.close()
        return row


def show(rows):
    heads = ["DAEMON", "FED s", "RIB s", "FIB s", "CPU s", "PEAK MB", "B/ROUTE"]
    cells = [[row["daemon"], *("-" if row[key] is None else f"{row[key]:.2f}" for key in ("fed_s", "rib_s", "fib_s", "cpu_s")),
              f"{row['peak_bytes'] / 1e6:.0f}", f"{row['bytes_per_route']:.0f}"] for row in rows]
    widths = [max(len(line[column]) for line in [heads, *cells]) for column in range(len(heads))]
    for line in [heads, *cells]:
        print("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(line, widths))).rstrip())


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", type=int, default=1_000_000)
    parser.add_argument("--daemons", default=",".join(CASES))
    parser.add_argument("--churn", type=int, default=0)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--json")
    options = parser.parse_args()
    options.daemons = options.daemons.split(",")
    for name in options.daemons:
        if name not in CASES:
            parser.error(f"{name!r} is none of {', '.join(CASES)}")
    if not 1 <= options.routes <= 1_200_000:
        parser.error("--routes takes 1 to 1200000")
    os.environ["KANMON_BUILD"] = options.build
    return options


def main():
    options = arguments()
    updates, octets = bgpfeed.table(options.routes, FEEDER_AS, FEEDER)
    say(f"a table of {options.routes:,} routes in {updates:,} updates, {len(octets) / 1e6:.1f} MB")
    churn = bgp_churn.Churn(options.routes, FEEDER_AS, FEEDER, options.rate, options.churn) if options.churn else None
    rows = []
    for name in options.daemons:
        say(f"  {name}")
        rows.append(measure(name, options.routes, octets, churn))
    print(f"{options.routes:,} IPv4 routes in {updates:,} updates; times from the first octet sent")
    show(rows)
    if churn:
        show_churn([row for row in rows if "churn" in row], options.rate, options.churn)
    if options.json:
        text = json.dumps({"program": "scripts/bench-bgp", "updates": updates, "rows": rows}, indent=1)
        print(text) if options.json == "-" else pathlib.Path(options.json).write_text(text + "\n")
    right = all(row["churn"]["right"] for row in rows if "churn" in row)
    return 0 if right and all(row["reached"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
