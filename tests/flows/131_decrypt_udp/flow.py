"""ESP in UDP 4500, over both families; its neighbours on that port are kept apart (ESP-37)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254", "2001:db8:f::fe")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2", udp=True, port=40000)
branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2", udp=True)
for peer, source in ((branch, "10.2.0.1"), (branch6, "10.6.0.1")):
    send("wan", peer.seal(IP(src=source, dst="10.1.0.9", ttl=9) / UDP() / b"in UDP"))
    expect("lan", IP(src=source, dst="10.1.0.9", ttl=8) / UDP() / b"in UDP")

# One octet 0xff is a NAT keepalive and ends here.
send("wan", branch.wrap(b"\xff"))
expect_drop("classify.nat_keepalive")
# Four zero octets mark IKE: given to control, which finds no message in this one.
send("wan", branch.wrap(bytes(4) + b"no IKE header"))
# Too short to be any of the three.
for short in (b"", b"\x01", b"\x01\x02\x03"):
    send("wan", branch.wrap(short))
# A UDP length that contradicts the packet.
lying = branch.seal(IP(src="10.2.0.1", dst="10.1.0.9") / UDP())
lying[UDP].len = 2000
send("wan", lying)
assert any_drop("classify.udp_bad_length", "decrypt.truncated") == 4
# Native ESP on an SA that was negotiated inside UDP.
send("wan", branch.seal(IP(src="10.2.0.1", dst="10.1.0.9") / UDP(), udp=False))
expect_drop("decrypt.encapsulation_mismatch")
expect_nothing()
