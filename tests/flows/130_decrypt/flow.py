"""The four combinations of families, sealed by scapy: what comes out is what was put in (ESP-18)."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("wan", "192.0.2.254", "2001:db8:f::fe")
for algorithm in ("AES128-GCM-16", "AES256-GCM-16"):
    for esn in (False, True):
        branch = tunnel("branch", "192.0.2.1", "198.51.100.2", algorithm=algorithm, esn=esn)
        branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2", algorithm=algorithm, esn=esn)
        for size in (0, 1, 2, 3, 4, 100, 1400):
            for peer, four, six in ((branch, "10.2.0.1", "2001:db8:2::1"),
                                    (branch6, "10.6.0.1", "2001:db8:6::1")):
                send("wan", peer.seal(IP(src=four, dst="10.1.0.9", ttl=9) / UDP() / (b"4" * size)))
                expect("lan", IP(src=four, dst="10.1.0.9", ttl=8) / UDP() / (b"4" * size))
                send("wan", peer.seal(IPv6(src=six, dst="2001:db8:1::9", hlim=9) / UDP() / (b"6" * size)))
                expect("lan", IPv6(src=six, dst="2001:db8:1::9", hlim=8) / UDP() / (b"6" * size))
