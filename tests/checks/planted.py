"""A copy of the tree in which a test plants a fault, to see that a gate finds it."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class PlantedFault(unittest.TestCase):
    """Each test gets its own copy of the tree in self.tree; the gates run in there."""

    gate: list[str] = []  # the command, relative to the tree
    keep: tuple[str, ...] = ("",)  # what of the tree the gate needs to see: paths that begin so

    def setUp(self):
        self._scratch = tempfile.TemporaryDirectory(prefix="kanmon-planted-")
        self.addCleanup(self._scratch.cleanup)
        self.tree = pathlib.Path(self._scratch.name, "tree")
        listing = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard",
                                  "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
        for name in filter(None, listing.stdout.split("\0")):
            if name.startswith(self.keep) and (ROOT / name).is_file():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.tree / name)
        subprocess.run(["git", "init", "-q"], cwd=self.tree, check=True)

    def plant(self, name: str, old: str, new: str) -> None:
        """Replaces the first `old` in a file; it must be there."""
        before = (self.tree / name).read_text()
        self.assertIn(old, before, f"{name} has nothing to plant the fault into")
        (self.tree / name).write_text(before.replace(old, new, 1))

    def append(self, name: str, text: str) -> None:
        with open(self.tree / name, "a", encoding="utf-8") as file:
            file.write(text)

    def create(self, name: str, text: str) -> None:
        (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
        (self.tree / name).write_text(text, encoding="utf-8")

    def run_gate(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run([*self.gate, *arguments], cwd=self.tree, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def assert_accepted(self) -> None:
        code, output = self.run_gate()
        self.assertEqual(code, 0, output)

    def assert_refused(self, *words: str) -> None:
        """The gate fails, and what it prints names the fault."""
        code, output = self.run_gate()
        self.assertEqual(code, 1, output)
        for word in words:
            self.assertIn(word, output)
