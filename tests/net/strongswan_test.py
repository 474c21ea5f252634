"""Kanmon against strongSwan with libipsec (ESP in user space, always in UDP 4500).

    ns home              ns gw                       ns peer                  ns away
    10.1.0.10 ---- 10.1.0.1 [kanmond] 192.0.2.1 ==== 192.0.2.2 [strongSwan] 10.2.0.1 ---- 10.2.0.10
                                              sniffer

Every test also holds what scenario.Site.verify() says: conservation, clean exit, no clear text outside.
"""

import re

from lab.conditions import wait_until
from lab.scenario import AWAY, HOME, site
from lab.traffic import iperf3, lossless, ping, wait_all_received, wait_ping

HOME4, AWAY4 = HOME["v4"], AWAY["v4"]


def test_kanmon_initiates(lab):
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        assert s.gateway.tunnel()["role"] == "initiator"
        with lossless(*s.streams()):
            pass
        with lossless(*s.streams(rate_pps=500, kind="icmp")):
            pass


def test_kanmon_responds(lab):
    with site(lab, initiator="peer") as s:
        s.wait_up()
        assert s.gateway.tunnel()["role"] == "responder"
        with lossless(*s.streams()):
            pass


def test_tcp_both_ways(lab):
    """MSS clamping and the computed MTU let TCP through at full segment size."""
    with site(lab) as s:
        s.wait_up()
        for reverse in (False, True):
            assert iperf3(s.home, HOME4, s.away, AWAY4, 2, reverse) > 5, f"reverse={reverse}"


def test_too_big_is_told(lab):
    """An inner packet beyond the tunnel's MTU with DF set is answered by ICMP with the MTU (ESP-30)."""
    with site(lab) as s:
        s.wait_up()
        answer = ping(s.home, HOME4, AWAY4, 2, 1472, 0.05, "-M", "do")
        assert answer.received == 0 and "mtu" in answer.text.lower(), answer.text
        fits = ping(s.home, HOME4, AWAY4, 3, 1300, 0.05, "-M", "do")
        assert fits.received == 3, fits.text


def test_gateway_answers_ping_on_its_ports(lab):
    with site(lab, inside=("v4", "v6")) as s:
        for namespace, here, port in ((s.home, HOME4, "10.1.0.1"), (s.home, HOME["v6"], "2001:db8:a1::1"),
                                      (s.peer_namespace, "192.0.2.2", "192.0.2.1"),
                                      (s.peer_namespace, "2001:db8:1::2", "2001:db8:1::1")):
            wait_ping(namespace, here, port)
            assert ping(namespace, here, port, 10).received == 10, f"{port} is silent"


def rekey_under_streams(lab, rekey, initiator):
    """Five rekeys under streams both ways and an echo stream: nothing is lost (ESP-27, IKE-29)."""
    with site(lab, initiator=initiator) as s:
        s.wait_up()
        with lossless(*s.streams(), *s.streams(rate_pps=200, kind="icmp")) as streams:
            for _ in range(5):
                rekey(s)
                wait_all_received(streams, 20)


def child_rekey(by):
    def rekey(s):
        before = s.peer.child_spis()
        s.gateway.rekey() if by == "gateway" else s.peer.rekey(child="net")
        s.wait_new_child(before)
    return rekey


def ike_rekey(by):
    def rekey(s):
        before, children = s.peer.ike_spis(), s.peer.child_spis()
        s.gateway.rekey(ike=True) if by == "gateway" else s.peer.rekey(ike="net")
        wait_until(s.peer.ike_spis, 15, "the IKE SA to be replaced",
                   accept=lambda now: len(now) == 1 and not now & before)
        assert s.peer.child_spis() == children, "the child SA moves to the new IKE SA as it is"
    return rekey


def test_child_rekey_by_kanmon_loses_nothing(lab):
    rekey_under_streams(lab, child_rekey("gateway"), "gateway")


def test_child_rekey_by_strongswan_loses_nothing(lab):
    rekey_under_streams(lab, child_rekey("peer"), "gateway")


def test_child_rekey_by_kanmon_as_responder_loses_nothing(lab):
    rekey_under_streams(lab, child_rekey("gateway"), "peer")


