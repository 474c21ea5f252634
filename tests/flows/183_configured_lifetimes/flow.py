"""What phase2-lifetime-packets and phase2-lifetime-kilobytes say ends an SA, each direction for itself (ESP-26)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")


def carry(peer, far, allowed, sent):
    """Packets of 256 octets, one by one, both ways: so many come through."""
    out = IP(src="10.1.0.9", dst=far, ttl=9) / UDP() / bytes(228)
    back = IP(src=far, dst="10.1.0.9", ttl=9) / UDP() / bytes(228)
    for number in range(sent):
        send("lan", out)
        send("wan", peer.seal(back))
        if number < allowed:
            expect_sealed("wan", peer, IP(src="10.1.0.9", dst=far, ttl=8) / UDP() / bytes(228))
            expect("lan", IP(src=far, dst="10.1.0.9", ttl=8) / UDP() / bytes(228))
    expect_drop("encrypt.sa_expired", sent - allowed)
    expect_drop("decrypt.sa_expired", sent - allowed)


carry(tunnel("packets", "192.0.2.1", "198.51.100.1"), "10.21.0.1", 16, 20)
# 2 KiB are eight packets; the ninth finds the limit reached.
carry(tunnel("octets", "192.0.2.1", "198.51.100.2"), "10.22.0.1", 8, 12)
# A new SA begins anew.
carry(tunnel("octets", "192.0.2.1", "198.51.100.2"), "10.22.0.1", 8, 9)
