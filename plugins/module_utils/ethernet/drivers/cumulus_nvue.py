# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA Cumulus Linux 5 with NVUE, on its bridge br_default.

What is set waits in a revision until it is applied. The configuration folds names (`swp1-3`) and VLANs (`10,20-30`) into its keys.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Driver, Safety
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers import cumulus
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import MakeVlan, RemoveVlan, SetPort, State, Step
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import chunks, expand, one

BRIDGE = "bridge domain br_default"


class Nvue(cumulus.Cumulus):
    platform = "cumulus_nvue"
    reads: Mapping[str, str] = {"config": "nv config show -o json", "names": cumulus.NAMES}
    rejections: tuple[str, ...] = (
        r"(?m:^Error\b)", r"(?m:^Invalid config)", r"(?m:^'.*' is not )", r"(?m:^usage: )", r": command not found",
        r"(?m:^\S+ is not one of)", r"(?i:^The requested item does not exist)", r"(?i:permission denied)")
    # What an earlier session has set and not applied does not go along.
    safety = Safety(begin=("nv config detach",), activate=("nv config apply --confirm {minutes} -y",),
                    confirm=("nv config apply --confirm-yes",), abandon=("nv config apply --confirm-no", "nv config detach"), timer=True)
    save: tuple[str, ...] = ("nv config save",)

    def parse(self, answers: Mapping[str, str]) -> State:
        return _bridge(answers).state()

    def commands(self, steps: Sequence[Step], state: State, answers: Mapping[str, str]) -> list[str]:  # noqa: ARG002
        bridge = _bridge(answers)
        lines = []
        for step in steps:
            if isinstance(step, MakeVlan):
                lines.append(f"nv set {BRIDGE} vlan {step.id}")
            elif isinstance(step, RemoveVlan):
                lines.append(f"nv unset {BRIDGE} vlan {step.id}")
            else:
                lines += _set_port(step, bridge.ports[step.after.name])
        return lines


def _set_port(step: SetPort, raw: cumulus.Raw) -> Iterator[str]:
    before, after = step.before, step.after
    put, drop = (f"nv {verb} interface {after.name}" for verb in ("set", "unset"))
    if after.description != before.description:
        yield f"{put} description {shlex.quote(after.description)}" if after.description else f"{drop} description"
    if after.mtu != before.mtu and after.mtu is not None:
        yield f"{put} link mtu {after.mtu}"
    if cumulus.same_vlans(before, after):
        return
    if after.mode == "access" and after.untagged is None:
        if raw.bridged:
            yield f"{drop} {BRIDGE}"
    elif after.mode == "access" and after.untagged != raw.access:
        if raw.untagged or raw.drops:
            yield f"{drop} {BRIDGE} untagged"
        if raw.vlans is not None or raw.everything:
            yield f"{drop} {BRIDGE} vlan"
        yield f"{put} {BRIDGE} access {after.untagged}"
    elif after.mode == "trunk":
        has, wants = raw.vlans, cumulus.listed(after)
        if raw.access:
            yield f"{drop} {BRIDGE} access"
        if after.untagged is None and not raw.drops:
            yield f"{put} {BRIDGE} untagged none"
        elif after.untagged is not None and (raw.drops or after.untagged != raw.untagged):
            yield f"{put} {BRIDGE} untagged {after.untagged}"
        if raw.everything and wants is not None:
            yield f"{drop} {BRIDGE} vlan all"
        if wants is None:
            yield from [f"{drop} {BRIDGE} vlan"] if has is not None else []
            yield from [f"{put} {BRIDGE}"] if not raw.bridged and after.untagged is None else []
            return
        yield from (f"{put} {BRIDGE} vlan {part}" for part in chunks(wants - (has or frozenset())))
        yield from (f"{drop} {BRIDGE} vlan {part}" for part in chunks((has or frozenset()) - wants))


def _bridge(answers: Mapping[str, str]) -> cumulus.Bridge:
    config: dict[str, Any] = {}
    for part in cumulus.load(answers["config"]):
        config = part.get("set", config) or {}
    domain = config.get("bridge", {}).get("domain", {}).get("br_default", {})
    bridge = cumulus.Bridge(_ids(domain.get("vlan")), one(str(domain.get("untagged", 1))), {})
    bridge.ports = {name: cumulus.Raw() for name in cumulus.fronts(answers["names"])}
    for keys, entry in config.get("interface", {}).items():
        for name in cumulus.spread(keys):
            if name in bridge.ports or "bond" in entry or entry.get("type") in ("bond", "peerlink"):
                _fill(bridge.ports.setdefault(name, cumulus.Raw()), entry)
            for members in entry.get("bond", {}).get("member", {}):
                for member in cumulus.spread(members):
                    bridge.ports.setdefault(member, cumulus.Raw()).lag = name
    return bridge


def _fill(raw: cumulus.Raw, entry: Mapping[str, Any]) -> None:
    """What one key of `interface` says; several may name the same port."""
    raw.description = entry.get("description", raw.description)
    raw.mtu = int(entry["link"]["mtu"]) if "mtu" in entry.get("link", {}) else raw.mtu
    domains = entry.get("bridge", {}).get("domain", {})
    raw.routed |= bool(entry.get("ip", {}).get("address")) or bool(domains.keys() - {"br_default"})
    if "br_default" in domains:
        said = domains["br_default"] or {}
        raw.bridged = True
        raw.access = one(str(said["access"])) if "access" in said else raw.access
        raw.drops |= said.get("untagged") == "none"
        raw.untagged = one(str(said["untagged"])) if said.get("untagged", "none") != "none" else raw.untagged
        raw.everything |= "all" in said.get("vlan", {})
        if said.get("vlan") and not raw.everything:
            raw.vlans = (raw.vlans or frozenset()) | _ids(said["vlan"])


def _ids(vlans: Mapping[str, Any] | None) -> frozenset[int]:
    return frozenset(vlan for key in vlans or {} for vlan in expand(key))


DRIVER: Driver = Nvue()
