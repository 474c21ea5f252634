"""A packet whose TTL or hop limit ends here is dropped, and its sender told (RFC 1812 5.3.1, RFC
4443 3.3); at most once about a packet, never about an ICMP error (RFC 1812 4.3.2.7)."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("dmz", "10.3.0.9", "2001:db8:3::9")

late = IP(src="10.1.0.9", dst="10.3.0.9", ttl=1) / UDP(sport=7, dport=9) / b"late"
send("lan", late)
expect_drop("route.ttl_exceeded")
error = take("lan")
assert (error.src, error.dst) == ("10.1.0.1", "10.1.0.9"), error.summary()
assert (error[ICMP].type, error[ICMP].code) == (11, 0), error.summary()
same(IP(bytes(error[ICMP].payload)), IP(bytes(late)))

late = IPv6(src="2001:db8:1::9", dst="2001:db8:3::9", hlim=1) / UDP(sport=7, dport=9) / b"late"
send("lan", late)
expect_drop("route.ttl_exceeded")
error = take("lan")
assert (error.src, error.dst) == ("2001:db8:1::1", "2001:db8:1::9"), error.summary()
assert (error[ICMPv6TimeExceeded].type, error[ICMPv6TimeExceeded].code) == (3, 0), error.summary()
same(IPv6(bytes(error)[48:]), IPv6(bytes(late)))

# An ICMP error that runs out is not answered; nor is a later fragment.
about = IP(src="10.3.0.9", dst="10.1.0.9") / UDP()
send("lan", IP(src="10.1.0.9", dst="10.3.0.9", ttl=1) / ICMP(type=3, code=1) / bytes(about))
send("lan", IP(src="10.1.0.9", dst="10.3.0.9", ttl=1, frag=5) / Raw(b"x" * 64))
expect_drop("route.ttl_exceeded", 2)
expect_nothing()
