"""Nobody sends from an address of the gateway's own: not a host on a segment, not what comes out of
a tunnel, whichever port of the table has the address (RFC 1812 section 5.3.7). What is ours in
another table is a stranger's here (INV-3)."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("dmz", "10.3.0.9", "2001:db8:3::9")
station("wan", "192.0.2.254", "2001:db8:f::fe")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")

v4 = [IP(src=source, dst=to) / UDP() for source in ("10.1.0.1", "10.3.0.1")
      for to in ("10.3.0.9", "10.1.0.1", "10.3.0.1")]
v6 = [IPv6(src=source, dst=to) / UDP() for source in ("2001:db8:1::1", "2001:db8:3::1")
      for to in ("2001:db8:3::9", "2001:db8:1::1", "2001:db8:3::1")]
for packet in v4 + v6:
    send("lan", packet)
    expect_drop("route.bad_source")
    send("wan", branch.seal(packet))
    expect_drop("route.bad_source")
# The address a port has for its link alone: 02:00:00:00:00:01 makes fe80::ff:fe00:1.
send("lan", IPv6(src="fe80::ff:fe00:1", dst="2001:db8:1::1") / ICMPv6EchoRequest())
expect_drop("route.bad_source")
# Outside: to us, as an IKE message would come.
for packet in (IP(src="192.0.2.1", dst="192.0.2.1") / UDP(sport=500, dport=500) / bytes(28),
               IPv6(src="2001:db8:f::1", dst="2001:db8:f::1") / UDP(sport=500, dport=500) / bytes(28)):
    send("wan", packet)
    expect_drop("route.bad_source")

# 10.9.0.1 is ours in table guests; in main it is a host behind the tunnel.
send("wan", branch.seal(IP(src="10.9.0.1", dst="10.3.0.9", ttl=9) / UDP() / b"stranger"))
expect("dmz", IP(src="10.9.0.1", dst="10.3.0.9", ttl=8) / UDP() / b"stranger")
expect_nothing()
