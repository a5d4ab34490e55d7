# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA Onyx, before that Mellanox MLNX-OS.

A trunk has no untagged VLAN here; one that has is a hybrid port. From 3.6.6000 on `json-print` wraps each entry into a list.
Descriptions, MTUs and LAGs are read from the running configuration, the only place that has them for ports, LAGs and MLAGs alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import About, Driver, Learned, Neighbour, Safety
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.switchport import attributes, typed
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import Port, SetPort, State, Step
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import expand, full_name, items, mac, one, other_end

_TYPES = {"Eth": "ethernet ", "Po": "port-channel ", "Mpo": "mlag-port-channel "}
_KINDS = {"eth": "Eth", "ethernet": "Eth", "po": "Po", "port-channel": "Po", "mpo": "Mpo", "mlag-port-channel": "Mpo"}
_PORT = re.compile(r"(?:Eth[0-9/]+|Po[0-9]+|Mpo[0-9]+)")
_LINE = re.compile(r"\s*interface (ethernet|port-channel|mlag-port-channel) ([0-9/,-]+)(?: (.*))?")
_MAC = re.compile(r"\s*([0-9]+)\s+([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})\s+\S+\s+(\S+)\s*")


class Onyx:
    platform = "onyx"
    device_type = "mellanox_mlnxos"
    reads: Mapping[str, str] = {
        "vlans": "show vlan | json-print", "switchport": "show interfaces switchport | json-print",
        "config": 'show running-config | include "interface "'}
    about_reads: Mapping[str, str] = {"version": "show version | json-print"}
    lldp_reads: Mapping[str, str] = {"lldp": "show lldp interfaces ethernet remote | json-print"}
    mac_reads: Mapping[str, str] = {"macs": "show mac-address-table"}
    rejections: tuple[str, ...] = (r"(?m:^\s*% ?(?!Warning)\w)", r"(?mi:^\s*error\b)")
    enter: tuple[str, ...] = ("enable", "configure terminal")
    leave: tuple[str, ...] = ("exit",)
    safety = Safety()
    save: tuple[str, ...] = ("configure terminal", "configuration write", "exit")
    saved: Mapping[str, str] = {}       # the saved configuration is a database that no command shows
    name_limit = 40

    def parse(self, answers: Mapping[str, str]) -> State:
        vlans = {int(key): str(value.get("Name", "")) for key, value in _entries(answers["vlans"]) if key.isdigit()}
        said = dict(_settings(answers["config"]))
        ports = {name: value for name, value in _entries(answers["switchport"]) if _PORT.fullmatch(name)}
        return State(vlans, {name: _port(name, ports.get(name), said.get(name, [])) for name in [*ports, *(said.keys() - ports.keys())]})

    def about(self, answers: Mapping[str, str]) -> About:
        said = dict(_merged(_load(answers["version"])))
        return About(said.get("Product model", ""), said.get("Product release", ""), said.get("System serial num", ""))

    def lldp(self, answers: Mapping[str, str]) -> list[Neighbour]:
        found = []
        for head, entry in _entries(answers["lldp"]):
            port = head.split()[0]          # Eth1/1 (Po100)
            said = {key: "" if str(value).lower() == "not advertised" else str(value) for key, value in entry.items()}
            if _PORT.fullmatch(port) and "Remote chassis id" in said:
                found.append(Neighbour(port, said.get("Remote system name", ""), *other_end(
                    said.get("Remote port-id", ""), said.get("Remote port description", ""), said["Remote chassis id"])))
        return found

    def macs(self, answers: Mapping[str, str]) -> list[Learned]:
        lines = (_MAC.fullmatch(line) for line in answers["macs"].splitlines())
        return [Learned(mac(line[2]), int(line[1]), line[3]) for line in lines if line and _PORT.fullmatch(line[3])]

    def commands(self, steps: Sequence[Step], state: State, answers: Mapping[str, str]) -> list[str]:  # noqa: ARG002
        return typed(steps, _set_port, name='name "{}"', interface=_interface)

    def mtu(self, payload: int) -> int:
        return payload

    def port_name(self, name: str) -> str:
        return full_name(name, _KINDS)


