"""Stops one thread of a process, not the others: what a control thread that is stuck looks like to workers."""

import contextlib
import ctypes
import os

from .conditions import wait_until

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


def ptrace(request, thread):
    if LIBC.ptrace(request, thread, None, None) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request} of {thread}: {os.strerror(error)}")


@contextlib.contextmanager
def stalled(pid):
    """The main thread of the process stands still while the block runs. The tracer is this thread: the block
    must not leave it."""
    ptrace(PTRACE_SEIZE, pid)
    ptrace(PTRACE_INTERRUPT, pid)
    os.waitpid(pid, 0x40000000)  # __WALL
    assert state(pid) in "tT", f"thread {pid} is in state {state(pid)}"
    try:
        yield
        assert state(pid) in "tT", "the thread went on by itself"
    finally:
        ptrace(PTRACE_DETACH, pid)
    wait_until(lambda: state(pid), 5, f"thread {pid} to go on", accept=lambda now: now not in "tT")


def state(thread):
    """R, S, t (stopped by a tracer), ..."""
    with open(f"/proc/{thread}/task/{thread}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]
