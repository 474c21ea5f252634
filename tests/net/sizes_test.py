"""What sizes can do: jumbo frames end to end, padding that hides lengths (ESP-44). Two Kanmons.

    ns home              ns gw                       ns peer                 ns away
    10.1.0.10 ---- 10.1.0.1 [kanmond] 192.0.2.1 ==== 192.0.2.2 [kanmond] 10.2.0.1 ---- 10.2.0.10
                                       sniffer
"""

import collections
import struct

from lab.scenario import AWAY, HOME, site
from lab.traffic import iperf3, lossless, ping


def esp_lengths(sniffer, destination="192.0.2.2"):
    """{octets of the IP packet: how many} of the ESP packets to the peer; no fragment among them. (What the peer
    sends by its packet socket is not recorded on its own interface.)"""
    lengths = collections.Counter()
    for frame in sniffer.frames():
        if frame.is_esp() and frame.destination == destination:
            length, _, fragment = struct.unpack_from("!HHH", frame.data, 16)
            assert fragment & 0x3fff == 0, "a fragment outside"
            lengths[length] += 1
    return lengths


def test_jumbo_frames_end_to_end(lab):
    """MTU 9000 (ESP-30, ESP-11): full packets in both directions, and larger ones fragmented before encryption."""
    with site(lab, peer="kanmon", workers=2, inside=("v4", "v6"), mtu=9000) as s:
        s.wait_up()
        mtu = s.gateway.tunnel()["mtu"]
        assert mtu == (9000 - 20 - 8 - 8 - 16) // 4 * 4 - 2 == s.peer.tunnel()["mtu"], mtu
        with lossless(*s.streams(rate_pps=200, size=mtu - 48), *s.streams(rate_pps=200, size=4000)):
            pass
        # 9,000 octets without DF, there and back: each comes as two fragments, each of them sealed by itself.
        before = s.gateway.rows("sas")
        assert ping(s.home, HOME["v4"], AWAY["v4"], 10, 9000 - 28, 0.05, "-M", "dont").received == 10
        carried = {row["direction"]: row["packets"] for row in s.gateway.rows("sas") if row["state"] == "active"}
        for row in before:
            if row["state"] == "active":
                assert carried[row["direction"]] - row["packets"] >= 20, (before, carried)
        for here, there, header in ((HOME["v4"], AWAY["v4"], 28), (HOME["v6"], AWAY["v6"], 48)):
            assert ping(s.home, here, there, 5, mtu - header, 0.05, "-M", "do").received == 5
            told = ping(s.home, here, there, 2, mtu + 1 - header, 0.05, "-M", "do")
            assert told.received == 0 and f"mtu = {mtu}" in told.text.replace("=", " = ").replace("  ", " "), told.text
        for reverse in (False, True):
            assert iperf3(s.home, HOME["v4"], s.away, AWAY["v4"], 2, reverse) > 5
        lengths = esp_lengths(s.sniffer)
        assert max(lengths) == 9000 - (9000 - 20 - 8 - 8 - 16) % 4 and lengths[max(lengths)] > 100, lengths


def test_padding_hides_lengths(lab):
    """ESP-44: with tfc-padding: to-mtu all ESP packets are as long as the longest, both ways; the streams arrive whole."""
    with site(lab, peer="kanmon", tunnel={"tfc_padding": "to-mtu"}) as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=200, size=64), *s.streams(rate_pps=200, size=1000)):
            pass
        for side in (s.gateway, s.peer):
            assert [row["tfc_padding"] for row in side.rows("sas") if row["direction"] == "out"] == [True]
        lengths = esp_lengths(s.sniffer)
        assert len(lengths) == 1 and sum(lengths.values()) > 100, lengths


def test_padding_is_not_sent_to_who_refuses_it(lab):
    """ESP-44: the peer says ESP_TFC_PADDING_NOT_SUPPORTED; it pads itself, for the gateway takes it."""
    def refuse(config):
        config["tunnels"]["branch"]["accept-tfc-padding"] = False
        return config
    with site(lab, peer="kanmon", tunnel={"tfc_padding": "to-mtu"}, change_peer=refuse) as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=200, size=64), *s.streams(rate_pps=200, size=1000)):
            pass
        for side, pads in ((s.gateway, False), (s.peer, True)):
            assert [row["tfc_padding"] for row in side.rows("sas") if row["direction"] == "out"] == [pads]
        assert len(esp_lengths(s.sniffer)) > 1


def test_strongswan_takes_padding(lab):
    """ESP-44 against another implementation: strongSwan cuts the padding off, and loses nothing."""
    with site(lab, tunnel={"tfc_padding": "to-mtu"}) as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=200, size=64)):
            pass
        (row,) = [row for row in s.gateway.rows("sas") if row["direction"] == "out"]
        assert row["tfc_padding"] and row["bytes"] == row["packets"] * s.gateway.tunnel()["mtu"], row
