"""IPv4 between two ports: TTL one lower, checksum renewed, nothing else touched (RFC 1812 5.3.1)."""
station("lan", "10.1.0.9")
station("dmz", "10.3.0.9")
sent = IP(src="10.1.0.9", dst="10.3.0.9", ttl=64, tos=0x2e, id=0xbeef) / UDP(sport=1, dport=2) / b"hello"
send("lan", sent)
expect("dmz", IP(src="10.1.0.9", dst="10.3.0.9", ttl=63, tos=0x2e, id=0xbeef) /
       UDP(sport=1, dport=2) / b"hello")

# A frame padded by the wire to 60 octets leaves without the padding.
send("lan", Ether(src=station("lan", "10.1.0.10"), dst=gateway.ports["lan"]) /
     IP(src="10.1.0.10", dst="10.3.0.9", ttl=9) / UDP(sport=1, dport=2) / Padding(b"\xa5" * 18))
expect("dmz", IP(src="10.1.0.10", dst="10.3.0.9", ttl=8) / UDP(sport=1, dport=2))
