# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster file as plain data, with the file and line of every key and item.

YAML as editors and YAML 1.2 read it: ``12:00:00`` and a date are text (YAML 1.1 makes numbers of them), only ``true`` and
``false`` are booleans, and a number that starts with 0 is text. ``include:`` brings in further files.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from .problems import ClusterFileError, Mark, Problem

MAX_ALIASED = 100_000       # items that aliases may add to those written down: a small file can unfold into more than memory holds
MAX_DEPTH = 50

Data = Any                  # dict, list, str, int, float, bool, None
Trail = tuple[Any, ...]     # the keys and indexes that lead to an item


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):    # type: ignore[misc]
    """SafeLoader with YAML 1.2's idea of a number and a boolean, and a bound to nesting: the C library would crash."""

    depth = 0

    def descend_resolver(self, current_node: yaml.Node | None, _current_index: Any) -> None:
        """Called by the composer before each node."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="it is nested too deeply", problem_mark=getattr(current_node, "start_mark", None))

    def ascend_resolver(self) -> None:
        """Called by the composer after each node."""
        self.depth -= 1


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false|True|False|TRUE|FALSE", "tTfF"),
    # A longer hexadecimal number is a GUID: a name to compare, not a number to count with.
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]{1,8}", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))

_SCALARS: dict[str, Callable[[str], Data]] = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:int": lambda text: int(text, 16) if text[:2] == "0x" else int(text),
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:null": lambda _text: None,
}


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a file. Raises OSError, also for what is no file and has no end (a device, a pipe), and UnicodeDecodeError."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a file")
    return path.read_text(encoding=encoding)


class Source:
    """A cluster file and what it includes.

    ``data`` is the merged mapping; ``mark(trail)`` is where an item stands, for the nearest part of the trail that is known.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.data: dict[str, Data] = {}
        self.marks: dict[Trail, Mark] = {(): Mark(path, 1)}
        self.problems: list[Problem] = []
        self.complaints: set[Trail] = set()     # of the items that problems were noted at
        self._items = 0
        self._most_items = MAX_ALIASED
        self._files: set[str] = set()
        self._merge_file(Path(path), Mark(path, 1))

    def mark(self, trail: Trail) -> Mark:
        """File and line of an item, or of the nearest one around it."""
        while trail not in self.marks:
            trail = trail[:-1]
        return self.marks[trail]

    def error(self, trail: Trail, message: str) -> None:
        """Note a problem at an item."""
        self.complaints.add(trail)
        self.problems.append(Problem(self.mark(trail), message))

    def stop_on_problems(self) -> None:
        """Raise ClusterFileError when anything was noted so far."""
        if self.problems:
            raise ClusterFileError(self.problems)

    def _merge_file(self, path: Path, named_at: Mark) -> None:
        same = os.path.realpath(path)
        if same in self._files:
            self.problems.append(Problem(named_at, f"{path} is included already: by another file, or by itself"))
            return
        self._files.add(same)
        root = self._compose(path, named_at)
        if root is None:
            return
        if not isinstance(root, yaml.MappingNode):
            self.problems.append(Problem(Mark(str(path), 1), "a cluster file is a mapping (name:, networks:, nodes:, …)"))
            return
        part, marks = self._build_root(root, str(path))
        includes = part.pop("include", [])
        self._merge(part, marks)
        for index, name in enumerate(includes if isinstance(includes, list) else [includes]):
            mark = marks.get(("include", index)) or marks[("include",)]
            if isinstance(name, str) and name and name.isprintable():
                self._merge_file(path.parent / name, mark)
            else:
                self.problems.append(Problem(mark, "include takes the names of files"))

    def _merge(self, part: dict[str, Data], marks: dict[Trail, Mark]) -> None:
        """Add a file's sections: mappings and lists join, anything else may be said once."""
        for key, value in part.items():
            shift = 0
            mine = self.data.get(key)
            if key not in self.data:
                self.data[key] = value
            elif isinstance(mine, dict) and isinstance(value, dict):
                for name in value:
                    if name in mine:
                        self.problems.append(Problem(
                            marks[(key, name)], f"'{name}' stands in {key} twice; first at {self.marks[(key, name)]}"))
                self.data[key] = {**mine, **{name: item for name, item in value.items() if name not in mine}}
            elif isinstance(mine, list) and isinstance(value, list):
                shift = len(mine)
                self.data[key] = mine + value
            elif (key, value) != ("plugin", mine):
                self.problems.append(Problem(marks[(key,)], f"'{key}' is said twice; first at {self.marks[(key,)]}"))
            for trail, mark in marks.items():
                if trail[:1] == (key,):
                    moved = (key, trail[1] + shift, *trail[2:]) if shift and len(trail) > 1 else trail
                    self.marks.setdefault(moved, mark)

    def _compose(self, path: Path, named_at: Mark) -> yaml.Node | None:
        try:
            text = read_text(path)
        except OSError as error:
            self.problems.append(Problem(named_at, f"{path} cannot be read: {(error.strerror or str(error)).lower()}"))
            return None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            self.problems.append(Problem(Mark(str(path), line), "this is not UTF-8 text"))
            return None
        self._most_items += len(text)
        try:
            node = yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            place = error.problem_mark or error.context_mark
            said = " ".join(filter(None, (error.context, error.problem)))
            if place and "\t" in text.split("\n")[min(place.line, text.count("\n"))]:
                said += " (a tab? YAML indents by spaces)"
            line = min(place.line if place else 0, text.count("\n", 0, -1)) + 1     # the end of the file is no line of its own
            self.problems.append(Problem(Mark(str(path), line), f"not YAML: {said}"))
        except yaml.YAMLError as error:
            position = getattr(error, "position", 0)
            said = getattr(error, "reason", "") or str(error)
            self.problems.append(Problem(Mark(str(path), text.count("\n", 0, position) + 1), f"not YAML: {said}"))
        else:
            if node is None:
                self.problems.append(Problem(Mark(str(path), 1), "the file is empty"))
            return node
        return None

    def _build_root(self, root: yaml.MappingNode, file: str) -> tuple[dict[str, Data], dict[Trail, Mark]]:
        marks: dict[Trail, Mark] = {(): Mark(file, 1)}
        return self._build(root, (), file, marks), marks

    def _build(self, node: yaml.Node, trail: Trail, file: str, marks: dict[Trail, Mark]) -> Data:
        mark = Mark(file, node.start_mark.line + 1)
        self._items += 1
        if self._items > self._most_items or len(trail) > MAX_DEPTH:
            raise ClusterFileError([Problem(mark, "this unfolds into too much (aliases within aliases)")])
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, mark)
        if isinstance(node, yaml.SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                marks[(*trail, index)] = Mark(file, item.start_mark.line + 1)
                items.append(self._build(item, (*trail, index), file, marks))
            return items
        if node.tag != "tag:yaml.org,2002:map":
            self.problems.append(Problem(mark, f"the tag {node.tag} has no meaning here"))
        mapping: dict[str, Data] = {}
        for key_node, value_node in node.value:
            place = Mark(file, key_node.start_mark.line + 1)
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                self.problems.append(Problem(place, "a key must be a word"))
                continue
            if key in mapping:
                self.problems.append(Problem(place, f"'{key}' stands here twice; first at {marks[(*trail, key)]}"))
                continue
            marks[(*trail, key)] = place
            mapping[key] = self._build(value_node, (*trail, key), file, marks)
        return mapping

    def _scalar(self, node: yaml.ScalarNode, mark: Mark) -> Data:
        convert = _SCALARS.get(node.tag)
        if convert is None:
            hint = "; secrets never stand in the cluster file" if "vault" in node.tag else ""
            self.problems.append(Problem(mark, f"the tag {node.tag} has no meaning here{hint}"))
            return None
        try:
            return convert(node.value)
        except ValueError:
            self.problems.append(Problem(mark, f"'{node.value[:40]}' is not a number that can be used"))
            return None
