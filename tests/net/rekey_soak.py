#!/usr/bin/python3
"""Rekeys the child SA many times under continuous traffic and requires that nothing is lost.

The gateway faces strongSwan; the two sides take turns to start the rekeying. Numbered streams run both
ways all the while: one packet lost, doubled or damaged among all of them fails the run.
"""

import argparse
import contextlib
import os
import pathlib
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="child rekeyings (default 1000)")
    parser.add_argument("--rate", type=int, default=1000, help="packets a second in each direction (default 1000)")
    parser.add_argument("--ike-every", type=int, default=0, metavar="N", help="also rekey the IKE SA every N times")
    parser.add_argument("--peer", choices=["strongswan", "uml", "kanmon"], default="strongswan",
                        help="the other end: libipsec, a guest kernel's native ESP, or another kanmond")
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent.parent / "build")
    parser.add_argument("--calibrate", action="store_true",
                        help="strongSwan in the place of kanmond: what the testbed itself loses (nothing)")
    return parser.parse_args()


class Calibration:
    """Two strongSwans with the members of scenario.Site that the soak needs."""

    def __init__(self, lab):
        from lab.capture import Sniffer
        from lab.strongswan import StrongSwan, connection
        self.home, self.away = lab.namespace("west"), lab.namespace("east")
        lab.link(self.home, "wan", self.away, "wan")
        for namespace, wan, inside in ((self.home, "192.0.2.1/24", "10.1.0.10/32"),
                                       (self.away, "192.0.2.2/24", "10.2.0.10/32")):
            namespace.address("wan", wan)
            namespace.address("lo", inside)
        self.sniffer = Sniffer(self.away, "wan", ["10.1.0.0/24", "10.2.0.0/24"])
        self.west = StrongSwan(self.home, connection("192.0.2.1", "192.0.2.2", "west", "east", "10.1.0.0/24", "10.2.0.0/24"))
        self.peer = StrongSwan(self.away, connection("192.0.2.2", "192.0.2.1", "east", "west", "10.2.0.0/24", "10.1.0.0/24"))

    def wait_up(self):
        self.west.initiate()
        self.peer.wait_up()

    def streams(self, rate_pps):
        from lab.traffic import Stream
        return [Stream(self.home, "10.1.0.10", self.away, "10.2.0.10", rate_pps),
                Stream(self.away, "10.2.0.10", self.home, "10.1.0.10", rate_pps)]

    def rekey(self, ike):
        self.west.rekey(**{"ike" if ike else "child": "net"})

    def verify(self):
        self.sniffer.require_no_clear_text()


@contextlib.contextmanager
def standing(lab, options):
    if options.calibrate:
        site = Calibration(lab)
        yield site, site.rekey
        site.verify()
    else:
        from lab import scenario
        with scenario.site(lab, peer=options.peer) as site:
            # A wish that comes before the last exchange has ended is queued.
            yield site, lambda ike: site.gateway.rekey(ike=ike)


def peer_rekey(peer, ike):
    if hasattr(peer, "initiate"):
        peer.rekey(**{"ike" if ike else "child": "net"})
    else:
        peer.rekey(ike=ike)


def child_spis(peer):
    return peer.child_spis() if hasattr(peer, "initiate") else peer.child_spis(active_only=True)


def soak(site, gateway_rekey, options):
    """The rekeyings, one after the other; returns the milliseconds each took until the peer had only new SAs."""
    from lab.conditions import wait_until
    took = []
    for number in range(1, options.count + 1):
        before, start = child_spis(site.peer), time.monotonic()
        if number % 2:
            gateway_rekey(False)
        else:
            peer_rekey(site.peer, False)
        wait_until(lambda: child_spis(site.peer), 20, f"rekeying {number} to end",
                   accept=lambda now: len(now) == 1 and not now & before, interval_s=0.01)
        took.append((time.monotonic() - start) * 1000)
        if options.ike_every and number % options.ike_every == 0:
            before_ike = site.peer.ike_spis()
            gateway_rekey(True) if number // options.ike_every % 2 else peer_rekey(site.peer, True)
            wait_until(site.peer.ike_spis, 20, "the IKE SA to be replaced",
                       accept=lambda now: len(now) == 1 and not now & before_ike)
        if number % max(1, options.count // 20) == 0:
            print(f"  {number:5} of {options.count} rekeyings", flush=True)
    return took


def main():
    options = arguments()
    if os.geteuid() != 0:
        sys.exit("rekey_soak.py: network namespaces need root")
    os.environ["KANMON_BUILD"] = str(options.build.resolve())
    from lab.netns import Lab
    from lab.traffic import lossless
    with Lab() as lab:
        try:
            with standing(lab, options) as (site, gateway_rekey):
                site.wait_up()
                streams = site.streams(options.rate)
                start = time.monotonic()
                with lossless(*streams):
                    took = sorted(soak(site, gateway_rekey, options))
                seconds = time.monotonic() - start
        except BaseException:
            lab.gather_evidence()
            lab.keep = True
            print(f"logs: {lab.directory}", file=sys.stderr)
            raise
        packets = sum(stream.received() for stream in streams)
        print(f"{options.count} child rekeyings in {seconds:.0f} s (median {took[len(took) // 2]:.0f} ms, worst "
              f"{took[-1]:.0f} ms), {packets} packets both ways, 0 lost, 0 duplicated")


if __name__ == "__main__":
    main()
