"""A new SA takes over the sending, the old one still receives (INV-5, ESP-27)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
old = tunnel("branch", "192.0.2.1", "198.51.100.2")
send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP() / b"1")
expect_sealed("wan", old, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP() / b"1")
new = tunnel("branch", "192.0.2.1", "198.51.100.2")
send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP() / b"2")
expect_sealed("wan", new, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP() / b"2")
for peer in (old, new, old):
    send("wan", peer.seal(IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / b"3"))
    expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP() / b"3")
