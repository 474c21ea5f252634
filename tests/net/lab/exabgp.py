"""An ExaBGP of one's own: it says exactly what it is told, well-formed or not."""

import os

from .conditions import wait_until


class ExaBgp:
    """`neighbor` is ExaBGP's own text within neighbor ADDRESS { }."""

    def __init__(self, namespace, local, remote, asn, peer_asn, neighbor="", name="exabgp", start=True):
        lab = namespace.lab
        self.namespace = namespace
        self.label = f"{namespace.name}-{name}"
        self.config_path = lab.path(f"{self.label}.conf")
        with open(self.config_path, "w") as file:
            file.write(f"""neighbor {remote} {{
  router-id {local};
  local-address {local};
  local-as {asn};
  peer-as {peer_asn};
  hold-time 30;
  family {{ ipv4 unicast; }}
{neighbor}
}}
""")
        self.name, self.process = name, None
        if start:
            self.start()

    def start(self):
        environment = {**os.environ, "exabgp.daemon.user": "root", "exabgp.api.cli": "false",
                       "exabgp.log.destination": "stderr", "exabgp.log.level": "INFO", "exabgp.tcp.bind": ""}
        self.process = self.namespace.spawn(self.name, "exabgp", self.config_path, env=environment)
        wait_until(self.process.alive, 5, f"{self.label} to start")
        return self
