"""`kanmon trace` tells the way of chosen packets stage by stage, what was decided, and why they were
dropped: one that is forwarded, encrypted, decrypted, answered, and dropped in each kind of place."""
station("lan", "10.1.0.9")
station("dmz", "10.3.0.8", "10.3.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")


def one(packets):
    assert len(packets) == 1, packets
    return packets[0]


def ways(packet):
    """[(stage, where to)], the times in order."""
    times = [step["at_us"] for step in packet["steps"]]
    assert times == sorted(times) and times[0] == 0, times
    return [(step["stage"], step["to"]) for step in packet["steps"]]


def step(packet, stage, to):
    return next(s for s in packet["steps"] if (s["stage"], s["to"]) == (stage, to))


# The neighbours are known before anything is followed.
send("lan", IP(src="10.1.0.9", dst="10.3.0.9", ttl=9) / UDP())
expect("dmz", IP(src="10.1.0.9", dst="10.3.0.9", ttl=8) / UDP())
send("lan", IP(src="10.1.0.9", dst="10.8.0.1", ttl=9) / UDP())
expect("dmz", IP(src="10.1.0.9", dst="10.8.0.1", ttl=8) / UDP())
send("lan", IP(src="10.1.0.9", dst="10.1.0.1") / ICMP(id=1, seq=1))
expect("lan", IP(src="10.1.0.1", dst="10.1.0.9", ttl=64) / ICMP(type=0, id=1, seq=1))

# Forwarded, by a route; what the filter does not name is not told.
trace("src 10.1.0.0/16 dst 10.8.0.1 proto udp dport 53")
for port in (53, 54):
    send("lan", IP(src="10.1.0.9", dst="10.8.0.1", ttl=9) / UDP(sport=1000, dport=port))
    expect("dmz", IP(src="10.1.0.9", dst="10.8.0.1", ttl=8) / UDP(sport=1000, dport=port))
packet = one(traced())
assert packet["packet"] == "10.1.0.9:1000 -> 10.8.0.1:53 udp" and packet["outcome"] == "sent", packet
assert ways(packet) == [("rx", "classify"), ("classify", "route"), ("route", "port"), ("tx", "sent")], packet
assert step(packet, "rx", "classify")["port"] == "lan"
hop = step(packet, "route", "port")
assert (hop["table"], hop["prefix"], hop["next_hop_kind"], hop["adjacency"], hop["port"]) == \
    ("main", "10.8.0.0/16", "neighbor", "10.3.0.8", "dmz"), hop
assert step(packet, "tx", "sent")["port"] == "dmz"

# Encrypted: tunnel, SPI, sequence and next hop, which the far end confirms.
trace("tunnel branch")
send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP())
expect_sealed("wan", branch, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP())
packet = one(traced())
assert ways(packet)[-3:] == [("route", "encrypt"), ("encrypt", "port"), ("tx", "sent")], packet
assert step(packet, "route", "encrypt")["next_hop"] == "branch", packet
assert step(packet, "route", "encrypt")["prefix"] == "10.2.0.0/16", packet
sealed = step(packet, "encrypt", "port")
assert sealed["spi"] == f"{branch.from_gateway.spi:08x}" and sealed["sequence"] == 1, sealed
assert (sealed["tunnel"], sealed["adjacency"], sealed["port"]) == ("branch", "192.0.2.254", "wan"), sealed

# The same by the SPI it leaves with.
trace(f"spi {branch.from_gateway.spi:08x}")
send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP())
expect_sealed("wan", branch, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP())
assert step(one(traced()), "encrypt", "port")["sequence"] == 2

# Decrypted, followed from its outer header on.
trace(f"spi {branch.to_gateway.spi:08x}")
send("wan", branch.seal(IP(src="10.2.0.1", dst="10.8.0.1", ttl=9) / UDP(), seq=77))
expect("dmz", IP(src="10.2.0.1", dst="10.8.0.1", ttl=8) / UDP())
packet = one(traced())
assert ways(packet) == [("rx", "classify"), ("classify", "decrypt"), ("decrypt", "route"),
                        ("route", "port"), ("tx", "sent")], packet
opened = step(packet, "decrypt", "route")
assert (opened["tunnel"], opened["spi"], opened["sequence"], opened["table"]) == \
    ("branch", f"{branch.to_gateway.spi:08x}", 77, "main"), opened
assert opened["inner"].startswith("10.2.0.1:53 -> 10.8.0.1:53 udp"), opened

# By its inner addresses, from where they can be seen on.
trace("host 10.8.0.1")
send("wan", branch.seal(IP(src="10.2.0.1", dst="10.8.0.1", ttl=9) / UDP(), seq=78))
expect("dmz", IP(src="10.2.0.1", dst="10.8.0.1", ttl=8) / UDP())
assert ways(one(traced()))[0] == ("decrypt", "route")

# Answered by the gateway.
trace("proto icmp host 10.1.0.1")
send("lan", IP(src="10.1.0.9", dst="10.1.0.1") / ICMP(id=1, seq=1))
expect("lan", IP(src="10.1.0.1", dst="10.1.0.9", ttl=64) / ICMP(type=0, id=1, seq=1))
assert ways(one(traced()))[2:4] == [("route", "local"), ("local", "route")]


# Dropped: where, by which name, what it means, and what had been decided.
def dropped(name, packet, port="lan", filter="", **decided):
    trace(filter)
    send(port, packet)
    expect_drop(name)
    maybe("lan")  # an ICMP error
    told = [p for p in traced() if p["outcome"] == f"dropped {name}"]
    last = one(told)["steps"][-1]
    assert last["stage"] == name.split(".")[0] and last["drop"] == name and last["meaning"], last
    for key, value in decided.items():
        assert last[key] == value, (key, last)
    assert ways(told[0])[0] == ("rx", "classify")


dropped("route.no_route", IP(src="10.1.0.9", dst="203.0.113.5") / UDP(), table="main", prefix=None)
dropped("route.blackhole", IP(src="10.1.0.9", dst="10.66.0.1") / UDP(), table="main",
        prefix="10.66.0.0/16")
dropped("route.ttl_exceeded", IP(src="10.1.0.9", dst="10.8.0.1", ttl=1) / UDP())
dropped("classify.ip4_bad_checksum", IP(src="10.1.0.9", dst="10.8.0.1", chksum=1) / UDP())
dropped("encrypt.no_sa", IP(src="10.1.0.9", dst="10.6.0.1") / UDP(), filter="dst 10.6.0.0/16")
inner = IP(src="10.2.0.1", dst="10.8.0.1") / UDP()
dropped("decrypt.icv_failed", branch.seal(inner, seq=79, flip=-1), port="wan", filter="tunnel branch")
dropped("decrypt.replayed", branch.seal(inner, seq=78), port="wan",
        filter="src 198.51.100.2 proto esp")

# Enough is enough, and one at a time.
trace("", packets=2)
for _ in range(5):
    send("lan", IP(src="10.1.0.9", dst="10.8.0.1", ttl=9) / UDP())
    expect("dmz", IP(src="10.1.0.9", dst="10.8.0.1", ttl=8) / UDP())
for method, params, why in (
        ("trace.start", {}, "another trace or capture is running"),
        ("trace.start", {"filter": "dst 10.0.0.1 hots 10.1.0.9"}, "column 14"),
        ("trace.start", {"packets": 0}, "params.packets"),
        ("trace.read", {"trace": 9999}, "no trace 9999")):
    try:
        ask_api(method, **params)
    except AssertionError as error:
        assert why in str(error), error
    else:
        raise AssertionError(f"{method} {params} was not refused")
assert len(traced()) == 2
