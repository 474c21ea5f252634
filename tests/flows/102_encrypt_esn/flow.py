"""Extended sequence numbers: the high half is authenticated though it is not sent (ESP-14, ESP-18).
Sequence numbers rise by one from 1, and no IV comes twice (ESP-04)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2", esn=True)
ivs = set()
for number in range(1, 200):
    send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP() / b"n")
    outer = expect_sealed("wan", branch, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP() / b"n")
    octets = bytes(outer.payload)
    assert int.from_bytes(octets[4:8], "big") == number, f"sequence {octets[4:8].hex()}"
    ivs.add(octets[8:16])
assert len(ivs) == 199, "an IV came twice under one key"
