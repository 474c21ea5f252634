"""An OpenBGPD of one's own: configuration and control socket in the lab."""

import os
import re

from .conditions import wait_until
from .process import run


class OpenBgpd:
    def __init__(self, namespace, config, name="openbgpd", start=True):
        lab = namespace.lab
        self.namespace, self.name = namespace, name
        self.label = f"{namespace.name}-{name}"
        self.config_path = lab.path(f"{self.label}.conf")
        self.socket = lab.path(f"{self.label}.sock")
        os.makedirs("/run/openbgpd", exist_ok=True)
        with open(self.config_path, "w") as file:
            file.write(f'socket "{self.socket}"\n{config}\n')
        os.chmod(self.config_path, 0o600)
        self.process = None
        if start:
            self.start()

    def start(self, deadline_s=10):
        self.process = self.namespace.spawn(self.name, "/usr/sbin/bgpd", "-d", "-f", self.config_path)
        wait_until(lambda: self.ask("show", check=False), deadline_s, f"{self.label} to answer",
                   accept=lambda answer: "Neighbor" in answer)
        return self

    def ask(self, *words, check=True):
        return run(["bgpctl", "-s", self.socket, *words], check=check).stdout

    def established(self, address):
        return bool(re.search(rf"BGP state = Established", self.ask("show", "neighbor", address, check=False)))

    def routes(self):
        """{prefix} in its RIB."""
        return set(re.findall(r"\s([0-9a-f.:]+/\d+)\s", self.ask("show", "rib")))
