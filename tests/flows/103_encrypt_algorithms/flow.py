"""Every algorithm besides GCM, both families, every padding, judged by scapy and Python's HMAC (ESP-19,
ESP-25, ESP-42); and a CBC IV is never the last block of the packet before, nor seen twice (ESP-17)."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("wan", "192.0.2.254", "2001:db8:f::fe")

for algorithm in ("AES128-SHA2-256", "AES256-SHA2-384", "AES256-SHA2-512", "AES128-SHA1", "NULL-SHA2-256",
                  "CHACHA20-POLY1305"):
    for esn in (False, True):
        branch = tunnel("branch", "192.0.2.1", "198.51.100.2", algorithm=algorithm, esn=esn)
        branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2", algorithm=algorithm, esn=esn, udp=True)
        ivs = {b""}
        for size in (*range(17), 100, 1300):
            for peer, four, six in ((branch, "10.2.0.1", "2001:db8:2::1"),
                                    (branch6, "10.6.0.1", "2001:db8:6::1")):
                send("lan", IP(src="10.1.0.9", dst=four, ttl=9) / UDP() / (b"4" * size))
                outer = expect_sealed("wan", peer, IP(src="10.1.0.9", dst=four, ttl=8) / UDP() / (b"4" * size))
                if algorithm.startswith("AES"):
                    iv = peer.esp_of(outer)[8:24]
                    assert iv not in ivs, "an IV came twice, or was the block before"
                    icv = peer.from_gateway.algorithm.icv_bytes
                    ivs |= {iv, peer.esp_of(outer)[-icv - 16:-icv]}
                send("lan", IPv6(src="2001:db8:1::9", dst=six, hlim=9) / UDP() / (b"6" * size))
                expect_sealed("wan", peer, IPv6(src="2001:db8:1::9", dst=six, hlim=8) / UDP() / (b"6" * size))
