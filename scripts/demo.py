#!/usr/bin/python3
"""The part of scripts/demo that runs as root: the lab, the traffic, the account. See scripts/demo --help."""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import sys
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "net"))

# What --keep leaves running: one at a time, under fixed names.
KEPT_PREFIX = "kanmon-demo-"
KEPT_DIRECTORY = "/run/kanmon-demo"
KEPT_STATE = f"{KEPT_DIRECTORY}/state.json"

TOPOLOGY = """\
    home                   gw                                        peer                     away
    10.1.0.10 ------ 10.1.0.1 [ kanmond ] 192.0.2.1 ====ESP==== 192.0.2.2 [ strongSwan ] ------ 10.2.0.10
    2001:db8:a1::10        lan          wan        (UDP 4500)        wan            lan   2001:db8:a2::10
"""
# Reasons that waiting does not mend.
FINAL = r"AUTHENTICATION_FAILED|pre-shared|NO_PROPOSAL|TS_UNACCEPTABLE"


class Failed(Exception):
    """The demo did not work; the message says why, for people."""


def step(number, text):
    print(f"[{number}/5] {text}", flush=True)


def title(text):
    print(f"\n--- {text}", flush=True)


def indent(text):
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())


def stand(lab, options):
    """Namespaces, links, the peer and the gateway."""
    from lab.process import CommandFailed
    from lab.scenario import Site
    step(3, "four namespaces, a strongSwan peer, kanmond on AF_PACKET ports")
    try:
        return Site(lab, inside=("v4", "v6"),
                    **({"peer_psk": "not-the-key-the-gateway-has-0123456789"} if options.wrong_psk else {}))
    except CommandFailed as error:
        raise Failed(str(error)) from None


def bring_up(site):
    """Waits for the tunnel; on failure the daemon's own explanation is the message."""
    import re
    step(4, "IKEv2 with the peer")
    end = time.monotonic() + 30
    while True:
        tunnel = site.gateway.tunnel()
        if tunnel["state"] == "up":
            return tunnel
        reason = tunnel["reason"] or ""
        if re.search(FINAL, reason, re.I) or time.monotonic() > end:
            print(indent(site.gateway.text("tunnels")))
            raise Failed(f"the tunnel did not come up; kanmond says: {reason or 'nothing (see its log)'}")
        time.sleep(0.05)


def traffic(site, seconds):
    """Pings and iperf3 both ways; returns the lines of the account."""
    from lab.scenario import AWAY, HOME
    from lab.traffic import iperf3, lossless, wait_ping
    step(5, "traffic through the tunnel")
    lines = []
    for family in ("v4", "v6"):
        wait_ping(site.home, HOME[family], AWAY[family])
    streams = [*site.streams(rate_pps=500, kind="icmp"), *site.streams(rate_pps=500)]
    with lossless(*streams, settle=500):
        pass
    for stream in streams:
        report = stream.report
        lines.append(f"{report.name:<50} sent {report.sent:>5}, received {report.received:>5}, lost {report.lost}")
    for reverse, way in ((False, "home -> away"), (True, "away -> home")):
        rate = iperf3(site.home, HOME["v4"], site.away, AWAY["v4"], seconds, reverse)
        lines.append(f"iperf3 TCP {way}: {rate:.0f} Mbit/s")
    return lines


def only_counted(table):
    """`show drops` without the reasons that never came up."""
    lines = table.splitlines()
    return "\n".join(line for line in lines if len(line.split()) < 3 or line.split()[1] != "0")


def account(site, tunnel_seconds, lines):
    """Everything there is to see, in the order a packet would tell it."""
    title("Topology")
    print(TOPOLOGY)
    print(f"    the tunnel was up {tunnel_seconds:.2f} s after kanmond answered")
    for what, heading in (("tunnels", "Tunnels"), ("sas", "Security associations"), ("routes", "Routes"),
                          ("neighbors", "Neighbours"), ("ports", "Ports"),
                          ("stages", "Stages, with cycles per packet"), ("drops", "Drops, by name")):
        title(f"{heading}   (kanmon show {what})")
        text = site.gateway.text(what)
        print(indent(only_counted(text) if what == "drops" else text) or "    none")
    title("Traffic through the tunnel")
    print(indent("\n".join(lines)))


def audit(site, keep):
    """Conservation, no clear text outside, a clean end."""
    title("Audit")
    site.gateway.require_conservation()
    t = site.gateway.totals()
    print(f"    received {t['received']} + injected {t['injected']} + generated {t['generated']} = "
          f"transmitted {t['transmitted']} + punted {t['punted']} + dropped {t['dropped']}")
    if not keep:
        site.verify()
        print("    SIGTERM: deletes sent, ports closed, status 0; the peer holds no SA any more")
    else:
        site.sniffer.require_no_clear_text()
    frames = site.sniffer.frames()
    esp = sum(1 for frame in frames if frame.is_esp() or frame.is_esp_in_udp())
    print(f"    outside link: {len(frames)} frames recorded, {esp} of them ESP, no clear text")


