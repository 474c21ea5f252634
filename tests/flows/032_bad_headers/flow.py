"""Broken headers end at the door, each under its name; nothing is said to their senders."""
host = station("lan", "10.1.0.9")
good = bytes(IP(src="10.1.0.9", dst="10.3.0.9") / UDP() / b"payload")


def broken(at, octet):
    octets = bytearray(good)
    octets[at] = octet
    header = IP(bytes(octets[:20]))
    del header.chksum
    return Ether(src=host, dst=gateway.ports["lan"], type=0x800) / Raw(bytes(header) + octets[20:])


frame = Ether(src=host, dst=gateway.ports["lan"], type=0x800)
send("lan", frame / Raw(good[:10] + b"\xff\xff" + good[12:]))
expect_drop("classify.ip4_bad_checksum")
send("lan", frame / Raw(b"\x55" + good[1:]))  # version 5
send("lan", frame / Raw(b"\x44" + good[1:]))  # header of 16 octets
send("lan", frame / Raw(good[:2] + b"\x00\x13" + good[4:]))  # total length 19
expect_drop("classify.ip4_bad_header", 3)
send("lan", Ether(src=host, dst=gateway.ports["lan"], type=0x88cc) / Raw(b"lldp" * 12))
expect_drop("classify.ethertype_unknown")
send("lan", Ether(src=host, dst="02:00:00:00:00:99", type=0x800) / Raw(good))
expect_drop("classify.not_our_mac")
expect_nothing()
