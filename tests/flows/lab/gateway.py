"""The gateway under test: a process driven over stdin and stdout by one JSON object a line."""

import json
import pathlib
import subprocess


class Gateway:
    def __init__(self, driver: pathlib.Path, config: pathlib.Path, log: pathlib.Path):
        self._log = open(log, "w", encoding="utf-8")
        self._process = subprocess.Popen([str(driver)], stdin=subprocess.PIPE, text=True,
                                         stdout=subprocess.PIPE, stderr=self._log)
        self.ports = {p["name"]: p["mac"] for p in self.ask("start", config=str(config))["ports"]}

    def ask(self, do: str, **arguments) -> dict:
        """One command, one answer; the driver's own words if it refuses."""
        line = json.dumps({"do": do, **arguments})
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self._process.stdout.readline()
        if not answer:
            code = self._process.wait()
            raise RuntimeError(f"the gateway ended with {code} at {line[:200]}")
        answer = json.loads(answer)
        if "error" in answer:
            raise RuntimeError(f"{do}: {answer['error']}")
        return answer

    def stop(self) -> None:
        """Ends it in order; a gateway that does not end so is an error."""
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it is gone already; its exit code says how
        try:
            code = self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._process.stdout.close()
        self._log.close()
        if code != 0:
            raise RuntimeError(f"the gateway ended with {code}")
