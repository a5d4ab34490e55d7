# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From plain data that has the schema's shape to a Cluster. Ranges are expanded here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from ...module_utils.outlet.intent import OutletIntent
from . import nodeset, tables, units
from .problems import Mark
from .source import Source, Trail
from .types import (
    Cable,
    Cluster,
    Ethernet,
    Export,
    Fabric,
    GPUs,
    Hardware,
    Interface,
    Mount,
    Network,
    NodeGroup,
    Partition,
    PowerSaving,
    Switch,
    Tenant,
    TopologySwitch,
)

OPTIONS = ("compose", "groups", "keyed_groups", "strict", "leading_separator", "use_extra_vars")    # Ansible's own
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.*[A-Za-z]){_LABEL}(?:\.{_LABEL})*")      # digits alone would be an address


class Builder:
    """Builds one Cluster; what cannot be built is noted in ``source`` and left out.

    ``table_marks`` says where a value of a table stands, by group, "interface.kind" and position.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.data: dict[str, Any] = source.data
        self.table_marks: dict[tuple[str, str, int], Mark] = {}

    def build(self) -> Cluster:
        """The cluster; only good when ``source`` has no problems afterwards."""
        data = self.data
        slurm = data.get("slurm") or {}
        networks = self._each("networks", self._network)
        hardware = self._each("hardware", self._hardware)
        groups = [group for nodes in data.get("nodes") or {} if (group := self._group(nodes, hardware))]
        self._read_tables(groups)
        switches = [switch for nodes in data.get("switches") or {} for switch in self._switches(nodes)]
        names_of_switches = {switch.name for switch in switches}
        saving = slurm.get("power_saving")
        return Cluster(
            path=self.source.path, name=data.get("name", ""), domain=data.get("domain"),
            networks=networks, fabrics=self._each("fabrics", self._fabric), hardware=hardware, groups=groups,
            switches=switches,
            cabling=[cable for row in range(len(data.get("cabling") or [])) for cable in self._cables(row, names_of_switches)],
            ethernet=self._ethernet(data.get("ethernet") or {}),
            outlets=list(self._each("outlets", self._outlet).values()),
            tenants=self._each("tenants", self._tenant),
            partitions={name: self._partition(name, entry) for name, entry in (slurm.get("partitions") or {}).items()},
            slurm={**{key: slurm.get(key) or {} for key in ("config", "cgroup", "job_container", "qos", "accounts")},
                   "plugstack": [line for line in slurm.get("plugstack") or () if line]},
            topology={name: self._topology(name, entry or {}) for name, entry in (slurm.get("topology") or {}).items()},
            power_saving=self._power_saving(saving) if saving else None,
            ceph=data.get("ceph") or {}, exports=self._each("exports", self._export), mounts=self._each("mounts", self._mount),
            enroot=data.get("enroot") or {},
            options={key: data[key] for key in OPTIONS if key in data},
        )

    # --- pieces

    def _each(self, section: str, make: Any) -> dict[str, Any]:
        made = {name: make(name, entry) for name, entry in (self.data.get(section) or {}).items()}
        return {name: item for name, item in made.items() if item is not None}

    def names(self, text: str | None, trail: Trail) -> tuple[str, ...]:
        """A NodeSet's names; a bad one is noted and names nothing."""
        if text is None:
            return ()
        try:
            return nodeset.expand(text)
        except nodeset.NodeSetError as error:
            self.source.error(trail, str(error))
            return ()

    def _hosts(self, text: str, trail: Trail) -> tuple[str, ...]:
        """A NodeSet's names, all fit for hosts; if not, that is noted and there are none."""
        names = self.names(text, trail)
        patterns = [re.sub(r"\[[^]]*\]", "0", term) for term in nodeset.split(text)]    # the same for all names of a term
        if names and not (all(map(_HOST_NAME.fullmatch, patterns)) and max(map(len, names)) <= 63):
            self.source.error(trail, f"'{text[:80]}' does not name hosts: 63 letters, digits, - and . at most, and not digits alone")
            return ()
        return names

    def _address(self, text: str | None, trail: Trail) -> IPv4Address | None:
        try:
            return IPv4Address(text) if text is not None else None
        except ValueError:
            self.source.error(trail, f"'{text}' is not an IPv4 address: each part goes from 0 to 255")
            return None

    def _subnet(self, text: str | None, trail: Trail) -> IPv4Network | None:
        if text is None:
            return None
        try:
            return IPv4Network(text)
        except ValueError:
            try:
                hint = f"; the subnet is {IPv4Network(text, strict=False)}"
            except ValueError:
                hint = ""
            self.source.error(trail, f"'{text}' is not an IPv4 subnet{hint}")
            return None

    def _outlet(self, name: str, entry: dict[str, Any]) -> OutletIntent | None:
        address = self._address(entry.get("address"), ("outlets", name, "address"))
        if not address:
            return None
        return {"name": name, "driver": entry.get("driver", ""), "address": str(address), "number": entry.get("number", 1)}

    def _network(self, name: str, entry: dict[str, Any]) -> Network | None:
        trail = ("networks", name)
        subnet = self._subnet(entry.get("subnet"), (*trail, "subnet"))
        if subnet is None:
            return None
        return Network(name, subnet, entry.get("vlan"), self._address(entry.get("gateway"), (*trail, "gateway")),
                       entry.get("mtu", 1500), self.source.mark(trail), entry.get("pkey"))

    def _fabric(self, name: str, entry: dict[str, Any]) -> Fabric:
        trail = ("fabrics", name)
        pkeys = None
        if "pkeys" in entry:
            try:
                pkeys = units.key_range(entry["pkeys"])
            except ValueError as error:
                self.source.error((*trail, "pkeys"), str(error))
        return Fabric(name, entry.get("kind", "infiniband"), self.names(entry.get("managers"), (*trail, "managers")),
                      entry.get("speed"), entry.get("width"), entry.get("mtu"), pkeys, self.source.mark(trail), entry.get("rate", 10),
                      entry.get("pkey_table", 64), entry.get("default_partition", "limited" if "pkeys" in entry else "full"),
                      entry.get("firmware") or {},
                      *({level: choice[key] for level, choice in (entry.get("qos") or {}).items() if choice and key in choice}
                        for key in ("sl", "group", "weight")))

    def _hardware(self, name: str, entry: dict[str, Any]) -> Hardware:
        made = Hardware(
            name, entry.get("sockets", 1), entry.get("cores_per_socket", 1), entry.get("threads_per_core", 1),
            units.mebibytes(entry["memory"]) if "memory" in entry else None,
            self._gpus(name, entry.get("gpus") or {}), entry.get("gres") or {},
            (entry.get("bmc") or {}).get("protocol"), tuple(entry.get("features") or ()))
        if entry.get("cpus", made.cpus) != made.cpus:
            self.source.error(("hardware", name, "cpus"), f"cpus is {entry['cpus']}, but {made.sockets} sockets x {made.cores_per_socket} "
                              f"cores x {made.threads_per_core} threads make {made.cpus}")
        return made

    def _gpus(self, name: str, entry: dict[str, Any]) -> GPUs | None:
        if not entry.keys() >= {"type", "count"}:
            return None
        trail, count = ("hardware", name, "gpus", "devices"), entry["count"]
        devices = entry.get("devices", f"/dev/nvidia[0-{count - 1}]" if count > 1 else "/dev/nvidia0")
        files = self.names(devices, trail)
        if files and len(files) != count:
            self.source.error(trail, f"{len(files)} device files for {count} GPUs")
        return GPUs(entry["type"], count, devices)

    def _group(self, text: str, hardware: dict[str, Hardware]) -> NodeGroup | None:
        trail = ("nodes", text)
        entry = self.data["nodes"][text] or {}
        names = self._hosts(text, trail)
        if not names:
            return None
        interfaces = {name: self._interface(trail, name, given or {}, len(names))
                      for name, given in (entry.get("interfaces") or {}).items()}
        racks = self.names(entry.get("rack"), (*trail, "rack"))
        if len(racks) > len(names):
            self.source.error((*trail, "rack"), f"{len(names)} nodes cannot be spread over {len(racks)} racks")
        return NodeGroup(text, names, hardware.get(entry.get("hardware", "")), entry.get("os"),
                         tuple(role for role in entry.get("roles") or () if role), racks, interfaces, {}, self.source.mark(trail))

    def _interface(self, around: Trail, name: str, entry: dict[str, Any], nodes: int) -> Interface:
        trail = (*around, "interfaces", name)
        first = self._address(entry.get("address"), (*trail, "address"))
        made = Interface(name, entry.get("network"), entry.get("fabric"), None if first is None else int(first), entry.get("mtu"),
                         self.source.mark(trail), tuple(filter(None, entry.get("bonds") or ())), entry.get("parent"))
        for kind, values in (("mac", made.macs), ("guid", made.guids)):
            if kind not in entry:
                continue
            if nodes > 1:
                self.source.error((*trail, kind), f"one {kind} for {nodes} nodes: put them in a table (column {name}_{kind})")
            elif isinstance(entry[kind], int):      # YAML took it for a decimal number
                self.source.error((*trail, kind), f"{entry[kind]} is not a GUID: write 0x and all 16 digits")
            else:
                values[0] = tables.mac(entry[kind]) if kind == "mac" else tables.guid(entry[kind])
        return made

    def _read_tables(self, groups: list[NodeGroup]) -> None:
        all_names = {name for group in groups for name in group.names}
        troubled = {trail[1] for trail in self.source.complaints if trail[:1] == ("nodes",) and len(trail) > 1}
        complete = troubled <= {group.nodeset for group in groups}
        for group in groups:
            trail = ("nodes", group.nodeset, "table")
            table = (self.data["nodes"][group.nodeset] or {}).get("table")
            if table is None:
                continue
            mark = self.source.mark(trail)
            found = tables.read_table(Path(mark.file).parent / table, group, all_names if complete else None, mark,
                                      self.source.problems.append)
            self.table_marks |= {(group.nodeset, kind, position): place for (kind, position), place in found.items()}

    def _switches(self, text: str) -> list[Switch]:
        trail = ("switches", text)
        entry = self.data["switches"][text] or {}
        first = self._address(entry.get("address"), (*trail, "address"))
        ports = tuple(port for index, uplink in enumerate(entry.get("uplinks") or ())
                      for port in self.names(uplink, (*trail, "uplinks", index)))
        names = self._hosts(text, trail)
        if first is None:
            return []
        if int(first) + len(names) > 2**32:
            self.source.error((*trail, "address"), f"{len(names)} addresses from {first} on run past the end of IPv4")
            return []
        return [Switch(name, text, entry.get("platform", ""), str(first + position), ports, entry.get("mlag"))
                for position, name in enumerate(names)]

    def _ethernet(self, entry: dict[str, Any]) -> Ethernet:
        vlans = None
        if "vlans" in entry:
            try:
                vlans = units.vlan_ranges(entry["vlans"])
            except ValueError as error:
                self.source.error(("ethernet", "vlans"), str(error))
        return Ethernet(vlans, entry.get("max_changed_ports"))

    def _cables(self, row: int, names_of_switches: Collection[str]) -> list[Cable]:
        trail = ("cabling", row)
        entry = self.data["cabling"][row]
        if not entry or not entry.keys() >= {"nodes", "interface", "switch", "ports"}:
            return []
        nodes, switches, ports = (self.names(entry[key], (*trail, key)) for key in ("nodes", "switch", "ports"))
        between = all(node in names_of_switches for node in nodes)
        interfaces = self.names(entry["interface"], (*trail, "interface")) if between else (entry["interface"],)
        if not nodes or not switches or not ports or not interfaces:
            return []
        near = [(node, interface) for node in nodes for interface in interfaces]
        if len(near) != len(switches) * len(ports):
            what = f"{len(near)} ports" if between else f"{len(near)} nodes"
            self.source.error(trail, f"{what}, but {len(switches) * len(ports)} switch ports "
                              f"({len(switches)} switches x {len(ports)} ports)")
            return []
        lags: tuple[str | None, ...] = self.names(entry.get("lag"), (*trail, "lag")) or (None,) * len(ports)
        if len(lags) != len(ports):
            self.source.error((*trail, "lag"), f"{len(lags)} LAGs for {len(ports)} ports")
            return []
        ends = [(switch, port, lag) for switch in switches for port, lag in zip(ports, lags)]
        return [Cable(node, interface, switch, port, row, lag) for (node, interface), (switch, port, lag) in zip(near, ends)]

    def _tenant(self, name: str, entry: dict[str, Any]) -> Tenant:
        trail = ("tenants", name)
        return Tenant(name, entry.get("nodes", ""), self.names(entry.get("nodes"), (*trail, "nodes")), entry.get("vlan"),
                      self._subnet(entry.get("subnet"), (*trail, "subnet")), entry.get("pkey"),
                      tuple(filter(None, entry.get("reaches") or ())), (entry.get("qos") or {}).get("level"), self.source.mark(trail),
                      entry.get("ipoib", True))

    def _partition(self, name: str, entry: dict[str, Any]) -> Partition:
        members = self.names(entry.get("nodes"), ("slurm", "partitions", name, "nodes"))
        times = [None if entry.get(key) is None else str(entry[key]) for key in ("max_time", "default_time")]
        return Partition(name, entry.get("nodes", ""), members, times[0], times[1], entry.get("default", False),
                         entry.get("oversubscribe", False), entry.get("config") or {})

    def _topology(self, name: str, entry: dict[str, Any]) -> TopologySwitch:
        trail = ("slurm", "topology", name)
        nodes, switches = entry.get("nodes"), entry.get("switches")
        bad = self.source.complaints & {(*trail, "nodes"), (*trail, "switches")}
        if (nodes is None) == (switches is None) and not bad:
            self.source.error(trail, f"switch {name} has either nodes or switches below it")
        below = "nodes" if nodes is not None else "switches"
        return TopologySwitch(name, nodes, switches, self.names(entry.get(below), (*trail, below)))

    def _power_saving(self, entry: dict[str, Any]) -> PowerSaving | None:
        if "suspend_time" not in entry:
            return None
        timeouts = [units.seconds(entry[key]) if entry.get(key) else None for key in ("suspend_timeout", "resume_timeout")]
        return PowerSaving(units.seconds(entry["suspend_time"]), timeouts[0], timeouts[1],
                           self.names(entry.get("exclude"), ("slurm", "power_saving", "exclude")),
                           tuple(filter(None, entry.get("exclude_partitions") or ())))

    def _export(self, name: str, entry: dict[str, Any]) -> Export | None:
        if not entry or not entry.keys() >= {"server", "path"}:
            return None
        trail = ("exports", name)
        return Export(name, entry["server"], entry["path"], tuple(filter(None, entry.get("networks") or ())),
                      self.names(entry.get("nodes"), (*trail, "nodes")), self.names(entry.get("root"), (*trail, "root")),
                      entry.get("access", "rw"), entry.get("root_squash", True), tuple(filter(None, entry.get("options") or ())),
                      entry.get("state", "present"))

    def _mount(self, name: str, entry: dict[str, Any]) -> Mount | None:
        if not entry or not entry.keys() >= {"nodes", "path"}:
            return None
        trail = ("mounts", name)
        if ("export" in entry) == ("source" in entry) and not self.source.complaints & {(*trail, "export"), (*trail, "source")}:
            self.source.error(trail, f"mount {name} is of an export of this file, or of a source: say one of the two")
        return Mount(name, entry["path"], self.names(entry["nodes"], (*trail, "nodes")), entry.get("export"), entry.get("source"),
                     entry.get("type", "nfs"), entry.get("access", "rw"), tuple(filter(None, entry.get("options") or ())),
                     entry.get("automount", False), entry.get("state", "present"))
