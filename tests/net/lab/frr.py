"""An FRR of one's own: zebra, bgpd and what else is asked for, with private files, in one namespace.

FRR keeps its files under directories that belong to its user; with -N they carry this lab's name.
"""

import contextlib
import json
import os
import shutil
import signal

from .conditions import wait_until
from .process import run

DAEMONS = "/usr/lib/frr"
STATE, CONFIG = "/run/frr", "/etc/frr"


class Frr:
    """`config` is vtysh text. `daemons` start in their order; ("zebra -M dplane_fpm_nl", "bgpd"), say."""

    def __init__(self, namespace, config, name="frr", daemons=("zebra", "bgpd"), start=True):
        lab = namespace.lab
        self.namespace = namespace
        self.label = f"{namespace.name}-{name}"
        self.instance = f"{lab.prefix}{self.label}"
        self.daemons = daemons
        self.processes = []
        self.config_path = os.path.join(CONFIG, self.instance, "frr.conf")
        for directory in (self.state, os.path.dirname(self.config_path)):
            os.makedirs(directory, exist_ok=True)
        lab.at_close(self.remove_files)
        self.configure(config)
        if start:
            self.start()

    @property
    def state(self):
        return os.path.join(STATE, self.instance)

    def configure(self, config):
        directory = os.path.dirname(self.config_path)
        with open(self.config_path, "w") as file:
            file.write(config)
        with open(os.path.join(directory, "vtysh.conf"), "w") as file:
            file.write("service integrated-vtysh-config\n")
        run(["chown", "-R", "frr:frrvty", directory])
        run(["chown", "frr:frr", STATE, self.state])

    def start(self, deadline_s=20):
        for words in self.daemons:
            daemon, *options = words.split()
            with contextlib.suppress(FileNotFoundError):  # what a daemon before left behind
                os.unlink(os.path.join(self.state, f"{daemon}.vty"))
            self.processes.append(self.namespace.spawn(
                daemon, os.path.join(DAEMONS, daemon), "-N", self.instance, "-A", "127.0.0.1",
                "--log", "stdout", "--log-level", "informational", *options))
            socket = os.path.join(self.state, f"{daemon}.vty")
            wait_until(lambda: os.path.exists(socket), deadline_s, f"{self.label}: {daemon} to listen")
        self.namespace.run("vtysh", "-N", self.instance, "-b", timeout_s=60)
        return self

    def vtysh(self, *commands, check=True, timeout_s=60):
        words = [word for command in commands for word in ("-c", command)]
        return self.namespace.run("vtysh", "-N", self.instance, *words, check=check, timeout_s=timeout_s).stdout

    def ask(self, command):
        """The JSON answer of a show command; an empty one is {}."""
        text = self.vtysh(f"{command} json")
        return json.loads(text) if text.strip() else {}

    def neighbor(self, address):
        return self.ask(f"show bgp neighbors {address}").get(address, {})

    def established(self, address):
        return self.neighbor(address).get("bgpState") == "Established"

    def wait_established(self, address, deadline_s=20):
        wait_until(lambda: self.established(address), deadline_s, f"{self.label}: session with {address}",
                   interval_s=0.1)

    def routes(self, family="ipv4"):
        """{prefix: [path]} of BGP's table, as `show bgp ... json` has them."""
        return self.ask(f"show bgp {family} unicast").get("routes", {})

    @property
    def pids(self):
        return [process.pid for process in self.processes]

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes.clear()

    def crash(self):
        """All at once, without a word to anybody: zebra first, or it would hear of the others' end."""
        for process in self.processes:
            process.stop(signal.SIGKILL)
        self.processes.clear()

    def remove_files(self):
        for directory in (self.state, os.path.dirname(self.config_path)):
            shutil.rmtree(directory, ignore_errors=True)