def test_ike_rekey_by_kanmon_loses_nothing(lab):
    rekey_under_streams(lab, ike_rekey("gateway"), "gateway")


def test_ike_rekey_by_strongswan_loses_nothing(lab):
    rekey_under_streams(lab, ike_rekey("peer"), "peer")


def test_child_rekey_with_pfs(lab):
    with site(lab, tunnel={"phase2_dh_group_numbers": [19]}, esp="aes256gcm16-ecp256") as s:
        s.wait_up()
        with lossless(*s.streams()):
            child_rekey("gateway")(s)
            child_rekey("peer")(s)


# What swanctl calls it, our names for it, and the group by which the new IKE SA is told from the old one.
SUITES = (
    ("aes128gcm16-prfsha256-x25519", "aes128gcm16", ["AES128-GCM-16"], [], 31, "AES128-GCM-16", "CURVE_25519"),
    ("aes256-sha256-modp2048", "aes256gcm16", ["AES256"], ["SHA2-256"], 14, "AES256-GCM-16", "MODP_2048"),
    ("aes256gcm16-prfsha384-ecp384", "aes128gcm16", ["AES256-GCM-16"], [], 20, "AES128-GCM-16", "ECP_384"),
)


def test_many_algorithms(lab):
    """Each suite comes up and carries traffic; a reload that changes the tunnel restarts it."""
    with site(lab) as s:
        s.wait_up()
        for ike, esp, encryption, integrity, group, child_encryption, named in SUITES:
            s.peer.configure(s.connections(ike=ike, esp=esp))
            s.peer.load()
            s.config["tunnels"]["branch"].update({
                "phase1-encryption-algorithms": encryption, "phase1-integrity-algorithms": integrity,
                "phase1-dh-group-numbers": [group], "phase2-encryption-algorithms": [child_encryption]})
            s.gateway.write_config(s.config)
            s.gateway.reload()
            wait_until(s.peer.established, 20, f"an IKE SA with {ike}",
                       accept=lambda sas: any(sa["dh-group"] == named for sa in sas))
            s.wait_up()
            with lossless(*s.streams(rate_pps=500), settle=50):
                pass


def child_carries(lab, esp, encryption, integrity, name):
    """Negotiated, carries traffic both ways, and is rekeyed by both ends (ESP-42)."""
    settings = {"phase2_encryption_algorithms": [encryption],
                "phase2_integrity_algorithms": [integrity], "allow_weak": integrity == "SHA1"}
    with site(lab, tunnel=settings, esp=esp) as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=500), settle=50):
            child_rekey("gateway")(s)
            child_rekey("peer")(s)
        algorithms = {sa["algorithm"] for sa in s.gateway.rows("sas")}
        assert algorithms == {name}, algorithms


def test_child_of_cbc_and_sha2_256(lab):
    child_carries(lab, "aes128-sha256", "AES128", "SHA2-256", "AES128-SHA2-256")


def test_child_of_cbc_and_sha2_384(lab):
    child_carries(lab, "aes256-sha384", "AES256", "SHA2-384", "AES256-SHA2-384")


def test_child_of_cbc_and_sha2_512(lab):
    child_carries(lab, "aes256-sha512", "AES256", "SHA2-512", "AES256-SHA2-512")


def test_child_of_cbc_and_sha1(lab):
    child_carries(lab, "aes128-sha1", "AES128", "SHA1", "AES128-SHA1")


def test_child_of_chacha20_poly1305(lab):
    child_carries(lab, "chacha20poly1305", "CHACHA20-POLY1305", "SHA2-256", "CHACHA20-POLY1305")


def test_delete_by_strongswan(lab):
    """Without an SA the packets for the tunnel are dropped by name and never leave in clear (INV-2)."""
    with site(lab, initiator="peer") as s:
        s.wait_up()
        s.peer.terminate(ike="net")
        s.gateway.wait_not_up()
        before = s.gateway.drops().get("encrypt.no_sa", 0)
        assert ping(s.home, HOME4, AWAY4, 5).received == 0
        wait_until(lambda: s.gateway.drops().get("encrypt.no_sa", 0), 5, "5 more drops named encrypt.no_sa",
                   accept=lambda now: now == before + 5)
        s.wait_up()


