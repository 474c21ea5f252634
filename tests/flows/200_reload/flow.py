"""A reload touches only what it names; a configuration with a mistake changes nothing (INV-10)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("copies", "192.0.2.1", "198.51.100.1")


def works(prefix="10.21"):
    send("lan", IP(src="10.1.0.9", dst=f"{prefix}.0.1", ttl=9) / UDP())
    expect_sealed("wan", branch, IP(src="10.1.0.9", dst=f"{prefix}.0.1", ttl=8) / UDP())


def lost(destination):
    send("lan", IP(src="10.1.0.9", dst=destination, ttl=9) / UDP())
    expect_drop("route.no_route")
    assert take("lan")[ICMP].type == 3


works()
lost("10.24.0.1")
problems = reload("broken.yaml")
assert len(problems) == 2, problems
assert "broken.yaml:" in problems[0] and "tunnels.copies" in "".join(problems), problems
works()
lost("10.24.0.1")

# Another route to the same tunnel, one route less: the SA lives on.
problems = reload("more.yaml")
assert all("warning" in p for p in problems), problems  # a tunnel has no route any more
works()
works("10.24")
send("lan", IP(src="10.1.0.9", dst="10.22.0.1", ttl=9) / UDP())
expect_drop("route.no_route")
assert take("lan")[ICMP].type == 3