def _interface(name: str) -> str:
    kind, number = re.split(r"(?<=[a-z])(?=[0-9])", name, maxsplit=1)
    return f"interface {_TYPES[kind]}{number}"


def _set_port(step: SetPort) -> Iterator[str]:
    before, after = step.before, step.after
    yield from attributes(before, after, description='description "{}"', mtu="mtu {} force")
    was, mode = _mode(before), _mode(after)
    if mode == "other":
        return
    if was == "other":
        yield "switchport force"
    if mode != was:
        yield f"switchport mode {mode}"
    if mode == "access":
        if (was, before.untagged) != ("access", after.untagged):
            yield f"switchport access vlan {after.untagged}"
        return
    old = before.tagged
    if mode != was:
        yield f"switchport {mode} allowed-vlan none"        # another mode has another list, a new trunk one of all
        old = frozenset()
    yield from (f"switchport {mode} allowed-vlan add {part}" for part in items(after.tagged - old))
    if mode == "hybrid" and (was, before.untagged) != ("hybrid", after.untagged):
        yield f"switchport access vlan {after.untagged}"
    yield from (f"switchport {mode} allowed-vlan remove {part}" for part in items(old - after.tagged))


def _mode(port: Port) -> str:
    """As Onyx calls it."""
    return "hybrid" if port.mode == "trunk" and port.untagged is not None else port.mode


def _load(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError as error:
        raise ValueError(f"no JSON in {text.strip()[:60]!r}: {error}") from None


def _merged(value: Any) -> Iterator[tuple[str, Any]]:
    """The entries of a dict, or of all dicts of a list."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield from each.items()


def _entries(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and values of each entry, whether wrapped into lists or not."""
    for key, value in _merged(_load(text)):
        entry = dict(_merged(value))
        if entry:
            yield key, entry


def _settings(text: str) -> Iterator[tuple[str, list[str]]]:
    """What the running configuration says of each port: one setting a line, some of them for several ports (`1/1-1/4`)."""
    found: dict[str, list[str]] = {}
    short = {value.strip(): key for key, value in _TYPES.items()}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.rstrip())
        if match is None:
            continue
        for part in match[2].split(","):
            first, _dash, last = part.partition("-")
            stem, number = re.fullmatch(r"(.*?)([0-9]+)", first).groups()       # type: ignore[union-attr]
            for each in range(int(number), int((last or first).rpartition("/")[2]) + 1):
                found.setdefault(f"{short[match[1]]}{stem}{each}", []).append((match[3] or "").strip())
    yield from found.items()


def _port(name: str, said: Mapping[str, Any] | None, config: Sequence[str]) -> Port:
    words = {key: line[len(key):].strip() for line in config for key in ("description", "mtu", "channel-group", "mlag-channel-group")
             if line.startswith(key + " ")}
    mtu = int(words.get("mtu", "1500").split()[0])
    description = words.get("description", "").strip('"')
    lag = None
    for key, kind in (("channel-group", "Po"), ("mlag-channel-group", "Mpo")):
        if key in words:
            lag = kind + words[key].split()[0]
    mode = str(said.get("Mode", "")) if said else ""
    if said is None or lag or mode not in ("access", "trunk", "hybrid"):
        return Port(name, "other", None, mtu=mtu, description=description, lag=lag)
    access = str(said.get("Access vlan", ""))
    untagged = one(access) if mode != "trunk" and access.isdigit() else None
    if mode == "access":
        return Port(name, mode, untagged, mtu=mtu, description=description)
    return Port(name, "trunk", untagged, expand(str(said.get("Allowed vlans", ""))) - {untagged}, mtu, description)


DRIVER: Driver = Onyx()
