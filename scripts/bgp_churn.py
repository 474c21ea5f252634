"""Churn for scripts/bench-bgp: updates at a rate on a full table, the lag of markers, and what is left at the end."""

import hashlib
import json
import random
import re
import socket
import struct
import threading
import time

from lab import bgpfeed

BLOCKS_PER_S = 50
MARKERS = [f"198.18.{n}.0/24" for n in range(256)]
MARKER_EVERY_S = 0.1
WITHDRAWN_SHARE = 0.3
DEADLINE_S = 30


def text(prefix):
    return f"{socket.inet_ntoa(prefix[0].to_bytes(4, 'big'))}/{prefix[1]}"


def parse(prefix):
    address, length = prefix.split("/")
    return int.from_bytes(socket.inet_aton(address), "big"), int(length)


class Churn:
    """The same updates for every daemon. After `blocks`, .left is {prefix: MED} of what was touched and stands."""

    def __init__(self, routes, asn, next_hop, rate, seconds, seed=15):
        self.rng = random.Random(seed)
        # A tenth of the table moves; the rest must stand still.
        self.moving = self.rng.sample(bgpfeed.prefixes(routes), max(1, routes // 10))
        self.asn, self.next_hop, self.left = asn, next_hop, {}
        self.blocks = [self.block(rate // BLOCKS_PER_S) for _ in range(seconds * BLOCKS_PER_S)]

    def block(self, updates):
        out = []
        for _ in range(updates):
            prefix = self.rng.choice(self.moving)
            if self.rng.random() < WITHDRAWN_SHARE:
                self.left[text(prefix)] = None
                out.append(bgpfeed.withdrawal([prefix]))
            else:
                med = self.rng.randrange(1000)
                self.left[text(prefix)] = med
                out.append(bgpfeed.announcement(self.attributes(med), [prefix]))
        return b"".join(out)

    def attributes(self, med):
        path = struct.pack(">BBI", 2, 1, self.asn)
        return (b"\x40\x01\x01\x00" + struct.pack(">BBB", 0x40, 2, len(path)) + path + b"\x40\x03\x04"
                + socket.inet_aton(self.next_hop) + b"\x80\x04\x04" + struct.pack(">I", med))

    def run(self, feeder):
        """Sends all blocks in time; returns the seconds it was behind at worst."""
        start, behind = time.monotonic(), 0.0
        for number, block in enumerate(self.blocks):
            due = start + number / BLOCKS_PER_S
            if (early := due - time.monotonic()) > 0:
                time.sleep(early)
            behind = max(behind, -early)
            feeder.send(block)
        return behind

    def digest(self, seen):
        """Of {prefix: MED} of a daemon, as far as the churn touched it."""
        lines = sorted(f"{prefix} {seen.get(prefix)}" for prefix in self.left)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def expected(self):
        return self.digest(self.left)


class Api:
    """The daemon's socket, kept open: a question costs no process."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.file = self.socket.makefile("r")

    def ask(self, method, **params):
        self.socket.sendall((json.dumps({"method": method, "params": params}) + "\n").encode())
        answer = json.loads(self.file.readline())
        assert answer["ok"], answer
        return answer["result"]


class Markers(threading.Thread):
    """Announces prefixes of its own amid the churn and asks until each one carries: the lag of the FIB."""

    def __init__(self, churn, feeder, api):
        super().__init__(daemon=True)
        self.churn, self.feeder, self.api = churn, feeder, api
        self.over, self.lags = threading.Event(), []

    def run(self):
        number = 0
        while not self.over.is_set():
            marker = MARKERS[number % len(MARKERS)]
            start = time.monotonic()
            self.feeder.send(bgpfeed.announcement(self.churn.attributes(number), [parse(marker)]))
            while not self.carries(marker) and time.monotonic() - start < DEADLINE_S:
                time.sleep(0.001)
            self.lags.append(time.monotonic() - start)
            self.feeder.send(bgpfeed.withdrawal([parse(marker)]))
            number += 1
            self.over.wait(MARKER_EVERY_S)

    def carries(self, prefix):
        rows = self.api.ask("show.routes", table="main", prefix=prefix, limit=1)["routes"]
        return any(row["prefix"] == prefix and row["state"] == "active" for row in rows)

    def percentile(self, share):
        return sorted(self.lags)[min(len(self.lags) - 1, int(len(self.lags) * share))] if self.lags else None


def kanmon_routes(api):
    """{prefix: MED} of the best paths."""
    seen, after = {}, ""
    while after is not None:
        answer = api.ask("show.bgp-routes", table="main", kind="best", limit=10_000, **({"after": after} if after else {}))
        seen.update({row["prefix"]: row["med"] for row in answer["bgp-routes"]})
        after = answer["totals"]["next"]
    return seen


def bird_routes(bird):
    seen, prefix = {}, None
    for line in bird.ask("show", "route", "protocol", "feed", "all", timeout_s=300).splitlines():
        if match := re.match(r"(\d+\.\d+\.\d+\.\d+/\d+)\s", line):
            prefix = match[1]
            seen[prefix] = None
        elif match := re.match(r"\s+BGP\.med: (\d+)", line):
            seen[prefix] = int(match[1])
    return seen