def run(lab, options):
    site = stand(lab, options)
    start = time.monotonic()
    bring_up(site)
    seconds = time.monotonic() - start
    lines = traffic(site, options.seconds)
    account(site, seconds, lines)
    audit(site, options.keep)
    return site


def attempt(lab, options):
    """Runs it all; prints the verdict; returns the exit status."""
    try:
        site = run(lab, options)
    except (Failed, AssertionError) as error:
        lab.gather_evidence()
        print(f"\nFAILED: {error}", flush=True)
        if not options.wrong_psk:
            lab.keep = True
            print(f"logs: {lab.directory}")
        return 1
    if options.wrong_psk:
        print("\nFAILED: the tunnel came up although the peer has another key")
        return 1
    if options.keep:
        how_to_look(site)
    print("\nOK: the tunnel came up, both directions carried traffic, every packet is accounted for")
    return 0


def how_to_look(site):
    kanmon = f"{os.environ['KANMON_BUILD']}/kanmon --socket {site.gateway.socket}"
    netns = {key: getattr(site, key).netns for key in ("home", "gateway_namespace", "peer_namespace", "away")}
    title("It is still running. To look inside")
    print(f"""\
    {kanmon} show tunnels          (also sas, routes, neighbors, workers, stages, drops, steering, ports; --json)
    {kanmon} tunnel rekey branch   (--ike for the IKE SA; tunnel down branch, tunnel up branch)
    ip netns exec {netns['home']} ping 10.2.0.10
    ip netns exec {netns['peer_namespace']} tcpdump -ni wan            (only ESP and IKE)
    {site.lab.tool('/usr/sbin/swanctl')} --list-sas --uri {site.peer.uri}
    tail -f {site.gateway.process.log}
    less {site.gateway.config_path}     (edit it, then: {kanmon} reload)
To stop it
    scripts/demo --stop""")


def kept():
    """The state of a kept demo whose keeper is alive, or None."""
    from lab.process import pid_alive, start_time
    with contextlib.suppress(FileNotFoundError, ValueError):
        state = json.loads(pathlib.Path(KEPT_STATE).read_text())
        if pid_alive(state["pid"]) and start_time(state["pid"]) == state["start"]:
            return state
    return None


def keep(options):
    """A background process owns the lab, so that it outlives this command; this one waits for its verdict."""
    from lab.netns import Lab, remove_namespace
    from lab.process import start_time
    if kept():
        raise SystemExit("scripts/demo: one is running already; scripts/demo --stop ends it")
    for name in ("home", "gw", "peer", "away"):  # of a keeper that was killed
        if os.path.exists(f"/run/netns/{KEPT_PREFIX}{name}"):
            remove_namespace(KEPT_PREFIX + name)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        import shutil
        shutil.rmtree(KEPT_DIRECTORY, ignore_errors=True)
        with Lab(directory=KEPT_DIRECTORY, prefix=KEPT_PREFIX) as lab:
            with open(KEPT_STATE, "w") as file:
                json.dump({"pid": os.getpid(), "start": start_time(os.getpid())}, file)
            status = attempt(lab, options)
            sys.stdout.flush()
            os.write(writer, bytes([status]))
            if status == 0:
                null = os.open(os.devnull, os.O_RDWR)
                for descriptor in (0, 1, 2):
                    os.dup2(null, descriptor)
                while True:
                    signal.pause()
        os._exit(0)
    os.close(writer)
    try:
        return (os.read(reader, 1) or b"\1")[0]
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        return 130


def stop():
    from lab.conditions import wait_until
    from lab.process import pid_alive
    state = kept()
    if not state:
        print("scripts/demo: nothing is running")
        return 0
    os.kill(state["pid"], signal.SIGTERM)
    wait_until(lambda: not pid_alive(state["pid"]), 30, "the demo to end")
    print("scripts/demo: stopped; namespaces and files removed")
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--seconds", type=int, default=5)
    for flag in ("--keep", "--stop", "--wrong-psk"):
        parser.add_argument(flag, action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("scripts/demo: network namespaces need root")
    os.environ["KANMON_BUILD"] = str(options.build.resolve())
    if options.stop:
        return stop()
    if options.keep:
        return keep(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    from lab.netns import Lab
    try:
        with Lab() as lab:
            return attempt(lab, options)
    except KeyboardInterrupt:
        print("\ninterrupted; everything has been removed")
        return 130


if __name__ == "__main__":
    sys.exit(main())
