"""What no prefix covers is dropped under one name, what a blackhole covers under another."""
station("lan", "10.1.0.9", "2001:db8:1::9")
send("lan", IP(src="10.1.0.9", dst="172.16.0.1") / UDP())
expect_drop("route.no_route")
said = take("lan")  # RFC 1812 section 4.3.3.1: network unreachable
assert (said[ICMP].type, said[ICMP].code, said.src) == (3, 0, "10.1.0.1"), said.summary()

send("lan", IP(src="10.1.0.9", dst="10.66.1.1") / UDP(),
     IPv6(src="2001:db8:1::9", dst="2001:db8:66::1") / UDP())
expect_drop("route.blackhole", 2)
expect_nothing()
