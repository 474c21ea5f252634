"""Watching the outside wire: what may never be seen there is clear text.

A Sniffer records a link with tcpdump and judges the record; in the kernel, a trip-wire socket counts
every frame of a kind that has no business there, whatever the rate.
"""

import ctypes
import ipaddress
import os
import re
import shutil
import signal
import socket
import struct
from dataclasses import dataclass

from .conditions import wait_until
from .process import run
from .traffic import MARKER

TCPDUMP = shutil.which("tcpdump") or "/usr/bin/tcpdump"
SNAP = 320  # bytes kept of each frame: all headers, and the start of the payload where the marker is
# Multicast listener reports hide behind a hop-by-hop header, hence the last clause.
ALLOWED = ("arp or esp or icmp or icmp6 or udp port 500 or udp port 4500 "
           "or (ip6[6] = 0 and ip6[40] = 58) or ether proto 0x88b5")
# Closes a recording: an experimental EtherType, from and to addresses nobody has.
LAST_FRAME = bytes.fromhex("020000000001" "020000000002" "88b5") + b"kanmon-lab-end-of-recording".ljust(46, b"\0")
ETH_P_ALL = 3
SO_ATTACH_FILTER = 26
SOL_PACKET, PACKET_STATISTICS = 263, 6


@dataclass
class Frame:
    """One recorded frame: IP header fields ("" and -1 when it is not IP) and its bytes from Ethernet on."""

    data: bytes
    source: str = ""
    destination: str = ""
    protocol: int = -1
    body: bytes = b""

    def udp_ports(self):
        return struct.unpack_from("!HH", self.body) if self.protocol == 17 and len(self.body) >= 8 else None

    def is_esp(self):
        return self.protocol == 50

    def is_esp_in_udp(self):
        """UDP 4500 with something other than an IKE message (four zero bytes) or a keepalive inside."""
        ports = self.udp_ports()
        return bool(ports) and 4500 in ports and len(self.body) > 12 and self.body[8:12] != bytes(4)

    def spi(self):
        if self.is_esp():
            return self.body[:4].hex()
        return self.body[8:12].hex() if self.is_esp_in_udp() else None


def decode(data):
    """Ethernet + IPv4/IPv6 as far as the judgement needs it; never raises on odd bytes."""
    frame = Frame(data)
    kind = int.from_bytes(data[12:14], "big")
    if kind == 0x0800 and len(data) >= 34:
        header = (data[14] & 15) * 4
        frame.source, frame.destination = (socket.inet_ntop(socket.AF_INET, data[at:at + 4]) for at in (26, 30))
        frame.protocol, frame.body = data[23], data[14 + header:]
    elif kind == 0x86dd and len(data) >= 54:
        frame.source, frame.destination = (socket.inet_ntop(socket.AF_INET6, data[at:at + 16]) for at in (22, 38))
        frame.protocol, frame.body = data[20], data[54:]
    return frame


def quoted(frame):
    """The packet an ICMP error quotes, as a Frame, or None."""
    errors = {1: (3, 4, 5, 11, 12), 58: (1, 2, 3, 4)}.get(frame.protocol, ())
    if not frame.body or frame.body[0] not in errors:
        return None
    return decode(bytes(12) + frame.data[12:14] + frame.body[8:])


def read_pcap(path):
    """Yields the frames of a classic pcap file; a record cut off at the end is left out."""
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        if at + 16 + length > len(data):
            break
        yield decode(data[at + 16:at + 16 + length])
        at += 16 + length


