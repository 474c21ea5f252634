"""A probe's answer counts if it was decrypted from the tunnel that was asked; one that comes by the other tunnel
does not, and says so; losses move the flows to the standby tunnel at once, answers bring them back (scenario S5;
INV-7)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
peers = {"198.51.100.1": tunnel("one", "192.0.2.1", "198.51.100.1"),
         "198.51.100.2": tunnel("two", "192.0.2.1", "198.51.100.2")}
one, two = peers.values()


def next_probe():
    """The gateway's own clock decides when it comes, within a tenth of a second."""
    while True:
        outer = maybe("wan")
        if outer is not None:
            probe = one.open(outer)
            assert probe[ICMP].type == 8 and (probe.src, probe.dst) == ("10.1.0.1", "10.2.0.1"), probe
            return probe
        pass_time(0)


def answer(probe):
    reply = probe.copy()
    reply.src, reply.dst, reply[ICMP].type = probe.dst, probe.src, 0
    del reply.chksum, reply[ICMP].chksum
    return reply


def way():
    """The tunnel a packet of a host takes; probes that come out meanwhile are lost."""
    send("lan", IP(src="10.1.0.9", dst="10.2.0.7", ttl=9) / UDP(sport=5000, dport=53) / b"flow")
    while True:
        outer = take("wan")
        inner = peers[outer.dst].open(outer)
        if UDP in inner:
            return outer.dst


def health():
    [row] = show("health")
    return row


# Up: two answers by the right tunnel.
while health()["path"] != "up":
    send("wan", one.seal(answer(next_probe())))
answered = health()["answered"]
expect_drop("local.probe_answer", answered)
assert way() == "198.51.100.1"

# The same answers by the other tunnel: neither an answer nor a loss, and named.
while health()["asymmetric"] < 3:
    send("wan", two.seal(answer(next_probe())))
row = health()
expect_drop("local.asymmetric", row["asymmetric"])
assert row["asymmetric_by"] == "two" and row["answered"] == answered, row

# A second answer to one request, and one that was altered: refused.
probe = next_probe()
send("wan", one.seal(answer(probe)))
expect_drop("local.probe_answer")
send("wan", one.seal(answer(probe)))
expect_drop("local.probe_refused")
broken = answer(next_probe())
broken[Raw].load = bytes(16)
send("wan", one.seal(broken))
expect_drop("local.no_service")

# Silence: the flow goes by the standby tunnel, although the SA is there.
while health()["path"] != "down":
    next_probe()
assert way() == "198.51.100.2"
assert health()["why"] == "lost"
[down] = [r for r in show("routes", table="main") if r["prefix"] == "10.2.0.0/16" and r["next_hop"] == "one"]
assert down["state"] == "down", down

# And back.
while health()["path"] != "up":
    send("wan", one.seal(answer(next_probe())))
expect_drop("local.probe_answer", health()["answered"] - answered - 1)
assert way() == "198.51.100.1"
while maybe("wan") is not None:
    pass
