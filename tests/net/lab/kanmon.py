"""The gateway under test: starts kanmond, speaks to it through kanmon, and audits its counters.

Everything the tests know of the daemon's interface is in this file: command lines, names in the JSON
answers, the meaning of the counters.
"""

import json
import os
import re
import signal

from . import yamltext
from .conditions import wait_until
from .process import run

BUILD = os.environ.get("KANMON_BUILD", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../build"))
SHOWS = ("tunnels", "sas", "routes", "fpm", "bfd", "health", "neighbors", "workers", "stages", "latency", "drops",
         "steering", "ports", "host", "version")


def program(name):
    path = os.path.join(os.path.abspath(BUILD), name)
    if not os.access(path, os.X_OK):
        raise AssertionError(f"{path} is missing: build first (ninja -C {os.path.abspath(BUILD)} {name})")
    return path


class Kanmon:
    """One kanmond in a namespace. `config` is a dict (or YAML text); files are <lab>/<namespace>-kanmond.*"""

    def __init__(self, namespace, config, start=True):
        lab = namespace.lab
        self.namespace = namespace
        self.label = f"{namespace.name}-kanmond"
        self.config_path = lab.path(f"{self.label}.yaml")
        self.socket = lab.path(f"{self.label}.sock")
        self.process = None
        self.logs = []
        self.write_config(config)
        lab.on_failure(self.evidence)
        if start:
            self.start()

    def write_config(self, config):
        """A dict gets the API socket of this lab and a talkative log; text is written as it is."""
        if isinstance(config, dict):
            system = {**config.get("system", {}), "api-socket": self.socket, "log-level": "debug"}
            config = yamltext.dump({**config, "system": system})
        with open(self.config_path, "w") as file:
            file.write(config)

    def start(self, deadline_s=20):
        """Starts the daemon; ready when its API answers."""
        self.process = self.namespace.spawn("kanmond", program("kanmond"), "--config", self.config_path)
        self.logs.append(self.process.log)
        wait_until(self.answers, deadline_s, f"{self.label}: the API to answer")
        return self

    def answers(self):
        if not self.process.alive():
            raise AssertionError(f"{self.label} ended with {self.process.popen.returncode}\n{self.process.tail(40)}")
        return self.cli("show", "version", check=False).returncode == 0

    def check(self):
        """`kanmond --check`: the finished process, whatever its verdict."""
        return self.namespace.run(program("kanmond"), "--config", self.config_path, "--check", check=False)

    def cli(self, *words, check=True, as_json=True):
        return run([program("kanmon"), "--socket", self.socket, *(["--json"] if as_json else []), *words],
                   check=check, timeout_s=15)

    def show(self, what):
        """The document of `kanmon --json show WHAT` (docs/api.md)."""
        text = self.cli("show", what).stdout
        try:
            return json.loads(text)
        except ValueError:
            raise AssertionError(f"kanmon --json show {what}: not JSON: {text[:500]}") from None

    def rows(self, what):
        return self.show(what)[what]

    def text(self, what, *options):
        """`kanmon show WHAT` as people see it."""
        return self.cli("show", what, *options, as_json=False).stdout

    # Tunnels

    def tunnel(self, name="branch"):
        for row in self.rows("tunnels"):
            if row["tunnel"] == name:
                return row
        raise AssertionError(f"show tunnels knows no {name}")

    def is_up(self, name="branch"):
        return self.tunnel(name)["state"] == "up"

    def wait_up(self, deadline_s=20, name="branch"):
        try:
            wait_until(lambda: self.tunnel(name), deadline_s, f"{self.label}: tunnel {name} up",
                       accept=lambda row: row["state"] == "up", interval_s=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- {self.label} log\n{self.process.tail(25)}") from None

    def wait_not_up(self, deadline_s=20, name="branch"):
        return wait_until(lambda: self.tunnel(name), deadline_s, f"{self.label}: tunnel {name} not up",
                          accept=lambda row: row["state"] != "up", interval_s=0.1)

    def wait_reason(self, pattern, deadline_s=20, name="branch"):
        """Waits until the tunnel's reason (why it is not up) matches; returns the reason."""
        return wait_until(lambda: self.tunnel(name)["reason"] or "", deadline_s,
                          f"{self.label}: a reason matching /{pattern}/",
                          accept=lambda reason: re.search(pattern, reason, re.I), interval_s=0.1)

    def up(self, name="branch"):
        self.cli("tunnel", "up", name)

    def down(self, name="branch"):
        self.cli("tunnel", "down", name)

    def rekey(self, name="branch", ike=False):
        self.cli("tunnel", "rekey", name, *(["--ike"] if ike else []))

    def child_spis(self, name="branch", active_only=False):
        """{(inbound, outbound)} of the tunnel's child SAs, superseded ones included unless asked."""
        found = [row for row in self.rows("sas") if row["tunnel"] == name]
        pairs = [(one, other) for one, other in zip(found, found[1:])
                 if (one["direction"], other["direction"]) == ("in", "out")]
        return {(inbound["spi"], outbound["spi"]) for inbound, outbound in pairs
                if not active_only or inbound["state"] == outbound["state"] == "active"}

    def ike_spis(self, name="branch"):
        row = self.tunnel(name)
        return {(row["ike_spi_initiator"], row["ike_spi_responder"])} if row["state"] in ("up", "established") else set()

    # Configuration

    def reload(self, check=True):
        """`kanmon reload`: the finished process; its output lists every problem of a bad file."""
        return self.cli("reload", check=check, as_json=False)

    def hangup(self):
        self.process.send(signal.SIGHUP)

    # The end

    def stop(self, deadline_s=15):
        """SIGTERM: deletes go out, ports are closed, the status is 0, the socket is gone."""
        status = self.process.stop(signal.SIGTERM, deadline_s)
        assert status == 0, f"{self.label} ended with {status} on SIGTERM\n{self.process.tail(40)}"
        assert not os.path.exists(self.socket), f"{self.label} left its API socket behind"
        for port in self.devices():
            link = self.namespace.run("ip", "-json", "-details", "link", "show", "dev", port).stdout
            assert '"xdp"' not in link, f"{self.label} left an XDP program on {port}"

    def crash(self):
        self.process.stop(signal.SIGKILL)

    def devices(self):
        """The kernel interfaces the ports sit on."""
        with open(self.config_path) as file:
            return re.findall(r'device: "?af_(?:packet|xdp):([^"\s,}]+)', file.read())

    def log(self):
        text = ""
        for path in self.logs:
            with open(path, errors="replace") as file:
                text += file.read()
        return text

    def wait_log(self, pattern, deadline_s=10):
        """Waits for a log line with a match; returns the match."""
        return wait_until(lambda: re.search(pattern, self.log()), deadline_s,
                          f"{self.label}: /{pattern}/ in the log")[0]

    def evidence(self):
        """Writes every `kanmon show` to show-<what>.txt beside the logs."""
        for what in SHOWS:
            done = self.cli("show", what, check=False, as_json=False)
            with open(self.namespace.lab.path(f"{self.label}-show-{what}.txt"), "w") as file:
                file.write(done.stdout + done.stderr)

    # Conservation (every packet has one fate)

    def drops(self):
        """{"stage.name": packets} of the reasons that have counted anything."""
        return {row["drop"]: row["packets"] for row in self.rows("drops") if row["packets"]}

    def totals(self):
        """received, injected, generated, transmitted, punted, dropped, in_flight: sums over all workers."""
        return self.show("drops")["totals"]

    def steering(self, port="wan"):
        """{frames: packets} of what a port's XDP program did."""
        return {row["frames"]: row["packets"] for row in self.rows("steering") if row["port"] == port}

    def port_packets(self):
        """(received, transmitted) over all ports, as the ports count."""
        ports = self.rows("ports")
        return sum(port["rx_packets"] for port in ports), sum(port["tx_packets"] for port in ports)

    def require_conservation(self):
        """Every packet received has exactly one fate, and ports and workers agree on how many came and went.

        The sums are made here from the rows, not believed from the answer. Packets in flight while the
        counters are read make a passing difference, hence the wait.
        """
        def difference():
            answer = self.show("drops")
            t = answer["totals"]
            # What XDP programs drop was never received by a worker.
            dropped = sum(row["packets"] for row in answer["drops"] if row["stage"] != "xdp")
            came, went = t["received"] + t["injected"] + t["generated"], t["transmitted"] + t["punted"] + dropped
            return {"difference": came - went, "dropped": dropped, "totals": t, "drops": self.drops()}
        wait_until(difference, 10, f"{self.label}: received + injected + generated == transmitted + punted + drops",
                   accept=lambda seen: seen["difference"] == 0 == seen["totals"]["in_flight"], interval_s=0.2)
        wait_until(lambda: (self.port_packets(), self.totals(), self.port_packets()), 10,
                   f"{self.label}: ports and workers to agree", accept=agree, interval_s=0.2)


def agree(seen):
    """The workers' totals lie between the ports' counts before and after: equal when nothing moves."""
    before, totals, after = seen
    return all(low <= totals[key] <= high
               for low, key, high in zip(before, ("received", "transmitted"), after))
