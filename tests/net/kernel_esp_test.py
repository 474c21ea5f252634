"""Kanmon against the Linux kernel's own ESP (user-mode Linux guest): native, in UDP, with ESN.

    ns home              ns gw                       ns peer                             ns away
    10.1.0.10 ---- 10.1.0.1 [kanmond] 192.0.2.1 ==== wan [guest kernel + strongSwan] lan ---- 10.2.0.10
                                              sniffer
"""

from lab.conditions import timeout
from lab.scenario import AWAY, HOME, site
from lab.traffic import iperf3, lossless


def rekeyed_once_by_each(s):
    for rekey in (s.gateway.rekey, lambda: s.peer.rekey(child="net")):
        before = s.peer.child_spis()
        rekey()
        s.wait_new_child(before)


@timeout(120)
def test_native_esp(lab):
    with site(lab, peer="uml", initiator="gateway") as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=500)):
            rekeyed_once_by_each(s)
        assert iperf3(s.home, HOME["v4"], s.away, AWAY["v4"], 1) > 5
        assert iperf3(s.home, HOME["v4"], s.away, AWAY["v4"], 1, reverse=True) > 5
        assert s.outside_kinds() == {"native"}, "no NAT, not forced: ESP is IP protocol 50"


@timeout(120)
def test_forced_udp_encapsulation(lab):
    """The same peers, forced: ESP travels in UDP 4500 only (IKE-27)."""
    with site(lab, peer="uml", initiator="gateway", tunnel={"force_udp_encapsulation": True}) as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=500)):
            rekeyed_once_by_each(s)
        assert s.outside_kinds() == {"udp"}


@timeout(120)
def test_encapsulation_asked_by_the_peer(lab):
    with site(lab, peer="uml", initiator="peer", connection_options={"encap": True}) as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=500)):
            pass
        assert s.outside_kinds() == {"udp"}


@timeout(120)
def test_extended_sequence_numbers(lab):
    """A peer that insists on ESN: the 64-bit number is authenticated (ESP-14)."""
    with site(lab, peer="uml", initiator="gateway", esp="aes256gcm16-esn",
              child={"replay_window": 256}) as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=500)):
            rekeyed_once_by_each(s)
        assert all(child.get("esn") == "yes" or child.get("esn") == "1" for child in s.peer.children())


def carries(lab, esp, encryption, integrity, name):
    settings = {"phase2_encryption_algorithms": [encryption],
                "phase2_integrity_algorithms": [integrity], "allow_weak": integrity == "SHA1"}
    with site(lab, peer="uml", initiator="gateway", esp=esp, tunnel=settings,
              child={"replay_window": 256}) as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=500)):
            rekeyed_once_by_each(s)
        algorithms = {sa["algorithm"] for sa in s.gateway.rows("sas")}
        assert algorithms == {name}, algorithms
        assert s.outside_kinds() == {"native"}


@timeout(120)
def test_cbc_with_sha2_256(lab):
    carries(lab, "aes128-sha256", "AES128", "SHA2-256", "AES128-SHA2-256")


@timeout(120)
def test_cbc_with_sha2_512_and_extended_numbers(lab):
    """The high word is hashed and not sent (ESP-14)."""
    carries(lab, "aes256-sha512-esn", "AES256", "SHA2-512", "AES256-SHA2-512")


@timeout(120)
def test_cbc_with_sha1(lab):
    """What the clouds' default files ask for."""
    carries(lab, "aes128-sha1", "AES128", "SHA1", "AES128-SHA1")


@timeout(120)
def test_chacha20_poly1305(lab):
    carries(lab, "chacha20poly1305", "CHACHA20-POLY1305", "SHA2-256", "CHACHA20-POLY1305")


@timeout(120)
def test_native_esp_over_ipv6(lab):
    with site(lab, peer="uml", outside="v6", inside=("v4", "v6"), initiator="gateway") as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=250)):
            rekeyed_once_by_each(s)
        assert s.outside_kinds() == {"native"}
