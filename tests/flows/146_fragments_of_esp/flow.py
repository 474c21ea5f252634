"""A fragment is never taken for ESP, nor for UDP 4500 (ESP-22)."""
station("wan", "192.0.2.254", "2001:db8:f::fe")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2")
inner = IP(src="10.2.0.1", dst="10.1.0.9") / UDP() / (b"x" * 800)
pieces = fragment(branch.seal(inner), fragsize=400) + fragment(branch.seal(inner, udp=True), fragsize=400)
assert len(pieces) == 6, len(pieces)
send("wan", *pieces)
whole = bytes(branch6.seal(inner).payload)
send("wan", IPv6(src="2001:db8:e::2", dst="2001:db8:f::1") / IPv6ExtHdrFragment(m=1, id=5, nh=50) /
     Raw(whole[:400]))
expect_drop("classify.esp_fragment", len(pieces) + 1)
expect_nothing()
