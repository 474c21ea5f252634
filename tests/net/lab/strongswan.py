"""A strongSwan of one's own: charon-systemd with private files, socket and log in one namespace."""

import os
import re
import signal

from .conditions import wait_until
from .process import run
from .swanconf import parse_raw, render

PSK = "a-pre-shared-key-for-tests-0123456789"
# Explicit list: nothing with side effects on the machine (no stroke, bypass-lan, resolve, attr).
PLUGINS = ("random nonce aes aesni sha1 sha2 hmac kdf gcm ccm ctr chapoly cmac curve25519 gmp openssl "
           "pubkey pkcs1 pkcs8 pem {kernel} kernel-netlink socket-default vici updown")
IKE = "aes256gcm16-prfsha256-ecp256"
ESP = "aes256gcm16"


def daemon_settings(directory, kernel="libipsec", vici=None, retransmit_tries=4):
    """strongswan.conf of one instance. kernel: "libipsec" (ESP in user space, always in UDP 4500)
    or "netlink" (the kernel's ESP). Retransmission is faster than the default, for dead-peer tests."""
    vici = vici or f"unix://{directory}/charon.vici"
    load = PLUGINS.format(kernel="kernel-libipsec" if kernel == "libipsec" else "").split()
    return {
        "charon": {
            "load_modular": False, "load": " ".join(load),
            "install_virtual_ip": False, "install_routes": True,
            "retransmit_tries": retransmit_tries, "retransmit_timeout": 1.0, "retransmit_base": 1.4,
            # The packets charon itself sends carry a mark and skip table 220, or it would route its own
            # ESP into the tunnel when a selector is 0.0.0.0/0.
            "plugins": {"vici": {"socket": vici},
                        "kernel-libipsec": {"allow_peer_ts": True},
                        "kernel-netlink": {"fwmark": "!0x42"},
                        "socket-default": {"fwmark": "0x42"}},
            "filelog": {"log": {"path": f"{directory}/charon.log", "time_format": "%T",
                                "flush_line": True, "append": True, "default": 1, "ike": 2, "cfg": 1,
                                "knl": 1, "esp": 1}},
            "syslog": {"daemon": {"default": -1}, "auth": {"default": -1}},
        },
        "charon-systemd": {"journal": {"default": -1}},
        "swanctl": {"vici_socket": vici, "load": "random nonce openssl pem pkcs1 pkcs8"},
    }


def connection(local, remote, local_id, remote_id, local_ts, remote_ts, ike=IKE, esp=ESP,
               child=None, **options):
    """One PSK connection named net with one child named net, as swanctl.conf wants it.

    `child` overrides keys of the child (rekey_time, dpd_action, start_action, ...), `options` keys of
    the connection (encap, dpd_delay, rekey_time, ...). Nothing rekeys by itself unless asked to.
    """
    return {"net": {
        "version": 2, "local_addrs": local, "remote_addrs": remote, "proposals": ike,
        "rekey_time": 0, "mobike": False, "keyingtries": 1, **options,
        "local": {"auth": "psk", "id": local_id}, "remote": {"auth": "psk", "id": remote_id},
        "children": {"net": {"local_ts": local_ts, "remote_ts": remote_ts, "esp_proposals": esp,
                             "mode": "tunnel", "rekey_time": 0, **(child or {})}}}}


