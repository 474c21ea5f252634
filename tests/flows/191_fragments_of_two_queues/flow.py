"""Fragments of one datagram come by queues of different workers and meet at one of them (ESP-22)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
for number in range(1, 33):  # whichever worker they meet at
    sealed = branch.seal(IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / bytes(number * 20 + 600))
    sealed.id = number * 77
    pieces = fragment(sealed, fragsize=200)
    for place, piece in enumerate(pieces if number % 3 else pieces[::-1]):
        send("wan", piece, queue=(number + place) % 2)
    expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP() / bytes(number * 20 + 600))
    expect_drop("classify.fragment_joined", len(pieces) - 1)
