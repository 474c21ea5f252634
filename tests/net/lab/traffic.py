"""Traffic that proves something: numbered streams, pings, iperf3 in both directions."""

import contextlib
import itertools
import json
import mmap
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass

from .conditions import wait_until
from .process import run
from .stream import MARKER, SHARED  # MARKER: what a capture on the outside wire must never show

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


@dataclass
class Report:
    """What became of a stream. Losses are exact: every number sent is either received or lost."""

    name: str
    sent: int
    received: int
    lost: int
    lost_numbers: list
    duplicated: int
    reordered: int
    corrupt: int
    longest_pause_ms: float
    receiver_overflow: int
    send_errors: int

    def __str__(self):
        return (f"{self.name}: sent {self.sent}, received {self.received}, lost {self.lost}, "
                f"duplicated {self.duplicated}, reordered {self.reordered}, corrupt {self.corrupt}, "
                f"longest pause {self.longest_pause_ms} ms")

    def require_perfect(self, at_least=100):
        """Every packet arrived once and whole, and there were enough of them to mean something."""
        if self.receiver_overflow:
            raise AssertionError(f"the measuring socket itself overflowed; {self}")
        assert self.sent >= at_least, f"too few packets to prove anything; {self}"
        assert self.lost == 0, f"packets lost; {self}; first lost numbers {self.lost_numbers}"
        assert self.duplicated == 0, f"packets duplicated; {self}"
        assert self.corrupt == 0, f"packets damaged; {self}"
        return self


class Stream:
    """A running numbered stream; stop() returns its Report. Also a context manager (stops, no verdict)."""

    ports = itertools.count(5001)

    def __init__(self, source_namespace, source, destination_namespace, destination, rate_pps=1000,
                 size=200, kind="udp"):
        lab = source_namespace.lab
        port = next(Stream.ports)
        self.name = f"{kind} {source} -> {destination}"
        self.report = None  # set by stop()
        self.result = lab.path(f"stream-{port}.json")
        shared_path = lab.path(f"stream-{port}.shared")
        with open(shared_path, "wb") as file:
            file.write(bytes(SHARED.size))
        with open(shared_path, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), SHARED.size)
        with open(self.result, "wb") as out:
            self.process = lab.spawn(f"stream-{port}", [
                PYTHON, os.path.join(os.path.dirname(os.path.abspath(__file__)), "stream.py"),
                "--from-netns", source_namespace.netns, "--to-netns", destination_namespace.netns,
                "--source", source, "--destination", destination, "--shared", shared_path, "--kind", kind,
                "--port", port, "--rate", rate_pps, "--size", size], stdin=subprocess.PIPE, stdout=out)

    def sent(self):
        return SHARED.unpack_from(self.shared)[0]

    def received(self):
        return SHARED.unpack_from(self.shared)[1]

    def wait_received(self, more, deadline_s=10):
        """Waits until this many packets more than now have arrived."""
        self.wait_total(self.received() + more, deadline_s)

    def wait_total(self, goal, deadline_s=10):
        def seen():
            assert self.process.alive(), f"{self.name} ended early: {self.process.output()}"
            return {"received": self.received(), "sent": self.sent()}
        wait_until(seen, deadline_s, f"{self.name}: {goal} packets in all",
                   accept=lambda counts: counts["received"] >= goal, interval_s=0.02)

    def stop(self):
        if self.process.popen.stdin and not self.process.popen.stdin.closed:
            self.process.popen.stdin.close()
        self.process.wait(30)
        with open(self.result) as result:
            text = result.read()
        assert text, f"{self.name}: no report: {self.process.output()}"
        self.report = Report(self.name, **json.loads(text))
        return self.report

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        with contextlib.suppress(Exception) if kind else contextlib.nullcontext():
            self.stop()


def wait_all_received(streams, more):
    """Waits until every stream has got this many packets more than now, all at the same time."""
    for stream, goal in [(stream, stream.received() + more) for stream in streams]:
        stream.wait_total(goal)


@contextlib.contextmanager
def lossless(*streams, settle=100):
    """The streams flow before the block begins and after it ends, and nothing at all is lost."""
    with contextlib.ExitStack() as stack:
        for stream in streams:
            stack.callback(stream.process.kill)
        wait_all_received(streams, settle)
        yield streams
        wait_all_received(streams, settle)
        for report in [stream.stop() for stream in streams]:
            report.require_perfect()


def inject(namespace, interface, frames):
    """Puts frames on a link as they are."""
    sock = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind((interface, 0))
    for frame in frames:
        sock.send(frame)
    sock.close()


@dataclass
class Ping:
    sent: int
    received: int
    text: str


def ping(namespace, source, destination, count=3, size=56, interval_s=0.05, *options):
    """ICMP echo by the system's ping. Gives counts; judges nothing."""
    done = namespace.run("ping", "-n", "-c", count, "-i", interval_s, "-W", 2, "-s", size, "-I", source,
                         *options, destination, check=False, timeout_s=count * interval_s + 30)
    match = re.search(r"(\d+) packets transmitted, (\d+) received", done.stdout)
    sent, received = (int(match[1]), int(match[2])) if match else (count, 0)
    return Ping(sent, received, done.stdout + done.stderr)


def wait_ping(namespace, source, destination, deadline_s=15):
    """Waits until one echo comes back."""
    wait_until(lambda: ping(namespace, source, destination, 1), deadline_s,
               f"{namespace.name}: an echo from {destination}", accept=lambda result: result.received > 0)


def iperf3(client, client_address, server, server_address, seconds=2, reverse=False, *options):
    """One TCP run by iperf3; Mbit/s that arrived. reverse: the server sends."""
    port = next(Stream.ports)
    daemon = server.spawn(f"iperf3-{port}", "iperf3", "--server", "--one-off", "--bind", server_address,
                          "--port", port)
    wait_until(lambda: server.run("ss", "-Hltn", f"sport = :{port}").stdout, 5, "iperf3 to listen")
    done = client.run("iperf3", "--client", server_address, "--bind", client_address, "--port", port,
                      "--time", seconds, "--json", *(["--reverse"] if reverse else []), *options,
                      check=False, timeout_s=seconds + 30)
    daemon.kill()
    result = json.loads(done.stdout or "{}")
    if done.returncode != 0 or "error" in result:
        raise AssertionError(f"iperf3 {client_address} -> {server_address}: "
                             f"{result.get('error', done.stderr or done.stdout)}")
    return result["end"]["sum_received"]["bits_per_second"] / 1e6
