"""Namespaces and veth pairs with names of their own per run, always cleaned up.

    with Lab() as lab:
        gw, peer = lab.namespace("gw"), lab.namespace("peer")
        lab.link(gw, "gw-wan", peer, "wan")
        peer.address("wan", "192.0.2.2/24")
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import tempfile
import threading

from .process import LIBC, CommandFailed, Process, kill_and_wait, pid_alive, run, start_time

CLONE_NEWNET = 0x40000000
PREFIX = "kanmon-lab-"
# Run directories must not lie under /tmp: user-mode Linux mounts its own /tmp.
RUN_ROOT = os.environ.get("KANMON_TEST_DIR", "/var/tmp")

# A packet that a program reads from a veth must be as it would be on a wire: whole checksums, no
# super-packets. Every one of these has to be off on both ends (ethtool -K name, ethtool -k name).
OFFLOADS = {"rx": "rx-checksumming", "tx": "tx-checksumming", "tso": "tcp-segmentation-offload",
            "gso": "generic-segmentation-offload", "gro": "generic-receive-offload"}


class Namespace:
    """One network namespace. `name` is the short name of the test, `netns` the kernel's."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.netns = f"{lab.prefix}{name}"
        run(["ip", "netns", "add", self.netns])
        self.run("ip", "link", "set", "lo", "up")
        # Addresses are usable at once, and nothing routes or answers that the test did not ask for.
        for key, value in {"ipv6.conf.all.accept_dad": 0, "ipv6.conf.default.accept_dad": 0,
                           "ipv6.conf.default.accept_ra": 0, "ipv6.conf.default.router_solicitations": 0,
                           "ipv4.conf.all.rp_filter": 0, "ipv4.conf.default.rp_filter": 0,
                           "ipv4.conf.all.send_redirects": 0,
                           "ipv4.conf.default.send_redirects": 0}.items():
            self.sysctl(key, value)

    def run(self, *command, **options):
        return run(["ip", "netns", "exec", self.netns, *command], **options)

    def spawn(self, name, *command, **options):
        """Starts a background process here; it ends with the lab. Its log is <name>.log."""
        return self.lab.spawn(f"{self.name}-{name}", ["ip", "netns", "exec", self.netns, *command],
                              **options)

    def sysctl(self, key, value):
        """Writes net.<key>; /proc/sys/net shows the namespace of the thread that looks."""
        with self.inside(), open(f"/proc/sys/net/{key.replace('.', '/')}", "w") as knob:
            knob.write(str(value))

    def forwarding(self):
        """Makes the namespace a router."""
        self.sysctl("ipv4.ip_forward", 1)
        self.sysctl("ipv6.conf.all.forwarding", 1)

    def address(self, interface, *addresses):
        for address in addresses:
            options = ["nodad"] if ":" in address else []
            self.run("ip", "address", "add", address, "dev", interface, *options)

    def route(self, prefix, *rest):
        """route("10.2.0.0/24", "via", "10.1.0.1")"""
        self.run("ip", "-6" if ":" in prefix else "-4", "route", "replace", prefix, *rest)

    def counters(self, interface):
        """The kernel's own counters of an interface: rx_packets, tx_packets, rx_dropped, ..."""
        out = self.run("ip", "-json", "-stats", "link", "show", "dev", interface).stdout
        stats = json.loads(out)[0]["stats64"]
        return {f"{way}_{key}": value for way in ("rx", "tx") for key, value in stats[way].items()}

    def mac(self, interface):
        return json.loads(self.run("ip", "-json", "link", "show", "dev", interface).stdout)[0]["address"]

    @contextlib.contextmanager
    def inside(self):
        """This thread is in the namespace while the block runs; sockets opened there stay there."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.netns}") as there:
            setns(there.fileno())
            try:
                yield
            finally:
                setns(home.fileno())

    def socket(self, *arguments):
        with self.inside():
            return socket.socket(*arguments)


def setns(fd):
    if LIBC.setns(fd, CLONE_NEWNET) != 0:
        raise OSError("setns: cannot enter a network namespace (are you root?)")


class Lab:
    """Everything one test makes: namespaces, links, processes, a directory. Leaving it removes all.

    `keep` leaves the directory (logs, captures) in place. Namespace names carry the pid and start time of the
    owner, so that several labs run side by side and the remains of a killed one can be told.
    """

    serial = itertools.count(1)

    def __init__(self, keep=False, directory=None, prefix=None):
        sweep()
        self.keep = keep
        self.prefix = prefix or f"{PREFIX}{os.getpid()}-{start_time(os.getpid())}-{next(Lab.serial)}-"
        self.directory = directory or tempfile.mkdtemp(prefix="kanmon-test.", dir=RUN_ROOT)
        os.makedirs(self.directory, exist_ok=True)
        self.namespaces = {}
        self.processes = []
        self.closers = []
        self.witnesses = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def namespace(self, name):
        self.namespaces[name] = Namespace(self, name)
        return self.namespaces[name]

    def link(self, a, interface_a, b, interface_b, mtu=1500):
        """A veth pair between two namespaces, up, every offload off on both ends (checked)."""
        a.run("ip", "link", "add", interface_a, "mtu", mtu, "type", "veth",
              "peer", "name", interface_b, "mtu", mtu, "netns", b.netns)
        for namespace, interface in ((a, interface_a), (b, interface_b)):
            namespace.run("ethtool", "-K", interface, *[word for key in OFFLOADS for word in (key, "off")])
            require_no_offloads(namespace, interface)
        for namespace, interface in ((a, interface_a), (b, interface_b)):
            namespace.run("ip", "link", "set", interface, "up")

    def silent_port(self, namespace, interface):
        """The kernel keeps off this interface: it belongs to a program that speaks for itself."""
        namespace.sysctl(f"ipv6.conf.{interface}.disable_ipv6", 1)
        namespace.run("ip", "address", "flush", "dev", interface)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def tool(self, path):
        """A copy of a program inside the lab. Debian's AppArmor profiles of tcpdump and strongSwan go by
        path and would keep the originals from the lab's files."""
        copy = self.path("bin", os.path.basename(path))
        if not os.path.exists(copy):
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy(path, copy)
        return copy

    def spawn(self, name, command, **options):
        """Starts a process that ends with the lab; its log is <name>.log, or <name>-2.log if that is taken."""
        log = next(path for path in (self.path(f"{name}{suffix}.log") for suffix in self.suffixes())
                   if not os.path.exists(path))
        process = Process(name, command, log, **options)
        self.processes.append(process)
        return process

    @staticmethod
    def suffixes():
        yield ""
        yield from (f"-{number}" for number in itertools.count(2))

    def at_close(self, action):
        """Runs `action` when the lab closes, last first, before processes are killed."""
        self.closers.append(action)

    def on_failure(self, witness):
        """`witness` writes evidence (show outputs and the like) to the directory when a test fails."""
        self.witnesses.append(witness)

    def gather_evidence(self):
        for witness in self.witnesses:
            with contextlib.suppress(Exception):
                witness()

    def close(self):
        """Stops and removes everything; a second Ctrl-C does not interrupt it."""
        before = [(number, signal.signal(number, signal.SIG_IGN))
                  for number in (signal.SIGINT, signal.SIGTERM)] if in_main_thread() else []
        try:
            while self.closers:
                with contextlib.suppress(Exception):
                    self.closers.pop()()
            while self.processes:
                self.processes.pop().kill()
            for namespace in self.namespaces.values():
                remove_namespace(namespace.netns)
            self.namespaces.clear()
            if not self.keep:
                shutil.rmtree(self.directory, ignore_errors=True)
        finally:
            for number, handler in before:
                signal.signal(number, handler)


def in_main_thread():
    return threading.current_thread() is threading.main_thread()


def require_no_offloads(namespace, interface):
    """Raises if one of OFFLOADS is still on: TCP through the gateway would die on partial checksums."""
    shown = namespace.run("ethtool", "-k", interface).stdout
    still_on = [key for key in OFFLOADS.values() if not re.search(rf"^{key}: off", shown, re.M)]
    if still_on:
        raise CommandFailed(f"{namespace.name} {interface}: offloads still on: {', '.join(still_on)}")


def remove_namespace(netns):
    """Kills what still runs in the namespace, then removes it."""
    pids = run(["ip", "netns", "pids", netns], check=False).stdout.split()
    kill_and_wait([int(pid) for pid in pids if int(pid) != os.getpid()])
    run(["ip", "netns", "delete", netns], check=False)


def sweep():
    """Removes the namespaces of labs whose owner is gone (killed outright); others are left alone."""
    try:
        names = os.listdir("/run/netns")
    except FileNotFoundError:
        return
    for name in names:
        match = re.match(rf"{PREFIX}(\d+)-(\d+)-", name)
        if match and not (pid_alive(match[1]) and start_time(match[1]) == int(match[2])):
            remove_namespace(name)
