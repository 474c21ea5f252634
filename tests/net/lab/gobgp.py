"""A GoBGP of one's own in one namespace; its configuration is a dict."""

import json
import re

from .conditions import wait_until
from .process import run


class GoBgp:
    """`config` is what gobgpd takes as JSON."""

    def __init__(self, namespace, config, name="gobgp", start=True):
        self.namespace = namespace
        self.label = f"{namespace.name}-{name}"
        self.name = name
        self.config_path = namespace.lab.path(f"{self.label}.json")
        self.process = None
        with open(self.config_path, "w") as file:
            json.dump(config, file)
        if start:
            self.start()

    def start(self, deadline_s=20):
        self.process = self.namespace.spawn(self.name, "gobgpd", "-t", "json", "-f", self.config_path,
                                            "--api-hosts", "127.0.0.1:50051")
        wait_until(lambda: self.ask("global", check=False).returncode == 0, deadline_s, f"{self.label} to answer",
                   interval_s=0.1)
        return self

    def ask(self, *words, check=True, timeout_s=120):
        return self.namespace.run("gobgp", *words, check=check, timeout_s=timeout_s)

    def established(self, address):
        return "ESTABLISHED" in self.ask("neighbor", address, check=False).stdout.upper()

    def route_count(self):
        found = re.search(r"Destination: (\d+)", self.ask("global", "rib", "summary").stdout)
        return int(found[1]) if found else 0

    @property
    def pids(self):
        return [self.process.pid]
