# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric compared with what is declared: managers, ports, links and cables. Pure functions; `isolation` compares P_Keys and pairs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.attributes import FASTER, WIDER, PortInfo
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.intent import FabricIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.partitions import SWITCH
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.topology import End, Topology

SHOWN = 3           # findings in a sentence
Finding = dict[str, Any]


def names(intent: FabricIntent) -> dict[str, str]:
    """The node of each GUID."""
    return {port["guid"]: port["name"] for port in (*intent["managers"], *intent["ports"]) if port["guid"]}


def compare(intent: FabricIntent, seen: Topology) -> list[Finding]:
    """What differs, each with a `kind`, the `name` that it is about, and the `text`, which says the way out."""
    return [*_managers(intent, seen), *_ports(intent, seen), *_links(intent, seen), *_cables(intent, seen)]


def firmware(intent: FabricIntent, adapters: Mapping[str, Sequence[Mapping[str, str]]]) -> list[Finding]:
    """Which HCAs have another firmware than is declared for their PSID. adapters: by node, as its kernel shows them."""
    declared, found = intent.get("firmware", {}), []
    for name, adapter in ((name, adapter) for name, listed in adapters.items() for adapter in listed):
        label, version = f"{adapter['name']} of {name} ({adapter['psid']})", declared.get(adapter["psid"])
        if not declared or adapter.get("link") == "Ethernet":
            continue
        if version is None:
            found.append(_finding("psid", name, f"{label} is a board without a declared firmware: add its PSID, or see why it is "
                                  "another one", **_adapter(adapter)))
        elif adapter["firmware"] != version:
            found.append(_finding("firmware", name, f"{label} has firmware {adapter['firmware']} and not {version}: burn it while the node "
                                  "is drained (docs/runbooks/infiniband.md)", should=version, **_adapter(adapter)))
    return found


def _adapter(adapter: Mapping[str, str]) -> dict[str, str]:
    return {"adapter": adapter["name"], "psid": adapter["psid"], "has": adapter["firmware"]}


def notes(intent: FabricIntent, seen: Topology) -> list[str]:
    """What is not wrong and may become so."""
    known, declared = names(intent), _declared_managers(intent)
    found = [f"a subnet manager that is not ours is {manager.info.state} on {_host(seen, manager.node, manager.info.guid, known)} "
             f"(priority {manager.info.priority}): switch it off, it takes over when it has the higher priority or ours end"
             for manager in seen.managers if declared and manager.info.guid not in declared and manager.info.state != "master"]
    if intent["without_guid"]:
        found.append(f"the cluster file knows no GUID of {_some(intent['without_guid'])}, so nothing is checked there (`ibstat -p` on the "
                     "node shows it)")
    return found


def sentence(fabric: str, findings: Sequence[Finding]) -> str:
    """The findings in one sentence."""
    more = f"; and {len(findings) - SHOWN} more, in findings" if len(findings) > SHOWN else ""
    return f"{fabric} is not as declared: {'; '.join(finding['text'] for finding in findings[:SHOWN])}{more}"


def _managers(intent: FabricIntent, seen: Topology) -> list[Finding]:
    known, declared, masters = names(intent), _declared_managers(intent), seen.masters
    found = []
    if not masters:
        found.append(_finding("no_master", intent["fabric"], "no subnet manager is master: start opensm on "
                              f"{' or '.join(port['name'] for port in intent['managers']) or 'a node'}"))
    if len(masters) > 1:
        places = " and ".join(_host(seen, manager.node, manager.info.guid, known) for manager in masters)
        found.append(_finding("many_masters", intent["fabric"], f"{places} are master at once: switch off the one that is not ours"))
    for manager in masters:
        if declared and manager.info.guid not in declared:
            place = _host(seen, manager.node, manager.info.guid, known)
            found.append(_finding("foreign_master", place, f"the subnet manager on {place} (priority {manager.info.priority}) is master "
                                  f"and is not one of ours ({', '.join(declared.values())}): switch it off, or give ours a higher priority",
                                  guid=manager.info.guid))
    running, hosts = {manager.info.guid for manager in seen.managers}, seen.hosts
    found += [_finding("manager_missing", name, f"no subnet manager runs on {name}: `systemctl status opensm` there", guid=guid)
              for guid, name in declared.items() if guid not in running and guid in hosts]
    return found


