"""What the packet path tells of itself under real traffic: latency, the way of packets, copies of them. A
strongSwan is the peer, tshark reads the capture.

    ns home              ns gw                       ns peer                  ns away
    10.1.0.10 ---- 10.1.0.1 [kanmond] 192.0.2.1 ==== 192.0.2.2 [strongSwan] 10.2.0.1 ---- 10.2.0.10
"""

import json
import os
import pathlib
import re
from concurrent.futures import ThreadPoolExecutor

from lab.conditions import timeout, wait_until
from lab.process import run
from lab.scenario import AWAY, HOME, site
from lab.traffic import lossless


def trace(s, *words):
    """The packets `kanmon trace` tells, one JSON document a line."""
    return [json.loads(line) for line in s.gateway.cli("trace", *words).stdout.splitlines()]


def ways(packet):
    return [(step["stage"], step["to"]) for step in packet["steps"]]


OUT = [("route", "encrypt"), ("encrypt", "port"), ("tx", "sent")]
IN = [("rx", "classify"), ("classify", "decrypt"), ("decrypt", "route"), ("route", "port"), ("tx", "sent")]


@timeout(120)
def test_trace_and_latency_under_traffic(lab):
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        with lossless(*s.streams(rate_pps=500)):
            ((inbound, outbound),) = s.gateway.child_spis(active_only=True)
            leaving = trace(s, "spi", outbound, "-n", "5", "--seconds", "20")
            coming = trace(s, "spi", inbound, "-n", "5", "--seconds", "20")
            asked = s.gateway.cli("trace", "src", HOME["v4"], "-n", "1", as_json=False).stdout
            dropped = s.gateway.cli("trace", "dst", "not", check=False)
        assert [p["number"] for p in leaving] == [1, 2, 3, 4, 5], leaving
        assert all(ways(p) == OUT and p["outcome"] == "sent" for p in leaving), leaving
        numbers = [p["steps"][1]["sequence"] for p in leaving]
        assert numbers == sorted(set(numbers)), numbers
        assert all(ways(p) == IN for p in coming), coming
        assert all(p["steps"][2]["tunnel"] == "branch" for p in coming), coming
        assert HOME["v4"] in asked and "encrypt" in asked and "tunnel branch, SPI" in asked, asked
        assert dropped.returncode == 1 and "column 5" in dropped.stdout + dropped.stderr, dropped

        rows = {row["worker"]: row for row in s.gateway.rows("latency")}
        total = rows.pop("all")
        assert total["packets"] == sum(row["packets"] for row in rows.values()) > 0, total
        assert 0 < total["p50_us"] <= total["p99_us"] <= total["p999_us"] <= total["longest_us"], total
        totals = s.gateway.show("drops")["totals"]
        assert totals["in_flight"] == 0, totals


@timeout(120)
def test_capture_is_what_tshark_reads(lab):
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        path = lab.path("branch.pcapng")
        with lossless(*s.streams(rate_pps=200)):
            told = s.gateway.cli("capture", "tunnel", "branch", "-w", path, "-n", "300", "--seconds", "30")
        assert "300 packets captured" in told.stderr and "lost" not in told.stderr, told.stderr
        fields = ["frame.interface_name", "frame.protocols", "ip.src", "esp.spi"]
        words = [word for field in fields for word in ("-e", field)]
        read = run(["tshark", "-r", path, "-T", "fields", *words])
        rows = [line.split("\t") for line in read.stdout.splitlines()]
        assert len(rows) == 300
        inside = [row for row in rows if row[0] == "tunnel:branch"]
        outside = [row for row in rows if row[0] == "wan"]
        ((inbound, outbound),) = s.gateway.child_spis(active_only=True)
        assert {row[2] for row in inside} == {HOME["v4"], AWAY["v4"]}, inside
        assert {row[3] for row in outside} == {f"0x{inbound}", f"0x{outbound}"}, outside
        assert abs(len(inside) - len(outside)) <= 4, "each packet is there inside and outside"
        assert s.gateway.show("drops")["totals"]["in_flight"] == 0


def allow_key_export(config):
    config["system"]["allow-key-export"] = True
    return config


def decrypted(path, keys, which, fields):
    """The fields of frames on the outside link, as tshark reads them with those keys."""
    settings = ["-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE"]
    words = [word for field in fields for word in ("-e", field)]
    read = run(["tshark", "-r", path, *settings, "-T", "fields", "-E", "occurrence=a", *words, "-Y",
                f"frame.interface_name == \"wan\" and ({which})"], env={**os.environ, "WIRESHARK_CONFIG_DIR": str(keys)})
    return [line.split("\t") for line in read.stdout.splitlines()]


# Transforms Wireshark has names for, one of each kind.
TRANSFORMS = [
    ("aes256gcm16-prfsha256-ecp256", "aes128gcm16", {"phase2-encryption-algorithms": ["AES128-GCM-16"]}),
    ("aes256gcm16-prfsha256-ecp256", "aes128-sha256", {"phase2-encryption-algorithms": ["AES128"],
                                      "phase2-integrity-algorithms": ["SHA2-256"]}),
    ("aes256-sha384-ecp256", "aes256-sha512", {"phase1-encryption-algorithms": ["AES256"],
                                        "phase1-integrity-algorithms": ["SHA2-384"],
                                        "phase2-encryption-algorithms": ["AES256"],
                                        "phase2-integrity-algorithms": ["SHA2-512"]}),
]


