"""The configuration as an operator meets it: checked whole, changed live, refused without harm.

    ns home              ns gw                       ns peer                  ns away
    10.1.0.10 ---- 10.1.0.1 [kanmond] 192.0.2.1 ==== 192.0.2.2 [strongSwan] 10.2.0.1 ---- 10.2.0.10
                            ^ reload, SIGHUP
"""

import re

from lab.conditions import wait_until
from lab.kanmon import program
from lab.process import run
from lab.scenario import AWAY, HOME, site
from lab.traffic import lossless, ping

# Every line with a "# n" holds one mistake; the n-th must be reported with its line.
TEN_MISTAKES = """\
version: 1
system:
  name: gw
  api-socket: {socket}
  workers: many                                   # 1 not a number
  power: turbo                                    # 2 not one of the choices
ports:
  wan:
    device: "af_packet:gw-wan"
    mtu: 70000                                    # 3 out of range
    addresses: [192.0.2.300/24]                   # 4 not an address
    underlay: internet
  lan:
    device: "af_packet:gw-lan"
    addresses: [10.1.0.1/24]
    table: nowhere                                # 5 names a table that does not exist
underlays:
  internet:
    routes: []
route-tables:
  main:
    routes:
      - {{prefix: 10.2.0.0/33, tunnel: branch}}     # 6 prefix too long
      - {{prefix: 10.3.0.0/24, tunnel: missing}}    # 7 names a tunnel that does not exist
tunnels:
  branch:
    table: main
    underlay: internet
    local-address: 192.0.2.1
    remote-address: 192.0.2.2
    local-id: gw.example
    remote-id: branch.example
    pre-shared-key: "a-pre-shared-key-for-tests-0123456789"
    phase2-lifetime-seconds: soon                 # 8 not a number
    phase1-encryption-algorithms: [ROT13]         # 9 no such algorithm
    frobnicate: true                              # 10 no such key
"""


def mistaken_lines():
    return [number for number, line in enumerate(TEN_MISTAKES.splitlines(), 1) if re.search(r"# \d+ ", line)]


def reported_lines(text):
    """Line numbers of the errors in an answer: FILE:LINE:COLUMN: error: ..."""
    return sorted(int(line) for line in re.findall(r"\.yaml:(\d+):(?:\d+:)? *error", text))


def test_ten_mistakes_are_all_reported(lab):
    with site(lab) as s:
        s.wait_up()
        good, before, children = s.config, s.gateway.process.pid, s.gateway.child_spis()
        with lossless(*s.streams()):
            s.gateway.write_config(TEN_MISTAKES.format(socket=s.gateway.socket))
            refused = s.gateway.reload(check=False)
            assert refused.returncode != 0, "a bad file must be refused"
            answers = [refused, s.gateway.check(),
                       run([program("kanmon"), "--socket", s.gateway.socket, "validate", s.gateway.config_path],
                           check=False)]
            for answer in answers:
                assert answer.returncode != 0
                assert reported_lines(answer.stdout + answer.stderr) == mistaken_lines(), answer.stdout + answer.stderr
            s.gateway.hangup()
            wait_until(lambda: all(f".yaml:{line}" in s.gateway.log() for line in mistaken_lines()), 10,
                       "the log to name every mistake after SIGHUP")
        assert s.gateway.process.pid == before and s.gateway.child_spis() == children
        s.gateway.write_config(good)
        s.gateway.reload()
        assert s.gateway.child_spis() == children, "an unchanged file changes nothing"


def test_weak_algorithms_are_asked_for_twice(lab):
    """SHA1 without allow-weak is refused, says what would do, and changes nothing (ESP-42, INV-10)."""
    with site(lab) as s:
        s.wait_up()
        children = s.gateway.child_spis()
        s.config["tunnels"]["branch"].update({"phase2-encryption-algorithms": ["AES128"],
                                              "phase2-integrity-algorithms": ["SHA1"]})
        s.gateway.write_config(s.config)
        refused = s.gateway.reload(check=False)
        assert refused.returncode != 0
        assert "expected allow-weak: true" in refused.stdout + refused.stderr, refused.stdout + refused.stderr
        assert s.gateway.child_spis() == children


def test_good_config_passes_the_check(lab):
    with site(lab, initiator="peer") as s:
        done = s.gateway.check()
        assert done.returncode == 0, done.stdout + done.stderr


def test_reload_touches_only_what_changed(lab):
    """A new static route works at once and the tunnel's SAs stay (INV-10)."""
    with site(lab) as s:
        s.wait_up()
        children = s.peer.child_spis()
        before = s.gateway.drops().get("route.blackhole", 0)
        with lossless(*s.streams()):
            s.config["route-tables"]["main"]["routes"].append({"prefix": "10.2.0.77/32", "blackhole": True})
            s.gateway.write_config(s.config)
            s.gateway.hangup()
            wait_until(lambda: "10.2.0.77" in s.gateway.text("routes"), 10, "the new route to be shown")
        ping(s.home, HOME["v4"], "10.2.0.77", 4)
        wait_until(lambda: s.gateway.drops().get("route.blackhole", 0), 5, "4 drops by the new route",
                   accept=lambda now: now == before + 4)
        assert s.peer.child_spis() == children
        assert ping(s.home, HOME["v4"], AWAY["v4"], 3).received == 3


def test_every_show_answers_in_text_and_json(lab):
    with site(lab) as s:
        s.wait_up()
        for what in ("tunnels", "sas", "routes", "neighbors", "workers", "stages", "drops", "ports", "version"):
            assert s.gateway.show(what) is not None
            assert s.gateway.text(what).strip(), f"kanmon show {what} prints nothing"
        bad = s.gateway.cli("show", "nonsense", check=False)
        assert bad.returncode != 0
        assert s.gateway.cli("tunnel", "up", "nobody", check=False).returncode != 0
