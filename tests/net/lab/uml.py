"""A real Linux kernel with ESP of its own as the peer: user-mode Linux on veths of the lab.

The machine's kernel need not know ESP. The guest sees this machine's files read-only and shares one
writable directory of the lab; commands go in and answers come out over its console.
"""

import itertools
import os
import re
import shlex
import subprocess
import time

from .conditions import wait_until
from .process import CommandFailed
from .strongswan import PSK, Swanctl, daemon_settings
from .swanconf import render

MODULES = "/usr/lib/uml/modules"
IPSEC_MODULES = ("xfrm_user esp4 esp6 gcm seqiv echainiv authenc authencesn tunnel4 tunnel6 cbc hmac sha1_generic "
                 "sha256_generic sha512_generic chacha20poly1305 chacha_generic poly1305_generic")
HERE = os.path.dirname(os.path.abspath(__file__))


class UmlHost:
    """A guest. vec0, vec1, ... sit on the given interfaces of the namespace (raw sockets).

    It boots in the background: the first command waits until it is ready.
    """

    def __init__(self, namespace, interfaces, label=None, memory="160M"):
        self.namespace = namespace
        self.label = label or f"{namespace.name}-uml"
        self.directory = namespace.lab.path(self.label)
        os.makedirs(f"{self.directory}/modules/lib", exist_ok=True)
        os.symlink(MODULES, f"{self.directory}/modules/lib/modules")
        self.tokens = itertools.count(1)
        self.is_ready = False
        self.interfaces = interfaces
        self.process = self.boot(interfaces, memory)
        namespace.lab.at_close(self.power_off)

    def boot(self, interfaces, memory):
        for interface in interfaces:  # the guest's raw socket does not need the kernel to talk there
            self.namespace.lab.silent_port(self.namespace, interface)
        vectors = [f"vec{i}:transport=raw,ifname={name},depth=128" for i, name in enumerate(interfaces)]
        console = open(f"{self.directory}/console.log", "wb")
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else self.directory
        return self.namespace.spawn(
            f"uml-{self.label}", "linux.uml", f"umid={self.label}", f"uml_dir={self.directory}/umid",
            f"mem={memory}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet",
            f"init={HERE}/uml_init.sh", f"lab={self.directory}", *vectors, "con=null", "con0=fd:0,fd:1",
            stdin=subprocess.PIPE, stdout=console, env=dict(os.environ, TMPDIR=shm))

    def console(self):
        with open(f"{self.directory}/console.log", errors="replace") as log:
            return log.read().replace("\r", "")

    def wait_ready(self):
        def ready():
            if not self.process.alive():
                raise AssertionError(f"{self.label}: user-mode Linux ended\n{self.console()}")
            return "UML READY" in self.console()
        wait_until(ready, 60, f"{self.label}: user-mode Linux to boot", interval_s=0.1)
        self.is_ready = True
        for index in range(len(self.interfaces)):
            self.run(f"ip link set vec{index} up")

    def run(self, command, check=True, timeout_s=30):
        """Runs one line of shell in the guest; returns (status, output)."""
        assert "\n" not in command, "one line, please"
        if not self.is_ready:
            self.wait_ready()
        token = f"t{next(self.tokens)}"
        self.type(f"{token} {command}\n")
        nudged = time.monotonic()

        def answer():
            nonlocal nudged
            text = self.console()
            # User-mode Linux loses the interrupt of its console now and then and would never read the
            # line; an empty one brings another interrupt.
            if f"BEGIN {token}\n" not in text and time.monotonic() - nudged > 0.3:
                self.type("\n")
                nudged = time.monotonic()
            return re.search(rf"BEGIN {token}\n(.*?)END {token} (\d+)\n", text, re.S)
        match = wait_until(answer, timeout_s, f"{self.label}: `{command}` to end", interval_s=0.02)
        output, status = match[1], int(match[2])
        if check and status != 0:
            raise CommandFailed(f"{self.label}: `{command}` ended with {status}\n{output}")
        return status, output

    def type(self, text):
        self.process.popen.stdin.write(text.encode())
        self.process.popen.stdin.flush()

    def address(self, interface, *addresses):
        for address in addresses:
            self.run(f"ip address add {address} dev {interface}" + (" nodad" if ":" in address else ""))

    def route(self, prefix, *rest):
        self.run(f"ip {'-6' if ':' in prefix else '-4'} route replace {prefix} {' '.join(rest)}")

    def forwarding(self):
        self.run("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")

    def load_ipsec(self):
        self.run(f"for m in {IPSEC_MODULES}; do modprobe -q -d {self.directory}/modules $m; done; test -e /proc/net/xfrm_stat || true")

    def power_off(self):
        if self.process.alive():
            self.process.popen.stdin.close()
            wait_until(lambda: not self.process.alive(), 5, "user-mode Linux to power off")


class UmlStrongSwan(Swanctl):
    """strongSwan inside a guest, with the guest kernel's ESP: native or UDP-encapsulated, ESN too."""

    def __init__(self, host, connections, psk=PSK, **settings):
        self.host = host
        self.label = host.label
        self.directory = host.directory
        self.configure(connections, psk)
        with open(f"{self.directory}/strongswan.conf", "w") as file:
            file.write(render(daemon_settings(self.directory, "netlink", "unix:///run/charon.vici", **settings)))
        host.load_ipsec()
        self.start()

    def start(self):
        self.host.run(f"STRONGSWAN_CONF={self.directory}/strongswan.conf setsid /usr/sbin/charon-systemd "
                      f"> {self.directory}/charon.out 2>&1 & echo $! > /run/charon.pid")
        wait_until(lambda: self.swanctl("--stats", check=False)[0] == 0, 20, f"{self.label}: charon's socket")
        self.load()

    def stop(self, graceful=True):
        number = "TERM" if graceful else "KILL"
        self.host.run(f"kill -{number} $(cat /run/charon.pid)", check=False)
        wait_until(lambda: self.host.run("kill -0 $(cat /run/charon.pid)", check=False)[0] != 0, 15,
                   f"{self.label}: charon to end")
        if not graceful:  # a crash of the daemon leaves the kernel's SAs: a reboot would not
            self.host.run("ip xfrm state flush; ip xfrm policy flush")

    def swanctl(self, *words, check=True, timeout_s=30):
        line = shlex.join([str(word) for word in words])
        return self.host.run(f"STRONGSWAN_CONF={self.directory}/strongswan.conf SWANCTL_DIR={self.directory}/swanctl "
                             f"swanctl {line} --uri unix:///run/charon.vici", check=check, timeout_s=timeout_s)
