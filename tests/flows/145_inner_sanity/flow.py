"""What is inside must be an IP packet that fits its room (ESP-09, ESP-10, ESP-24)."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
four = bytes(IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / b"payload!")
six = bytes(IPv6(src="2001:db8:2::1", dst="2001:db8:1::9", hlim=9) / UDP() / b"payload!")


def with_total(length):
    return four[:2] + length.to_bytes(2, "big") + four[4:]


for nh, octets, name in ((41, four, "inner_bad_header"), (4, six, "inner_bad_header"),
                         (4, b"\x44" + four[1:], "inner_bad_header"),
                         (4, four[:19], "inner_bad_header"), (41, six[:39], "inner_bad_header"),
                         (4, with_total(len(four) + 1), "inner_bad_length"),
                         (4, with_total(65535), "inner_bad_length"),
                         (6, four, "bad_next_header"), (50, four, "bad_next_header"),
                         (59, b"filler", "dummy")):
    send("wan", branch.seal(octets, nh=nh))
    expect_drop(f"decrypt.{name}")
for total in (0, 19):
    send("wan", branch.seal(with_total(total), nh=4))
    assert any_drop("decrypt.inner_bad_header", "decrypt.inner_bad_length") == 1

# Pad length beyond what is there, and pad octets that are not 1, 2, 3.
send("wan", branch.seal(four, nh=4, padlen=255))
send("wan", branch.seal(four + b"x", nh=4, padding=b"\x01\x02\x02\x04\x05"))
expect_drop("decrypt.bad_padding", 2)

# Octets behind the inner packet (traffic flow confidentiality) are cut off, never forwarded.
send("wan", branch.seal(four + b"\xa5" * 40, nh=4))
expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP() / b"payload!")
expect_nothing()
