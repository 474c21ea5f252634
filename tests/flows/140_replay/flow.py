"""Each sequence number is delivered at most once, also within one burst (ESP-03, ESP-23)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")


def inner(n, ttl):
    return IP(src="10.2.0.1", dst="10.1.0.9", ttl=ttl, id=n) / UDP() / n.to_bytes(4, "big")


def packet(n):
    return branch.seal(inner(n, 9), seq=n)


send("wan", packet(1))
expect("lan", inner(1, 8))
send("wan", packet(1))
expect_drop("decrypt.replayed")
send("wan", packet(5), packet(5), packet(3), packet(5), packet(3), together=True)
expect("lan", inner(5, 8))
expect("lan", inner(3, 8))
expect_drop("decrypt.replayed", 3)

# The window is 4096 wide: with 10000 at its right, 5905 is the last inside.
send("wan", packet(10000), packet(5904), packet(5905))
expect("lan", inner(10000, 8))
expect("lan", inner(5905, 8))
expect_drop("decrypt.too_old")
# Zero is no sequence number of a packet (RFC 4303 section 3.3.3).
send("wan", packet(0))
any_drop("decrypt.too_old", "decrypt.replayed")
expect_nothing()