class Sniffer:
    """Records an interface of a namespace from construction to stop().

    `inside` lists the prefixes that only exist behind the tunnel: none of their addresses may appear in
    an IP header on this link, neither in one that an ICMP error quotes.
    """

    def __init__(self, namespace, interface, inside, label=None, also=None):
        """`also`: what else the link may carry, in tcpdump's words ("tcp port 179")."""
        self.inside = [ipaddress.ip_network(prefix) for prefix in inside]
        self.known = {}  # address text -> whether it lies inside; a run sees few addresses many times
        self.dropped = 0
        self.planted = 0  # frames of a forbidden kind that the test itself puts on the link
        self.label = label or f"{namespace.name} {interface}"
        self.pcap = namespace.lab.path(f"{namespace.name}-{interface}.pcap")
        self.tripwire = Tripwire(namespace, interface, inside, also)
        self.sender = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sender.bind((interface, 0))
        namespace.lab.at_close(self.sender.close)
        self.process = namespace.spawn(
            f"tcpdump-{interface}", namespace.lab.tool(TCPDUMP), "-i", interface, "-n", "-p", "-s", SNAP, "-B", 16384,
            "-U", "--immediate-mode", "-Z", "root", "-w", self.pcap)
        wait_until(lambda: "listening on" in self.process.output(), 10, f"tcpdump on {self.label}")

    def frames(self):
        return list(read_pcap(self.pcap)) if os.path.exists(self.pcap) else []

    def stop(self):
        """Ends the recording when all that was on the link so far is in it.

        `dropped` frames were too fast for tcpdump; the trip-wire has seen them.
        """
        if self.process.alive():
            wait_until(self.has_last_frame, 30, f"{self.label}: the recording to be complete", interval_s=0.02)
            self.process.stop(signal.SIGINT)
        match = re.search(r"(\d+) packets? dropped by kernel", self.process.output())
        self.dropped = int(match[1]) if match else 0
        return self

    def has_last_frame(self):
        """Sends the closing frame (again, should tcpdump have missed it) and looks for it at the record's end."""
        self.sender.send(LAST_FRAME)
        with open(self.pcap, "rb") as record:
            record.seek(max(0, os.path.getsize(self.pcap) - 65536))
            return LAST_FRAME in record.read()

    def violations(self):
        """Sentences, one per offending frame; empty when the wire showed only what it may."""
        count = self.tripwire.count()
        found = [f"{self.label}: {count} frames neither ARP, ND, ICMP, ESP nor IKE, or with an inside address "
                 f"(planted by the test: {self.planted})"] if count != self.planted else []
        for number, frame in enumerate(self.frames(), 1):
            why = self.judge(frame)
            if why:
                found.append(f"{self.label}: frame {number}: {why}: {frame.source} -> {frame.destination} "
                             f"protocol {frame.protocol}, {frame.data[:80].hex()}")
        return found

    def judge(self, frame):
        if MARKER in frame.data:
            return "payload of a test stream in clear"
        for packet, where in ((frame, "IP header"), (quoted(frame), "IP header quoted by ICMP")):
            if packet is None or not packet.source:
                continue
            for address in (packet.source, packet.destination):
                if self.is_inside(address):
                    return f"inside address {address} in an {where}"
        return None

    def is_inside(self, address):
        if address not in self.known:
            parsed = ipaddress.ip_address(address)
            self.known[address] = any(parsed in prefix for prefix in self.inside)
        return self.known[address]

    def require_no_clear_text(self):
        self.stop()
        found = self.violations()
        assert not found, "clear text on the outside wire:\n" + "\n".join(found[:10])


class Tripwire:
    """A packet socket whose kernel filter passes only forbidden frames: it cannot be too slow."""

    def __init__(self, namespace, interface, inside, also=None):
        nets = " or ".join(f"net {prefix}" for prefix in inside)
        allowed = f"{ALLOWED} or ({also})" if also else ALLOWED
        expression = f"not ({allowed})" + (f" or {nets}" if nets else "")
        words = run([namespace.lab.tool(TCPDUMP), "-ddd", "-y", "EN10MB", expression]).stdout.split()
        program = b"".join(struct.pack("=HBBI", *map(int, words[i:i + 4])) for i in range(1, len(words), 4))
        self.buffer = ctypes.create_string_buffer(program, len(program))  # must outlive setsockopt only
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                               struct.pack("HL", int(words[0]), ctypes.addressof(self.buffer)))
        self.socket.bind((interface, ETH_P_ALL))
        self.total = 0
        namespace.lab.at_close(self.socket.close)

    def count(self):
        """Frames caught so far (the kernel's statistics reset on reading, hence the sum)."""
        self.total += struct.unpack("=II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[0]
        return self.total
