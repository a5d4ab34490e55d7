# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/network/interfaces as ifupdown2 reads it, and the VLAN-aware bridge that it makes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers import cumulus
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import expand, one

FILE = "/etc/network/interfaces"
READS: Mapping[str, str] = {"config": f"cat {FILE}", "names": cumulus.NAMES}
_STARTS = ("auto", "iface", "source", "source-directory", "mapping", "template", "vlan")


class Stanza(NamedTuple):
    """What a file says of one interface: lines `first` to `last` (from 1), without those that begin another stanza."""

    name: str
    first: int
    last: int
    lines: list[str]

    def words(self, key: str) -> list[str]:
        """What stands behind a key, of all its lines."""
        found = (line.split(None, 1) for line in self.lines[1:])
        return [word for line in found if line and line[0] == key for word in line[1].split()] if len(self.lines) > 1 else []


class File:
    """/etc/network/interfaces, its stanzas and the bridge that they make."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self.lines = text.replace("\r", "").split("\n")
        self.stanzas = list(_stanzas(self.lines))
        self.named: dict[str, Stanza] = {}
        for stanza in self.stanzas:
            self.named.setdefault(stanza.name, stanza)
        self.main = next((stanza for stanza in self.stanzas if stanza.words("bridge-vlan-aware") == ["yes"]), None)
        self.bridge = self._bridge(names)

    def _bridge(self, names: Sequence[str]) -> cumulus.Bridge:
        ports = {name: cumulus.Raw() for name in names}
        ports.update({stanza.name: cumulus.Raw() for stanza in self.stanzas if stanza.words("bond-slaves")})
        bridge = cumulus.Bridge(ports=ports)
        if self.main:
            bridge.vlans = _ids(self.main.words("bridge-vids"))
            bridge.untagged = one(" ".join(self.main.words("bridge-pvid")) or "1")
            for name in _members(self.main.words("bridge-ports"), names):
                ports.setdefault(name, cumulus.Raw()).bridged = True
        for stanza in self.stanzas:
            if stanza.name in ports:
                _fill(ports[stanza.name], stanza)
            for member in _members(stanza.words("bond-slaves"), names):
                ports.setdefault(member, cumulus.Raw()).lag = stanza.name
        return bridge


def read(answers: Mapping[str, str]) -> File:
    """The file, from the answers to READS."""
    return File(answers["config"], cumulus.fronts(answers["names"]))


def _stanzas(lines: Sequence[str]) -> list[Stanza]:
    found: list[Stanza] = []
    start: int | None = None
    for number, line in enumerate([*lines, "auto"], 1):
        word = line.split(None, 1)[0] if line.strip() else ""
        if start is not None and (word in _STARTS or word.startswith("allow-")):
            last = number - 1
            while last > start and not lines[last - 1].split("#")[0].strip():
                last -= 1       # blank lines and comments before the next stanza are not this one's
            found.append(Stanza(lines[start - 1].split()[1], start, last, list(lines[start - 1:last])))
            start = None
        if word == "iface" and len(line.split()) > 1:
            start = number
    return found


def _members(words: Sequence[str], names: Sequence[str]) -> list[str]:
    """`swp1 swp2`, `glob swp1-4 swp7`, `regex swp[0-9]+`, `none`."""
    found: list[str] = []
    kind = ""
    for word in words:
        if word in ("glob", "regex", "noregex", "noglob"):
            kind = word
        elif kind == "regex":
            found += [name for name in names if re.fullmatch(word, name)]
        elif word != "none":
            found += cumulus.spread(word) if kind == "glob" else [word]
    return found


def _fill(raw: cumulus.Raw, stanza: Stanza) -> None:
    for line in stanza.lines[1:]:
        key, text = [*line.split(None, 1), "", ""][:2]
        text = text.strip()
        if key == "bridge-access":
            raw.access = one(text)
        elif key == "bridge-pvid":
            raw.untagged = one(text)
        elif key == "bridge-vids":
            raw.vlans = (raw.vlans or frozenset()) | _ids(text.split())
        elif key == "bridge-allow-untagged":
            raw.drops = text == "no"
        elif key == "mtu":
            raw.mtu = int(text)
        elif key == "alias":
            raw.description = text
        elif key == "address" or (key == "vrf" and not raw.bridged):
            raw.routed = True


def _ids(words: Sequence[str]) -> frozenset[int]:
    return frozenset(vlan for word in words for vlan in expand(word))


def edited(lines: Sequence[str], edits: Mapping[str, str]) -> list[str]:
    """Lines with these keys set; an empty value takes the key out. A key keeps its place."""
    found, left = [], dict(edits)
    for line in lines:
        words = line.split(None, 1)
        if not words or words[0] not in edits:
            found.append(line)
        elif left.get(words[0]):
            found.append(f"{line[:len(line) - len(line.lstrip())]}{words[0]} {left.pop(words[0])}")
    return found + [f"    {key} {text}" for key, text in left.items() if text]
