"""Packets of up to 9216 octets in both directions, and what is longer than the tunnel takes (ESP-30, ESP-11)."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("dmz", "10.3.0.8", "10.3.0.9")
station("wan", "192.0.2.254", "2001:db8:f::fe")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2")
FITS = (9216 - 52) // 4 * 4 - 2


def out(n, ttl, dst="10.2.0.1", flags="DF"):
    return IP(src="10.1.0.9", dst=dst, ttl=ttl, flags=flags) / UDP() / bytes(n - 28)


for size in (1500, 2000, 2048, 4000, 8192, 9000, FITS):
    send("lan", out(size, 9))
    expect_sealed("wan", branch, out(size, 8))
    back = IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / bytes(size - 28)
    send("wan", branch.seal(back))
    back.ttl = 8
    expect("lan", back)
send("lan", *[out(9000, 9)] * 40, together=True)
for _ in range(40):
    expect_sealed("wan", branch, out(9000, 8))

send("lan", out(FITS + 1, 9))
told = take("lan")
assert told[ICMP].nexthopmtu == FITS, told.summary()
expect_drop("encrypt.too_big")

# Without DF: fragmented before encryption here, after it in the other tunnel.
send("lan", out(9216, 9, flags=0))
first, second = (branch.open(take("wan")) for _ in range(2))
assert first.flags.MF and second.frag * 8 + len(second.payload) == 9216 - 20, (first, second)
send("lan", out(9216, 9, "10.6.0.1", flags=0))
pieces = [take("wan") for _ in range(2)]
assert all(len(p) <= 9216 and p.nh == 44 for p in pieces)
payload = b"".join(bytes(p[IPv6ExtHdrFragment].payload) for p in pieces)
whole = IPv6(src=pieces[0].src, dst=pieces[0].dst, nh=50, fl=pieces[0].fl, hlim=pieces[0].hlim) / Raw(payload)
assert bytes(branch6.open(IPv6(bytes(whole)))) == bytes(out(9216, 8, "10.6.0.1", flags=0)), "not what was sent"

# To a port of 1500 octets: fragments, or word to the sender.
back = IP(src="10.2.0.1", dst="10.3.0.9", ttl=9) / UDP() / bytes(4000)
send("wan", branch.seal(back))
assert len([take("dmz") for _ in range(3)]) == 3
