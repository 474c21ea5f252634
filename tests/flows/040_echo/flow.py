"""The gateway answers pings to its own addresses, from the address that was asked."""
station("lan", "10.1.0.9", "2001:db8:1::9")
send("lan", IP(src="10.1.0.9", dst="10.1.0.1") / ICMP(id=3, seq=4) / b"ping")
reply = take("lan")
assert (reply.src, reply.dst, reply[ICMP].type) == ("10.1.0.1", "10.1.0.9", 0), reply.summary()
assert bytes(reply[ICMP].payload) == b"ping" and (reply[ICMP].id, reply[ICMP].seq) == (3, 4)
same(reply, IP(bytes(IP(src=reply.src, dst=reply.dst, id=reply.id, ttl=reply.ttl, tos=reply.tos,
                        flags=reply.flags) / ICMP(type=0, id=3, seq=4) / b"ping")))

send("lan", IPv6(src="2001:db8:1::9", dst="2001:db8:3::1") / ICMPv6EchoRequest(id=3, seq=4, data=b"ping"))
reply = take("lan")
assert (reply.src, reply.dst) == ("2001:db8:3::1", "2001:db8:1::9"), reply.summary()
same(reply, IPv6(src=reply.src, dst=reply.dst, hlim=reply.hlim) /
     ICMPv6EchoReply(id=3, seq=4, data=b"ping"))

# Not across tables: guests have no way to 10.1.0.1 (INV-3).
station("guest", "10.9.0.9")
send("guest", IP(src="10.9.0.9", dst="10.1.0.1") / ICMP())
expect_drop("route.no_route")
assert take("guest")[ICMP].type == 3
