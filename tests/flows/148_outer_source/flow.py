"""ESP whose outer source names us, or no station at all, is dropped before it is opened, whatever
its ICV says; the window and the peer stay where they were (RFC 1812 section 5.3.7, INV-7)."""
station("lan", "10.1.0.9")
station("wan", "192.0.2.254", "2001:db8:f::fe")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2", udp=True)
branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2")
bad = {branch: ["192.0.2.1", "127.0.0.1", "0.0.0.0", "224.0.0.5", "255.255.255.255"],
       branch6: ["2001:db8:f::1", "::1", "::", "ff02::1"]}
inside = {branch: "10.2.0.1", branch6: "10.6.0.1"}
for peer, sources in bad.items():
    packet = IP(src=inside[peer], dst="10.1.0.9", ttl=9) / UDP() / b"x"
    for source in sources:
        send("wan", peer.seal(packet, src=source, seq=7))
        expect_drop("decrypt.bad_source")
    # The number was not used up.
    send("wan", peer.seal(packet, seq=7))
    expect("lan", IP(src=inside[peer], dst="10.1.0.9", ttl=8) / UDP() / b"x")
send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9) / UDP())
expect_sealed("wan", branch, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8) / UDP())
