"""Child processes that never outlive the test that started them."""

import ctypes
import os
import signal
import subprocess
import time

from .conditions import SLOWDOWN, wait_until

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """Runs in the child before exec: if the harness is killed outright, so is the child."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class CommandFailed(AssertionError):
    """A command that had to succeed did not; the message holds its output."""


def run(command, check=True, timeout_s=30, **options):
    """Runs to the end, output captured as text. check=True raises CommandFailed with the output."""
    done = subprocess.run([str(word) for word in command], text=True, stdin=options.pop("stdin", subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout_s * SLOWDOWN, **options)
    if check and done.returncode != 0:
        raise CommandFailed(f"`{' '.join(done.args)}` ended with {done.returncode}\n"
                            f"{done.stdout}{done.stderr}".rstrip())
    return done


class Process:
    """A background process in a session of its own, its output in a log file."""

    def __init__(self, name, command, log, stdin=subprocess.DEVNULL, stdout=None, env=None, cwd=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.log = log
        with open(log, "ab") as sink:
            self.popen = subprocess.Popen(self.command, stdin=stdin, stdout=stdout or sink, stderr=sink,
                                          start_new_session=True, preexec_fn=die_with_parent,
                                          env=env, cwd=cwd)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def send(self, number):
        if self.alive():
            self.popen.send_signal(number)

    def wait(self, deadline_s=10):
        """Exit status; raises ConditionTimeout if the process is still running after the deadline."""
        wait_until(lambda: not self.alive(), deadline_s, f"{self.name} (pid {self.pid}) to end",
                   interval_s=0.02)
        return self.popen.returncode

    def stop(self, number=signal.SIGTERM, deadline_s=10):
        """Asks politely, waits, then kills what is left of the session. Returns the exit status."""
        self.send(number)
        try:
            return self.wait(deadline_s)
        finally:
            self.kill()

    def kill(self):
        """Kills the whole session of the process; a process already gone is no error."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        except PermissionError:
            self.popen.kill()
        self.popen.wait()

    def output(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def tail(self, lines=20):
        return "\n".join(self.output().splitlines()[-lines:])


def pid_alive(pid):
    """True if the process exists and is not a zombie (PID 1 of a container may reap late)."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def start_time(pid):
    """Kernel's start time of a process in clock ticks, or None: tells a reused pid from the old one."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return int(stat.read().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def kill_and_wait(pids, deadline_s=5):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    end = time.monotonic() + deadline_s
    while any(pid_alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.02)
