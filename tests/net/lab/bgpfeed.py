"""A BGP speaker that only feeds: a full table, made beforehand as octets, sent as fast as it is taken.

The table is the same for the same number of routes: lengths spread as on the internet (most are /24), some nested,
several prefixes to an UPDATE, the updates in random order.
"""

import random
import select
import socket
import struct
import threading
import time

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
# Share of each prefix length, in percent, after what the tables of the internet look like.
LENGTHS = {24: 62, 23: 10, 22: 12, 21: 5, 20: 5, 19: 3, 18: 2, 16: 1}
PREFIXES_PER_UPDATE = 6.55  # 1 M prefixes in 153 k updates
END_OF_RIB = struct.pack(">HH", 0, 0)


def message(kind, body=b""):
    return MARKER + struct.pack(">HB", 19 + len(body), kind) + body


def open_message(asn, hold, router_id, families=((1, 1),)):
    capabilities = b"".join(struct.pack(">BBHBB", 1, 4, afi, 0, safi) for afi, safi in families)
    capabilities += struct.pack(">BBI", 65, 4, asn)
    parameters = struct.pack(">BB", 2, len(capabilities)) + capabilities
    wire_asn = asn if asn < 65536 else 23456
    return message(OPEN, struct.pack(">BHH4sB", 4, wire_asn, hold, socket.inet_aton(router_id), len(parameters))
                   + parameters)


def prefixes(count, seed=4271):
    """`count` different (address, length), in order of address; about a fifth lie inside the one before."""
    rng = random.Random(seed)
    lengths = rng.choices(list(LENGTHS), list(LENGTHS.values()), k=count)
    at, out, inside = 1 << 24, [], None
    for length in lengths:
        size = 1 << (32 - length)
        if inside and length > inside[1] and rng.random() < 0.2:
            out.append((inside[0] + size, length))
            inside = None
            continue
        at = -(-at // size) * size
        if at >> 24 == 127:
            at = 128 << 24
        if at + size > 224 << 24:
            raise ValueError(f"there is no room for {count} prefixes")
        out.append((at, length))
        inside = (at, length) if length < 24 else None
        at += size
    return out


def nlri(prefix):
    address, length = prefix
    return bytes([length]) + address.to_bytes(4, "big")[:(length + 7) // 8]


def attributes(rng, asn, next_hop):
    path = [asn] + [rng.randrange(1, 400_000) for _ in range(rng.randrange(1, 6))]
    as_path = struct.pack(">BB", 2, len(path)) + b"".join(struct.pack(">I", hop) for hop in path)
    out = b"\x40\x01\x01\x00" + struct.pack(">BBB", 0x40, 2, len(as_path)) + as_path
    out += b"\x40\x03\x04" + socket.inet_aton(next_hop)
    if rng.random() < 0.3:
        out += b"\x80\x04\x04" + struct.pack(">I", rng.randrange(200))
    if rng.random() < 0.5:
        communities = b"".join(struct.pack(">HH", path[1] & 0xffff, rng.randrange(1000))
                               for _ in range(rng.randrange(1, 4)))
        out += struct.pack(">BBB", 0xc0, 8, len(communities)) + communities
    return out


def announcement(attribute_bytes, routes):
    return message(UPDATE, struct.pack(">HH", 0, len(attribute_bytes)) + attribute_bytes + b"".join(map(nlri, routes)))


def withdrawal(routes):
    gone = b"".join(map(nlri, routes))
    return message(UPDATE, struct.pack(">H", len(gone)) + gone + struct.pack(">H", 0))


def groups(count, seed=4271):
    """The prefixes in lists that share their attributes, in random order."""
    rng = random.Random(seed + 1)
    routes, out, at = prefixes(count, seed), [], 0
    while at < len(routes):
        size = min(64, 1 + int(rng.expovariate(1 / (PREFIXES_PER_UPDATE - 0.5))))
        out.append(routes[at:at + size])
        at += size
    rng.shuffle(out)
    return out


def table(count, asn, next_hop, seed=4271):
    """(updates, octets) of a table of `count` routes; End-of-RIB is not in it."""
    rng = random.Random(seed + 2)
    updates = [announcement(attributes(rng, asn, next_hop), group) for group in groups(count, seed)]
    return len(updates), b"".join(updates)


class Feeder:
    """One session with a daemon that connects, or is connected to; keepalives go by themselves."""

    def __init__(self, namespace, address, asn=64500, router_id=None, hold=180):
        self.namespace = namespace
        self.address, self.asn, self.hold = address, asn, hold
        self.router_id = router_id or address
        self.socket = None
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self.why = None

    def connect(self, peer, deadline_s=30, port=179):
        """To a daemon that listens; tried again until it does. Returns when the session is established."""
        end = time.monotonic() + deadline_s
        while True:
            self.socket = self.namespace.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                self.socket.bind((self.address, 0))
                self.socket.settimeout(2)
                self.socket.connect((peer, port))
                return self.greet()
            except (OSError, EOFError):
                self.socket.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def accept(self, deadline_s=60, port=179):
        """From a daemon that connects."""
        with self.namespace.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.address, port))
            listener.listen(1)
            end = time.monotonic() + deadline_s
            while True:
                listener.settimeout(max(0.1, end - time.monotonic()))
                self.socket, _ = listener.accept()
                try:
                    return self.greet()
                except (OSError, EOFError):
                    self.socket.close()

    def greet(self):
        self.socket.settimeout(10)
        self.socket.sendall(open_message(self.asn, self.hold, self.router_id))
        seen = set()
        while KEEPALIVE not in seen:
            kind, body = self.receive()
            if kind == NOTIFICATION:
                raise EOFError(f"NOTIFICATION {body[0]}/{body[1]}")
            if kind == OPEN:
                self.socket.sendall(message(KEEPALIVE))
            seen.add(kind)
        threading.Thread(target=self.listen, daemon=True).start()
        return self

    def receive(self):
        head = self.exactly(19)
        return head[18], self.exactly(struct.unpack(">H", head[16:18])[0] - 19)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise EOFError("the peer closed the session")
            data += part
        return data

    def listen(self):
        """Takes what comes, so that the peer is never held up, and sends keepalives."""
        due = time.monotonic()
        try:
            while not self.ended.is_set():
                if time.monotonic() >= due:
                    self.send(message(KEEPALIVE))
                    due = time.monotonic() + self.hold / 3
                if select.select([self.socket], [], [], 0.2)[0]:
                    kind, body = self.receive()
                    if kind == NOTIFICATION:
                        raise EOFError(f"NOTIFICATION {body[0]}/{body[1]}")
        except (OSError, EOFError, ValueError) as error:
            self.why = error
        self.ended.set()

    def send(self, octets):
        with self.lock:
            self.socket.settimeout(120)
            self.socket.sendall(octets)

    def feed(self, octets):
        """Sends the table and End-of-RIB; returns (moment of the first octet, seconds until all was taken)."""
        start = time.monotonic()
        self.send(octets + message(UPDATE, END_OF_RIB))
        return start, time.monotonic() - start

    def close(self):
        self.ended.set()
        if self.socket:
            self.socket.close()