def negotiate(s, ike, esp, tunnel):
    s.peer.configure(s.connections(ike=ike, esp=esp))
    s.peer.load()
    s.config["tunnels"]["branch"].update(tunnel)
    s.gateway.write_config(s.config)
    s.gateway.reload()
    s.wait_up()


def capture_of_a_rekeying(s, path, keys):
    """All packets to and from the peer, a new IKE SA and new child SAs of both ends among them."""
    started = s.gateway.log().count("key-export-started")
    with ThreadPoolExecutor() as pool, lossless(*s.streams(rate_pps=100)):
        told = pool.submit(s.gateway.cli, "capture", "host", s.remote, "-w", path, "-n", "800", "--seconds", "30",
                           "--export-keys", keys)
        wait_until(lambda: s.gateway.log().count("key-export-started") > started, 10, "the capture to start")
        before = s.gateway.child_spis()
        s.gateway.rekey(ike=True)
        s.gateway.rekey()
        wait_until(lambda: s.gateway.child_spis(active_only=True), 10, "new child SAs",
                   accept=lambda now: now and not now & before)
        error = told.result().stderr
    assert "keys of " in error and "unknown" not in error and "left out" not in error, error
    return before


@timeout(240)
def test_exported_keys_decrypt_a_capture(lab):
    """INV-9's one exception: with the files written tshark reads what is inside ESP and IKE, keys of SAs that
    were replaced during the capture included."""
    with site(lab, initiator="gateway", change_config=allow_key_export) as s:
        s.config = allow_key_export(s.config)
        for i, (ike, esp, tunnel) in enumerate(TRANSFORMS):
            negotiate(s, ike, esp, tunnel)
            path, keys = lab.path(f"{i}.pcapng"), pathlib.Path(lab.path(f"keys{i}"))
            replaced = capture_of_a_rekeying(s, path, keys)
            files = sorted(keys.iterdir())
            assert [f.name for f in files] == ["esp_sa", "ikev2_decryption_table"]
            assert [f.stat().st_mode & 0o777 for f in [keys, *files]] == [0o700, 0o600, 0o600]

            rows = decrypted(path, keys, "esp", ["esp.spi", "ip.src", "ip.dst"])
            assert len(rows) > 300, len(rows)
            for spi, source, destination in rows:
                assert {source.split(",")[-1], destination.split(",")[-1]} == {HOME["v4"], AWAY["v4"]}, (esp, spi)
            seen = {spi for spi, _, _ in rows}
            assert len(seen) >= 4 and seen & {f"0x{spi}" for pair in replaced for spi in pair}, (seen, replaced)
            # CREATE_CHILD_SA: only who has the keys sees the selectors.
            assert [row for row in decrypted(path, keys, "isakmp.exchangetype == 36", ["isakmp.ts.start_ipv4"]) if row[0]]
            nothing = lab.path("nothing")
            blind = decrypted(path, nothing, "esp or isakmp.exchangetype == 36", ["ip.src", "isakmp.ts.start_ipv4"])
            assert not any(HOME["v4"] in row[0] or row[1:] != [""] for row in blind), "visible without keys"

            log = s.gateway.log()
            assert re.search(r"warn.* key-export-started uid=0 pid=\d+", log), "no line of audit"
            secrets = re.findall(r"[0-9a-f]{32,}", files[0].read_text() + files[1].read_text())
            assert len(secrets) >= 8 and not any(secret in log for secret in secrets), "a key in the log"
            shown = json.dumps([s.gateway.show(what) for what in ("tunnels", "sas", "version")])
            assert not any(secret in shown for secret in secrets), "a key in a view"


@timeout(120)
def test_keys_are_refused_unless_allowed(lab):
    with site(lab, initiator="gateway") as s:
        s.wait_up()
        keys = pathlib.Path(lab.path("refused"))
        told = s.gateway.cli("capture", "-w", lab.path("no.pcapng"), "--export-keys", str(keys), check=False)
        assert told.returncode == 1 and "allow-key-export" in told.stdout + told.stderr, told
        assert not list(keys.iterdir()), "a refused export leaves no file"
        s.gateway.wait_log("key-export-refused")
        # SAs older than the permission are known to nobody; a rekeying makes others.
        s.gateway.write_config(allow_key_export(s.config))
        s.gateway.reload()
        with lossless(*s.streams(rate_pps=100)):
            words = ["capture", "tunnel", "branch", "-n", "20", "--seconds", "20"]
            told = s.gateway.cli(*words, "-w", lab.path("a.pcapng"), "--export-keys", lab.path("a"))
            assert "keys of 0 pairs" in told.stderr and "unknown: those of 1 pairs" in told.stderr, told.stderr
            s.gateway.rekey()
            told = s.gateway.cli(*words, "-w", lab.path("b.pcapng"), "--export-keys", lab.path("b"))
            assert "keys of 1 pairs" in told.stderr, told.stderr
