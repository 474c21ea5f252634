"""AF_XDP drops frames longer than a packet buffer without a word: an MTU that would need them is
refused with the largest that fits, before anything of the interface is touched; the gateway runs on
as it was (INV-10)."""
station("lan", "10.1.0.9")
station("dmz", "10.3.0.9")


def works():
    send("lan", IP(src="10.1.0.9", dst="10.3.0.9", ttl=9) / UDP())
    expect("dmz", IP(src="10.1.0.9", dst="10.3.0.9", ttl=8) / UDP())


works()
problems = reload("oversize.yaml")
refused = [p for p in problems if "MTU 9000 is more than the 1774 octets" in p]
assert len(refused) == 1 and "ports.fast.device" in refused[0], problems
works()
