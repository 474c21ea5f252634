"""A static route leads to the station of its next hop, not to the destination's address."""
station("lan", "10.1.0.9")
router = station("dmz", "10.3.0.8")
send("lan", IP(src="10.1.0.9", dst="10.8.7.6", ttl=2) / UDP() / b"by the router")
expect("dmz", IP(src="10.1.0.9", dst="10.8.7.6", ttl=1) / UDP() / b"by the router")
