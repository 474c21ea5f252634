"""The gateway answers ARP and ND for its own addresses only, and asks before it sends."""
host = station("lan", "10.1.0.9", "2001:db8:1::9")

send("lan", Ether(src=host, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=host, psrc="10.1.0.9",
                                                          pdst="10.1.0.1"))
reply = resolution("lan")[ARP]
assert (reply.op, reply.hwsrc, reply.psrc, reply.hwdst, reply.pdst) == (
    2, gateway.ports["lan"], "10.1.0.1", host, "10.1.0.9"), reply.show(dump=True)

target = "2001:db8:1::1"
send("lan", Ether(src=host, dst="33:33:ff:00:00:01") / IPv6(src="2001:db8:1::9", dst="ff02::1:ff00:1",
     hlim=255) / ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=host))
reply = resolution("lan")
assert reply[ICMPv6ND_NA].tgt == target and reply[ICMPv6ND_NA].S == 1, reply.show(dump=True)
assert reply[ICMPv6NDOptDstLLAddr].lladdr == gateway.ports["lan"]
assert reply[IPv6].hlim == 255, "RFC 4861 section 7.1.2"

# Not for the addresses of others, nor for those of another port.
for stranger in ("10.1.0.77", "10.3.0.1"):
    send("lan", Ether(src=host, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=host, psrc="10.1.0.9",
                                                              pdst=stranger))
    assert not resolution("lan"), f"answered for {stranger}"

# Nobody answers for 10.3.0.77: the packet waits, then is given up; nothing leaves.
send("lan", IP(src="10.1.0.9", dst="10.3.0.77") / UDP())
assert resolution("dmz")[ARP].pdst == "10.3.0.77"
expect_nothing()
