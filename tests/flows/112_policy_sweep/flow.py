"""What no policy covers is discarded in both directions, whatever its protocol, and what must be protected
does not come in clear (RFC 4301 5.1, 5.2, ESP-06)."""
station("lan", "10.1.0.9", "10.1.0.10", "2001:db8:1::9", "2001:db8:1::10")
station("wan", "192.0.2.254", "2001:db8:f::fe")
covered = (["10.1.0.9/32", "2001:db8:1::9/128"], ["10.2.0.0/24", "2001:db8:2::/64"])
branch = tunnel("branch", "192.0.2.1", "198.51.100.2", selectors=covered)

NEAR = {4: ("10.1.0.9", "10.1.0.10"), 6: ("2001:db8:1::9", "2001:db8:1::10")}  # covered, not covered
FAR = {4: ("10.2.0.1", "10.2.5.1"), 6: ("2001:db8:2::1", "2001:db8:2:5::1")}
EXTENSIONS = (0, 43, 44, 60)  # IPv6: no protocols but headers before one


def packet(version, protocol, source, destination, ttl):
    payload = Raw(bytes(range(24)))
    if version == 4:
        return IP(src=source, dst=destination, proto=protocol, ttl=ttl) / payload
    return IPv6(src=source, dst=destination, nh=protocol, hlim=ttl) / payload


for version in (4, 6):
    (near, other_near), (far, other_far) = NEAR[version], FAR[version]
    protocols = [p for p in range(256) if version == 4 or p not in EXTENSIONS]
    for protocol in protocols:
        # Outbound and inbound with a rule, …
        send("lan", packet(version, protocol, near, far, 9))
        expect_sealed("wan", branch, packet(version, protocol, near, far, 8))
        send("wan", branch.seal(packet(version, protocol, far, near, 9)))
        expect("lan", packet(version, protocol, far, near, 8))
    for protocol in protocols:
        # … and without one, at either end.
        send("lan", packet(version, protocol, other_near, far, 9), packet(version, protocol, near, other_far, 9),
             together=True)
        send("wan", branch.seal(packet(version, protocol, far, other_near, 9)),
             branch.seal(packet(version, protocol, other_far, near, 9)), together=True)
    expect_drop("encrypt.selector_mismatch", 2 * len(protocols))
    expect_drop("decrypt.selector_mismatch", 2 * len(protocols))
    # What must be protected arrives in clear from outside. ESP that is for nobody is still ESP.
    for protocol in protocols:
        if protocol not in (17, 50):
            send("wan", packet(version, protocol, far, near, 9))
    expect_drop("route.underlay_transit", len([p for p in protocols if p not in (17, 50)]))
    send("wan", packet(version, 17, far, near, 9), packet(version, 50, far, near, 9))
    assert any_drop("decrypt.unknown_spi", "route.underlay_transit", "classify.udp_bad_length") == 2
expect_nothing()
