"""The underlay carries outer packets only: no transit, no clear traffic in, no way into a tunnel (INV-1)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254", "192.0.2.9")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
# From the outside to the inside in clear, and through the underlay to somewhere else.
for destination in ("10.1.0.9", "10.2.0.1", "203.0.113.1", "192.0.2.254"):
    send("wan", IP(src="192.0.2.9", dst=destination) / UDP())
    expect_drop("route.underlay_transit")
# An overlay port does not take ESP for its own.
send("lan", branch.seal(IP(src="10.2.0.1", dst="10.1.0.9") / UDP(), src="10.1.0.9", dst="10.1.0.1"))
expect_drop("local.no_service")
while packet := maybe("lan"):
    assert packet[ICMP].type == 3, packet.summary()
expect_nothing()
