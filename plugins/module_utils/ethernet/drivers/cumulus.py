# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the three ways to configure Cumulus Linux share: one VLAN-aware bridge.

A port of it without a list carries all VLANs that the bridge has and will have: it is a trunk of all VLANs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import About, Learned, Neighbour
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS, Port, State
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import other_end

MTU = 9216                      # what a port has that is told nothing
FRONT = re.compile(r"swp[0-9]+(?:s[0-9]+)?")
NAMES = "ls /sys/class/net"     # ports that no line of a configuration names are ports too
_SPREAD = re.compile(r"(.*?)([0-9]+)-([0-9]+)(.*)")
_MAC = r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}"


@dataclass
class Raw:
    """A port as it is configured. None: nothing is said."""

    bridged: bool = False
    access: int | None = None
    vlans: frozenset[int] | None = None     # None: all of the bridge
    everything: bool = False                # that is said with a word (NVUE)
    untagged: int | None = None             # None: the bridge's
    drops: bool = False                     # untagged frames
    routed: bool = False
    lag: str | None = None
    mtu: int | None = None
    description: str = ""


@dataclass
class Bridge:
    """A VLAN-aware bridge and its ports."""

    vlans: frozenset[int] = frozenset()
    untagged: int = 1
    ports: dict[str, Raw] = field(default_factory=dict)

    def state(self) -> State:
        return State(dict.fromkeys(sorted(self.vlans | {self.untagged}), ""), {name: self.port(name) for name in self.ports})

    def port(self, name: str) -> Port:
        raw = self.ports[name]
        mtu = MTU if raw.mtu is None else raw.mtu
        if raw.lag or raw.routed:
            return Port(name, "other", None, mtu=mtu, description=raw.description, lag=raw.lag)
        if raw.access or not raw.bridged:
            return Port(name, "access", raw.access, mtu=mtu, description=raw.description)
        untagged = None if raw.drops else raw.untagged or self.untagged
        vlans = ALL_VLANS if raw.vlans is None else raw.vlans
        return Port(name, "trunk", untagged, vlans - {untagged}, mtu, raw.description)


def same_vlans(before: Port, after: Port) -> bool:
    """Whether a step leaves the VLANs of a port alone."""
    return (before.mode, before.untagged, before.tagged) == (after.mode, after.untagged, after.tagged)


def listed(port: Port) -> frozenset[int] | None:
    """The list of a trunk, None for one of all VLANs. It must not be empty: that would be all."""
    if port.vlans == ALL_VLANS:
        return None
    if not port.vlans:
        raise ValueError(f"{port.name} cannot be a trunk without any VLAN on Cumulus Linux: give it one, or make it an access port")
    return port.vlans


def spread(text: str) -> list[str]:
    """`swp1-3,swp7`, `swp1,3`, `swp1s0-3` as single names."""
    names: list[str] = []
    stem = ""
    for part in re.split(r"[\s,]+", text.strip()):
        whole = stem + part if part[:1].isdigit() else part
        stem = re.match(r"[^0-9]*", whole)[0]       # type: ignore[index]
        match = _SPREAD.fullmatch(whole)
        if match:
            names += [f"{match[1]}{number}{match[4]}" for number in range(int(match[2]), int(match[3]) + 1)]
        elif whole:
            names.append(whole)
    return names


def fronts(answer: str) -> list[str]:
    """The front panel's ports of `ls /sys/class/net`."""
    return [name for name in answer.split() if FRONT.fullmatch(name)]


class Cumulus:
    """What does not depend on the way of configuration."""

    device_type = "linux"
    about_reads: Mapping[str, str] = {"release": "cat /etc/lsb-release", "eeprom": "sudo -n decode-syseeprom"}
    lldp_reads: Mapping[str, str] = {"lldp": "sudo -n lldpctl -f json"}
    mac_reads: Mapping[str, str] = {"macs": "sudo -n bridge -j fdb show"}
    enter: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    saved: Mapping[str, str] = {}       # the file is what is saved; NVUE has no command that shows what it would start with
    name_limit = 0

    def about(self, answers: Mapping[str, str]) -> About:
        version = re.search(r"^DISTRIB_RELEASE=\"?([^\"\s]+)", answers["release"], re.M)
        model = re.search(r"^Product Name +0x21 +[0-9]+ +(.*\S)", answers["eeprom"], re.M)
        serial = re.search(r"^Serial Number +0x23 +[0-9]+ +(\S+)", answers["eeprom"], re.M)
        return About(model[1] if model else "", version[1] if version else "", serial[1] if serial else "")

    def lldp(self, answers: Mapping[str, str]) -> list[Neighbour]:
        found = []
        for name, entry in _each(load(answers["lldp"]).get("lldp", {}).get("interface", {})):
            chassis, port = entry.get("chassis", {}), entry.get("port", {})
            system = next((key for key, value in chassis.items() if isinstance(value, dict) and key != "id"), "")
            who = chassis.get(system, chassis).get("id", {}).get("value", "")
            if FRONT.fullmatch(name):
                found.append(Neighbour(name, system, *other_end(port.get("id", {}).get("value", ""), port.get("descr", ""), who)))
        return found

    def macs(self, answers: Mapping[str, str]) -> list[Learned]:
        entries = load(answers["macs"] or "[]")
        return [Learned(entry["mac"], entry["vlan"], entry["ifname"]) for entry in entries
                if entry.get("vlan") and entry.get("state") != "permanent" and re.fullmatch(_MAC, entry.get("mac", ""))]

    def mtu(self, payload: int) -> int:
        return payload

    def port_name(self, name: str) -> str:
        return name.strip()


def load(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError as error:
        raise ValueError(f"no JSON in {text.strip()[:60]!r}: {error}") from None


def _each(interfaces: Any) -> Iterable[tuple[str, Any]]:
    """lldpctl's interfaces: a dict where there is one, a list of dicts where there are more."""
    for each in interfaces if isinstance(interfaces, list) else [interfaces]:
        yield from each.items()