class Swanctl:
    """The swanctl commands shared by peers that run here and inside user-mode Linux.

    Subclasses give swanctl(*words, check, timeout_s) -> (status, output) and `directory`.
    """

    def configure(self, connections, psk=PSK):
        """Writes swanctl.conf (before or after start)."""
        settings = {"connections": connections, "secrets": {"ike-1": {"secret": psk}}}
        os.makedirs(os.path.join(self.directory, "swanctl"), exist_ok=True)
        with open(os.path.join(self.directory, "swanctl", "swanctl.conf"), "w") as file:
            file.write(render(settings))

    def load(self):
        self.swanctl("--load-all", "--clear", "--file", f"{self.directory}/swanctl/swanctl.conf")

    def initiate(self, child="net", check=True, timeout_s=30):
        """Brings the child up; returns swanctl's output. check=False: a failure is an answer too."""
        return self.swanctl("--initiate", "--child", child, "--timeout", str(timeout_s),
                            check=check, timeout_s=timeout_s + 5)[1]

    def terminate(self, child=None, ike=None, force=False):
        what = ["--child", child] if child else ["--ike", ike or "net"]
        self.swanctl("--terminate", *what, "--timeout", "10", *(["--force"] if force else []), check=False)

    def rekey(self, child=None, ike=None):
        """Starts a rekeying; wait for its end by watching child_spis() or ike_spis()."""
        self.swanctl("--rekey", *(["--child", child] if child else ["--ike", ike]))

    def sas(self):
        """[{name, state, initiator-spi, ..., children: [...]}]: the IKE SAs as swanctl tells them."""
        result = []
        for message in parse_raw(self.swanctl("--list-sas", "--raw")[1]):
            for name, sa in message.items():
                if isinstance(sa, dict):
                    children = list(sa.pop("child-sas", {}).values())
                    result.append({"name": name, **sa, "children": children})
        return result

    def established(self, name="net"):
        return [sa for sa in self.sas() if sa["name"] == name and sa["state"] == "ESTABLISHED"]

    def children(self, name="net"):
        """The installed child SAs of that connection, newest last."""
        found = [child for sa in self.sas() if sa["name"] == name for child in sa["children"]
                 if child["state"] == "INSTALLED"]
        return sorted(found, key=lambda child: int(child["uniqueid"]))

    def child_spis(self, name="net"):
        return {(child["spi-in"], child["spi-out"]) for child in self.children(name)}

    def ike_spis(self, name="net"):
        return {(sa["initiator-spi"], sa["responder-spi"]) for sa in self.established(name)}

    def wait_up(self, deadline_s=20, name="net"):
        """Waits for an installed child SA; the log's last lines are in the error."""
        try:
            return wait_until(lambda: self.children(name), deadline_s, f"{self.label}: child SA installed",
                              interval_s=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- {self.label} charon.log\n{self.log_tail()}") from None

    def wait_down(self, deadline_s=20, name="net"):
        wait_until(lambda: [sa for sa in self.sas() if sa["name"] == name], deadline_s,
                   f"{self.label}: no SA left", accept=lambda sas: not sas, interval_s=0.1)

    def log(self):
        try:
            with open(os.path.join(self.directory, "charon.log"), errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def log_tail(self, lines=25):
        return "\n".join(self.log().splitlines()[-lines:])

    def wait_log(self, pattern, deadline_s=20):
        return wait_until(lambda: re.search(pattern, self.log()), deadline_s,
                          f"{self.label}: /{pattern}/ in charon.log")


class StrongSwan(Swanctl):
    """charon in a namespace of the lab. Files: <lab>/<label>/{strongswan.conf,charon.log,swanctl/}."""

    def __init__(self, namespace, connections, psk=PSK, kernel="libipsec", label=None, **settings):
        self.namespace = namespace
        self.label = label or namespace.name
        self.directory = namespace.lab.path(self.label)
        self.uri = f"unix://{self.directory}/charon.vici"
        os.makedirs(os.path.join(self.directory, "swanctl"), exist_ok=True)
        with open(os.path.join(self.directory, "strongswan.conf"), "w") as file:
            file.write(render(daemon_settings(self.directory, kernel, **settings)))
        self.environment = dict(os.environ, STRONGSWAN_CONF=f"{self.directory}/strongswan.conf",
                                SWANCTL_DIR=f"{self.directory}/swanctl")
        self.process = None
        self.configure(connections, psk)
        self.start()

    def start(self):
        """Starts charon (again) and loads the configuration; ready when its socket answers."""
        self.process = self.namespace.spawn(f"charon-{self.label}", self.namespace.lab.tool("/usr/sbin/charon-systemd"),
                                            env=self.environment)
        wait_until(self.answers, 15, f"{self.label}: charon's socket to answer")
        self.load()

    def answers(self):
        if not self.process.alive():
            raise AssertionError(f"{self.label}: charon ended\n{self.process.tail()}")
        return self.swanctl("--stats", check=False)[0] == 0

    def stop(self, graceful=True):
        """graceful: charon deletes its SAs at the peer first; else it is killed, as in a crash."""
        self.process.stop(signal.SIGTERM if graceful else signal.SIGKILL, deadline_s=15)

    def swanctl(self, *words, check=True, timeout_s=30):
        done = run([self.namespace.lab.tool("/usr/sbin/swanctl"), *words, "--uri", self.uri], check=check, timeout_s=timeout_s,
                   env=self.environment)
        return done.returncode, done.stdout + done.stderr
