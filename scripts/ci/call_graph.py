"""Who calls whom in a set of object files, read from their disassembly and relocations.

Knows direct calls, tail calls and addresses taken; not what happens behind a function pointer, so
that whoever asks must name each such function as a root.
"""

import bisect
import pathlib
import re
import subprocess

SECTION = re.compile(r"^Disassembly of section (\S+):")
FUNCTION = re.compile(r"^([0-9a-f]+) <(.+)>:")
CALL = re.compile(r"\b(?:call|jmp|j\w{1,3})\s+(?:notrack\s+)?[0-9a-f]+ <([^>+]+)(?:\+0x[0-9a-f]+)?>")
RELOCATION = re.compile(r"R_X86_64_\w+\s+(\S+?)(?:([+-])0x([0-9a-f]+))?$")


class CallGraph:
    def __init__(self, objects: list[pathlib.Path]):
        self.calls: dict[str, set[str]] = {}
        self.defined_in: dict[str, pathlib.Path] = {}
        for path in objects:
            self._read(path)
        self.names = demangle(sorted(set(self.calls) | {c for s in self.calls.values() for c in s}))

    def _read(self, path: pathlib.Path) -> None:
        lines = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", str(path)], check=True,
                               capture_output=True, text=True).stdout.splitlines()
        layout = section_layout(lines)
        function = None
        for line in lines:
            if head := FUNCTION.match(line):
                function = head[2]
                self.calls.setdefault(function, set())
                self.defined_in.setdefault(function, path)
            elif function:
                target = target_of(line, layout)
                if target and target != function:
                    self.calls[function].add(target)

    def reachable(self, roots: list[str], stop) -> dict[str, str | None]:
        """Every function reached from the roots -> by whom; `stop(name)` is not looked into."""
        reached: dict[str, str | None] = {root: None for root in roots}
        queue = list(roots)
        for name in queue:
            if stop(name):
                continue
            for callee in self.calls.get(name, ()):
                if callee not in reached:
                    reached[callee] = name
                    queue.append(callee)
        return reached

    def path_to(self, name: str, reached: dict[str, str | None]) -> str:
        way = [name]
        while (caller := reached[way[-1]]) is not None:
            way.append(caller)
        return " <- ".join(self.names.get(n, n) for n in way)


def section_layout(lines: list[str]) -> dict[str, tuple[list[int], list[str]]]:
    """Section -> where its functions begin, and their names; relocations may name the section."""
    layout: dict[str, tuple[list[int], list[str]]] = {}
    section = ""
    for line in lines:
        if match := SECTION.match(line):
            section = match[1]
            layout[section] = ([], [])
        elif match := FUNCTION.match(line):
            layout[section][0].append(int(match[1], 16))
            layout[section][1].append(match[2])
    return layout


def target_of(line: str, layout: dict) -> str | None:
    if match := RELOCATION.search(line):
        symbol, sign, offset = match[1], match[2], int(match[3] or "0", 16)
        if symbol not in layout:
            return symbol
        starts, names = layout[symbol]
        # A relative reference counts from the end of its four bytes.
        at = bisect.bisect_right(starts, (offset if sign == "+" else -offset) + 4) - 1
        return names[max(at, 0)] if names else None
    match = CALL.search(line)
    return match[1] if match else None


def demangle(names: list[str]) -> dict[str, str]:
    text = subprocess.run(["c++filt"], input="\n".join(names), check=True, capture_output=True,
                          text=True).stdout.split("\n")
    return dict(zip(names, text))
