"""Finds the functions of a C++ file and how long they are, without a compiler.

Good enough to measure: braces are followed with strings and comments taken out, and what opened
each brace decides whether declarations or statements stand inside.
"""

import dataclasses
import re

NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
                   r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^\s*#(?:[^\n\\]|\\\n|\\.)*",
                   re.DOTALL | re.MULTILINE)
SCOPE = re.compile(r'\b(namespace|class|struct|union|extern\s*"")')
# What stands before a declaration without being part of it.
LEAD = re.compile(r"(\s|(public|private|protected)\s*:)*")
NAME = re.compile(r"([~\w:<>,*&\s]*?[~\w:]+|operator\s*\S+?)\s*\(")


@dataclasses.dataclass
class Function:
    name: str
    line: int  # of its first line
    lines: int


def blank(match: re.Match) -> str:
    """Keeps the line breaks, so that line numbers stay true."""
    kept = '""' if match[0].endswith('"') else ""
    return kept + "\n" * match[0].count("\n")


def name_of(head: str) -> str:
    match = NAME.search(head)
    return match[1].split()[-1] if match and match[1].split() else "?"


def opens_scope(head: str) -> bool:
    """Whether declarations may stand inside the brace after `head`."""
    return bool(SCOPE.search(head)) and not head.rstrip().endswith(")")


def opens_function(head: str) -> bool:
    return "(" in head and not re.search(r"=\s*$|\benum\b", head)


def kind_of_brace(outer: str, head: str) -> str:
    """What stands inside a brace: "scope" (declarations), "function", "init" or "other"."""
    if outer != "scope":
        return "other"
    if re.search(r"[\w>]$", head) and ")" in head and not opens_scope(head):
        return "init"  # Type(int x) : x_{x}: the declaration goes on behind it
    if opens_scope(head):
        return "scope"
    return "function" if opens_function(head) else "other"


def functions(source: str) -> list[Function]:
    code = NOISE.sub(blank, source)
    found: list[Function] = []
    braces = [("scope", 0)]  # kind and start of the declaration, of each open brace
    start = 0  # where the declaration at hand began
    for at, char in enumerate(code):
        if char == "{":
            kind = kind_of_brace(braces[-1][0], code[start:at])
            braces.append((kind, start))
        elif char == "}" and len(braces) > 1:
            kind, began = braces.pop()
            if kind == "function":
                first = LEAD.match(code, began).end()
                found.append(Function(name_of(code[first:at]), code.count("\n", 0, first) + 1,
                                      code.count("\n", first, at) + 1))
        elif char != ";" or braces[-1][0] != "scope":
            continue
        if char == ";" or kind != "init":
            start = at + 1
    return found