def _ports(intent: FabricIntent, seen: Topology) -> list[Finding]:
    known, hosts = names(intent), seen.hosts
    missing = {port["guid"]: port["name"] for port in intent["ports"] if port["guid"] not in hosts}
    found = []
    strangers = {guid: port for guid, port in hosts.items() if guid not in known}
    for guid, name in missing.items():
        new = next((other for other, port in strangers.items() if re.split(r"[^\w.-]", seen.nodes[port.node].description)[0] == name), "")
        text = f"{name} has the port {new} and not {guid}, as if its HCA was replaced: put the new GUID in its table" if new else (
            f"{name} ({guid}) is not on the fabric: is it off, or its cable out? (`ibstat` there)")
        found.append(_finding("missing", name, text, guid=guid))
        strangers.pop(new, None)
    for guid, port in strangers.items():
        name = seen.nodes[port.node].description
        found.append(_finding("unknown", name, f"the port {guid} of '{name}' is on the fabric and in no table: put its GUID there, or "
                              "unplug it", guid=guid))
    found += [_finding("silent", seen.name(end, known), f"the link of {seen.name(end, known)} is up and nobody answers behind it: does the "
                       "machine there hang?") for end in seen.silent]
    return found


def _links(intent: FabricIntent, seen: Topology) -> list[Finding]:
    known, found = names(intent), []
    for ends in seen.links:
        infos = [seen.ports[end].info for end in ends if end in seen.ports]
        label = " - ".join(seen.name(end, known) for end in ends)
        link = {"ends": [{"node": node, "port": number} for node, number in ends]}
        if any(info.state != "active" for info in infos):
            found.append(_finding("not_active", label, f"the link {label} is up and not active: no subnet manager has configured it "
                                  "(`sminfo`)", **link))
        elif infos:
            found += _degraded(intent, label, [(seen.name(end, known), seen.ports[end].info) for end in ends if end in seen.ports], link)
    return found


def _degraded(intent: FabricIntent, label: str, ends: Sequence[tuple[str, PortInfo]], link: dict[str, Any]) -> list[Finding]:
    info, wanted, found = ends[0][1], (intent["width"], intent["speed"]), []
    if _below(FASTER, info.speed, intent["speed"]) or _below(WIDER, info.width, intent["width"]):
        possible = [name for name, end in ends if _below(FASTER, end.possible_speed, intent["speed"])
                    or _below(WIDER, end.possible_width, intent["width"])]
        enabled = [name for name, end in ends if _below(FASTER, end.enabled_speed, intent["speed"])
                   or _below(WIDER, end.enabled_width, intent["width"])]
        why = (f"{' and '.join(possible)} can do no more" if possible
               else f"more is not enabled on {' and '.join(enabled)}, see `ibportstate`" if enabled
               else "both ends can do more, so reseat or replace the cable")
        text = f"{label} runs at {info.width} {info.speed} and not at {' '.join(filter(None, wanted))}: {why}"
        found.append(_finding("degraded", label, text, width=info.width, speed=info.speed, **link))
    mtu = min(end.mtu for _name, end in ends)
    if mtu < intent["mtu"]:
        found.append(_finding("mtu", label, f"{label} has an MTU of {mtu} and not of {intent['mtu']}: look at what both ends can do "
                              "(MtuCap of `smpquery portinfo`)", mtu=mtu, **link))
    return found


def _cables(intent: FabricIntent, seen: Topology) -> list[Finding]:
    peers = {**dict(seen.links), **{other: one for one, other in seen.links}}
    hosts, found = seen.hosts, []
    for cable in intent["cables"]:
        port = hosts.get(cable["guid"])
        there = peers.get((port.node, port.number)) if port else None
        if there and not _is_at(cable["switch"], cable["port"], there, seen):
            place = seen.name(there, {})
            found.append(_finding("cable", cable["name"], f"{cable['name']} is plugged into {place}, and its row of cabling says "
                                  f"{cable['switch']} {cable['port']}: move the cable or correct the row", seen=place))
    return found


def _is_at(switch: str, port: str, there: End, seen: Topology) -> bool:
    node, numbers = seen.nodes[there[0]], re.findall(r"\d+", port)
    called = re.split(r"[^\w.-]+", node.description)        # such as MF0;leaf1:MSB7700/U1
    return node.info.kind == SWITCH and (switch == there[0] or switch in called) and bool(numbers) and int(numbers[-1]) == there[1]


def _declared_managers(intent: FabricIntent) -> dict[str, str]:
    return {port["guid"]: port["name"] for port in intent["managers"] if port["guid"]}


def _host(seen: Topology, node: str, guid: str, known: Mapping[str, str]) -> str:
    return known.get(guid) or (f"'{seen.nodes[node].description}'" if seen.nodes[node].description else guid)


def _below(order: Sequence[str], has: str, wanted: str) -> bool:
    return bool(wanted) and (has not in order or order.index(has) < order.index(wanted))


def _finding(kind: str, name: str, text: str, **more: Any) -> Finding:
    return {"kind": kind, "name": name, "text": text, **more}


def _some(listed: Sequence[str]) -> str:
    return ", ".join(listed[:SHOWN]) + (f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else "")
