"""What the gates (scripts/check-*) share: the tree they look at and how they report."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tracked(*suffixes: str) -> list[str]:
    """Files of the tree with one of these suffixes, relative to ROOT: what git tracks or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(n for n in set(names.split("\0"))
                  if n.endswith(suffixes) and (ROOT / n).is_file())


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def report(gate: str, problems: list[str], looked_at: str) -> int:
    """Prints every problem and a verdict; the gate's exit code."""
    for problem in problems:
        print(problem)
    verdict = f"{len(problems)} problems" if problems else "ok"
    print(f"{gate}: {verdict} ({looked_at})", file=sys.stderr if problems else sys.stdout)
    return 1 if problems else 0
