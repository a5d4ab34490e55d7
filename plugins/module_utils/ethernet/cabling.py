# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is plugged into switches, compared with what the cluster file says. Pure functions over LLDP neighbours and MAC tables.

All switches are looked at together: a node at the wrong switch is at home at another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, TypedDict

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import drivers
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Learned, Neighbour

ONE_NODE = 2    # MACs behind a port; with more it is a way to others, which says nothing of its cable
SHOWN = 5       # warnings, and mistakes in a sentence


class Cable(TypedDict):
    """One end of a row of cabling: what shall be plugged into a port of a switch."""

    switch: str
    port: str
    node: str
    interface: str
    mac: Optional[str]      # noqa: UP045 - Python 3.9 evaluates this


class View(NamedTuple):
    """What one switch sees. `ports`: its ports, each with the LAG that it is a member of."""

    ports: Mapping[str, Optional[str]]      # noqa: UP045
    neighbours: Sequence[Neighbour]
    macs: Sequence[Learned]


class Place(NamedTuple):
    """A port of a switch."""

    switch: str
    port: str

    def __str__(self) -> str:
        return f"{self.switch} {self.port}"

    def beside(self, other: Place) -> str:
        """The place, in a sentence that has named the other one."""
        return self.port if self.switch == other.switch else str(self)


@dataclass(frozen=True)
class Seen:
    """Who is at a port: a node of the file (`node`, `interface`), or what the other end calls itself (`stranger`); `by` LLDP or MAC."""

    by: str
    node: str = ""
    interface: str = ""
    stranger: str = ""

    def __str__(self) -> str:
        return f"{self.node} {self.interface}".strip() if self.node else self.stranger


def compare(cables: Sequence[Cable], views: Mapping[str, View]) -> list[dict[str, Any]]:
    """What differs, each with a `kind`, `switch` and `port`, who is `expected` there, who was `seen`, and the `text`.

    A cable that neither LLDP nor a MAC shows is `unseen`, which proves nothing: the node may be off. Of switches without a view nothing is
    said.
    """
    every = {Place(cable["switch"], cable["port"]): cable for cable in cables}
    wanted = {place: cable for place, cable in every.items() if place.switch in views}
    seen = {Place(switch, port): found for switch, view in views.items() for port, found in _seen(switch, view, every).items()}
    wrong = {place: found for place, found in seen.items() if place in wanted and not _fits(wanted[place], found)}
    findings, told = [], set()
    for place, found in wrong.items():
        if place in told:
            continue
        cable, other = wanted[place], _home(found, place, every)
        if other in wrong and _fits(cable, wrong[other]):
            told |= {place, other}
            findings.append(_finding("swapped", place, cable, found, _swapped(place, other, every, wrong), other))
        else:
            instead = f", whose port is {other.beside(place)}" if other else ""
            findings.append(_finding("wrong", place, cable, found, f"{place} has {found}{instead}; {_name(cable)} should be there", other))
    for place, cable in wanted.items():
        if place in seen:
            continue
        elsewhere = next((at for at, found in seen.items() if (found.node, found.interface) == (cable["node"], cable["interface"])), None)
        if elsewhere in wrong:
            continue
        if elsewhere:
            text = f"{_name(cable)} is at {elsewhere}, not at {place.beside(elsewhere)}"
            findings.append(_finding("moved", place, cable, seen[elsewhere], text, elsewhere))
        elif place.port not in views[place.switch].ports:
            text = f"{place.switch} has no port {place.port}, where {_name(cable)} should be"
            findings.append(_finding("missing", place, cable, None, text))
        else:
            text = f"{_name(cable)} is not seen at {place}: it is off, the cable is out, or it sends neither LLDP nor anything else"
            findings.append(_finding("unseen", place, cable, None, text))
    moved = {Place(finding["other_switch"], finding["other_port"]) for finding in findings if finding["kind"] == "moved"}
    for place, found in seen.items():
        if place not in wanted and found.node and place not in moved:
            text = f"{place} has {found}, which the cluster file does not plug in there"
            findings.append(_finding("unknown", place, None, found, text))
    return findings


def _swapped(place: Place, other: Place, cables: Mapping[Place, Cable], found: Mapping[Place, Seen]) -> str:
    one, two = cables[place]["node"], cables[other]["node"]
    if place.switch != other.switch:
        return f"{one} ({place}) and {two} ({other}) are swapped: each is at the other's port"
    return f"{one} and {two} are swapped on {place.switch}: {place.port} has {found[place]}, {other.port} has {found[other]}"


def _name(cable: Cable) -> str:
    return f"{cable['node']} {cable['interface']}"


def _finding(kind: str, place: Place, cable: Optional[Cable], found: Optional[Seen], text: str,     # noqa: UP045
             other: Optional[Place] = None) -> dict[str, Any]:  # noqa: UP045
    return {"kind": kind, **place._asdict(), "expected": _name(cable) if cable else "", "seen": str(found) if found else "",
            "by": found.by if found else "", "other_switch": other.switch if other else "", "other_port": other.port if other else "",
            "text": text}


