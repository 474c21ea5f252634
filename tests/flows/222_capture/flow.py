"""`kanmon capture` copies packets as they come and leave, and what is inside tunnels; tshark, which is not
ours, reads the file."""
import time

station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
clear = IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP() / (b"x" * 100)
answer = IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / (b"y" * 100)


def there_and_back(number):
    send("lan", clear)
    expect_sealed("wan", branch, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP() / (b"x" * 100))
    send("wan", branch.seal(answer, seq=number))
    expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP() / (b"y" * 100))


def ways(packets):
    return [(p["interface"], p["direction"], p["sources"][0]) for p in packets]


there_and_back(1)  # neighbours are known from here on
OUT = [("lan", "in", "10.1.0.9"), ("tunnel:branch", "out", "10.1.0.9"), ("wan", "out", "192.0.2.1")]
IN = [("wan", "in", "198.51.100.2"), ("tunnel:branch", "in", "10.2.0.1"), ("lan", "out", "10.2.0.1")]

# All of it, once each, in order; times are those of the calendar.
capture()
there_and_back(2)
packets = captured()
assert ways(packets) == OUT + IN, packets
assert packets[4]["comment"] == f"SPI {branch.to_gateway.spi:08x}", packets
assert abs(packets[0]["time"] - time.time()) < 60, packets
assert [p["time"] for p in packets] == sorted(p["time"] for p in packets), packets
assert packets[0]["length"] == packets[0]["kept"] == 14 + len(clear), packets
assert packets[1]["length"] == len(clear), packets

# What a filter names: outer and inner packets of a tunnel, but not what a port's frames are before it
# is known that they go there.
capture("tunnel branch")
there_and_back(3)
assert ways(captured()) == OUT[1:] + IN, "the frame from the LAN is not known to go into the tunnel yet"
capture(f"spi {branch.to_gateway.spi:08x}")
there_and_back(4)
assert ways(captured()) == IN
capture("src 10.1.0.9 proto udp")
there_and_back(5)
assert ways(captured()) == OUT[:2]

# Limits: octets of a packet, packets.
capture(snap=60, packets=3)
there_and_back(6)
packets = captured()
assert [p["kept"] for p in packets] == [60] * 3 and packets[0]["length"] == 14 + len(clear), packets
for params, why in (({"snap": 0}, "params.snap"), ({"snap": 65536}, "params.snap"),
                    ({"seconds": 3601}, "params.seconds"), ({"octets": "all"}, "params.octets"),
                    ({"filter": "dst nowhere"}, "column 5")):
    try:
        ask_api("capture.start", **params)
    except AssertionError as error:
        assert why in str(error), error
    else:
        raise AssertionError(f"{params} was not refused")

# A trace and a capture exclude each other.
capture()
try:
    ask_api("trace.start")
except AssertionError as error:
    assert "running" in str(error), error
else:
    raise AssertionError("a trace beside a capture was not refused")
assert captured() == []

# What is dropped was received.
capture("dst 203.0.113.5")
send("lan", IP(src="10.1.0.9", dst="203.0.113.5") / UDP())
expect_drop("route.no_route")
take("lan")  # the ICMP error
assert ways(captured()) == [("lan", "in", "10.1.0.9")]
