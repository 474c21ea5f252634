"""Too large for the tunnel: the sender hears the MTU that fits (ESP-30); the largest that fits passes."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
MTU = 1446


def four(total, ttl, **more):
    return IP(src="10.1.0.9", dst="10.2.0.1", ttl=ttl, **more) / UDP() / (b"4" * (total - 28))


def six(total, hops):
    return IPv6(src="2001:db8:1::9", dst="2001:db8:2::1", hlim=hops) / UDP() / (b"6" * (total - 48))


send("lan", four(MTU, 9, flags="DF"))
outer = expect_sealed("wan", branch, four(MTU, 8, flags="DF"))
assert outer.len == 1500, f"the largest packet that fits leaves with {outer.len} octets"
send("lan", six(MTU, 9))
expect_sealed("wan", branch, six(MTU, 8))

send("lan", four(MTU + 1, 9, flags="DF"))
expect_drop("encrypt.too_big")
error = take("lan")
assert (error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu) == (3, 4, MTU), error.show(dump=True)
assert bytes(error[ICMP].payload)[:8] == bytes(four(MTU + 1, 8, flags="DF"))[:8]
send("lan", six(MTU + 1, 9))
expect_drop("encrypt.too_big")
error = take("lan")
assert error[ICMPv6PacketTooBig].mtu == MTU, error.show(dump=True)
expect_nothing()
