# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fabric says of its vFabrics: the master fabric manager's records, by opasaquery.

Sources: opasaquery(1) of opa-basic-tools 10.10.3; stl_sa.c of opa-ff for its lines; sa_VFabricRecord.c of opa-fm for what a record holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import descriptions, xml
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.xml import Config, VFabric

KEY = 0x7FFF        # the bit above it is a membership
SECURITY = 0x01     # of the option flags
_RECORD = re.compile(r"\s*(?P<name>.+?):\d+:(?P<pkey>0x[0-9a-fA-F]+):\d+:(?P<mtu>[^:]*):(?P<rate>[^:]*):(?P<flags>0x[0-9a-fA-F]+):[0-9:]*$")
_MEMBER = re.compile(r"\s*Device Group: (.*?) LID: \S+ Port: \d+ PortGUID: (0x[0-9a-fA-F]+) Node Description: (.*)$")


@dataclass(frozen=True)
class Port:
    """A port by its GUID and by what its node calls itself."""

    guid: str
    description: str


@dataclass(frozen=True)
class Fabric:
    """What the fabric says. vfabrics: (P_Key, security, MTU, rate) by name. ports: by device group. silent: why it says nothing."""

    vfabrics: Mapping[str, tuple[int, bool, str, str]] = field(default_factory=dict)
    ports: Mapping[str, list[Port]] = field(default_factory=dict)
    silent: str = ""


def observe(run: Run) -> Fabric:
    """Asks the master fabric manager for its vFabrics, and for the members of its device groups."""
    said = run(("opasaquery", "-o", "vfinfocsv"))
    found = {match["name"]: match for line in said.out.splitlines() if (match := _RECORD.match(line))}
    if said.rc or not found:
        return Fabric(silent=last_lines(said))
    members = run(("opasaquery", "-o", "dgmember"))
    if members.rc:
        return Fabric(silent=last_lines(members))
    ports: dict[str, list[Port]] = {}
    for line in members.out.splitlines():
        match = _MEMBER.match(line)
        if match:
            ports.setdefault(match[1], []).append(Port(f"{int(match[2], 16):#018x}", match[3].strip()))
    records = {name: (int(match["pkey"], 16) & KEY, bool(int(match["flags"], 16) & SECURITY), match["mtu"].lower(), match["rate"].lower())
               for name, match in found.items()}
    return Fabric(records, ports)


def differences(config: Config, fabric: Fabric) -> list[str]:
    """Where the fabric has other vFabrics than the file, or a device group of ours other ports. Pure."""
    wanted = {vfabric.name: _record(vfabric) for vfabric in config.vfabrics if not vfabric.standby}
    words = ("P_Key", "security", "MTU", "rate")
    wrong = [f"vFabric {name} is not in the fabric" for name in wanted if name not in fabric.vfabrics]
    wrong += [f"vFabric {name} is in the fabric, and not in the file" for name in fabric.vfabrics if name not in wanted]
    for name in wanted.keys() & fabric.vfabrics.keys():
        wrong += [f"vFabric {name} has {word} {_shown(has)} instead of {_shown(should)}"
                  for word, should, has in zip(words, wanted[name], fabric.vfabrics[name]) if should is not None and should != has]
    ports = {port.guid: port for members in fabric.ports.values() for port in members}
    called: dict[str, list[str]] = {}
    for guid, port in ports.items():
        called.setdefault(port.description, []).append(guid)
    for name, group in config.groups.items():
        if not group.ours or group.values("IncludeGroup", "Select", "NodeType", "NodeGUID", "SystemImageGUID"):
            continue
        has = {port.guid for port in fabric.ports.get(name, [])}
        should = {guid for guid in group.values("PortGUID") if guid in ports}
        for text in (text for pattern in group.values("NodeDesc") for text in descriptions.expand(pattern)):
            # What cannot be expanded was written by hand.
            should.update(called.get(text, []) if text in called or not set(text) & set("*?[:") else
                          [guid for guid, port in ports.items() if descriptions.matches(text, port.description)])
        wrong += [f"{ports[guid].description} ({guid}) is in device group {name}" for guid in sorted(has - should)]
        wrong += [f"{ports[guid].description} ({guid}) is not in device group {name}" for guid in sorted(should - has)]
    return wrong


def absent(config: Config, fabric: Fabric) -> list[str]:
    """Members of our device groups whose ports the fabric does not have; of patterns, the descriptions. Pure."""
    ports = [port for members in fabric.ports.values() for port in members]
    guids, called = {port.guid for port in ports}, {port.description for port in ports}
    missing: dict[str, None] = {}
    for group in config.groups.values():
        if group.ours:
            missing.update(dict.fromkeys(guid for guid in group.values("PortGUID") if guid not in guids))
            missing.update(dict.fromkeys(text for pattern in group.values("NodeDesc") for text in descriptions.expand(pattern)
                                         if text not in called))
    return [*missing]


def _record(vfabric: VFabric) -> tuple[int | None, bool, str, str]:
    """A vFabric without a P_Key gets one that the fabric manager chooses."""
    return vfabric.pkey, vfabric.security, *(text if text != xml.UNLIMITED else "unlimited" for text in (vfabric.mtu, vfabric.rate))  # type: ignore[return-value]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:#06x}" if isinstance(value, int) else str(value)
