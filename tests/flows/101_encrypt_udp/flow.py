"""The same inside UDP 4500 (RFC 3948): checksum zero over IPv4, right over IPv6 (ESP-37)."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("wan", "192.0.2.254", "2001:db8:f::fe")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2", udp=True, port=33333)
branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2", udp=True)
for size in (0, 3, 1300):
    for peer, four, six in ((branch, "10.2.0.1", "2001:db8:2::1"),
                            (branch6, "10.6.0.1", "2001:db8:6::1")):
        send("lan", IP(src="10.1.0.9", dst=four, ttl=9) / UDP() / (b"4" * size))
        outer = expect_sealed("wan", peer, IP(src="10.1.0.9", dst=four, ttl=8) / UDP() / (b"4" * size))
        if outer.version == 6 and outer[UDP].chksum != 0:  # RFC 6935 allows zero for tunnels
            again = outer.copy()
            del again[UDP].chksum
            same(outer, IPv6(bytes(again)))
        send("lan", IPv6(src="2001:db8:1::9", dst=six, hlim=9) / UDP() / (b"6" * size))
        expect_sealed("wan", peer, IPv6(src="2001:db8:1::9", dst=six, hlim=8) / UDP() / (b"6" * size))
