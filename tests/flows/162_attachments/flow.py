"""Association and propagation decide who reaches whom (INV-3, S1): every pair of attachments."""
homes = {"lan-a": "10.1.0.9", "lan-b": "10.2.0.9", "ops": "10.9.0.9", "far": "10.4.0.9"}
for port, address in homes.items():
    station(port, address)
station("lan-a", "2001:db8:1::9")
station("ops", "2001:db8:9::9")
station("wan", "192.0.2.254")

# Who may send to whom: a segment and the site, for each has the other's routes.
reaches = {("lan-a", "ops"), ("ops", "lan-a"), ("lan-b", "ops"), ("ops", "lan-b")}
for sender, source in homes.items():
    for receiver, destination in homes.items():
        if sender == receiver:
            continue
        send(sender, IP(src=source, dst=destination, ttl=9) / UDP())
        if (sender, receiver) in reaches:
            expect(receiver, IP(src=source, dst=destination, ttl=8) / UDP())
        else:
            expect_drop("route.no_route")
            assert take(sender)[ICMP].type == 3
        expect_nothing()
send("lan-a", IPv6(src="2001:db8:1::9", dst="2001:db8:9::9", hlim=9) / UDP())
expect("ops", IPv6(src="2001:db8:1::9", dst="2001:db8:9::9", hlim=8) / UDP())

# The gateway answers at an address of a port in the tables it propagates to, and nowhere else.
send("ops", IP(src="10.9.0.9", dst="10.1.0.1") / ICMP(id=1, seq=1))
assert take("ops")[ICMP].type == 0
send("lan-b", IP(src="10.2.0.9", dst="10.1.0.1") / ICMP(id=1, seq=1))
expect_drop("route.no_route")
assert take("lan-b")[ICMP].type == 3

# The connection's static routes are in a, which it propagates to, and in no other table: not even
# in its own. While it has no SA they are withdrawn.
send("lan-a", IP(src="10.1.0.9", dst="10.7.0.1") / UDP())
expect_drop("route.no_route")
assert take("lan-a")[ICMP].type == 3
dc = tunnel("dc-1", "192.0.2.1", "198.51.100.2")
send("lan-a", IP(src="10.1.0.9", dst="10.7.0.1", ttl=9) / UDP())
expect_sealed("wan", dc, IP(src="10.1.0.9", dst="10.7.0.1", ttl=8) / UDP())
# So does a static route to the attachment.
send("lan-a", IP(src="10.1.0.9", dst="10.8.0.1", ttl=9) / UDP())
expect_sealed("wan", dc, IP(src="10.1.0.9", dst="10.8.0.1", ttl=8) / UDP())
for port in ("lan-b", "ops"):
    send(port, IP(src=homes[port], dst="10.7.0.1") / UDP())
    expect_drop("route.no_route")
    assert take(port)[ICMP].type == 3
# What comes out of it is looked up in its association, c.
send("wan", dc.seal(IP(src="10.7.0.1", dst="10.2.0.9", ttl=9) / UDP()))
expect("lan-b", IP(src="10.7.0.1", dst="10.2.0.9", ttl=8) / UDP())

# What the operator sees of it.
by_name = {row["attachment"]: row for row in show("attachments")}
assert by_name["dc"]["association"] == "c" and by_name["dc"]["propagations"] == ["a"], by_name
assert by_name["ops"]["implied"] and by_name["ops"]["kind"] == "vpc" and not by_name["vpc-a"]["implied"]
assert by_name["dc"]["state"] == "up"
(route,) = show("routes", table="a", address="10.7.0.1")
assert (route["origin"], route["source"], route["state"]) == ("vpn-static", "dc", "active"), route
assert {r["table"] for r in show("routes", address="10.7.0.1")} == {"a", "internet"}
assert len({r["prefix"] for r in show("routes", table="a", limit=2)}) == 2
