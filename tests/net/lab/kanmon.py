"""The gateway under test: starts kanmond, speaks to it through kanmon, and audits its counters.

Everything the tests know of the daemon's interface is in this file: command lines, names in the JSON
answers, the meaning of the counters.
"""

import json
import os
import re
import signal

from . import yamltext
from .conditions import brief, wait_until
from .process import run

BUILD = os.environ.get("KANMON_BUILD", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../build"))
SHOWS = ("tunnels", "sas", "routes", "neighbors", "workers", "stages", "drops", "ports", "version")


def program(name):
    path = os.path.join(os.path.abspath(BUILD), name)
    if not os.access(path, os.X_OK):
        raise AssertionError(f"{path} is missing: build first (ninja -C {os.path.abspath(BUILD)} {name})")
    return path


def same_case(value):
    """The answer with every key in lower case and '-' as '_': the tests do not depend on that choice."""
    if isinstance(value, dict):
        return {key.lower().replace("-", "_").replace(" ", "_"): same_case(item) for key, item in value.items()}
    return [same_case(item) for item in value] if isinstance(value, list) else value


def rows(answer, what):
    """The list in a `show` answer: the answer itself, its member of that name, or its only list."""
    if isinstance(answer, list):
        return answer
    lists = [answer[what]] if what in answer else [item for item in answer.values() if isinstance(item, list)]
    assert len(lists) == 1 and isinstance(lists[0], list), f"show {what}: no list of rows in {brief(answer)}"
    return lists[0]


def spi(value):
    """An SPI as strongSwan prints it: hexadecimal digits without a prefix."""
    return f"{value:08x}" if isinstance(value, int) else re.sub(r"^0x", "", value.lower())


def with_member(value, member, inherited=None):
    """Every dict in a nested answer that has this member, with the members of the dicts around it."""
    found = []
    if isinstance(value, dict):
        merged = {**(inherited or {}), **{k: v for k, v in value.items() if not isinstance(v, (dict, list))}}
        if member in value:
            found.append({**merged, **value})
        for item in value.values():
            found += with_member(item, member, merged)
    elif isinstance(value, list):
        for item in value:
            found += with_member(item, member, inherited)
    return found


class Kanmon:
    """One kanmond in a namespace. `config` is a dict (or YAML text); files are <lab>/<label>.*"""

    def __init__(self, namespace, config, label=None, start=True):
        lab = namespace.lab
        self.namespace = namespace
        self.label = label or f"{namespace.name}-kanmond"
        self.config_path = lab.path(f"{self.label}.yaml")
        self.socket = lab.path(f"{self.label}.sock")
        self.process = None
        self.logs = []
        self.write_config(config)
        lab.on_failure(self.evidence)
        if start:
            self.start()

    def write_config(self, config):
        """The config's api-socket is set to one of this lab."""
        if isinstance(config, dict):
            config = {**config, "system": {**config.get("system", {}), "api-socket": self.socket}}
            config = yamltext.dump(config)
        with open(self.config_path, "w") as file:
            file.write(config)

    def start(self, deadline_s=20):
        """Starts the daemon; ready when its API answers."""
        self.process = self.namespace.spawn(self.label, program("kanmond"), "--config", self.config_path,
                                            "--log-level", "debug")
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
        """`kanmon --json show WHAT`, keys in one case."""
        text = self.cli("show", what).stdout
        try:
            return same_case(json.loads(text))
        except ValueError:
            raise AssertionError(f"kanmon --json show {what}: not JSON: {text[:500]}") from None

    def rows(self, what):
        return rows(self.show(what), what)

    def text(self, what):
        """`kanmon show WHAT` as people see it."""
        return self.cli("show", what, as_json=False).stdout

    # Tunnels

    def tunnel(self, name="branch"):
        for row in self.rows("tunnels"):
            if row.get("name") == name:
                return row
        raise AssertionError(f"show tunnels knows no {name}")

    def is_up(self, name="branch"):
        return str(self.tunnel(name)["state"]).lower() == "up"

    def wait_up(self, deadline_s=20, name="branch"):
        try:
            wait_until(lambda: self.tunnel(name), deadline_s, f"{self.label}: tunnel {name} up",
                       accept=lambda row: str(row["state"]).lower() == "up", interval_s=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- {self.label} log\n{self.process.tail(25)}") from None

    def wait_not_up(self, deadline_s=20, name="branch"):
        return wait_until(lambda: self.tunnel(name), deadline_s, f"{self.label}: tunnel {name} not up",
                          accept=lambda row: str(row["state"]).lower() != "up", interval_s=0.1)

    def wait_reason(self, pattern, deadline_s=20, name="branch"):
        """Waits until the tunnel's reason (why it is not up) matches; returns the reason."""
        return wait_until(lambda: str(self.tunnel(name).get("reason", "")), deadline_s,
                          f"{self.label}: a reason matching /{pattern}/",
                          accept=lambda reason: re.search(pattern, reason, re.I), interval_s=0.1)

    def up(self, name="branch"):
        self.cli("tunnel", "up", name)

    def down(self, name="branch"):
        self.cli("tunnel", "down", name)

    def rekey(self, name="branch", ike=False):
        self.cli("tunnel", "rekey", name, *(["--ike"] if ike else []))

    def child_spis(self, name="branch", carrying_only=False):
        """{(inbound, outbound)} of the tunnel's child SAs, superseded ones included unless asked."""
        found = with_member(self.show("sas"), "inbound_spi")
        return {(spi(row["inbound_spi"]), spi(row["outbound_spi"])) for row in found
                if name in (row.get("tunnel"), row.get("name"))
                and (not carrying_only or row.get("carries_outbound", True))}

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

    def evidence(self):
        """Writes every `kanmon show` to show-<what>.txt beside the logs."""
        for what in SHOWS:
            done = self.cli("show", what, check=False, as_json=False)
            with open(self.namespace.lab.path(f"{self.label}-show-{what}.txt"), "w") as file:
                file.write(done.stdout + done.stderr)

    # Conservation (every packet has one fate)

    def drops(self):
        """{"stage.name": packets} of the reasons that have counted anything."""
        result = {}
        for row in self.rows("drops"):
            name = row.get("drop") or row.get("name") or row.get("reason")
            if "." not in name and "stage" in row:
                name = f"{row['stage']}.{name}"
            result[name] = result.get(name, 0) + row["packets"]
        return {name: packets for name, packets in result.items() if packets}

    def totals(self):
        """Sums over the workers: received, injected, generated, transmitted, punted."""
        workers = self.rows("workers")
        return {key: sum(row[key] for row in workers)
                for key in ("received", "injected", "generated", "transmitted", "punted")}

    def balance(self):
        """received + injected + generated - transmitted - punted - drops: 0 when nothing is in flight."""
        totals, drops = self.totals(), self.drops()
        came = totals["received"] + totals["injected"] + totals["generated"]
        went = totals["transmitted"] + totals["punted"] + sum(drops.values())
        return {"difference": came - went, **totals, "drops": drops}

    def port_packets(self):
        """(received, transmitted) over all ports, as the ports count."""
        ports = self.rows("ports")
        return sum(port["rx_packets"] for port in ports), sum(port["tx_packets"] for port in ports)

    def require_conservation(self):
        """Every packet received has exactly one fate, and ports and workers agree on how many came and went.

        Packets in flight while the counters are read make a passing difference, hence the wait.
        """
        wait_until(self.balance, 10, f"{self.label}: received + injected + generated == transmitted + punted + drops",
                   accept=lambda balance: balance["difference"] == 0, interval_s=0.2)
        wait_until(lambda: (self.port_packets(), self.totals()), 10, f"{self.label}: ports and workers to agree",
                   accept=lambda seen: seen[0] == (seen[1]["received"], seen[1]["transmitted"]), interval_s=0.2)
