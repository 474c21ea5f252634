"""What a flow can say. Each function here is a word of tests/flows/NNN_name/flow.py.

A flow sends packets into ports and says which packets come out, which do not, and which drops are
counted. At its end everything must have been said: a packet nobody expected, a drop nobody
expected, a packet that is neither out nor counted, or a buffer that is not back is a failure.
"""

import base64
import collections
import pathlib
import subprocess

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet
from scapy.utils import hexdump, wrpcap

from .esp import Peer
from .gateway import Gateway
from .neighbors import answer, is_resolution


class Flow:
    def __init__(self, gateway: Gateway, folder: pathlib.Path, capture: pathlib.Path):
        self.gateway, self._folder = gateway, folder
        self._capture, self._frames = capture, []
        self._out = collections.defaultdict(list)  # port -> frames nobody has asked for yet
        self._resolutions = collections.defaultdict(list)  # port -> ARP and ND frames, likewise
        self._stations: dict[tuple[str, str], str] = {}  # (port, address) -> MAC
        self._said: dict[str, int] = collections.Counter()  # drops the flow expected
        # Next hops and peers are asked for at start; the stations will answer when they are there.
        self._unanswered = self._take_out(gateway.ask("settle")["frames"])
        self._resolutions.clear()
        self._before = gateway.ask("counters")

    # ---- the world around the gateway

    def station(self, port: str, *addresses: str, mac: str | None = None) -> str:
        """A host on the segment of `port`: answers ARP and ND for its addresses, and is where
        frames come from. Returns its MAC."""
        mac = mac or f"02:5a:00:00:00:{len(self._stations):02x}"
        for address in addresses:
            self._stations[port, address] = mac
        questions, self._unanswered = self._unanswered, []
        self._exchange(self._answers(questions))
        return mac

    def tunnel(self, name: str, local: str, remote: str, *, algorithm: str = "AES256-GCM-16",
               udp: bool = False, esn: bool = False, outbound: bool = True, port: int = 4500,
               selectors: tuple[list[str], list[str]] | None = None, first_sequence: int = 1,
               hard_packets: int = 0, hard_bytes: int = 0) -> Peer:
        """Gives the tunnel `name` an SA pair; the far end's half is the result. `first_sequence`:
        of the gateway's packets; the limits hold for each direction (0: none)."""
        peer = Peer(name, algorithm, local, remote, udp, esn, port)
        ours, theirs = selectors or (["0.0.0.0/0", "::/0"], ["0.0.0.0/0", "::/0"])
        made = self.gateway.ask(
            "sa", tunnel=name, algorithm=algorithm, udp=udp, esn=esn, outbound=outbound,
            local=local, remote=remote, remote_port=port, local_ts=ours, remote_ts=theirs,
            outbound_spi=peer.from_gateway.spi, inbound_key=peer.to_gateway.keymat.hex(),
            outbound_key=peer.from_gateway.keymat.hex(), first_sequence=first_sequence,
            hard_packets=hard_packets, hard_bytes=hard_bytes)
        peer.to_gateway.spi = made["inbound_spi"]
        self._take_out(made["frames"])
        self._exchange([])
        return peer

    def heard_from(self, peer: Peer) -> tuple[str, int] | None:
        """The outside address and port the gateway last heard an SA's peer at, if ever."""
        heard = self.gateway.ask("peer", inbound_spi=peer.to_gateway.spi)
        return (heard["address"], heard["port"]) if heard["address"] else None

    def move(self, peer: Peer, address: str, port: int) -> None:
        """IKE has decided that the peer is at this address now."""
        self._take_out(self.gateway.ask("move", tunnel=peer.name, address=address,
                                        port=port)["frames"])
        self._exchange([])

    def remove(self, peer: Peer) -> None:
        """Takes both halves of an SA pair away, as a delete exchange does."""
        self._take_out(self.gateway.ask("remove", tunnel=peer.name,
                                        inbound_spi=peer.to_gateway.spi,
                                        outbound_spi=peer.from_gateway.spi)["frames"])

    def reload(self, name: str) -> list[str]:
        """Gives the gateway another configuration, a file of the flow's folder; what it says of it."""
        answer = self.gateway.ask("reload", config=str(self._folder / name))
        self._exchange(self._answers(self._take_out(answer["frames"])))
        return answer["problems"]

    def show(self, view: str, **params) -> list[dict]:
        """The rows of `kanmon show VIEW`."""
        answer = self.gateway.ask("api", method="show." + view, params=params)["answer"]
        assert answer["ok"], answer
        return answer["result"][view]

    def pass_time(self, seconds: float) -> None:
        """The gateway's clock goes on; nobody waits. Stations answer at the end only: let less time pass
        at once than a neighbour is known for."""
        frames = self.gateway.ask("pass_time", ms=int(seconds * 1000))["frames"]
        self._exchange(self._answers(self._take_out(frames)))

    # ---- what the gateway tells of packets

    def ask_api(self, method: str, **params) -> dict:
        """A request to the API: its result, or AssertionError with the refusal."""
        answer = self.gateway.ask("api", method=method, params=params)
        self._exchange(self._answers(self._take_out(answer["frames"])))
        assert answer["answer"]["ok"], answer["answer"]["error"]["message"]
        return answer["answer"]["result"]

    def trace(self, filter: str = "", packets: int = 100) -> None:
        """From now on packets are followed (`kanmon trace`)."""
        self._trace = self.ask_api("trace.start", filter=filter, packets=packets)["trace"]

    def traced(self) -> list[dict]:
        """Ends the trace; what it tells of each packet."""
        self.ask_api("trace.stop", trace=self._trace)
        told = self.ask_api("trace.read", trace=self._trace)
        assert told["is_over"] and told["lost_records"] == 0, told
        return told["packets"]

    def capture(self, filter: str = "", **limits) -> None:
        """From now on packets are copied (`kanmon capture`)."""
        self._captured = self.ask_api("capture.start", filter=filter, **limits)["capture"]

    def captured(self) -> list[dict]:
        """Ends the capture; its packets as tshark reads them: interface, direction (in or out), comment,
        length, kept, addresses (of all headers, outermost first)."""
        self.ask_api("capture.stop", capture=self._captured)
        octets, is_over = b"", False
        while not is_over:
            part = self.ask_api("capture.read", capture=self._captured)
            octets += base64.b64decode(part["octets"])
            is_over = part["is_over"]
        assert part["lost_packets"] == 0, part
        fields = ("frame.interface_name", "frame.packet_flags_direction", "frame.comment", "frame.len",
                  "frame.cap_len", "ip.src", "frame.time_epoch")
        words = [word for field in fields for word in ("-e", field)]
        read = subprocess.run(["tshark", "-r", "-", "-T", "fields", *words], input=octets, check=True,
                              capture_output=True)
        rows = [line.split("\t") for line in read.stdout.decode().splitlines()]
        assert len(rows) == part["packets"], (rows, part["packets"], read.stderr)
        directions = {"0x00000001": "in", "0x00000002": "out", "1": "in", "2": "out"}
        return [{"interface": row[0], "direction": directions[row[1]], "comment": row[2],
                 "length": int(row[3]), "kept": int(row[4]), "sources": row[5].split(","),
                 "time": float(row[6])} for row in rows]

    # ---- packets

    def send(self, port: str, *packets: Packet, together: bool = False, queue: int = 0) -> None:
        """Sends IP packets (or whole frames) into a port; `together`: as one burst; `queue`: of the
        port, each polled by another worker."""
        frames = [self._frame(port, p) for p in packets]
        for burst in [frames] if together else [[f] for f in frames]:
            self._exchange([(port, f) for f in burst], queue)

    def take(self, port: str) -> Packet:
        """The next IP packet that came out of a port, whatever it is."""
        assert self._out[port], f"nothing came out of {port}{self._elsewhere(port)}"
        frame = self._out[port].pop(0)
        assert frame.src == self.gateway.ports[port], f"frame's source is {frame.src}"
        assert frame.dst in self._stations_at(port), f"frame goes to {frame.dst}, no station of {port}"
        return frame.payload

    def maybe(self, port: str) -> Packet | None:
        """Like take(), or None if nothing came out."""
        return self.take(port) if self._out[port] else None

    def resolution(self, port: str) -> Packet | None:
        """The last ARP or ND frame that came out of a port since it was last asked for."""
        frames, self._resolutions[port] = self._resolutions[port], []
        return frames[-1] if frames else None

    def expect(self, port: str, expected: Packet) -> Packet:
        """Exactly this packet comes out next, octet by octet."""
        return self.same(self.take(port), expected)

    def expect_sealed(self, port: str, peer: Peer, expected: Packet, **outer) -> Packet:
        """Next comes an ESP packet in which scapy finds exactly `expected`. `outer`: fields the
        outer header must have. Returns the outer packet."""
        packet = self.take(port)
        for field, value in outer.items():
            found = packet.getfieldval(field)
            assert found == value, f"outer {field} is {found}, expected {value}"
        self.same(peer.open(packet), expected)
        if packet.version == 4:
            self.same(IP(bytes(packet)[:20]), self._with_checksum(IP(bytes(packet)[:20])))
        return packet

    def expect_nothing(self, *ports: str) -> None:
        """Nothing is waiting to be looked at (without names: on no port)."""
        for port in ports or self.gateway.ports:
            assert not self._out[port], f"out of {port} came {self._out[port][0].summary()}"

    def expect_drop(self, name: str, packets: int = 1) -> None:
        """Since the last mention of this drop, so many packets were dropped under that name."""
        drops = self._drops()
        assert name in drops, f"there is no drop called {name}"
        grown = drops[name] - self._said[name]
        self._said[name] = drops[name]
        assert grown == packets, \
            f"{name} grew by {grown}, expected {packets}; all drops: {self._nonzero(drops)}"

    def any_drop(self, *names: str) -> int:
        """How many packets were dropped under these names since they were last mentioned: for
        faults to which the requirements give no one name."""
        drops = self._drops()
        grown = {name: drops[name] - self._said[name] for name in names}
        self._said.update(grown)
        return sum(grown.values())

    @staticmethod
    def same(found: Packet, expected: Packet) -> Packet:
        """Octet by octet, checksums and all."""
        if bytes(found) != bytes(expected):
            expected = expected.__class__(bytes(expected))
            raise AssertionError("not the packet expected\n--- expected\n" +
                                 expected.show(dump=True) + hexdump(expected, dump=True) +
                                 "\n--- found\n" + found.show(dump=True) +
                                 hexdump(found, dump=True))
        return found

    # ---- the end

    def close(self) -> None:
        """Everything that came out or was dropped has been spoken of, and nothing is missing."""
        self.expect_nothing()
        drops = self._drops()
        unsaid = {n: v - self._said[n] for n, v in drops.items() if v != self._said[n]}
        assert not unsaid, f"drops nobody expected: {unsaid}"
        now = self.gateway.ask("counters")
        came = now["received"] + now["injected"] + now["generated"]
        went = now["transmitted"] + now["punted"] + sum(now["drops"].values())
        assert came == went, f"{came} packets came, {went} are accounted for (ESP-41): {now}"
        assert now["buffers_in_use"] == self._before["buffers_in_use"], \
            f"{now['buffers_in_use'] - self._before['buffers_in_use']} buffers are not back"

    def save(self) -> None:
        wrpcap(str(self._capture), self._frames or [Ether()])

    # ---- inside

    def _exchange(self, frames: list[tuple[str, Packet]], queue: int = 0) -> None:
        """Sends frames and answers whatever the gateway asks the stations, until it is quiet."""
        while True:
            by_port = collections.defaultdict(list)
            for port, frame in frames:
                self._frames.append(frame)
                by_port[port].append(bytes(frame).hex())
            out = []
            for port, octets in by_port.items():
                out += self.gateway.ask("send", port=port, queue=queue, frames=octets)["frames"]
            out += [] if by_port else self.gateway.ask("settle")["frames"]
            frames = self._answers(self._take_out(out))
            if not frames:
                return

    def _answers(self, questions: list[tuple[str, Packet]]) -> list[tuple[str, Packet]]:
        """What the stations say; questions nobody answers are kept."""
        said = [(p, q, answer(q, self._stations_of(p))) for p, q in questions]
        self._unanswered += [(p, q) for p, q, a in said if a is None]
        return [(p, a) for p, _, a in said if a is not None]

    def _take_out(self, frames: list[list[str]]) -> list[tuple[str, Packet]]:
        """Files what came out; ARP and ND are the stations' business and returned."""
        questions = []
        for port, octets in frames:
            frame = Ether(bytes.fromhex(octets))
            self._frames.append(frame)
            if is_resolution(frame):
                questions.append((port, frame))
                self._resolutions[port].append(frame)
            else:
                self._out[port].append(frame)
        return questions

    def _frame(self, port: str, packet: Packet) -> Packet:
        if isinstance(packet, Ether):
            return packet
        source = self._stations.get((port, packet.src)) or next(iter(self._stations_at(port)), None)
        assert source, f"no station on {port} to send from"
        return Ether(src=source, dst=self.gateway.ports[port]) / packet

    def _stations_of(self, port: str) -> dict[str, str]:
        return {address: mac for (p, address), mac in self._stations.items() if p == port}

    def _stations_at(self, port: str) -> list[str]:
        return list(self._stations_of(port).values())

    def _elsewhere(self, port: str) -> str:
        others = [f"{p}: {f[0].summary()}" for p, f in self._out.items() if f and p != port]
        drops = self._nonzero(self._drops())
        return f"; elsewhere: {others or 'nothing'}; drops: {drops or 'none'}"

    def _drops(self) -> dict[str, int]:
        return self.gateway.ask("counters")["drops"]

    @staticmethod
    def _nonzero(drops: dict[str, int]) -> dict[str, int]:
        return {n: v for n, v in drops.items() if v}

    @staticmethod
    def _with_checksum(header: IP) -> IP:
        again = header.copy()
        del again.chksum
        return again

    def words(self) -> dict:
        """The names a flow file may use."""
        public = ("station", "tunnel", "heard_from", "move", "remove", "reload", "show", "pass_time", "send",
                  "take", "maybe", "resolution", "expect", "expect_sealed", "expect_nothing",
                  "expect_drop", "any_drop", "same", "gateway", "ask_api", "trace", "traced",
                  "capture", "captured")
        return {name: getattr(self, name) for name in public}
