"""The two texts strongSwan speaks: its configuration (written) and `--raw` answers (read)."""


def render(settings, depth=0):
    """strongswan.conf / swanctl.conf text of a dict: dicts are sections, lists are comma-joined."""
    pad = "  " * depth
    lines = []
    for key, value in settings.items():
        if isinstance(value, dict):
            lines += [f"{pad}{key} {{", render(value, depth + 1).rstrip("\n"), f"{pad}}}"]
        elif value is not None:
            lines.append(f"{pad}{key} = {scalar(value)}")
    return "\n".join(line for line in lines if line) + "\n"


def scalar(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    text = str(value)
    return f'"{text}"' if any(c in text for c in " #{}=\"") else text


def parse_raw(text):
    """The messages of `swanctl --raw`: `list-sa event {a=1 b {c=2} d=[x y]}` one after the other.

    Returns the list of the dicts in order. Values are strings; lists are lists of strings.
    """
    messages = []
    for line in text.splitlines():
        start = line.find("{")
        if start >= 0 and line[:start].strip().endswith(("event", "reply")):
            section, _ = parse_section(line, start + 1)
            messages.append(section)
    return messages


def parse_section(text, at):
    """Reads key=value, key=[...] and key {...} up to the closing brace; returns (dict, next index)."""
    section = {}
    while at < len(text):
        if text[at] in " \t":
            at += 1
        elif text[at] == "}":
            return section, at + 1
        else:
            at = parse_entry(text, at, section)
    return section, at


def parse_entry(text, at, section):
    end = min(i for i in (text.find("=", at), text.find(" {", at), len(text)) if i >= 0)
    key = text[at:end]
    if text[end:end + 2] == "=[":
        close = text.index("]", end)
        section[key] = text[end + 2:close].split()
        return close + 1
    if text[end:end + 2] == " {":
        section[key], at = parse_section(text, end + 2)
        return at
    stop = value_end(text, end + 1)
    section[key] = text[end + 1:stop]
    return stop


def value_end(text, at):
    """A value ends where the next ` key=`, ` key {` or the section's `}` begins (values may hold spaces)."""
    while at < len(text) and text[at] != "}":
        if text[at] == " ":
            rest = text[at + 1:]
            word = rest.split(" ", 1)[0]
            if "=" in word or "}" in word or rest[len(word):len(word) + 2] == " {":
                return at
        at += 1
    return at
