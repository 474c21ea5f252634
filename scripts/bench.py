#!/usr/bin/python3
"""The part of scripts/bench that measures and judges. See scripts/bench --help."""

import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time

# Absolute goals are in cycles of a time-stamp counter of this rate; ours are scaled to it, which keeps
# the time they stand for.
GOAL_TSC_HZ = 2.3e9
SIZES = (64, 512, 1420)
GCM = "AES128-GCM-16"
CBC = re.compile("AES128-SHA2-256$")

# Path goals: (title, selection, {size: goal}, kind). Kinds: "ratio" to raw in the same seconds,
# "cycles" at GOAL_TSC_HZ.
ONE = {"tunnels": 1, "burst": 64, "workers": 1}
PATHS = [
    ("encrypt, 1 tunnel", {"direction": "encrypt", "algorithm": GCM, **ONE}, dict(zip(SIZES, (2.0, 1.45, 1.22))),
     "ratio"),
    ("decrypt, 1 tunnel", {"direction": "decrypt", "algorithm": GCM, **ONE}, dict(zip(SIZES, (2.1, 1.55, 1.25))),
     "ratio"),
    ("encrypt, 1,000 tunnels, random", {"direction": "encrypt", "algorithm": GCM, **ONE, "tunnels": 1000},
     dict(zip(SIZES, (160, 300, 470))), "cycles"),
    ("decrypt, 1,000 tunnels, random", {"direction": "decrypt", "algorithm": GCM, **ONE, "tunnels": 1000},
     dict(zip(SIZES, (175, 320, 490))), "cycles"),
    ("encrypt, bursts of 1", {"direction": "encrypt", "algorithm": GCM, **ONE, "burst": 1}, {64: 420}, "cycles"),
    ("encrypt, bursts of 4", {"direction": "encrypt", "algorithm": GCM, **ONE, "burst": 4}, {64: 210}, "cycles"),
    ("encrypt, bursts of 32", {"direction": "encrypt", "algorithm": GCM, **ONE, "burst": 32}, {64: 140}, "cycles"),
    ("AES-128-CBC + SHA2-256, encrypt", {"direction": "encrypt", "algorithm": CBC, **ONE},
     dict(zip(SIZES, (370, 760, 1540))), "cycles"),
    ("plain IPv4 forwarding", {"direction": "forward", "burst": 64, "workers": 1, "routes": 0}, {64: 40}, "cycles"),
]
# Told without a goal of the kind above.
OTHERS = [
    ("forwarding, 1 M routes", {"direction": "forward", "burst": 64, "routes": 1_000_000}),
    ("encrypt, 10,000 tunnels, random", {"direction": "encrypt", "algorithm": GCM, **ONE, "tunnels": 10_000}),
    ("decrypt, 10,000 tunnels, random", {"direction": "decrypt", "algorithm": GCM, **ONE, "tunnels": 10_000}),
    ("encrypt, AES-256-GCM", {"direction": "encrypt", "algorithm": "AES256-GCM-16", **ONE}),
    ("decrypt, AES-256-GCM", {"direction": "decrypt", "algorithm": "AES256-GCM-16", **ONE}),
]
# Lookup goals: title, benchmark name, counter, goal, "<=" or ">=", unit, [(rival, its benchmark, counter)].
LOOKUPS = [
    ("IPv4, 1 M routes, in table", "Ours4, true>/routes:1000000/hot:0", "cyc/look", 9, "<=", "cyc",
     "RteFib4, true>/routes:1000000/hot:0"),
    ("IPv4, 1 M routes, 1,024 hot", "Ours4, true>/routes:1000000/hot:1", "cyc/look", 2, "<=", "cyc",
     "RteFib4, true>/routes:1000000/hot:1"),
    ("IPv4, 1 M routes, memory", "Ours4, true>/routes:1000000/hot:0", "MB", 48, "<=", "MB",
     "RteFib4, true>/routes:1000000/hot:0"),
    ("IPv4, inserts, to 1 M", "BM_Update<Ours4>/routes:1000000", "inserts/s", 1e6, ">=", "1/s", None),
    ("IPv4, inserts, last tenth of 1 M", "BM_Update<Ours4>/routes:1000000", "last_tenth/s", 1e6, ">=", "1/s", None),
    ("IPv4, updates under a reader", "BM_UpdateUnderReader<Ours4>", "updates/s", 2e5, ">=", "1/s", None),
    ("IPv6, updates under a reader", "BM_UpdateUnderReader<Ours6>", "updates/s", 2e5, ">=", "1/s", None),
    ("IPv6, 200 k routes, in table", "Ours6, true>/routes:200000/hot:0", "cyc/look", 30, "<=", "cyc",
     "RteFib6, true>/routes:200000/hot:0"),
    ("IPv6, 200 k routes, memory", "Ours6, true>/routes:200000/hot:0", "MB", 48, "<=", "MB",
     "RteFib6, true>/routes:200000/hot:0"),
]


