# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric as a whole: its nodes, ports, links and subnet managers, from one walk over it."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result, Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import attributes, observe, survey
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.attributes import ManagerInfo, NodeInfo, PortInfo
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.partitions import SWITCH, Table

SYSFS = Path("/sys/class/infiniband")
End = tuple[str, int]       # a node's GUID and the number of a port


@dataclass(frozen=True)
class Node:
    """A node and what it calls itself."""

    info: NodeInfo
    description: str


@dataclass(frozen=True)
class Port:
    """A port that is not down. `guid` is a switch's own for all of its ports; `table` is None where it was not read.

    `errors`: error counters that are not 0; `grown`: by how much, between two reads.
    """

    node: str
    number: int
    guid: str
    info: PortInfo
    table: Table | None = None
    errors: dict[str, int] = field(default_factory=dict)
    grown: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Manager:
    """A subnet manager, and the node that it runs on."""

    node: str
    info: ManagerInfo


@dataclass(frozen=True)
class Topology:
    """What a walk has found. `silent`: ports whose link is up and behind which nobody answers; `asked`: how many questions it took."""

    local: str
    nodes: dict[str, Node]
    ports: dict[End, Port]
    links: list[tuple[End, End]]
    managers: list[Manager]
    silent: list[End]
    asked: int

    @cached_property
    def hosts(self) -> dict[str, Port]:
        """The ports of HCAs and routers, by GUID."""
        return {port.guid: port for port in self.ports.values() if self.nodes[port.node].info.kind != SWITCH}

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The kind of each port that has a P_Key table of its own, by GUID."""
        return {port.guid: self.nodes[port.node].info.kind for port in self.ports.values()
                if port.number == 0 or self.nodes[port.node].info.kind != SWITCH}

    @cached_property
    def tables(self) -> dict[str, Table]:
        """The P_Key tables that were read, by port GUID."""
        return {port.guid: port.table for port in self.ports.values() if port.table is not None}

    @property
    def masters(self) -> list[Manager]:
        """The subnet managers that are master."""
        return [manager for manager in self.managers if manager.info.state == "master"]

    def name(self, end: End, known: Mapping[str, str]) -> str:
        """A port as people know it: the node that has its GUID, or what the node calls itself, and of a switch the number."""
        node, port = self.nodes[end[0]], self.ports.get(end)
        if node.info.kind != SWITCH:
            return known.get(port.guid if port else "") or node.description or end[0]
        return f"{node.description or end[0]} port {end[1]}"


def names(seen: Topology, known: Mapping[str, str]) -> dict[str, str]:
    """The name of each port with a P_Key table, by GUID: the declared one, or what the node calls itself."""
    called = {port.guid: seen.nodes[port.node].description for port in seen.ports.values() if port.guid in seen.kinds}
    return {**{guid: name for guid, name in called.items() if name}, **known}


def look(run: Run, keys: bool = False, counters: bool = False, interval: int = 0) -> Topology:
    """Walks over the fabric: one command. Raises ClusterwrightError when it cannot be seen."""
    return assemble(_program(run, {"keys": keys, "counters": counters, "interval": interval}))


def granted(run: Run, guids: Sequence[str], pairs: Sequence[tuple[int, int]] | None) -> list[int | None]:
    """What the subnet manager grants to pairs of these ports, or to each pair: a P_Key, 0 for no path, None for no answer. One command."""
    return list(_program(run, {"paths": {"guids": list(guids), "pairs": pairs}})["granted"])


def _program(run: Run, told: dict[str, Any]) -> dict[str, Any]:
    result = run([sys.executable, "-c", inspect.getsource(survey), json.dumps(told)])
    try:
        said: dict[str, Any] = json.loads(result.out.strip().split("\n")[-1])
    except ValueError:
        said = {"error": last_lines(Result(*result))}
    if said.get("error"):
        raise ClusterwrightError(f"the fabric cannot be seen from here: {said['error']}. Run this where a port of the fabric is active "
                                 "(`ibstat`), as root, with libibmad (it comes with infiniband-diags)")
    return said


def assemble(said: dict[str, Any]) -> Topology:
    """The fabric from the answers of `survey`."""
    nodes = {guid: Node(attributes.node(bytes.fromhex(entry["info"])), attributes.description(bytes.fromhex(entry["desc"])))
             for guid, entry in said["nodes"].items()}
    capabilities: dict[str, int] = {}
    ports: dict[End, Port] = {}
    managers = []
    for entry in said["ports"]:
        node, number = entry["node"], entry["port"]
        if "info" not in entry:
            continue
        own = capabilities.get(node) if number and nodes[node].info.kind == SWITCH else None
        info = attributes.port(bytes.fromhex(entry["info"]), bytes.fromhex(entry.get("mellanox", "")), own)
        if number == 0:
            capabilities[node] = info.capabilities
        elif not entry.get("up"):
            continue
        keys = entry.get("keys")
        ports[node, number] = Port(node, number, entry["guid"], info, None if keys is None else observe.table(keys),
                                   *_counted(entry.get("counters"), entry.get("later")))
        if entry.get("manager"):
            managers.append(Manager(node, attributes.manager(bytes.fromhex(entry["manager"]))))
    links = [((a, one), (b, other)) for a, one, b, other in said["links"]]
    return Topology(said["local"], nodes, ports, links, managers, [(node, port) for node, port in said["silent"]], said["asked"])


def _counted(first: str | None, later: str | None) -> tuple[dict[str, int], dict[str, int]]:
    before, after = (attributes.errors(bytes.fromhex(text or "")) for text in (first, later))
    if not later:
        return before, {}
    return after, {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}


def adapters() -> list[dict[str, str]]:
    """The HCAs of this host as its kernel shows them: firmware and PSID (`board_id`) are not asked for over the fabric."""
    found = []
    for device in sorted(SYSFS.iterdir()) if SYSFS.is_dir() else ():
        read = {key: _text(device / name) for key, name in (("firmware", "fw_ver"), ("psid", "board_id"), ("type", "hca_type"))}
        if read["firmware"]:
            guid = _text(device / "node_guid").replace(":", "")
            found.append({"name": device.name, "guid": f"0x{guid}" if guid else "", "link": _text(device / "ports/1/link_layer"), **read})
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def facts(seen: Topology) -> dict[str, Any]:
    """The fabric as data."""
    peers = {**dict(seen.links), **{other: one for one, other in seen.links}}
    return {
        "nodes": [{"guid": guid, "name": node.description, "kind": node.info.kind, "ports": node.info.ports,
                   "vendor": f"{node.info.vendor:#08x}", "device": f"{node.info.device:#06x}", "pkeys": node.info.pkeys}
                  for guid, node in seen.nodes.items()],
        "ports": [_port(seen, port, peers) for port in seen.ports.values()],
        "managers": [{"name": seen.nodes[manager.node].description, **manager.info._asdict()} for manager in seen.managers],
        "silent": [{"node": node, "port": port, "name": seen.nodes[node].description} for node, port in seen.silent],
        "asked": seen.asked,
    }


def _port(seen: Topology, port: Port, peers: dict[End, End]) -> dict[str, Any]:
    info = port.info
    found: dict[str, Any] = {"node": port.node, "name": seen.nodes[port.node].description, "port": port.number, "guid": port.guid,
                             "lid": info.lid, "state": info.state}
    if (port.node, port.number) in peers:
        node, number = peers[port.node, port.number]
        found.update(width=info.width, possible_width=info.possible_width, enabled_width=info.enabled_width, speed=info.speed,
                     possible_speed=info.possible_speed, enabled_speed=info.enabled_speed, mtu=info.mtu, errors=port.errors,
                     grown=port.grown, peer={"node": node, "name": seen.nodes[node].description, "port": number})
    return found
