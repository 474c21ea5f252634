"""Padding that hides lengths (ESP-44). Two Kanmons.

    ns home              ns gw                       ns peer                 ns away
    10.1.0.10 ---- 10.1.0.1 [kanmond] 192.0.2.1 ==== 192.0.2.2 [kanmond] 10.2.0.1 ---- 10.2.0.10
                                       sniffer
"""

import collections
import struct

from lab.scenario import site
from lab.traffic import lossless


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
