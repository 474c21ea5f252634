"""on-down: hold, withdraw, blackhole, fallback, and weights 100 and 0 (S1, S5; failure-modes B4)."""
station("lan", "10.1.0.9", "10.1.0.254")
station("wan", "192.0.2.254")
HOLD, WITHDRAW, BLACKHOLE, FALLBACK, WEIGHTS = "10.21.0.1", "10.22.0.1", "10.23.0.1", "10.24.0.1", "10.25.0.1"


def packet(to, ttl=9):
    return IP(src="10.1.0.9", dst=to, ttl=ttl) / UDP()


def sealed(peer, *destinations):
    for to in destinations:
        send("lan", packet(to))
        expect_sealed("wan", peer, packet(to, 8))


def dropped(name, to):
    send("lan", packet(to))
    expect_drop(name)
    while said := maybe("lan"):
        assert said[ICMP].type == 3
    expect_nothing()


def elsewhere(to):
    send("lan", packet(to))
    expect("lan", packet(to, 8))


def states(to):
    """State and reason of each next hop of the route to an address."""
    return [(r["next_hop"], r["state"], r["reason"]) for r in show("routes", table="main", address=to)]


# Neither is up yet.
NO_SA = "tunnel first has no SA; see show tunnels"
assert states(HOLD) == [("first", "down", NO_SA)]
assert states(BLACKHOLE) == [("first", "blackhole", NO_SA + " (on-down: blackhole)")]
(withdrawn,) = show("routes", table="main", prefix="10.22.0.0/16")
assert withdrawn["state"] == "down" and withdrawn["reason"] == NO_SA + "; withdrawn until it is up", withdrawn
dropped("encrypt.no_sa", HOLD)
elsewhere(WITHDRAW)
for to in (BLACKHOLE, FALLBACK):
    dropped("route.blackhole", to)
dropped("route.no_member", WEIGHTS)

first = tunnel("first", "192.0.2.1", "198.51.100.1")
sealed(first, HOLD, WITHDRAW, BLACKHOLE, FALLBACK, WEIGHTS)
second = tunnel("second", "192.0.2.1", "198.51.100.2")
sealed(first, HOLD, WITHDRAW, BLACKHOLE, FALLBACK, WEIGHTS)

assert states(WITHDRAW) == [("first", "active", None)]
assert states(WEIGHTS) == [("first", "active", None),
                           ("second", "standby", "weight 0: carries while no next hop with a weight is up")]

remove(first)
assert states(WEIGHTS) == [("first", "down", NO_SA), ("second", "active", None)]
dropped("encrypt.no_sa", HOLD)
elsewhere(WITHDRAW)
dropped("route.blackhole", BLACKHOLE)
sealed(second, FALLBACK, WEIGHTS)

# It comes back, and takes over again.
first = tunnel("first", "192.0.2.1", "198.51.100.1")
sealed(first, HOLD, WITHDRAW, BLACKHOLE, FALLBACK, WEIGHTS)
remove(second)
sealed(first, FALLBACK, WEIGHTS)
