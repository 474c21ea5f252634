"""Reads a compile_commands.json into what the compiler really does with each source."""

import dataclasses
import json
import pathlib
import re
import shlex

# Flags that say nothing about the code that comes out, with the reason they may differ.
HARMLESS = [
    (r"-fdiagnostics-color(=.*)?", "colour of messages: Meson sets it, CMake leaves it to the user"),
    (r"-M[DMP]+", "dependency files: each generator asks for them in its own way"),
    (r"-c", "which file is compiled is the key, not a flag"),
    (r"-pipe", "how gcc's own processes talk to each other"),
]
# Options whose value is the next word and which are about files of the build, not about code.
FILE_OPTIONS = {"-o", "-MF", "-MQ", "-MT"}
# Several options for one thing: the last one counts, whatever its spelling.
FAMILIES = {"-fPIC": "pic", "-fPIE": "pic", "-fpic": "pic", "-fpie": "pic", "-fno-pic": "pic"}


@dataclasses.dataclass
class Unit:
    """One source compiled into one target."""

    target: str
    source: str  # relative to the root
    defines: dict[str, str] = dataclasses.field(default_factory=dict)
    includes: list[str] = dataclasses.field(default_factory=list)  # searched in this order
    forced: list[str] = dataclasses.field(default_factory=list)  # -include
    options: dict[str, str] = dataclasses.field(default_factory=dict)  # family -> the one that counts

    def facts(self) -> dict[str, str]:
        """Everything that matters, flat: name of the fact -> value."""
        facts = {f"define {k}": v for k, v in self.defines.items()}
        facts |= {f"option {k}": v for k, v in self.options.items()}
        facts["include path"] = " ".join(self.includes)
        facts["forced includes"] = " ".join(self.forced)
        return facts


def family(option: str) -> str:
    """The thing an option decides: -O2 and -O3 one thing, -fx and -fno-x one thing."""
    if option in FAMILIES:
        return FAMILIES[option]
    if option.startswith("-O"):
        return "-O"
    name = option.split("=", 1)[0]
    return re.sub(r"^-([fWm])no-", r"-\1", name)


def target_of(output: str) -> str:
    """libx.a.p/… (Meson) and …/CMakeFiles/x.dir/… (CMake) both belong to x."""
    for part in pathlib.PurePath(output).parts:
        if part.endswith(".p"):
            return re.sub(r"^lib(.*)\.(a|so)$", r"\1", part[:-2])
        if part.endswith(".dir"):
            return part[:-4]
    return "?"


def absolute(path: str, directory: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(directory, path).resolve()


def parse(entry: dict, root: pathlib.Path, build: pathlib.Path) -> Unit:
    directory = pathlib.Path(entry["directory"])
    source = absolute(entry["file"], directory)
    name = str(source.relative_to(root)) if source.is_relative_to(root) else str(source)
    unit = Unit(target="?", source=name)
    words = iter(shlex.split(entry["command"]))
    for word in words:
        if word.startswith("-"):
            take(unit, word, words, directory, build)
    return unit


def take(unit: Unit, word: str, words, directory: pathlib.Path, build: pathlib.Path) -> None:
    def value(option: str) -> str:
        return word[len(option):] or next(words)

    if word in FILE_OPTIONS:
        path = next(words)
        if word == "-o":
            unit.target = target_of(path)
    elif word == "-include":
        unit.forced.append(next(words))
    elif word.startswith("-isystem") or word.startswith("-I"):
        option = "-isystem" if word.startswith("-isystem") else "-I"
        path = absolute(value(option), directory)
        # Meson adds each target's private directory; nothing of ours is generated into it.
        if not path.is_relative_to(build):
            unit.includes.append(f"{option} {path}")
    elif word.startswith("-D"):
        key, _, definition = value("-D").partition("=")
        unit.defines[key] = definition or "1"
    elif word.startswith("-U"):
        unit.defines.pop(value("-U"), None)
    elif not any(re.fullmatch(pattern, word) for pattern, _ in HARMLESS):
        unit.options[family(word)] = word


def load(build: pathlib.Path, root: pathlib.Path) -> dict[tuple[str, str], Unit]:
    """Every (target, source) of a build directory."""
    build = build.resolve()
    entries = json.loads((build / "compile_commands.json").read_text())
    units = [parse(e, root, build) for e in entries]
    return {(u.target, u.source): u for u in units}
