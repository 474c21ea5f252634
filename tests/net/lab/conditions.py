"""Waiting for conditions. Tests never sleep a fixed time: they wait until something is so."""

import os
import time

# Machines under load are slower, not wrong: every deadline is multiplied by this.
SLOWDOWN = float(os.environ.get("KANMON_TEST_SLOWDOWN", "1"))


class ConditionTimeout(AssertionError):
    """The condition did not come true in time; the message says what was last observed."""


def wait_until(probe, deadline_s, what, accept=bool, interval_s=0.05, ignore=()):
    """Calls probe() until accept(value) holds and returns that value.

    `what` completes the sentence "waited 5.0 s for ...". Exceptions of the types in `ignore` count as
    "not yet" and are shown as the last observation; others pass through. The probe is called at least
    twice, so a condition that came true while this process was starved is still seen.
    """
    deadline_s *= SLOWDOWN
    start = time.monotonic()
    while True:
        late = time.monotonic() - start > deadline_s
        try:
            observed = probe()
            if accept(observed):
                return observed
        except ignore as error:
            observed = error
        if late:
            raise ConditionTimeout(
                f"waited {deadline_s:.1f} s for {what}; last observed: {brief(observed)}")
        time.sleep(interval_s)


def brief(value, limit=2000):
    """repr() cut to a length a person reads."""
    text = str(value) if isinstance(value, Exception) else repr(value)
    return text if len(text) <= limit else text[:limit] + f"... ({len(text)} characters)"


def timeout(seconds):
    """Marks a test that may take longer than the runner's usual limit; the runner reads it."""
    def mark(function):
        function.timeout_s = seconds
        return function
    return mark
