"""What the SA's selectors do not cover is not sent with it, nor in clear (RFC 4301 5.1, ESP-06)."""
station("lan", "10.1.0.9", "10.1.0.10")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2",
                selectors=(["10.1.0.9/32"], ["10.2.0.0/24", "10.2.5.0/24"]))
for source, destination, covered in (("10.1.0.9", "10.2.0.1", True), ("10.1.0.9", "10.2.5.255", True),
                                     ("10.1.0.10", "10.2.0.1", False), ("10.1.0.9", "10.2.1.0", False)):
    send("lan", IP(src=source, dst=destination, ttl=9) / UDP())
    if covered:
        expect_sealed("wan", branch, IP(src=source, dst=destination, ttl=8) / UDP())
    else:
        expect_drop("encrypt.selector_mismatch")
        expect_nothing("wan")
