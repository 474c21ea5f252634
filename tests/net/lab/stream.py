#!/usr/bin/python3
"""A numbered packet stream from one namespace to another that accounts for every single packet.

Run by traffic.Stream as a program of its own (two processes: sender and receiver), so that the test's
own work does not disturb the pace. Ends when its stdin closes; prints a JSON report.

udp   one way: `source` sends to `destination`, where the receiver listens
icmp  there and back: echo requests; what is counted is the replies
"""

import argparse
import json
import mmap
import os
import select
import socket
import struct
import sys
import time

# Begins every payload. A capture that shows it on the outside wire has caught clear text.
MARKER = b"kanmon-clear-txt"
HEAD = struct.Struct("!16sQ")
SHARED = struct.Struct("=QQQQ")  # sent (sender writes), received (receiver), done (sender), unused
SO_RXQ_OVFL = 40
LINGER_S = 2.0      # after the last packet sent, arrivals may pause this long before the rest is lost
MAX_BURST = 64      # a starved sender catches up at most this many at once: more would test queue sizes


def payload(number, size):
    """Marker, number, and a filler that depends on the number, so that corruption shows."""
    filler = (number * 2654435761 & 0xffffffff).to_bytes(4, "big")
    return HEAD.pack(MARKER, number) + (filler * (size // 4 + 1))[:size - HEAD.size]


def enter(netns):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{netns}") as handle:
        if libc.setns(handle.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), f"setns {netns}")


def open_socket(options, address):
    """A socket of the stream's kind bound to the address, with buffers a burst cannot overflow."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if options.kind == "icmp":
        protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
        sock = socket.socket(family, socket.SOCK_RAW, protocol)
        sock.bind((address, 0))
    else:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.bind((address, options.port))
    for forced in (32, 33):  # SO_SNDBUFFORCE, SO_RCVBUFFORCE
        sock.setsockopt(socket.SOL_SOCKET, forced, 16 << 20)
    sock.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
    return sock


def echo_request(options, body, number):
    """An ICMP echo request; the kernel fills in the checksum for IPv6, we do for IPv4."""
    v6 = ":" in options.destination
    head = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, options.port, number & 0xffff)
    if v6:
        return head + body
    data = head + body + (b"\0" if len(body) % 2 else b"")
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    total += total >> 16
    return head[:2] + struct.pack("!H", ~total & 0xffff) + head[4:] + body


def echo_reply_body(options, packet):
    """The payload of an echo reply of ours, or None."""
    v6 = ":" in options.destination
    if not v6:
        packet = packet[(packet[0] & 15) * 4:]
    kind, _, _, identifier, _ = struct.unpack_from("!BBHHH", packet)
    return packet[8:] if kind == (129 if v6 else 0) and identifier == options.port else None


def send(options, shared):
    """Sends at the asked pace until stdin closes; returns the number of failed sends."""
    sock = open_socket(options, options.source)
    target = (options.destination, 0 if options.kind == "icmp" else options.port)
    number, failed, start, base = 0, 0, time.monotonic(), 0
    while not select.select([0], [], [], 0)[0] or os.read(0, 1):
        due = int((time.monotonic() - start) * options.rate) - (number - base)
        if due > MAX_BURST:
            start, base, due = time.monotonic(), number + MAX_BURST, MAX_BURST
        for _ in range(due):
            body = payload(number, options.size)
            if options.kind == "icmp":
                body = echo_request(options, body, number)
            try:
                sock.sendto(body, target)
                number += 1
            except OSError:
                failed += 1
                break
        struct.pack_into("=Q", shared, 0, number)
        time.sleep(max(0.0005, 1 / options.rate))
    return failed


class Receiver:
    """Counts every number once; what comes again, out of order or damaged is counted by name."""

    def __init__(self):
        self.seen = bytearray()
        self.unique = self.duplicated = self.reordered = self.corrupt = 0
        self.top = -1
        self.last = None
        self.longest_pause = 0.0

    def take(self, body):
        if len(body) < HEAD.size or body[:16] != MARKER:
            self.corrupt += 1
            return
        number = HEAD.unpack_from(body)[1]
        if body != payload(number, len(body)) or number > 1 << 32:
            self.corrupt += 1
            return
        now = time.monotonic()
        if self.last is not None:
            self.longest_pause = max(self.longest_pause, now - self.last)
        self.last = now
        if number >= len(self.seen):
            self.seen.extend(bytes(number + 65536 - len(self.seen)))
        if self.seen[number]:
            self.duplicated += 1
            return
        self.seen[number] = 1
        self.unique += 1
        self.reordered += number < self.top
        self.top = max(self.top, number)

    def report(self, sent):
        lost = [i for i in range(sent) if i >= len(self.seen) or not self.seen[i]]
        return {"sent": sent, "received": self.unique, "lost": len(lost), "lost_numbers": lost[:50],
                "duplicated": self.duplicated, "reordered": self.reordered, "corrupt": self.corrupt,
                "longest_pause_ms": round(self.longest_pause * 1000, 1)}


def receive(options, shared, ready):
    """Receives until the sender is done and all has come, or nothing more comes."""
    address = options.source if options.kind == "icmp" else options.destination
    sock = open_socket(options, address)
    sock.settimeout(0.05)
    os.write(ready, b"r")
    receiver, overflow, quiet_since = Receiver(), 0, time.monotonic()
    while True:
        try:
            data, ancillary, _, _ = sock.recvmsg(65536, 64)
            for _, kind, value in ancillary:
                overflow = struct.unpack("=I", value)[0] if kind == SO_RXQ_OVFL else overflow
            body = echo_reply_body(options, data) if options.kind == "icmp" else data
            if body is not None:
                receiver.take(body)
                quiet_since = time.monotonic()
                struct.pack_into("=Q", shared, 8, receiver.unique)
        except socket.timeout:
            pass
        sent, _, done, _ = SHARED.unpack_from(shared)
        if done and (receiver.unique >= sent or time.monotonic() - quiet_since > LINGER_S):
            return {**receiver.report(sent), "receiver_overflow": overflow}


def main():
    parser = argparse.ArgumentParser()
    for name in ("from-netns", "to-netns", "source", "destination", "shared"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--kind", choices=["udp", "icmp"], default="udp")
    parser.add_argument("--port", type=int, default=5001)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--size", type=int, default=200)
    options = parser.parse_args()

    with open(options.shared, "r+b") as file:
        shared = mmap.mmap(file.fileno(), SHARED.size)
    result_in, result_out = os.pipe()
    ready_in, ready_out = os.pipe()
    child = os.fork()
    if child == 0:
        enter(options.from_netns if options.kind == "icmp" else options.to_netns)
        with os.fdopen(result_out, "w") as out:
            json.dump(receive(options, shared, ready_out), out)
        os._exit(0)
    os.close(result_out)
    os.close(ready_out)
    if not os.read(ready_in, 1):
        sys.exit("the receiver did not start")
    enter(options.from_netns)
    failed = send(options, shared)
    struct.pack_into("=Q", shared, 16, 1)
    with os.fdopen(result_in) as result:
        print(json.dumps({**json.load(result), "send_errors": failed}))
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
