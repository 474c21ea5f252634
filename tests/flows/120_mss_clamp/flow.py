"""TCP SYNs into a tunnel have their MSS lowered to what fits, never raised; others are left alone."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
# 1500 - IP 20 - ESP 8 - IV 8 - ICV 16 = 1448, a multiple of 4; - 2 of trailer = 1446.
MTU = 1446


def syn(ip, mss, flags="S"):
    return ip / TCP(sport=1, dport=2, flags=flags, options=[("MSS", mss), ("SAckOK", b"")])


def both(mss_in, mss4, mss6, flags="S"):
    send("lan", syn(IP(src="10.1.0.9", dst="10.2.0.1", ttl=9), mss_in, flags))
    expect_sealed("wan", branch, syn(IP(src="10.1.0.9", dst="10.2.0.1", ttl=8), mss4, flags))
    send("lan", syn(IPv6(src="2001:db8:1::9", dst="2001:db8:2::1", hlim=9), mss_in, flags))
    expect_sealed("wan", branch, syn(IPv6(src="2001:db8:1::9", dst="2001:db8:2::1", hlim=8), mss6, flags))


both(1460, MTU - 40, MTU - 60)
both(1460, MTU - 40, MTU - 60, flags="SA")
both(536, 536, 536)
both(1460, 1460, 1460, flags="A")
