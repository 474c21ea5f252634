"""Between two tunnels of one table: opened, routed, sealed again with the other key."""
station("wan", "192.0.2.254", "2001:db8:f::fe")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2", udp=True)
send("wan", branch.seal(IP(src="10.2.0.1", dst="10.6.0.1", ttl=9) / UDP() / b"across"))
expect_sealed("wan", branch6, IP(src="10.2.0.1", dst="10.6.0.1", ttl=8) / UDP() / b"across")
send("wan", branch6.seal(IP(src="10.6.0.1", dst="10.2.0.1", ttl=9) / UDP() / b"back"))
expect_sealed("wan", branch, IP(src="10.6.0.1", dst="10.2.0.1", ttl=8) / UDP() / b"back")
