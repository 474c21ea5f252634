"""An SPI nobody gave out, the reserved ones among them, is dropped in silence (ESP-21)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
inner = IP(src="10.2.0.1", dst="10.1.0.9") / UDP()
good = branch.to_gateway.spi
strangers = [0, 1, 255, 256, 0xffffffff, good ^ 0x80000000, good ^ 0x00010000]
send("wan", *[branch.seal(inner, spi=spi) for spi in strangers], together=True)
expect_drop("decrypt.unknown_spi", len(strangers))
# The right SPI, but to another of our addresses.
send("wan", branch.seal(inner, src="2001:db8:e::2", dst="2001:db8:f::1"))
expect_drop("decrypt.wrong_destination")
expect_nothing()
