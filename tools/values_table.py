"""The tables of values in the chart's README.md, made from its schema: `python -m tools.values_table`."""

from collections.abc import Iterator, Mapping
import json
from typing import Any

import yaml

from tools.chart import CHART

BEGINS = "<!-- values: made by `python -m tools.values_table` -->"
ENDS = "<!-- end of values -->"
TABLES = (
    "device",
    "health",
    "image",
    "ingress",
    "nodeProfile",
    "resources",
    "route",
    "volume",
    "zone",
)


def readme(text: str) -> str:
    """A README with its table renewed."""
    before, _, rest = text.partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    return f"{before}{BEGINS}\n\n{table()}\n\n{ENDS}{after}"


def table() -> str:
    """The tables of values in README.md: the house, then each part that several values share."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    parts = [rows(schema, defaults)]
    for name, part in sorted(schema["$defs"].items()):
        if "properties" in part:
            parts.append(f"### {name}\n\n{part['description']}\n\n{rows(part, {})}")
    return "\n\n".join(parts)


def rows(part: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """One table: every value of a part, what it means, and its default."""
    lines = ["| value | meaning | default |", "|---|---|---|"]
    for path, meaning, default in described(part, defaults, ""):
        lines.append(f"| `{path}` | {meaning} | {default} |")
    return "\n".join(lines)


def described(
    part: Mapping[str, Any], defaults: Any, path: str
) -> Iterator[tuple[str, str, str]]:
    """Every value below a part of the schema, in words; what has a table of its own is only named."""
    for key, inner in part.get("properties", {}).items():
        if key == "global":
            continue
        here = f"{path}.{key}" if path else key
        default = defaults.get(key) if isinstance(defaults, dict) else None
        below = {
            suffix: inner[kind]
            for kind, suffix in (("additionalProperties", ".NAME"), ("items", "[]"))
            if isinstance(inner.get(kind), dict)
        }
        parents = inner.get("properties") or any(map(nested, below.values()))
        shown = "" if default in (None, "", [], {}) or parents else code(default)
        yield here, words(inner, *below.values()), "" if shown == "`{}`" else shown
        yield from described(inner, default, here)
        for suffix, each in below.items():
            yield from described(each, {}, here + suffix)


def nested(part: Mapping[str, Any]) -> bool:
    """Whether there is more to say below a part."""
    return "properties" in part


def code(value: Any) -> str:
    """A default, as in a values file, without what is empty."""
    if isinstance(value, dict):
        value = {k: v for k, v in value.items() if v not in (None, "", [], {})}
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def words(*parts: Mapping[str, Any]) -> str:
    """What a value means, in one cell of a table."""
    said = str(parts[0].get("description", ""))
    for part in parts:
        if choices := [f"`{choice}`" for choice in part.get("enum", ()) if choice]:
            said += f" One of {', '.join(choices)}."
        for each in (part, *part.get("anyOf", ())):
            if name := each.get("$ref", "").removeprefix("#/$defs/"):
                said += f" See [{name}](#{name.lower()})." if name in TABLES else ""
    return said.replace("|", "\\|").replace("\n", " ").strip()


if __name__ == "__main__":
    page = CHART / "README.md"
    page.write_text(readme(page.read_text("utf-8")), encoding="utf-8")
