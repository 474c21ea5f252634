"""The last number there is goes out, then nothing more: sequence numbers never wrap, with 32 bits
and with 64 (ESP-13, RFC 4303 section 3.3.3)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")


def number_of(outer):
    """Sequence number and IV of an ESP packet."""
    return int.from_bytes(bytes(outer.payload)[4:8], "big"), int.from_bytes(bytes(outer.payload)[8:16], "big")


def sends(peer, number):
    peer.high = number >> 32
    send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP() / number.to_bytes(8, "big"))
    outer = expect_sealed("wan", peer, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP() /
                          number.to_bytes(8, "big"))
    assert number_of(outer) == (number & 0xffffffff, number), number_of(outer)


def stops():
    packet = IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP()
    send("lan", *[packet] * 3)
    send("lan", *[packet] * 70, together=True)
    expect_drop("encrypt.sequence_exhausted", 73)
    expect_nothing("wan")


# 32-bit numbers, singly and across the end within a burst.
last = 2**32 - 1
branch = tunnel("branch", "192.0.2.1", "198.51.100.2", first_sequence=last - 2)
for n in (last - 2, last - 1, last):
    sends(branch, n)
stops()
branch = tunnel("branch", "192.0.2.1", "198.51.100.2", first_sequence=last - 2)
send("lan", *[IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP()] * 40, together=True)
expect_drop("encrypt.sequence_exhausted", 37)
for n in (last - 2, last - 1, last):
    outer = expect_sealed("wan", branch, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP())
    assert number_of(outer)[0] == n
stops()

# Extended numbers go on where the low word wraps …
branch = tunnel("branch", "192.0.2.1", "198.51.100.2", esn=True, first_sequence=last - 1)
for n in (last - 1, last, last + 1, last + 2):
    sends(branch, n)
# … and end before 2^64 does.
last = 2**64 - 2
branch = tunnel("branch", "192.0.2.1", "198.51.100.2", esn=True, first_sequence=last - 1)
for n in (last - 1, last):
    sends(branch, n)
stops()
# A successor sends again.
sends(tunnel("branch", "192.0.2.1", "198.51.100.2"), 1)
