# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dell SmartFabric OS10.

A VLAN is an interface, its name the interface's description. `switchport trunk allowed vlan` adds; the untagged VLAN of a trunk is its
access VLAN. The MTU counts 32 bytes of headers: 1532 is the default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import About, Driver, Learned, Neighbour, Safety
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.switchport import attributes, sections, typed, value
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import Port, SetPort, State, Step
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import chunks, expand, full_name, mac, one, other_end

HEADERS = 32
_KINDS = {"e": "ethernet", "eth": "ethernet", "ethernet": "ethernet", "po": "port-channel", "port-channel": "port-channel"}
_PORT = re.compile(r"ethernet[0-9]+/[0-9]+/[0-9]+(?::[0-9]+)?|port-channel[0-9]+")
_MAC = re.compile(r"\s*([0-9]+)\s+([0-9a-f]{2}(?::[0-9a-f]{2}){5})\s+\S+\s+(\S+)\s*", re.I)


class Os10:
    platform = "os10"
    device_type = "dell_os10"
    reads: Mapping[str, str] = {"config": "show running-configuration interface"}
    about_reads: Mapping[str, str] = {"version": "show version", "inventory": "show inventory"}
    lldp_reads: Mapping[str, str] = {"lldp": "show lldp neighbors detail"}
    mac_reads: Mapping[str, str] = {"macs": "show mac address-table"}
    rejections: tuple[str, ...] = (r"(?mi:^\s*% ?error\b)", r"(?m:^\s*% ?(?!Warning|Info)\w)")
    enter: tuple[str, ...] = ("configure terminal",)
    leave: tuple[str, ...] = ("end",)
    safety = Safety(begin=("start transaction",), activate=("commit",), abandon=("discard",))
    save: tuple[str, ...] = ("copy running-configuration startup-configuration",)
    saved: Mapping[str, str] = {"running": "show running-configuration", "saved": "show startup-configuration"}
    name_limit = 240

    def parse(self, answers: Mapping[str, str]) -> State:
        vlans: dict[int, str] = {}
        ports: dict[str, Port] = {}
        for head, body in sections(answers["config"]):
            match = re.fullmatch(r"interface (vlan ?([0-9]+)|\S+(?: [0-9].*)?)", head)
            if match is None:
                raise ValueError(f"no interface in {head!r}")
            if match[2]:
                vlans[int(match[2])] = (value(body, "description") or "").strip('"')
            elif _PORT.fullmatch(name := self.port_name(match[1])):
                ports[name] = _port(name, body)
        return State(vlans, ports)

    def about(self, answers: Mapping[str, str]) -> About:
        model = re.search(r"^System Type: *(\S+)", answers["version"], re.M)
        version = re.search(r"^OS Version: *(\S+)", answers["version"], re.M)
        serial = re.search(r"^\* +1 .*\s(\S{7}) +[0-9]+ [0-9 ]+$", answers["inventory"], re.M)
        return About(model[1] if model else "", version[1] if version else "", serial[1] if serial else "")

    def lldp(self, answers: Mapping[str, str]) -> list[Neighbour]:
        found = []
        for block in re.split(r"^ *Remote Chassis ID Subtype:", answers["lldp"], flags=re.M)[1:]:
            said = dict(re.findall(r"^ *([A-Z][\w ]+): *(.*\S)", block, re.M))
            found.append(Neighbour(self.port_name(said.get("Local Port ID", "")), said.get("Remote System Name", ""), *other_end(
                said.get("Remote Port ID", ""), said.get("Remote Port Description", ""), said.get("Remote Chassis ID", ""))))
        return found

    def macs(self, answers: Mapping[str, str]) -> list[Learned]:
        lines = (_MAC.fullmatch(line) for line in answers["macs"].splitlines())
        return [Learned(mac(line[2]), int(line[1]), line[3]) for line in lines if line and _PORT.fullmatch(line[3])]

    def commands(self, steps: Sequence[Step], state: State, answers: Mapping[str, str]) -> list[str]:  # noqa: ARG002
        return typed(steps, _set_port, vlan="interface vlan {}", name='description "{}"', remove="no interface vlan {}")

    def mtu(self, payload: int) -> int:
        return payload

    def port_name(self, name: str) -> str:
        return full_name(name, _KINDS)


def _set_port(step: SetPort) -> Iterator[str]:
    before, after = step.before, step.after
    yield from attributes(before, after, description='description "{}"', headers=HEADERS)
    if after.mode == "other":
        return
    was = before if before.mode == "trunk" else Port(after.name, "access", before.untagged)     # only a trunk has a list
    if after.mode == "trunk" != before.mode:
        yield "switchport mode trunk"
    yield from (f"switchport trunk allowed vlan {part}" for part in chunks(after.tagged - was.vlans))
    if after.untagged != was.untagged or before.mode == "other":
        if after.untagged in was.tagged:        # a port has a VLAN in one way only
            yield f"no switchport trunk allowed vlan {after.untagged}"
        yield f"switchport access vlan {after.untagged}" if after.untagged else "no switchport access vlan"
        if was.untagged in after.tagged:
            yield f"switchport trunk allowed vlan {was.untagged}"
    yield from (f"no switchport trunk allowed vlan {part}" for part in chunks(was.tagged - after.vlans))
    if after.mode == "access" != before.mode:
        yield "switchport mode access"


def _port(name: str, body: Sequence[str]) -> Port:
    description = (value(body, "description") or "").strip('"')
    mtu = int(value(body, "mtu") or 1500 + HEADERS) - HEADERS
    group = value(body, "channel-group")
    mode = value(body, "switchport mode") or "access"
    if group or "no switchport" in body or mode not in ("access", "trunk"):
        return Port(name, "other", None, mtu=mtu, description=description, lag=f"port-channel{group.split()[0]}" if group else None)
    access = value(body, "switchport access vlan")
    untagged = one(access) if access else None
    lists = (line[len("switchport trunk allowed vlan "):] for line in body if line.startswith("switchport trunk allowed vlan "))
    tagged = frozenset(vlan for text in lists for vlan in expand(text)) if mode == "trunk" else frozenset()
    return Port(name, mode, untagged, tagged - {untagged}, mtu, description)


DRIVER: Driver = Os10()
