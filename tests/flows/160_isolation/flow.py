"""A packet is looked up in the table of its attachment, and in no other (INV-3)."""
station("lan", "10.1.0.9")
station("guest", "10.9.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
visitors = tunnel("visitors", "192.0.2.1", "203.0.113.7")

# Guests reach their own tunnel; the staff's networks and tunnel are nowhere.
send("guest", IP(src="10.9.0.9", dst="10.7.0.1", ttl=9) / UDP())
expect_sealed("wan", visitors, IP(src="10.9.0.9", dst="10.7.0.1", ttl=8) / UDP())
for destination in ("10.1.0.9", "10.2.0.1", "10.3.0.9"):
    send("guest", IP(src="10.9.0.9", dst=destination) / UDP())
    expect_drop("route.no_route")
    assert take("guest")[ICMP].type == 3
send("lan", IP(src="10.1.0.9", dst="10.7.0.1") / UDP(), IP(src="10.1.0.9", dst="10.9.0.9") / UDP())
expect_drop("route.no_route", 2)
assert take("lan")[ICMP].type == take("lan")[ICMP].type == 3

# Nor through the tunnels: what comes out of one is looked up in the table of that tunnel.
send("wan", visitors.seal(IP(src="10.7.0.1", dst="10.9.0.9", ttl=9) / UDP()))
expect("guest", IP(src="10.7.0.1", dst="10.9.0.9", ttl=8) / UDP())
send("wan", visitors.seal(IP(src="10.7.0.1", dst="10.1.0.9") / UDP()))
expect_drop("route.no_route")
expect_nothing("lan", "dmz")
while packet := maybe("wan"):  # the answer goes back into the tunnel it came from
    assert visitors.open(packet)[ICMP].type == 3
send("wan", branch.seal(IP(src="10.2.0.1", dst="10.9.0.9") / UDP()))
expect_drop("route.no_route")
expect_nothing("guest")
while packet := maybe("wan"):
    assert branch.open(packet)[ICMP].type == 3

# One tunnel's key does not open another's SA.
send("wan", visitors.seal(IP(src="10.2.0.1", dst="10.1.0.9") / UDP(), spi=branch.to_gateway.spi))
expect_drop("decrypt.icv_failed")
expect_nothing()
