# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cumulus Linux, and any Linux with ifupdown2, whose bridge is configured in /etc/network/interfaces.

The configuration is the file: stanzas are replaced in it from its end to its beginning, so that line numbers hold. `ifreload` makes it the
running state; a systemd timer puts the old file back unless the change is confirmed. VLANs and MTU of a port are those that the kernel has:
where somebody has changed them by hand, the file says nothing of it, and `ifreload` alone puts them right.

`ifreload` says what it could not do in warnings, and ends with status 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Driver, Safety
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers import cumulus
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.interfaces import FILE, File, Stanza, edited
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import (
    ALL_VLANS,
    MakeVlan,
    Port,
    RemoveVlan,
    SetPort,
    State,
    Step,
)
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import items

_OWN = ("bridge-access", "bridge-pvid", "bridge-vids", "bridge-allow-untagged")


class Ifupdown2(cumulus.Cumulus):
    platform = "cumulus_ifupdown2"
    # /sbin is not everywhere in the PATH of a user, but always in that of sudo.
    reads: Mapping[str, str] = {"config": f"cat {FILE}", "links": "ip -j link show", "running": "sudo -n bridge -j vlan show"}
    # Where brctl is not installed, `ifreload` says so each time; it works with netlink as well.
    rejections: tuple[str, ...] = (
        r"(?mi:^(?:error|warning): (?!\S*brctl: missing))", r"(?m:^sudo: )", r"(?m:^sed: )", r"(?m:^cp: )", r": command not found",
        r"(?i:permission denied)", r"(?m:^Failed to )", r"No such file or directory")
    safety = Safety(
        begin=(f"sudo -n cp -a {FILE} {FILE}.{{name}}",
               f"sudo -n systemd-run --quiet --unit={{name}} --on-active={{minutes}}m "
               f"/bin/sh -c 'cp -a {FILE}.{{name}} {FILE}; ifreload -a'"),
        confirm=("sudo -n systemctl stop {name}.timer", f"sudo -n rm {FILE}.{{name}}"),
        abandon=(f"sudo -n cp -a {FILE}.{{name}} {FILE}", "sudo -n ifreload -a", "sudo -n systemctl stop {name}.timer",
                 f"sudo -n rm {FILE}.{{name}}"), timer=True)
    save: tuple[str, ...] = ()      # what is in the file is there after a start

    def parse(self, answers: Mapping[str, str]) -> State:
        links = _links(answers)
        bridge = _file(answers, links).bridge
        state = bridge.state()
        said = cumulus.load(answers["running"])
        pairs = said.items() if isinstance(said, dict) else ((entry["ifname"], entry["vlans"]) for entry in said)    # iproute2 before 5
        running = {name: _carried(vlans) for name, vlans in pairs}
        return State(state.vlans, {
            name: replace(_as_it_runs(port, bridge.vlans, *running.get(name, (None, frozenset()))), mtu=links.get(name, port.mtu))
            for name, port in state.ports.items()})

    def commands(self, steps: Sequence[Step], state: State, answers: Mapping[str, str]) -> list[str]:  # noqa: ARG002
        file = _file(answers, _links(answers))
        if file.main is None:
            raise ValueError(f"{FILE} has no bridge with 'bridge-vlan-aware yes': make one before its VLANs are managed")
        vlans, members = set(file.bridge.vlans), list(file.main.words("bridge-ports"))
        changed: dict[str, list[str]] = {}
        for step in steps:
            if isinstance(step, MakeVlan):
                vlans.add(step.id)
            elif isinstance(step, RemoveVlan):
                vlans.discard(step.id)
            else:
                name, raw = step.after.name, file.bridge.ports[step.after.name]
                if not step.after.vlans and name in members:
                    members.remove(name)
                elif step.after.vlans and not raw.bridged:
                    members.append(name)
                changed[name] = _written(file.named.get(name), step.before, step.after)
        edits = {"bridge-vids": " ".join(items(vlans)), "bridge-ports": " ".join(members)}
        if vlans != file.bridge.vlans or members != file.main.words("bridge-ports"):
            changed[file.main.name] = edited(file.main.lines, edits)
        edits_ = [_sed(file.named.get(name), lines) for name, lines in sorted(
            changed.items(), key=lambda each: file.named[each[0]].first if each[0] in file.named else len(file.lines) + 1, reverse=True)
            if name not in file.named or lines != file.named[name].lines]
        if all(isinstance(step, SetPort) and step.before == step.after for step in steps):
            return []
        return [*edits_, "sudo -n ifreload -a -s", "sudo -n ifreload -a"]       # the first one only looks


def _links(answers: Mapping[str, str]) -> dict[str, int]:
    """The MTU of each of the kernel's network devices."""
    return {each["ifname"]: each["mtu"] for each in cumulus.load(answers["links"] or "[]")}


def _file(answers: Mapping[str, str], links: Iterable[str]) -> File:
    return File(answers["config"], cumulus.fronts(" ".join(links)))


def _carried(vlans: Sequence[Mapping[str, Any]]) -> tuple[int | None, frozenset[int]]:
    """Untagged VLAN and tagged ones of a bridge's port."""
    spans = [(each["vlan"], each.get("vlanEnd", each["vlan"])) for each in vlans]
    if not all(end in ALL_VLANS for span in spans for end in span):
        raise ValueError(f"the bridge says {spans}, which are no VLANs")
    every = {vlan for first, last in spans for vlan in range(first, last + 1)}
    untagged = next((each["vlan"] for each in vlans if "PVID" in each.get("flags", ())), None)
    return untagged, frozenset(every - {untagged})


def _as_it_runs(port: Port, every: frozenset[int], untagged: int | None, tagged: frozenset[int]) -> Port:
    """A port as the kernel has it; one of all VLANs has `every` one of the bridge there."""
    expected = every - {port.untagged} if port.vlans == ALL_VLANS else port.tagged
    if port.mode == "other" or (port.untagged, expected) == (untagged, tagged):
        return port
    return replace(port, mode="trunk" if tagged else "access", untagged=untagged, tagged=tagged)


def _written(stanza: Stanza | None, before: Port, after: Port) -> list[str]:
    """The lines of a port's stanza. What is not ours in it stays."""
    edits: dict[str, str] = {}
    if after.description != before.description:
        edits["alias"] = after.description
    if after.mtu is not None and (after.mtu != before.mtu or stanza is None):     # a port of its own default keeps what it has
        edits["mtu"] = str(after.mtu)
    if after.mode != "other" and not cumulus.same_vlans(before, after):
        edits.update(dict.fromkeys(_OWN, ""))
        if after.mode == "access":
            edits["bridge-access"] = str(after.untagged or "")
        else:
            edits["bridge-vids"] = " ".join(items(after.tagged or after.vlans)) if cumulus.listed(after) else ""
            key, text = ("bridge-allow-untagged", "no") if after.untagged is None else ("bridge-pvid", str(after.untagged))
            edits[key] = text
    return edited(stanza.lines if stanza else [f"auto {after.name}", f"iface {after.name}"], edits)


def _sed(stanza: Stanza | None, lines: Sequence[str]) -> str:
    r"""One line that a person could type. sed writes what follows `c\` or `a\`, where \n begins a new line."""
    text = r"\n".join(line.replace("\\", r"\\") for line in ([] if stanza else [""]) + list(lines)).replace("'", "'\\''")
    where = f"{stanza.first},{stanza.last}c" if stanza else "$a"
    return f"sudo -n sed -i '{where}\\{text}' {FILE}"


DRIVER: Driver = Ifupdown2()
