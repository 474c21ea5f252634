"""A packet with one bit changed is dropped whole and moves nothing (ESP-01, ESP-02)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
inner = IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / b"payload"
passed = IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP() / b"payload"
bits = len(bytes(branch.seal(inner, seq=1).payload)) * 8

# The SPI's bits (0 to 31) lead elsewhere, those of the sequence number may only look old or new.
for first in range(32, bits, 64):
    send("wan", *[branch.seal(inner, seq=100, flip=bit) for bit in range(first, min(first + 64, bits))],
         together=True)
expect_nothing()
expect_drop("decrypt.icv_failed", bits - 32)

# A forged number far ahead, then the next one in order: the window has not moved.
send("wan", branch.seal(inner, seq=2**20, flip=bits - 1))
expect_drop("decrypt.icv_failed")
for number in (100, 101):
    send("wan", branch.seal(inner, seq=number))
    expect("lan", passed)
