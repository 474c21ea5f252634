"""What the outer packet's headers said of checksums does not reach the inner one (ESP-43)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
wrong = dict(sport=1, dport=2, chksum=0x1234)
send("wan", branch.seal(IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP(**wrong) / b"as it is"))
expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP(**wrong) / b"as it is")
send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP(**wrong) / b"as it is")
expect_sealed("wan", branch, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP(**wrong) / b"as it is")
