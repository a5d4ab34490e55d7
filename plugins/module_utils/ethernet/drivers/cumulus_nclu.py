# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cumulus Linux 3 and 4 with NCLU. It writes /etc/network/interfaces, which is so what is read.

What is changed waits until it is committed. `net commit confirm` holds the terminal until Enter is pressed, so nothing could be read back
before that: a commit with a description is made instead, which `net rollback description` finds again.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Driver, Safety
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers import cumulus
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.interfaces import READS, read
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import MakeVlan, RemoveVlan, SetPort, State, Step
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import chunks


class Nclu(cumulus.Cumulus):
    platform = "cumulus_nclu"
    reads = READS
    rejections: tuple[str, ...] = (
        r"(?mi:^(?:error|warning): )", r"is not a physical interface on this switch", r": command not found",
        r"(?i:permission denied)", r"(?m:^Usage:)", r"configuration does not have")
    safety = Safety(activate=("net commit description {name}",), abandon=("net abort",))
    save: tuple[str, ...] = ()      # a commit writes the file

    def parse(self, answers: Mapping[str, str]) -> State:
        return read(answers).bridge.state()

    def commands(self, steps: Sequence[Step], state: State, answers: Mapping[str, str]) -> list[str]:  # noqa: ARG002
        file = read(answers)
        name = file.main.name if file.main else "bridge"
        lines = []
        for step in steps:
            if isinstance(step, MakeVlan):
                lines.append(f"net add bridge {name} vids {step.id}")
            elif isinstance(step, RemoveVlan):
                lines.append(f"net del vlan {step.id}" if f"vlan{step.id}" in file.named else f"net del bridge {name} vids {step.id}")
            else:
                raw = file.bridge.ports[step.after.name]
                stanza = file.named.get(step.after.name)
                kind = "bond" if stanza and stanza.words("bond-slaves") else "interface"
                if step.after.vlans and not raw.bridged:
                    lines.append(f"net add bridge {name} ports {step.after.name}")
                lines += _set_port(step, raw, f"{kind} {step.after.name}")
                if raw.bridged and not step.after.vlans:
                    lines.append(f"net del bridge {name} ports {step.after.name}")
        return lines


def _set_port(step: SetPort, raw: cumulus.Raw, port: str) -> Iterator[str]:
    before, after = step.before, step.after
    if after.description != before.description:
        yield f"net add {port} alias {shlex.quote(after.description)}" if after.description else f"net del {port} alias"
    if after.mtu != before.mtu and after.mtu is not None:
        yield f"net add {port} mtu {after.mtu}"
    if cumulus.same_vlans(before, after):
        return
    if after.mode == "access" and after.untagged != raw.access:
        if raw.drops:
            yield f"net del {port} bridge allow-untagged"
        if raw.untagged:
            yield f"net del {port} bridge pvid {raw.untagged}"
        yield from (f"net del {port} bridge vids {part}" for part in chunks(raw.vlans or ()))
        yield f"net add {port} bridge access {after.untagged}" if after.untagged else f"net del {port} bridge access {raw.access}"
    elif after.mode == "trunk":
        has, wants = raw.vlans or frozenset(), (cumulus.listed(after) and (after.tagged or after.vlans)) or frozenset()
        if raw.access:
            yield f"net del {port} bridge access {raw.access}"
        yield from (f"net add {port} bridge vids {part}" for part in chunks(wants - has))
        if after.untagged is not None and raw.drops:
            yield f"net del {port} bridge allow-untagged"
        if after.untagged not in (None, raw.untagged):
            yield f"net add {port} bridge pvid {after.untagged}"
        if after.untagged is None and not raw.drops:
            yield f"net add {port} bridge allow-untagged no"
        yield from (f"net del {port} bridge vids {part}" for part in chunks(has - wants))


DRIVER: Driver = Nclu()
