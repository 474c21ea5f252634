"""Every algorithm besides GCM, sealed by scapy and Python's HMAC: what comes out is what was put in, a
changed or shortened packet does not (ESP-01, ESP-11, ESP-14, ESP-19, ESP-42)."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("wan", "192.0.2.254", "2001:db8:f::fe")
for algorithm in ("AES128-SHA2-256", "AES256-SHA2-384", "AES256-SHA2-512", "AES128-SHA1", "NULL-SHA2-256",
                  "CHACHA20-POLY1305"):
    for esn in (False, True):
        branch = tunnel("branch", "192.0.2.1", "198.51.100.2", algorithm=algorithm, esn=esn)
        branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2", algorithm=algorithm, esn=esn, udp=True)
        for size in (*range(17), 100, 1400):
            for peer, four, six in ((branch, "10.2.0.1", "2001:db8:2::1"),
                                    (branch6, "10.6.0.1", "2001:db8:6::1")):
                send("wan", peer.seal(IP(src=four, dst="10.1.0.9", ttl=9) / UDP() / (b"4" * size)))
                expect("lan", IP(src=four, dst="10.1.0.9", ttl=8) / UDP() / (b"4" * size))
                send("wan", peer.seal(IPv6(src=six, dst="2001:db8:1::9", hlim=9) / UDP() / (b"6" * size)))
                expect("lan", IPv6(src=six, dst="2001:db8:1::9", hlim=8) / UDP() / (b"6" * size))

        # Bits all over the packet behind the SPI; then the ICV shortened.
        inner = IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / (b"x" * 40)
        bits = range(64, len(bytes(branch.seal(inner).payload)) * 8, 13)
        send("wan", *[branch.seal(inner, flip=bit) for bit in bits], together=True)
        expect_drop("decrypt.icv_failed", len(bits))
        send("wan", *[branch.seal(inner, cut=octets) for octets in range(1, 32)], together=True)
        any_drop("decrypt.truncated", "decrypt.bad_alignment", "decrypt.icv_failed")
        expect_nothing()
