"""Writes a dict as the YAML a person would write: block style, short lists inline."""

import re

PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*\Z")
# Words that YAML would read as something other than text.
NOT_TEXT = re.compile(r"(true|false|yes|no|on|off|null|~|[-+.]?[0-9][0-9_.eE+-]*)\Z", re.I)


def dump(value):
    return "\n".join(block(value, 0)) + "\n"


def block(value, depth):
    pad = "  " * depth
    lines = []
    for key, item in value.items():
        if isinstance(item, dict) and item:
            lines += [f"{pad}{key}:", *block(item, depth + 1)]
        elif isinstance(item, (list, tuple)) and any(isinstance(entry, dict) for entry in item):
            lines.append(f"{pad}{key}:")
            lines += [f"{pad}  - {inline(entry)}" for entry in item]
        else:
            lines.append(f"{pad}{key}: {inline(item)}")
    return lines


def inline(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    if PLAIN.match(text) and not NOT_TEXT.match(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
