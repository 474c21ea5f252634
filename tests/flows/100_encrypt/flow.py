"""IPv4 and IPv6 inside IPv4 and IPv6, native ESP, judged by scapy (ESP-18, ESP-25, ESP-35)."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("wan", "192.0.2.254", "2001:db8:f::fe")

for algorithm in ("AES128-GCM-16", "AES256-GCM-16"):
    branch = tunnel("branch", "192.0.2.1", "198.51.100.2", algorithm=algorithm)
    branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2", algorithm=algorithm)
    for size in (0, 1, 2, 3, 4, 100, 1300):  # every padding length
        for peer, four, six in ((branch, "10.2.0.1", "2001:db8:2::1"),
                                (branch6, "10.6.0.1", "2001:db8:6::1")):
            send("lan", IP(src="10.1.0.9", dst=four, ttl=9) / UDP() / (b"4" * size))
            expect_sealed("wan", peer, IP(src="10.1.0.9", dst=four, ttl=8) / UDP() / (b"4" * size))
            send("lan", IPv6(src="2001:db8:1::9", dst=six, hlim=9) / UDP() / (b"6" * size))
            expect_sealed("wan", peer, IPv6(src="2001:db8:1::9", dst=six, hlim=8) / UDP() /
                          (b"6" * size))
