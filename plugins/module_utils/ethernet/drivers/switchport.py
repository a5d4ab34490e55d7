# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `switchport` commands that EOS and NX-OS have in common, and running configurations that are made of indented sections.

On both a trunk passes untagged frames only where its native VLAN is in its list: `untagged` None is a native VLAN that is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import MakeVlan, Port, RemoveVlan, SetPort, Step
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import chunks, ranges


def commands(steps: Sequence[Step], mtu: str = "mtu {mtu}", routed: str = "switchport") -> list[str]:
    """Each step as a person would type it, in configuration mode: neighbouring ports to which the same happens at once, as a range.
    `routed` makes a routed port a switched one.
    """
    lines: list[str] = []
    alike: tuple[list[str], list[str]] = ([], [])       # names of ports, and what is typed for each of them
    for step in [*steps, None]:
        inner = _port(step, mtu, routed) if isinstance(step, SetPort) else []
        if alike[0] and inner != alike[1]:
            for ports in ranges(alike[0]):
                lines += [f"interface {ports}", *alike[1], "exit"]
            alike = ([], [])
        if isinstance(step, SetPort) and inner:
            alike = ([*alike[0], step.after.name], inner)
        elif isinstance(step, MakeVlan):
            lines += [f"vlan {step.id}", *([f"name {step.name}"] if step.name else []), "exit"]
        elif isinstance(step, RemoveVlan):
            lines.append(f"no vlan {step.id}")
    return lines


def _port(step: SetPort, mtu: str, routed: str) -> list[str]:
    before, after = step.before, step.after
    lines = [routed] if before.mode == "other" != after.mode else []
    lines += attributes(before, after, mtu)
    if after.mode == "access" and (before.mode, before.untagged) != ("access", after.untagged):
        lines.append(f"switchport access vlan {after.untagged}")
    if after.mode == "trunk":
        lines += list(_trunk(before, after))
    if after.mode not in (before.mode, "other"):
        lines.append(f"switchport mode {after.mode}")
    return lines


def attributes(before: Port, after: Port, mtu: str = "mtu {mtu}") -> list[str]:
    """Description and MTU, where they differ."""
    lines = []
    if after.description != before.description:
        lines.append(f"description {after.description}" if after.description else "no description")
    if after.mtu != before.mtu and after.mtu is not None:
        lines.append(mtu.format(mtu=after.mtu))
    return lines


def _trunk(before: Port, after: Port) -> Iterator[str]:
    """List and native VLAN. A port that becomes a trunk gets them first: what it was told when it was one before would come back."""
    was = before.mode == "trunk"
    new = after.vlans - before.vlans if was else after.vlans
    gone = before.vlans - after.vlans if was else frozenset()
    if not after.vlans:
        yield "switchport trunk allowed vlan none"
        gone = frozenset()
    for number, part in enumerate(chunks(new)):
        yield f"switchport trunk allowed vlan {'' if number == 0 and not was else 'add '}{part}"
    if not was or after.untagged != before.untagged or (after.untagged is None and new):
        yield f"switchport trunk native vlan {after.untagged or min(set(range(1, 4095)) - after.tagged)}"
    for part in chunks(gone):
        yield f"switchport trunk allowed vlan remove {part}"


def sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """A running configuration: each line at the margin, with the lines indented below it. Comments (!) and blank lines fall out."""
    head: str | None = None
    body: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("!"):
            continue
        if not line[0].isspace():
            if head is not None:
                yield head, body
            head, body = line.rstrip(), []
        else:
            body.append(line.strip())
    if head is not None:
        yield head, body


def value(body: Sequence[str], key: str) -> str | None:
    """What stands after the words `key`: "" where nothing does, None where no line begins with them."""
    for line in body:
        if line == key or line.startswith(key + " "):
            return line[len(key):].strip()
    return None
