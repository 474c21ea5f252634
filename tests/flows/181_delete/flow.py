"""After a delete nothing more is taken with the SA and nothing is sent with it (IKE-30, INV-2)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
old = tunnel("branch", "192.0.2.1", "198.51.100.2")
new = tunnel("branch", "192.0.2.1", "198.51.100.2")


def inward(peer):
    send("wan", peer.seal(IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / b"in"))


inward(old)
expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP() / b"in")
# The old pair goes; the new one, which took over the sending, stays.
remove(old)
inward(old)
expect_drop("decrypt.unknown_spi")
inward(new)
expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP() / b"in")
send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP())
expect_sealed("wan", new, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP())

remove(new)
inward(new)
expect_drop("decrypt.unknown_spi")
send("lan", IP(src="10.1.0.9", dst="10.2.0.1", proto=17) / Raw(b"secret"))
expect_drop("encrypt.no_sa")
while said := maybe("lan"):
    assert ICMP in said, said.summary()
expect_nothing()