def _fits(cable: Cable, found: Seen) -> bool:
    """Whether what was seen is the cable's other end. LLDP may know the node and not the name of the interface."""
    return found.node == cable["node"] and found.interface in ("", cable["interface"])


def _home(found: Seen, place: Place, cables: Mapping[Place, Cable]) -> Optional[Place]:     # noqa: UP045
    """The port that who was seen belongs to; of several one on the same switch."""
    homes = [at for at, cable in cables.items() if found.node and _fits(cable, found)]
    return min(homes, key=lambda at: at.switch != place.switch, default=None)


def _seen(switch: str, view: View, cables: Mapping[Place, Cable]) -> dict[str, Seen]:
    """Who is at each port of a switch. LLDP goes before the MAC table, which on a port of many MACs says nothing."""
    by_mac = {cable["mac"].lower(): cable for cable in cables.values() if cable["mac"]}
    interfaces: dict[str, set[str]] = {}
    for cable in cables.values():
        interfaces.setdefault(cable["node"], set()).add(cable["interface"])
    here = {place.port: cable for place, cable in cables.items() if place.switch == switch}
    switches = {place.switch for place in cables}
    seen: dict[str, Seen] = {}
    for neighbour in view.neighbours:
        known = by_mac.get(neighbour.remote_id)
        node = next((name for name in (neighbour.system, neighbour.system.split(".")[0]) if name in interfaces), "")
        if node:
            seen[neighbour.port] = Seen("LLDP", node, neighbour.remote_port if neighbour.remote_port in interfaces[node] else "")
        elif known:
            seen[neighbour.port] = Seen("LLDP", known["node"], known["interface"])
        elif neighbour.system:
            seen[neighbour.port] = Seen("LLDP", stranger=f"{neighbour.system} {neighbour.remote_port}".strip())
    for name, lag in view.ports.items():    # a link between switches may be a LAG; its members hear the other end
        if lag in here and name in seen and name not in here:
            found = seen.pop(name)
            seen[lag or ""] = Seen(found.by, found.node, "", found.stranger)
    behind: dict[str, set[str]] = {}
    for entry in view.macs:
        behind.setdefault(entry.port, set()).add(entry.mac)
    lags = set(view.ports.values())
    for port, addresses in behind.items():
        known = next((by_mac[mac] for mac in sorted(addresses) if mac in by_mac), None)
        if port in seen or port in lags or known is None or len(addresses) > ONE_NODE:
            continue
        # A node of another switch is seen over links that the file need not have: only at a node's port it is in the wrong place.
        if known["switch"] == switch or (port in here and here[port]["node"] not in switches):
            seen[port] = Seen("MAC", known["node"], known["interface"])
    return seen


def views_of(facts: Mapping[str, Any]) -> dict[str, View]:
    """What M(clusterwright.hpc.switch_facts) returned of each switch. Raises ClusterwrightError for what it did not return."""
    found = {}
    for switch, said in facts.items():
        lacks = [key for key in ("platform", "ports", "neighbours", "macs") if key not in said]
        if lacks:
            raise ClusterwrightError(f"{switch}: its facts lack {', '.join(lacks)}: they are what switch_facts returns with gather "
                                     "ports, neighbours and macs")
        found[switch] = View({port["name"]: port["lag"] for port in said["ports"]}, [Neighbour(**each) for each in said["neighbours"]],
                             [Learned(**each) for each in said["macs"]])
    return found


def on_platform(cables: Sequence[Cable], facts: Mapping[str, Any]) -> list[Cable]:
    """The cables with the full names of ports of those switches whose platform is known."""
    known = {switch: drivers.driver(said["platform"]) for switch, said in facts.items()}
    return [{**cable, "port": known[cable["switch"]].port_name(cable["port"])} if cable["switch"] in known else cable
            for cable in cables]


def verdict(cables: Sequence[Cable], views: Mapping[str, View], warn: Callable[[str], Any]) -> dict[str, Any]:
    """What the module returns. Raises ClusterwrightError when something is at the wrong port; what is only unseen is warned of."""
    findings = compare(cables, views)
    wrong = [finding["text"] for finding in findings if finding["kind"] != "unseen"]
    unseen = [finding["text"] for finding in findings if finding["kind"] == "unseen"]
    concerned = {(finding["switch"], finding["port"]) for finding in findings}
    concerned |= {(finding["other_switch"], finding["other_port"]) for finding in findings}
    looked = [cable for cable in cables if cable["switch"] in views]
    right = sum((cable["switch"], cable["port"]) not in concerned for cable in looked)
    result = {"findings": findings, "checked": {"switches": len(views), "cables": len(looked), "right": right}}
    for text in unseen[:SHOWN]:
        warn(text)
    if len(unseen) > SHOWN:
        warn(f"{len(unseen) - SHOWN} more cables are not seen")
    if wrong:
        more = f" (and {len(wrong) - SHOWN} more)" if len(wrong) > SHOWN else ""
        raise ClusterwrightError(f"{'. '.join(wrong[:SHOWN])}{more}. Plug them as the cluster file says, or correct its cabling", **result)
    return result
