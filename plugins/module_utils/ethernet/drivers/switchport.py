# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines of Cisco's kind: steps on all of them, the `switchport` commands that EOS and NX-OS have in common, and configurations that
are made of indented sections.

On EOS and NX-OS a trunk passes untagged frames only where its native VLAN is in its list: `untagged` None is a native VLAN that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import MakeVlan, Port, RemoveVlan, SetPort, Step
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import chunks, ranges


def typed(steps: Sequence[Step], port: Callable[[SetPort], Iterable[str]], *, vlan: str = "vlan {}", name: str = "name {}",
          remove: str = "no vlan {}", leave: str = "exit", interface: Callable[[str], str] = "interface {}".format,
          together: Callable[[list[str]], list[str]] = list) -> list[str]:
    """Each step as a person would type it, in configuration mode. `port` says what is typed for a port; neighbouring ports to which the
    same happens are entered `together`, if the platform has ranges.
    """
    lines: list[str] = []
    names: list[str] = []       # of ports that wait
    same: list[str] = []        # what is typed for each of them
    for step in [*steps, None]:
        inner = list(port(step)) if isinstance(step, SetPort) else []
        if names and inner != same:
            for ports in together(names):
                lines += [interface(ports), *same, leave]
            names = []
        if isinstance(step, SetPort) and inner:
            names, same = [*names, step.after.name], inner
        elif isinstance(step, MakeVlan):
            lines += [vlan.format(step.id), *([name.format(step.name)] if step.name else []), leave]
        elif isinstance(step, RemoveVlan):
            lines.append(remove.format(step.id))
    return lines


def commands(steps: Sequence[Step]) -> list[str]:
    """Steps on EOS and NX-OS."""
    return typed(steps, _port, together=ranges)


def _port(step: SetPort) -> list[str]:
    before, after = step.before, step.after
    lines = ["switchport"] if before.mode == "other" != after.mode else []      # a routed port becomes a switched one
    lines += attributes(before, after)
    if after.mode == "access" and (before.mode, before.untagged) != ("access", after.untagged):
        lines.append(f"switchport access vlan {after.untagged}")
    if after.mode == "trunk":
        lines += list(_trunk(before, after))
    if after.mode not in (before.mode, "other"):
        lines.append(f"switchport mode {after.mode}")
    return lines


def attributes(before: Port, after: Port, description: str = "description {}", no: str = "no description", mtu: str = "mtu {}",
               headers: int = 0) -> list[str]:
    """Description and MTU, where they differ. `headers`: bytes that the platform counts besides the payload."""
    lines = []
    if after.description != before.description:
        lines.append(description.format(after.description) if after.description else no)
    if after.mtu != before.mtu and after.mtu is not None:
        lines.append(mtu.format(after.mtu + headers))
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
