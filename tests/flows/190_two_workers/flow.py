"""Two workers, one SA: packets that reach the wrong worker are handed over; each number passes once,
whichever queue it came by (ESP-03, INV-6); numbers sent by both differ (ESP-04)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254")
for pair in range(4):  # whichever worker owns the SA
    branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
    for number in range(1, 20):
        packet = branch.seal(IP(src="10.2.0.1", dst="10.1.0.9", ttl=9) / UDP() / b"in", seq=number)
        send("wan", packet, queue=number % 2)
        expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8) / UDP() / b"in")
        send("wan", packet, queue=(number + 1) % 2)
    expect_drop("decrypt.replayed", 19)
    numbers = set()
    for sent in range(20):
        send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP(), queue=sent % 2)
        outer = expect_sealed("wan", branch, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP())
        numbers.add(bytes(outer.payload)[4:16])
    assert len(numbers) == 20, "a sequence number or an IV came twice"
