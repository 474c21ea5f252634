"""IPv6 between two ports: hop limit one lower, nothing else touched (RFC 8200 section 3)."""
station("lan", "2001:db8:1::9")
station("dmz", "2001:db8:3::9")
for inside in (UDP(sport=1, dport=2) / b"hello",
               IPv6ExtHdrHopByHop() / UDP(sport=1, dport=2) / b"options",
               IPv6ExtHdrFragment(offset=10, m=1, id=7) / Raw(b"middle of something")):
    send("lan", IPv6(src="2001:db8:1::9", dst="2001:db8:3::9", hlim=64, tc=3, fl=0x12345) / inside)
    expect("dmz", IPv6(src="2001:db8:1::9", dst="2001:db8:3::9", hlim=63, tc=3, fl=0x12345) / inside)
