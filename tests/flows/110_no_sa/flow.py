"""A tunnel without an outbound SA drops by name; nothing leaves in clear (INV-2, ESP-07)."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("wan", "192.0.2.254")
send("lan", IP(src="10.1.0.9", dst="10.2.0.1") / UDP(), IPv6(src="2001:db8:1::9", dst="2001:db8:2::1") / UDP())
expect_drop("encrypt.no_sa", 2)
while gateway_said := maybe("lan"):
    assert ICMP in gateway_said or ICMPv6DestUnreach in gateway_said, gateway_said.summary()
expect_nothing()

# Only the inbound half is there: still nothing to send with.
tunnel("branch", "192.0.2.1", "198.51.100.2", outbound=False)
send("lan", IP(src="10.1.0.9", dst="10.2.0.1", proto=17) / Raw(b"secret"))
expect_drop("encrypt.no_sa")
expect_nothing("wan")
while maybe("lan"):
    pass