def say(text):
    print(text, file=sys.stderr, flush=True)


class Bench:
    """Runs the programs and keeps what they said."""

    def __init__(self, options):
        self.directory = pathlib.Path(options.build) / "bench"
        self.quick = options.quick
        self.figures = []
        self.lookups = []
        self.floods = []
        self.problems = []
        self.tsc_hz = None

    def run(self, title, *arguments, trials=9, seconds=0.1):
        """One run of kanmon-bench; its figures join the others."""
        say(f"  {title}")
        if self.quick:
            trials, seconds = 3, 0.04
        command = [self.directory / "kanmon-bench", "--json", "-", "--trials", trials, "--seconds", seconds, *arguments]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            self.problems.append(f"{title}: {done.stderr.strip() or 'no answer'}")
            return
        self.tsc_hz = answer["tsc_hz"]
        self.figures += answer["figures"]
        self.problems += [f"{title}: {f['direction']} {f['size']}: {f['why']}" for f in answer["failures"]]

    def algorithms(self):
        return subprocess.run([str(self.directory / "kanmon-bench"), "--list-algorithms"], check=True,
                              capture_output=True, text=True).stdout.split("\n")[:-1]

    def google(self, program, wanted):
        """The figures of a Google Benchmark program."""
        command = [str(self.directory / program), f"--benchmark_filter={wanted}", "--benchmark_format=json",
                   f"--benchmark_min_time={0.05 if self.quick else 0.2}",
                   f"--benchmark_repetitions={1 if self.quick else 3}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=400)
        try:
            return json.loads(done.stdout[done.stdout.index("{"):])["benchmarks"]
        except ValueError:
            self.problems.append(f"{program}: {done.stderr.strip()[-300:] or 'no answer'}")
            return []

    def run_floods(self):
        say("  unknown SPIs (Google Benchmark)")
        self.floods = self.google("pipeline_bench", "BM_UnknownSpi/.*burst:64/")

    def flood(self, size):
        """A packet of an unknown SPI as a part of one that is decrypted, median of the repetitions."""
        values = [f["bad/good"] for f in self.floods if f"/bytes:{size}/" in f["name"]
                  and f.get("run_type") != "aggregate"]
        return statistics.median(values) if values else math.nan

    def run_lookups(self):
        say("  route lookups (Google Benchmark)")
        wanted = "BM_Lookup<(Ours|RteFib)4, true>/routes:1000000|BM_Lookup<(Ours|RteFib)6, true>/routes:200000" \
                 "|BM_Update<Ours4>/routes:1000000|BM_UpdateUnderReader"
        self.lookups = self.google("lpm_bench", wanted)

    def measure(self, plot):
        cpus = len(os.sched_getaffinity(0))
        sizes = ",".join(map(str, SIZES))
        self.run("all directions by size", "--size", "64,128,256,512,1024,1420,imix", "--plot", plot)
        self.run("1,000 tunnels", "--direction", "encrypt,decrypt", "--size", sizes, "--tunnels", 1000)
        self.run("10,000 tunnels", "--direction", "encrypt,decrypt", "--size", "64,1420", "--tunnels", 10_000,
                 trials=5)
        self.run("small bursts", "--direction", "encrypt,decrypt", "--size", 64, "--burst", "1,4,32")
        self.run("a full route table", "--direction", "forward", "--size", 64, "--routes", 1_000_000, trials=5)
        # One tunnel's outbound SA is shared by both workers; inbound each has its own.
        if cpus >= 2:
            self.run("two workers, encrypt", "--direction", "forward,encrypt", "--size", "64,1420", "--workers", 2)
            for workers in (1, 2):
                self.run(f"decrypt, two tunnels, {workers} workers", "--direction", "decrypt", "--size", "64,1420",
                         "--tunnels", 2, "--workers", workers)
        for name in self.algorithms():
            if name != GCM:
                self.run(name, "--direction", "encrypt,decrypt", "--size", sizes, "--algorithm", name, trials=5)
        self.run("rates without loss", "--mode", "loss", "--size", "64,1420,imix", seconds=0.2)
        self.run("latency", "--mode", "latency", "--size", "64,1420", "--load", "50%,90%", seconds=0.5)
        self.run_floods()
        self.run_lookups()

    def find(self, selection, size=None):
        """The cycle figures that fit, in the order they were measured."""
        def fits(figure):
            for key, value in selection.items():
                have = figure.get(key)
                if isinstance(value, re.Pattern) and not value.search(have or ""):
                    return False
                if not isinstance(value, re.Pattern) and have != value:
                    return False
            return "cycles_per_packet" in figure and (size is None or figure["size"] == str(size))
        return [figure for figure in self.figures if fits(figure)]

    def at_goal_clock(self, cycles):
        return cycles * GOAL_TSC_HZ / self.tsc_hz

    def lookup(self, name, counter):
        values = sorted(b[counter] for b in self.lookups
                        if name in b["name"] and counter in b and b.get("run_type", "iteration") == "iteration")
        return values[len(values) // 2] if values else math.nan


def met(ok):
    return "met" if ok else "not met"


def path_rows(bench):
    """One row per goal and size."""
    for title, selection, goals, kind in PATHS:
        for size, goal in goals.items():
            found = bench.find(selection, size)
            row = {"table": "paths", "what": title, "size": size, "goal": goal, "goal_kind": kind}
            if not found:
                built = not isinstance(selection.get("algorithm"), re.Pattern)
                yield {**row, "verdict": "not measured" if built else "not built"}
                continue
            figure = found[0]
            cycles = figure["cycles_per_packet"]["median"]
            row |= {"cycles": cycles, "min": figure["cycles_per_packet"]["min"],
                    "noise": figure["cycles_per_packet"]["noise"], "scaled": bench.at_goal_clock(cycles)}
            if "limit" in figure:
                row |= {"limit": figure["limit"]["cycles_per_packet"]["median"], "limit_what": figure["limit"]["what"],
                        "ratio": figure["ratio_to_limit"]["median"], "over": figure["cycles_over_limit"]["median"]}
            judged = row.get("ratio", math.inf) if kind == "ratio" else row["scaled"]
            yield {**row, "verdict": met(judged <= goal)}


def other_rows(bench):
    for title, selection in OTHERS:
        for figure in bench.find(selection):
            if figure["size"] not in map(str, SIZES):
                continue
            cycles = figure["cycles_per_packet"]
            row = {"table": "others", "what": title, "size": int(figure["size"]), "cycles": cycles["median"],
                   "min": cycles["min"], "noise": cycles["noise"], "scaled": bench.at_goal_clock(cycles["median"]),
                   "verdict": "-"}
            if "limit" in figure:
                row |= {"limit": figure["limit"]["cycles_per_packet"]["median"],
                        "ratio": figure["ratio_to_limit"]["median"], "over": figure["cycles_over_limit"]["median"]}
            yield row


def quotient_rows(bench):
    """Goals that compare two of our own figures."""
    def rate(selection, size):
        found = bench.find(selection, size)
        return found[0]["packets_per_second"] if found else math.nan

    def row(title, value, goal, sign):
        ok = value >= goal if sign == ">=" else value <= goal
        verdict = "not measured" if math.isnan(value) else met(ok)
        return {"table": "quotients", "what": title, "value": value, "goal": f"{sign} {goal}", "verdict": verdict}

    shared = {"algorithm": GCM, "burst": 64}
    for size in (64, 1420):
        for direction, tunnels in (("forward", None), ("encrypt", 1), ("decrypt", 2)):
            selection = {"direction": direction, "burst": 64, "routes": 0}
            if tunnels:
                selection |= {**shared, "tunnels": tunnels}
            two, one = (rate({**selection, "workers": n}, size) for n in (2, 1))
            yield row(f"two workers to one, {direction}, {size} B", two / one, 1.9, ">=")
    for direction in ("encrypt", "decrypt"):
        selection = {"direction": direction, **shared, "workers": 1}
        many, one = (rate({**selection, "tunnels": n}, 1420) for n in (10_000, 1))
        yield row(f"10,000 tunnels to one, {direction}, 1420 B", one / many, 1.5, "<=")
    for size in SIZES:
        yield row(f"an unknown SPI to a decryption, {size} B", bench.flood(size), 0.25, "<=")


def lookup_rows(bench):
    for title, name, counter, goal, sign, unit, rival in LOOKUPS:
        value = bench.lookup(name, counter)
        row = {"table": "lookups", "what": title, "value": value, "unit": unit, "goal": goal, "sign": sign,
               "rival": bench.lookup(rival, counter) if rival else math.nan}
        if unit == "cyc":
            row["scaled"] = bench.at_goal_clock(value)
        judged = row.get("scaled", value)
        ok = judged <= goal if sign == "<=" else judged >= goal
        yield {**row, "verdict": "not measured" if math.isnan(value) else met(ok)}


def number(value, digits=1):
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    return f"{value:,.{digits}f}"


def table(heads, rows):
    """Aligned columns; the first is text."""
    widths = [max(len(line[c]) for line in [heads, *rows]) for c in range(len(heads))]
    for line in [heads, *rows]:
        cells = [cell.ljust(width) if c == 0 or c == len(heads) - 1 else cell.rjust(width)
                 for c, (cell, width) in enumerate(zip(line, widths))]
        print("  ".join(cells).rstrip())
    print()


def print_paths(rows, heading):
    print(heading)
    lines = []
    for r in rows:
        goal = "-" if "goal" not in r else (f"<= {r['goal']:.2f} x raw" if r["goal_kind"] == "ratio" else f"<= {r['goal']}")
        lines.append([r["what"], str(r["size"]), number(r.get("cycles")), number(r.get("min")), number(r.get("noise")),
                      number(r.get("scaled")), number(r.get("limit")), number(r.get("ratio"), 2),
                      number(r.get("over")), goal, r["verdict"]])
    table(["PATH", "BYTES", "CYC/PKT", "MIN", "+-", "AT 2.3 GHZ", "LIMIT", "RATIO", "OVER", "GOAL", "VERDICT"], lines)


def print_all(bench, rows):
    of = lambda name: [r for r in rows if r["table"] == name]
    print_paths(of("paths"), "Paths: cycles per packet of a worker's turn; the limit is raw IPsec-MB, of forwarding "
                             "rte_eth alone")
    print_paths(of("others"), "Further paths")
    table(["QUOTIENT", "VALUE", "GOAL", "VERDICT"],
          [[r["what"], number(r["value"], 2), r["goal"], r["verdict"]] for r in of("quotients")])
    print("Lookups: the rival is rte_fib (rte_fib6) on the same routes and addresses, in the same run")
    table(["LOOKUP", "UNIT", "VALUE", "AT 2.3 GHZ", "RIVAL", "GOAL", "VERDICT"],
          [[r["what"], r["unit"], number(r["value"]), number(r.get("scaled")), number(r["rival"]),
            f"{r['sign']} {r['goal']:,.0f}", r["verdict"]] for r in of("lookups")])
    print_rates(bench)


def print_rates(bench):
    lines = [[f["direction"], f["size"], (">= " if f["source_limited"] else "") +
              number(f["ndr_packets_per_second"] / 1e6, 2), number(f["pdr_packets_per_second"] / 1e6, 2)]
             for f in bench.figures if "ndr_packets_per_second" in f]
    if lines:
        print("Rates, one worker: nothing lost (NDR), at most 0.5 % lost (PDR); >= where the source was the limit")
        table(["DIRECTION", "BYTES", "NDR MPPS", "PDR MPPS"], lines)
    lines = [[f["direction"], f["size"], number(f.get("load_percent_of_ndr"), 0) + "%",
              number(f["offered_packets_per_second"] / 1e6, 2), number(f["loss"] * 100, 3),
              *[number(f["latency_us"][p]) for p in ("min", "p50", "p99", "p99.9", "max")]]
             for f in bench.figures if "latency_us" in f]
    if lines:
        print("Latency, source to sink, microseconds, at part of the NDR")
        table(["DIRECTION", "BYTES", "LOAD", "MPPS", "LOSS %", "MIN", "P50", "P99", "P99.9", "MAX"], lines)


def machine(tsc_hz):
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                 platform.machine())
    return {"cpu": model, "cpus": os.cpu_count(), "tsc_hz": tsc_hz, "kernel": platform.release(),
            "hugepages_free": int(next((l.split()[1] for l in open("/proc/meminfo") if l.startswith("HugePages_Free")), 0))}


def finite(value):
    """NaN and infinity are no JSON."""
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    bench = Bench(options)
    say("measuring")
    bench.measure(out / "bench.svg")
    if bench.tsc_hz is None:
        print("scripts/bench: nothing could be measured", *bench.problems, sep="\n  ", file=sys.stderr)
        return 1
    about = machine(bench.tsc_hz)
    rows = [*path_rows(bench), *other_rows(bench), *quotient_rows(bench), *lookup_rows(bench)]
    document = {"program": "scripts/bench", "time": datetime.datetime.now(datetime.timezone.utc).isoformat(),
                "machine": about, "rows": rows, "figures": bench.figures, "lookups": bench.lookups,
                "problems": bench.problems}
    (out / "bench.json").write_text(json.dumps(finite(document), indent=1) + "\n")
    print(f"{about['cpu']}, {about['cpus']} CPUs, time-stamp counter {about['tsc_hz'] / 1e9:.2f} GHz, "
          f"Linux {about['kernel']}, {about['hugepages_free']} hugepages free\n")
    print_all(bench, rows)
    verdicts = [r["verdict"] for r in rows]
    print(f"goals: {verdicts.count('met')} met, {verdicts.count('not met')} not met, "
          f"{verdicts.count('not built')} not built; {time.monotonic() - began:.0f} s; "
          f"{out / 'bench.json'}, {out / 'bench.svg'}")
    for problem in bench.problems:
        print(f"problem: {problem}")
    return 1 if bench.problems else 0


if __name__ == "__main__":
    sys.exit(main())
