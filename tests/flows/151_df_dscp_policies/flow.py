"""The outer DF bit is copied, set or cleared, and the DSCP set, as the tunnel says (ESP-29, ESP-34)."""
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
