# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is plugged into a switch, compared with what the cluster file says. Pure functions over LLDP neighbours and the MAC table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional, TypedDict

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Driver, Learned, Neighbour
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import State

ONE_NODE = 2    # MACs behind a port; with more it is a way to others, which says nothing of its cable
SHOWN = 5       # warnings


class Cable(TypedDict):
    """One end of a row of cabling: what shall be plugged into a port of this switch."""

    port: str
    node: str
    interface: str
    mac: Optional[str]      # noqa: UP045 - Python 3.9 evaluates this


@dataclass(frozen=True)
class Seen:
    """Who is at a port: a node of the file (`node`, `interface`), or what the other end calls itself (`stranger`); `by` LLDP or MAC."""

    by: str
    node: str = ""
    interface: str = ""
    stranger: str = ""

    def __str__(self) -> str:
        return f"{self.node} {self.interface}".strip() if self.node else self.stranger


def compare(switch: str, cables: Sequence[Cable], neighbours: Iterable[Neighbour], macs: Iterable[Learned],
            state: State) -> list[dict[str, Any]]:
    """What differs, each with a `kind`, the `port`, who is `expected` there, who was `seen`, and the `text`.

    A cable that neither LLDP nor a MAC shows is `unseen`, which proves nothing: the node may be off.
    """
    seen = _seen(cables, neighbours, macs, state)
    wanted = {cable["port"]: cable for cable in cables}
    wrong = {port: found for port, found in seen.items() if port in wanted and not _fits(wanted[port], found)}
    findings, told = [], set()
    for port, found in wrong.items():
        other = _home(found, cables)
        if port in told:
            continue
        cable = wanted[port]
        if other in wrong and _fits(cable, wrong[other]):
            told |= {port, other}
            text = (f"{cable['node']} and {wanted[other]['node']} are swapped on {switch}: "
                    f"{port} has {found}, {other} has {wrong[other]}")
            findings.append(_finding("swapped", port, cable, found, text, other_port=other))
        else:
            instead = f", whose port is {other}" if other else ""
            text = f"{switch} {port} has {found}{instead}; {_name(cable)} should be there"
            findings.append(_finding("wrong", port, cable, found, text))
    for port, cable in wanted.items():
        if port in seen:
            continue
        elsewhere = next((at for at, found in seen.items() if (found.node, found.interface) == (cable["node"], cable["interface"])), None)
        if elsewhere in told or elsewhere in wrong:
            continue
        if elsewhere:
            text = f"{_name(cable)} is at {switch} {elsewhere}, not at {port}"
            findings.append(_finding("moved", port, cable, seen[elsewhere], text, other_port=elsewhere))
        elif port not in state.ports:
            findings.append(_finding("missing", port, cable, None, f"{switch} has no port {port}, where {_name(cable)} should be"))
        else:
            text = f"{_name(cable)} is not seen at {switch} {port}: it is off, the cable is out, or it sends neither LLDP nor anything else"
            findings.append(_finding("unseen", port, cable, None, text))
    moved = {finding["other_port"] for finding in findings}
    for port, found in seen.items():
        if port not in wanted and found.node and port not in moved:
            findings.append({"kind": "unknown", "port": port, "expected": "", "seen": str(found), "by": found.by, "other_port": "",
                             "text": f"{switch} {port} has {found}, which the cluster file does not plug in there"})
    return findings


def _name(cable: Cable) -> str:
    return f"{cable['node']} {cable['interface']}"


def _finding(kind: str, port: str, cable: Cable, found: Optional[Seen], text: str, other_port: str = "") -> dict[str, Any]:  # noqa: UP045
    return {"kind": kind, "port": port, "expected": _name(cable), "seen": str(found) if found else "", "by": found.by if found else "",
            "other_port": other_port, "text": text}


def _fits(cable: Cable, found: Seen) -> bool:
    """Whether what was seen is the cable's other end. LLDP may know the node and not the name of the interface."""
    return found.node == cable["node"] and found.interface in ("", cable["interface"])


def _home(found: Seen, cables: Iterable[Cable]) -> str:
    """The port that who was seen belongs to."""
    return next((cable["port"] for cable in cables if found.node and _fits(cable, found)), "")


def _seen(cables: Sequence[Cable], neighbours: Iterable[Neighbour], macs: Iterable[Learned], state: State) -> dict[str, Seen]:
    """Who is at each port. LLDP goes before the MAC table, which on a port of many MACs says nothing."""
    by_mac = {cable["mac"].lower(): cable for cable in cables if cable["mac"]}
    nodes = {cable["node"] for cable in cables}
    seen: dict[str, Seen] = {}
    for neighbour in neighbours:
        cable = by_mac.get(neighbour.remote_id)
        system = neighbour.system.split(".")[0]
        if neighbour.system in nodes or system in nodes:
            node = neighbour.system if neighbour.system in nodes else system
            interfaces = {each["interface"] for each in cables if each["node"] == node}
            seen[neighbour.port] = Seen("LLDP", node, neighbour.remote_port if neighbour.remote_port in interfaces else "")
        elif cable:
            seen[neighbour.port] = Seen("LLDP", cable["node"], cable["interface"])
        elif neighbour.system:
            seen[neighbour.port] = Seen("LLDP", stranger=f"{neighbour.system} {neighbour.remote_port}".strip())
    wanted = {cable["port"] for cable in cables}
    for name, member in state.ports.items():    # a link between switches may be a LAG; its members hear the other end
        if member.lag in wanted and name in seen and name not in wanted:
            found = seen.pop(name)
            seen[member.lag or ""] = Seen(found.by, found.node, "", found.stranger)
    behind: dict[str, set[str]] = {}
    for entry in macs:
        behind.setdefault(entry.port, set()).add(entry.mac)
    for port, addresses in behind.items():
        members = [name for name, each in state.ports.items() if each.lag == port]
        known = [by_mac[mac] for mac in addresses if mac in by_mac]
        if port not in seen and not members and known and len(addresses) <= ONE_NODE:
            seen[port] = Seen("MAC", known[0]["node"], known[0]["interface"])
    return seen


def on_platform(cables: Iterable[Mapping[str, Any]], driver: Driver) -> list[Cable]:
    """The cables with the platform's full names of ports."""
    return [Cable(port=driver.port_name(cable["port"]), node=cable["node"], interface=cable["interface"], mac=cable.get("mac"))
            for cable in cables]


def verdict(switch: str, cables: Sequence[Cable], findings: list[dict[str, Any]], warn: Callable[[str], Any]) -> dict[str, Any]:
    """What the module returns. Raises ClusterwrightError when something is at the wrong port; what is only unseen is warned of."""
    wrong = [finding["text"] for finding in findings if finding["kind"] != "unseen"]
    unseen = [finding["text"] for finding in findings if finding["kind"] == "unseen"]
    concerned = {port for finding in findings for port in (finding["port"], finding["other_port"])}
    result = {"findings": findings, "checked": {"cables": len(cables), "right": sum(cable["port"] not in concerned for cable in cables)}}
    for text in unseen[:SHOWN]:
        warn(text)
    if len(unseen) > SHOWN:
        warn(f"{switch}: {len(unseen) - SHOWN} more cables are not seen")
    if wrong:
        more = f" (and {len(wrong) - 5} more)" if len(wrong) > 5 else ""
        raise ClusterwrightError(f"{'. '.join(wrong[:5])}{more}. Plug them as the cluster file says, or correct its cabling", **result)
    return result
