"""Fragments of ESP, native and in UDP 4500, are put together before anything in them is looked at (ESP-22)."""
station("wan", "192.0.2.254", "2001:db8:f::fe")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2")
station("lan", "10.1.0.9", "2001:db8:1::9")
inner = IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / (b"x" * 800)
inner6 = IPv6(src="2001:db8:6::1", dst="2001:db8:1::9", hlim=9) / UDP() / (b"x" * 800)
out = IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP() / (b"x" * 800)
out6 = IPv6(src="2001:db8:6::1", dst="2001:db8:1::9", hlim=8) / UDP() / (b"x" * 800)


def pieces4(packet, number, size=400):
    packet.id = number
    return fragment(packet, fragsize=size)


def pieces6(packet, number, size=400):
    payload, next_header = bytes(packet.payload), packet.nh
    return [IPv6(src=packet.src, dst=packet.dst) /
            IPv6ExtHdrFragment(nh=next_header, id=number, offset=at // 8, m=int(at + size < len(payload))) /
            Raw(payload[at:at + size]) for at in range(0, len(payload), size)]


# In any order, singly or as a burst.
for number, (together, turn) in enumerate(((False, 1), (True, 1), (False, -1), (True, -1))):
    for sealed in (branch.seal(inner), branch.seal(inner, udp=True)):
        pieces = pieces4(sealed, 100 + number)
        assert len(pieces) == 3
        send("wan", *pieces[::turn], together=together)
        expect("lan", out)
        expect_drop("classify.fragment_joined", 2)
    pieces = pieces6(branch6.seal(inner6), 100 + number)
    send("wan", *pieces[::turn], together=together)
    expect("lan", out6)
    expect_drop("classify.fragment_joined", 2)

# A datagram that lacks one says nothing; its rest may come later, but not the same twice.
pieces = pieces4(branch.seal(inner), 200)
send("wan", pieces[0], pieces[2], pieces[0])
expect_nothing()
expect_drop("classify.fragment_duplicate")
send("wan", pieces[1])
expect("lan", out)
expect_drop("classify.fragment_joined", 2)

# Overlapping pieces spoil the datagram (RFC 5722), also what comes of it afterwards.
pieces = pieces4(branch.seal(inner), 201)
shifted = pieces[1].copy()
shifted.frag -= 1
del shifted.chksum
send("wan", pieces[0], shifted, pieces[1], pieces[2])
expect_drop("classify.fragment_overlap", 4)
# Too small to hold the headers (RFC 1858).
send("wan", *pieces4(branch.seal(inner), 202, size=8)[:1])
expect_drop("classify.fragment_bad")

# A fragment for somebody else is not ours to wait for.
pieces = pieces4(branch.seal(inner), 203)
for piece in pieces:
    piece.dst = "192.0.2.77"
    del piece.chksum
send("wan", *pieces)
expect_drop("classify.esp_fragment", 3)
expect_nothing()
