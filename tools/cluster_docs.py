#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/cluster-file.md: the introduction, and a reference of every key made from the schema.

    tools/cluster_docs.py            write it
    tools/cluster_docs.py --check    exit status 1 if it is out of date
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
SCHEMA = CHECKOUT / "plugins" / "plugin_utils" / "model" / "cluster.schema.json"
INTRODUCTION = CHECKOUT / "docs" / "cluster-file.intro.md"
PAGE = CHECKOUT / "docs" / "cluster-file.md"
NOTE = "<!-- Made by tools/cluster_docs.py from docs/cluster-file.intro.md and the schema: change those. -->\n"

Schema = dict[str, Any]


def page() -> str:
    """The whole page."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    parts = [NOTE + INTRODUCTION.read_text(encoding="utf-8"), "## Every key\n"]
    parts += _mapping("The file", schema, schema)
    return "\n".join(parts)


def _mapping(title: str, mapping: Schema, root: Schema) -> Iterator[str]:
    """A heading and a table of keys, and the same for each mapping within."""
    yield f"### {title}\n\n{mapping['description']}\n"
    required = mapping.get("required", ())
    rows = [f"| `{key}` | {_cell(_form(value, root))} | {'yes' if key in required else ''} | {_cell(value['description'])} |"
            for key, value in mapping["properties"].items()]
    yield "\n".join(["| Key | Form | Required | Meaning |", "| --- | --- | --- | --- |", *rows, ""])
    around = "" if mapping is root else title.strip("`") + "."
    for key, value in mapping["properties"].items():
        for inner, name in ((value, key), (value.get("additionalProperties"), f"{key}.NAME"), (value.get("items"), f"{key}[]")):
            if isinstance(inner, dict) and "properties" in inner:
                yield from _mapping(f"`{around}{name}`", inner, root)


def _form(value: Schema, root: Schema) -> str:
    """What may stand there, in words."""
    if "$ref" in value:
        value = root["$defs"][value["$ref"].rsplit("/", 1)[1]]
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return "one of " + ", ".join(f"`{choice}`" for choice in value["enum"])
    if "title" in value:
        return str(value["title"])
    if value["type"] == "array":
        items = value.get("items", {})
        return "a list of mappings" if items.get("type") == "object" else f"a list; each {_form(items, root)}"
    if value["type"] == "object":
        names = value.get("propertyNames")
        return f"mappings by name: {_form(names, root)}" if names else "a mapping"
    return "text" if value["type"] == "string" else "text, or a list of texts"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description="Write docs/cluster-file.md from the schema.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if the page is out of date")
    wanted = page()
    if parser.parse_args().check:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == wanted:
            return 0
        print(f"{PAGE.relative_to(CHECKOUT)} is out of date: run tools/cluster_docs.py", file=sys.stderr)
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
