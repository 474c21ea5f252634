"""DSCP and ECN are copied outward; inward only congestion comes through (RFC 6040, ESP-33, ESP-34)."""
station("lan", "10.1.0.9", "2001:db8:1::9")
station("wan", "192.0.2.254", "2001:db8:f::fe")
branch = tunnel("branch", "192.0.2.1", "198.51.100.2")
branch6 = tunnel("branch6", "2001:db8:f::1", "2001:db8:e::2")
EF = 46
NOT_ECT, ECT1, ECT0, CE = range(4)

for dscp in (0, EF, 63):
    for ecn in range(4):
        octet = dscp << 2 | ecn
        send("lan", IP(src="10.1.0.9", dst="10.2.0.1", ttl=9, tos=octet) / UDP())
        expect_sealed("wan", branch, IP(src="10.1.0.9", dst="10.2.0.1", ttl=8, tos=octet) / UDP(), tos=octet)
        send("lan", IPv6(src="2001:db8:1::9", dst="2001:db8:6::1", hlim=9, tc=octet) / UDP())
        expect_sealed("wan", branch6, IPv6(src="2001:db8:1::9", dst="2001:db8:6::1", hlim=8, tc=octet) / UDP(),
                      tc=octet)

# RFC 6040 section 4.2, figure 4: (inner, outer) -> inner afterwards; None: dropped.
DECAPSULATED = {(NOT_ECT, NOT_ECT): NOT_ECT, (NOT_ECT, ECT0): NOT_ECT, (NOT_ECT, ECT1): NOT_ECT,
                (NOT_ECT, CE): None,
                (ECT0, NOT_ECT): ECT0, (ECT0, ECT0): ECT0, (ECT0, ECT1): ECT1, (ECT0, CE): CE,
                (ECT1, NOT_ECT): ECT1, (ECT1, ECT0): ECT1, (ECT1, ECT1): ECT1, (ECT1, CE): CE,
                (CE, NOT_ECT): CE, (CE, ECT0): CE, (CE, ECT1): CE, (CE, CE): CE}
for (inside, outside), after in DECAPSULATED.items():
    send("wan", branch.seal(IP(src="10.2.0.1", dst="10.1.0.9", ttl=9, tos=EF << 2 | inside) / UDP(),
                            outer={"tos": outside}))
    send("wan", branch6.seal(IPv6(src="2001:db8:6::1", dst="2001:db8:1::9", hlim=9, tc=EF << 2 | inside) / UDP(),
                             outer={"tc": outside}))
    if after is None:
        expect_drop("decrypt.ecn_illegal", 2)
        continue
    # The inner DSCP is untouched on the way in.
    expect("lan", IP(src="10.2.0.1", dst="10.1.0.9", ttl=8, tos=EF << 2 | after) / UDP())
    expect("lan", IPv6(src="2001:db8:6::1", dst="2001:db8:1::9", hlim=8, tc=EF << 2 | after) / UDP())
