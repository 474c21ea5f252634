"""A BIRD 2 of one's own: private configuration, control socket and log in one namespace."""

import re

from .conditions import wait_until
from .process import run


class Bird:
    """`protocols` is BIRD's own text; a log, the router id and the device protocol stand before it."""

    def __init__(self, namespace, router_id, protocols, name="bird", start=True):
        lab = namespace.lab
        self.namespace = namespace
        self.label = f"{namespace.name}-{name}"
        self.name = name
        self.config_path = lab.path(f"{self.label}.conf")
        self.socket = lab.path(f"{self.label}.ctl")
        self.router_id = router_id
        self.process = None
        self.configure(protocols)
        if start:
            self.start()

    def configure(self, protocols):
        with open(self.config_path, "w") as file:
            file.write(f"log stderr all;\nrouter id {self.router_id};\nprotocol device {{}}\n{protocols}\n")

    def start(self, deadline_s=10, options=()):
        """`options`: of the program; -R starts as after a graceful restart."""
        self.process = self.namespace.spawn(self.name, "bird", "-f", "-c", self.config_path, "-s", self.socket, *options)
        wait_until(lambda: self.ask("show", "status", check=False), deadline_s, f"{self.label} to answer",
                   accept=lambda answer: "Daemon is up" in answer)
        return self

    def ask(self, *words, check=True, timeout_s=30):
        return run(["birdc", "-r" if words[0] == "show" else "-v", "-s", self.socket, *words], check=check,
                   timeout_s=timeout_s).stdout

    def reload(self, protocols):
        self.configure(protocols)
        run(["birdc", "-s", self.socket, "configure"])

    def established(self, protocol):
        return bool(re.search(rf"^{protocol}\s+BGP\s.*\sEstablished", self.ask("show", "protocols"), re.M))

    def wait_established(self, protocol, deadline_s=20):
        wait_until(lambda: self.established(protocol), deadline_s, f"{self.label}: {protocol} established",
                   interval_s=0.1)

    def route_count(self, table="master4"):
        """Routes in a table, all protocols together."""
        found = re.search(r"(\d+) of \d+ routes for \d+ networks", self.ask("show", "route", "count", "table", table))
        return int(found[1]) if found else 0

    def exported(self, protocol):
        """Routes a protocol (kernel, say) has been given."""
        found = re.search(r"(\d+) exported", self.ask("show", "protocols", "all", protocol))
        return int(found[1]) if found else 0

    def routes(self, table="master4"):
        """{prefix: [text of each route]} as BIRD prints them with all attributes."""
        routes, prefix = {}, None
        for line in self.ask("show", "route", "table", table, "all").splitlines():
            if match := re.match(r"([0-9a-f:.]+/\d+)\s", line):
                prefix = match[1]
            if re.match(r"\S|\s+(unicast|blackhole|unreachable)", line) and prefix and "[" in line:
                routes.setdefault(prefix, []).append(line.strip())
            elif prefix in routes:
                routes[prefix][-1] += "\n" + line.strip()
        return routes

    @property
    def pids(self):
        return [self.process.pid]
