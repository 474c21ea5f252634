"""The outer DF bit is copied, set or cleared, and the DSCP set or mapped, as the tunnel says (ESP-29, ESP-34)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
for name, policy in (("copies", None), ("sets", 1), ("clears", 0)):
    number = ("copies", "sets", "clears").index(name) + 1
    peer = tunnel(name, "192.0.2.1", f"198.51.100.{number}")
    for df in (0, 1):
        ip = dict(src="10.1.0.9", dst=f"10.{20 + number}.0.1", flags="DF" if df else 0, tos=4 << 2)
        send("lan", IP(ttl=9, **ip) / UDP())
        outer = expect_sealed("wan", peer, IP(ttl=8, **ip) / UDP(), tos=26 << 2 if name == "sets" else 4 << 2)
        wanted = df if policy is None else policy
        assert outer.flags.DF == bool(wanted), f"{name}: inner DF {df}, outer {outer.flags}"

mapped = tunnel("maps", "192.0.2.1", "198.51.100.4")
for inside, outside in ((46, 40), (0, 10), (5, 18)):
    ip = dict(src="10.1.0.9", dst="10.24.0.1", tos=inside << 2 | 1)
    send("lan", IP(ttl=9, **ip) / UDP())
    expect_sealed("wan", mapped, IP(ttl=8, **ip) / UDP(), tos=outside << 2 | 1)
    send("wan", mapped.seal(IP(src="10.24.0.1", dst="10.1.0.9", ttl=9, tos=inside << 2) / UDP(), outer={"tos": 4}))
    # Back in, only the inner one counts.
    expect("lan", IP(src="10.24.0.1", dst="10.1.0.9", ttl=8, tos=inside << 2) / UDP())
