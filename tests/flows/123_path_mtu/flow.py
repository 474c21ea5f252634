"""ICMP from outside makes a tunnel's MTU smaller only if it quotes a packet the live SA sent (ESP-31)."""
from scapy.layers.inet6 import ICMPv6PacketTooBig

station("lan", "10.1.0.9", "2001:db8:1::9")
station("wan", "192.0.2.254", "2001:db8:f::fe")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2")


def largest(outer):
    """What fits: 20 or 40 of IP, 8 and 8 of ESP, 2 and 16 behind, in fours."""
    return (outer - 52) // 4 * 4 - 2


def takes(octets, dst="10.2.0.1", peer=branch):
    """The tunnel takes packets of so many octets, and tells senders of longer ones. Returns a sealed one."""
    def packet(n, ttl):
        return IP(src="10.1.0.9", dst=dst, ttl=ttl, flags="DF") / UDP() / bytes(n - 28)
    send("lan", packet(octets, 9))
    sealed = expect_sealed("wan", peer, packet(octets, 8))
    send("lan", packet(octets + 1, 9))
    told = take("lan")
    assert told[ICMP].type == 3 and told[ICMP].code == 4 and told[ICMP].nexthopmtu == octets, told.summary()
    expect_drop("encrypt.too_big")
    return sealed


def needed(mtu, quoted):
    return IP(src="203.0.113.9", dst="192.0.2.1") / ICMP(type=3, code=4, nexthopmtu=mtu) / bytes(quoted)[:28]


sealed = takes(largest(1500))
# Someone off the path does not know the SPI, or what was sent.
for mtu in (0, 68, 600, 1400):
    for wrong in (dict(dst="198.51.100.3"), dict(src="192.0.2.2")):
        forged = sealed.copy()
        for name, value in wrong.items():
            setattr(forged, name, value)
        send("wan", needed(mtu, forged))
    raw = bytearray(bytes(sealed))
    raw[20] ^= 1  # the SPI
    send("wan", needed(mtu, bytes(raw)))
    raw[20] ^= 1
    raw[24] ^= 1  # a number not yet sent
    send("wan", needed(mtu, bytes(raw)))
sealed = takes(largest(1500))

# A router on the path does.
send("wan", needed(1400, sealed))
sealed = takes(largest(1400))
send("wan", needed(9000, sealed))
takes(largest(1400))
# However small it says: 576 is what every path takes.
send("wan", needed(68, sealed))
takes(largest(576))
# A path may grow again.
for _ in range(599):  # stations are asked for in between
    pass_time(1)
takes(largest(576))
pass_time(2)
takes(largest(1500))

# IPv6 outside: less than 1280 there is not.
inside = IP(src="10.1.0.9", dst="10.6.0.1", ttl=9) / UDP()
send("lan", inside)
sealed6 = expect_sealed("wan", branch6, IP(src="10.1.0.9", dst="10.6.0.1", ttl=8) / UDP())


def too_big6(mtu):
    return IPv6(src="2001:db8:d::1", dst="2001:db8:f::1") / ICMPv6PacketTooBig(mtu=mtu) / bytes(sealed6)[:56]


for mtu in (0, 68, 600, 1279):
    send("wan", too_big6(mtu))
takes(largest(1500 - 20), "10.6.0.1", branch6)
send("wan", too_big6(1400))
takes(largest(1400 - 20), "10.6.0.1", branch6)
# The other tunnel's path is its own.
takes(largest(1500))
