"""At a hard limit of packets or octets the worker itself stops the SA, each direction by name; the
limit of octets within a burst, that of packets exactly (ESP-13, ESP-26)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
OUT = IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP() / bytes(72)  # 100 octets
IN = IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / bytes(72)


def after(packet):
    passed = packet.copy()
    passed.ttl = 8
    return passed


def out(peer, expected, sent):
    """Sends singly; so many get through."""
    for _ in range(sent):
        send("lan", OUT)
    for _ in range(expected):
        expect_sealed("wan", peer, after(OUT))
    expect_drop("encrypt.sa_expired", sent - expected)
    expect_nothing("wan")


def into(peer, expected, sent):
    for _ in range(sent):
        send("wan", peer.seal(IN))
    for _ in range(expected):
        expect("lan", after(IN))
    expect_drop("decrypt.sa_expired", sent - expected)
    expect_nothing("lan")


packets = tunnel("branch", "192.0.2.1", "198.51.100.2", hard_packets=5)
out(packets, 5, 9)
into(packets, 5, 9)
# In a burst too.
packets = tunnel("branch", "192.0.2.1", "198.51.100.2", hard_packets=5)
send("lan", *[OUT] * 12, together=True)
for _ in range(5):
    expect_sealed("wan", packets, after(OUT))
expect_drop("encrypt.sa_expired", 7)
send("wan", *[packets.seal(IN) for _ in range(12)], together=True)
for _ in range(5):
    expect("lan", after(IN))
expect_drop("decrypt.sa_expired", 7)

# 450 octets: the fifth packet of 100 reaches the limit, the sixth finds it reached.
octets = tunnel("branch", "192.0.2.1", "198.51.100.2", hard_bytes=450)
out(octets, 5, 9)
into(octets, 5, 9)
# The far end's replay does not count, nor what is not authentic.
octets = tunnel("branch", "192.0.2.1", "198.51.100.2", hard_bytes=450)
for _ in range(6):
    send("wan", octets.seal(IN, seq=50, flip=200))
expect_drop("decrypt.icv_failed", 6)
into(octets, 5, 6)
