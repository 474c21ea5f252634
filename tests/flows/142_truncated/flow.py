"""Every prefix of a valid packet is dropped, none is read past its end (ESP-11)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
inner = IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / b"payload"
length = len(bytes(branch.seal(inner, seq=1).payload))
send("wan", *[branch.seal(inner, seq=7, cut=octets) for octets in range(1, length + 1)], together=True)
dropped = any_drop("decrypt.truncated", "decrypt.bad_alignment", "decrypt.icv_failed", "decrypt.unknown_spi")
assert dropped == length, f"{dropped} of {length} prefixes are accounted for"
expect_nothing()
send("wan", branch.seal(inner, seq=7))
expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP() / b"payload")