def test_delete_of_the_child_by_strongswan(lab):
    with site(lab, initiator="peer") as s:
        s.wait_up()
        s.peer.terminate(child="net")
        s.gateway.wait_not_up()
        s.wait_up()


def test_delete_by_kanmon(lab):
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        s.gateway.down()
        s.peer.wait_down()
        assert ping(s.home, HOME4, AWAY4, 3).received == 0
        s.gateway.up()
        s.wait_up()


def test_restart_of_strongswan_after_a_crash(lab):
    """The new strongSwan's INITIAL_CONTACT replaces what the dead one left (IKE-24)."""
    with site(lab, initiator="peer") as s:
        s.wait_up()
        s.peer.stop(graceful=False)
        s.peer.start()
        s.wait_up()
        assert len(s.gateway.child_spis(active_only=True)) == 1
        with lossless(*s.streams()):
            pass


def test_restart_of_strongswan_in_good_order(lab):
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        s.peer.stop()
        s.gateway.wait_not_up()
        s.peer.start()
        s.gateway.up()
        s.wait_up()


def test_restart_of_kanmon_after_a_crash(lab):
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        s.gateway.crash()
        s.gateway.start()
        s.wait_up()
        assert len(s.peer.ike_spis()) == 1, "INITIAL_CONTACT has removed the old SA at the peer"
        with lossless(*s.streams()):
            pass


def test_restart_of_kanmon_in_good_order(lab):
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        s.gateway.stop()
        s.peer.wait_down()
        s.gateway.start()
        s.wait_up()


def test_kanmon_answers_dead_peer_detection(lab):
    with site(lab, initiator="peer", connection_options={"dpd_delay": "1s"}) as s:
        s.wait_up()
        before = s.peer.ike_spis()
        wait_until(lambda: s.peer.log().count("parsed INFORMATIONAL response"), 15, "3 answers to DPD",
                   accept=lambda count: count >= 3, interval_s=0.2)
        assert s.peer.ike_spis() == before


def test_kanmon_detects_a_dead_peer(lab):
    """Traffic goes out and nothing comes back: the peer is declared dead and the SAs go (IKE-23)."""
    with site(lab, initiator="gateway", tunnel={"dpd_timeout_seconds": 3, "dpd_timeout_action": "clear"}) as s:
        s.wait_up()
        stream = s.streams(rate_pps=20)[0]
        s.peer.stop(graceful=False)
        s.gateway.wait_not_up(deadline_s=60)
        assert not s.gateway.child_spis(active_only=True)
        stream.stop()
        s.peer.start()
        s.gateway.up()
        s.wait_up()


def test_tunnel_returns_by_itself(lab):
    """With the action restart a tunnel whose peer died and came back needs no operator."""
    with site(lab, initiator="gateway", tunnel={"dpd_timeout_seconds": 3, "dpd_timeout_action": "restart"}) as s:
        s.wait_up()
        with s.streams(rate_pps=20)[0]:
            s.peer.stop(graceful=False)
            s.gateway.wait_not_up(deadline_s=60)
            s.peer.start()
            s.wait_up(deadline_s=60)


def test_child_is_rekeyed_before_its_lifetime_ends(lab):
    """Nobody asks: the lifetime does (phase2-lifetime-seconds, rekey-margin-time-seconds)."""
    with site(lab, initiator="gateway",
              tunnel={"phase2_lifetime_seconds": 6, "rekey_margin_time_seconds": 3, "rekey_fuzz_percentage": 0}) as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=500)):
            for _ in range(2):
                before = s.peer.child_spis()
                s.wait_new_child(before)


def test_wrong_psk_as_initiator_is_explained(lab):
    with site(lab, initiator="gateway", peer_psk="a-different-key-for-tests-0123456789") as s:
        reason = s.gateway.wait_reason(r"AUTHENTICATION_FAILED|pre-shared key")
        assert not s.gateway.is_up() and not s.peer.children(), reason


def test_wrong_psk_as_responder_is_explained(lab):
    with site(lab, initiator="peer", peer_psk="a-different-key-for-tests-0123456789") as s:
        assert "AUTHENTICATION_FAILED" in s.peer.initiate(check=False)
        s.gateway.wait_reason(r"pre-shared key")
        assert not s.gateway.is_up() and not s.gateway.child_spis()


