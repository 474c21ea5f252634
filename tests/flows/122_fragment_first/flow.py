"""IPv4 without DF that is too large is split before it is sealed; the pieces make the packet again."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
whole = IP(src="10.1.0.9", dst="10.2.0.1", ttl=9, id=77) / UDP(sport=1, dport=2) / (
    bytes(range(256)) * 5 + b"x" * 192)
assert len(whole) == 1500
send("lan", whole)
data, last = b"", False
while not last:
    piece = branch.open(take("wan"))
    assert len(piece) <= 1446 and piece.ttl == 8 and piece.id == 77, piece.summary()
    assert piece.frag * 8 == len(data), f"fragment at {piece.frag * 8}, expected {len(data)}"
    renewed = piece.copy()
    del renewed.chksum
    same(piece, renewed)
    data += bytes(piece.payload)
    last = not piece.flags.MF
assert data == bytes(whole.payload), "the fragments are not the packet"
