"""A NAT gives the peer another outside address: its authentic packets are taken from there, and
where it is now is known from the newest of them alone, never from one that is forged, repeated or
late (ESP-38, INV-7). The worker only reports; packets go there when IKE has said so, as it does for
a peer behind a NAT (RFC 7296 section 2.23)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2", udp=True, port=40000)
HOME, AWAY = ("198.51.100.2", 40000), ("203.0.113.9", 1024)


def comes(at, seq, **changes):
    send("wan", branch.seal(IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP(), seq=seq, src=at[0],
                            sport=at[1], **changes))


def passes():
    expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP())


def goes_to(at):
    branch.address, branch.port = at
    send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP())
    expect_sealed("wan", branch, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP())


assert heard_from(branch) is None
comes(HOME, 10)
passes()
assert heard_from(branch) == HOME
# Forged, repeated: dropped, and nothing moves.
comes(AWAY, 11, flip=300)
expect_drop("decrypt.icv_failed")
comes(AWAY, 10)
expect_drop("decrypt.replayed")
assert heard_from(branch) == HOME
# Late but inside the window: taken, and nothing moves.
comes(AWAY, 9)
passes()
assert heard_from(branch) == HOME
# The newest from elsewhere: taken, and reported; the way there is IKE's to choose.
comes(AWAY, 12)
passes()
assert heard_from(branch) == AWAY
goes_to(HOME)
move(branch, *AWAY)
goes_to(AWAY)
# Another port of the same address is another endpoint.
comes((AWAY[0], 5000), 13)
passes()
assert heard_from(branch) == (AWAY[0], 5000)

# Without encapsulation there is no NAT to follow.
native = tunnel("branch", "192.0.2.1", "198.51.100.2")
send("wan", native.seal(IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP(), src=AWAY[0]))
passes()
assert heard_from(native) is None