def test_wrong_identity_is_explained(lab):
    with site(lab, initiator="peer", tunnel={"remote_id": "someone-else.example"}) as s:
        s.peer.initiate(check=False)
        assert not s.gateway.is_up() and not s.gateway.child_spis()
        wait_until(s.gateway.log, 10, "the log to name the peer's identity and ours for it",
                   accept=lambda log: "branch.example" in log and "someone-else.example" in log)


def test_wrong_ike_proposal_names_both_sides(lab):
    """What the peer offered and what is configured here, in the log: nobody is authenticated yet."""
    with site(lab, initiator="peer", ike="aes128-sha256-modp2048") as s:
        assert "NO_PROPOSAL_CHOSEN" in s.peer.initiate(check=False)
        line = s.gateway.wait_log(r"tunnel=branch .*NO_PROPOSAL_CHOSEN.*")
        for value in ("AES-?(CBC-)?128", "AES-?256-?GCM", "MODP-?2048|group 14", "ECP-?256|group 19"):
            assert re.search(value, line), (value, line)
        assert not s.gateway.is_up()


def test_wrong_esp_proposal_names_both_sides(lab):
    """The IKE SA stays up without a child (RFC 7296 section 1.3, IKE-31)."""
    with site(lab, initiator="peer", esp="aes128-sha256") as s:
        assert "NO_PROPOSAL_CHOSEN" in s.peer.initiate(check=False)
        s.gateway.wait_reason(r"AES-?(CBC-)?128")
        s.gateway.wait_reason(r"AES-?256-?GCM")
        assert not s.gateway.is_up()


def test_wrong_proposal_as_initiator_says_what_was_offered(lab):
    """The responder does not say what it would have taken; we say what it refused."""
    with site(lab, initiator="gateway", ike="aes128-sha256-modp2048") as s:
        s.gateway.wait_reason(r"NO_PROPOSAL_CHOSEN")
        s.gateway.wait_reason(r"AES-?256-?GCM")


def test_other_group_is_retried(lab):
    """The peer wants a group we offer second: INVALID_KE_PAYLOAD costs a round trip, not the tunnel (IKE-10)."""
    with site(lab, initiator="gateway", tunnel={"phase1_dh_group_numbers": [20, 19]}) as s:
        s.wait_up()
        assert "INVAL_KE" in s.peer.log()


def test_selectors_are_narrowed(lab):
    """Our 0.0.0.0/0 is narrowed to what the peer wants, and what lies outside is dropped by name (IKE-18)."""
    with site(lab, initiator="gateway", tunnel={"traffic_selectors": {"local": ["0.0.0.0/0"],
                                                                      "remote": ["0.0.0.0/0"]}}) as s:
        s.wait_up()
        before = s.gateway.drops().get("encrypt.selector_mismatch", 0)
        ping(s.home, HOME4, "10.8.0.1", 5)
        wait_until(lambda: s.gateway.drops().get("encrypt.selector_mismatch", 0), 5, "5 drops by selector",
                   accept=lambda now: now == before + 5)


def test_no_common_selectors(lab):
    with site(lab, initiator="peer", tunnel={"traffic_selectors": {"local": ["10.77.0.0/24"],
                                                                   "remote": ["10.78.0.0/24"]}}) as s:
        assert "TS_UNACCEPT" in s.peer.initiate(check=False)
        assert s.peer.established(), "the IKE SA stays (RFC 7296 section 2.21.2)"
        assert not s.gateway.is_up()


def test_many_flows_to_a_window_of_128(lab):
    """Two workers, eight flows each way: with share-out: false on the inside port one worker seals them all, and
    libipsec's window of 128 refuses none of them."""
    def one_worker(config):
        config["ports"]["lan"]["share-out"] = False
        return config
    with site(lab, workers=2, change_config=one_worker) as s:
        s.wait_up()
        spread = {port["port"]: (port["spread"], port["rx_queues"]) for port in s.gateway.rows("ports")}
        assert spread["lan"] == ("off", 1) and spread["wan"][0] != "off", spread
        with lossless(*[stream for _ in range(8) for stream in s.streams(rate_pps=250)]):
            pass
