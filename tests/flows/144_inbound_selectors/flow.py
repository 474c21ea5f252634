"""An authentic packet outside its SA's selectors is dropped, whatever it wants (RFC 4301 5.2, ESP-05)."""
station("lan", "10.1.0.9", "10.1.0.10", "2001:db8:1::9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2", selectors=(["10.1.0.9/32"], ["10.2.0.0/24"]))
send("wan", branch.seal(IP(src="10.2.0.255", dst="10.1.0.9", ttl=9) / UDP()))
expect("lan", IP(src="10.2.0.255", dst="10.1.0.9", ttl=8) / UDP())
for source, destination in (("10.2.1.0", "10.1.0.9"), ("10.2.0.1", "10.1.0.10"), ("10.1.0.9", "10.2.0.1"),
                            ("10.2.0.1", "10.3.0.9")):
    send("wan", branch.seal(IP(src=source, dst=destination) / UDP()))
    expect_drop("decrypt.selector_mismatch")
send("wan", branch.seal(IPv6(src="2001:db8:2::1", dst="2001:db8:1::9") / UDP()))
expect_drop("decrypt.selector_mismatch")
expect_nothing()
