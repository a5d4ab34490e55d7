# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SONiC, through its own `config` commands.

The state is read from CONFIG_DB as a whole: one snapshot. VLANs have no names. There is no VLAN 1: a port that is said to be in it untagged
is in none. A port has one untagged VLAN at most, so the old one goes before the new one comes. Newer releases have a switchport mode in the
port's entry; older ones do not know the command. `config` cannot write descriptions and, for a LAG, MTUs: they go into CONFIG_DB itself.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import About, Driver, Learned, Neighbour, Safety
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import MakeVlan, Port, RemoveVlan, SetPort, State, Step
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import full_name, mac, one, other_end

NONE = 1
_KINDS = {"eth": "Ethernet", "ethernet": "Ethernet", "po": "PortChannel", "portchannel": "PortChannel"}
_PORT = re.compile(r"(?:Ethernet|PortChannel)[0-9]+")
_MAC = re.compile(r"\s*[0-9]+\s+([0-9]+)\s+([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})\s+(\S+)\s+\S+\s*")


class Sonic:
    platform = "sonic"
    device_type = "linux"
    reads: Mapping[str, str] = {"config": "show runningconfiguration all"}
    about_reads: Mapping[str, str] = {"platform": "show platform summary", "version": "show version"}
    lldp_reads: Mapping[str, str] = {"lldp": "show lldp table"}
    mac_reads: Mapping[str, str] = {"macs": "show mac"}
    rejections: tuple[str, ...] = (
        r"(?m:^Error: )", r"(?m:^Usage: )", r"(?m:^Traceback)", r"(?m:^Failed to )", r"Root privileges are required", r"(?m:^sudo: )",
        r": command not found", r"(?m:^Invalid \w)", r"(?i:permission denied)")
    enter: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    # A rollback is no business of the session's: a timer does it when nobody is left to confirm.
    safety = Safety(
        begin=("sudo -n config checkpoint {name}",
               "sudo -n systemd-run --quiet --unit={name} --on-active={minutes}m /usr/local/bin/config rollback {name}"),
        confirm=("sudo -n systemctl stop {name}.timer", "sudo -n config delete-checkpoint {name}"),
        abandon=("sudo -n config rollback {name}", "sudo -n systemctl stop {name}.timer", "sudo -n config delete-checkpoint {name}"),
        timer=True)
    save: tuple[str, ...] = ("sudo -n config save -y",)
    saved: Mapping[str, str] = {"running": "show runningconfiguration all", "saved": "sudo -n cat /etc/sonic/config_db.json"}
    name_limit = 0

    def parse(self, answers: Mapping[str, str]) -> State:
        config = _load(answers["config"])
        vlans = {int(entry.get("vlanid") or key[len("Vlan"):]): "" for key, entry in config.get("VLAN", {}).items()}
        untagged: dict[str, int] = {}
        tagged: dict[str, set[int]] = {}
        for key, entry in config.get("VLAN_MEMBER", {}).items():
            vlan, _bar, port = key.partition("|")
            if entry.get("tagging_mode") == "tagged":
                tagged.setdefault(port, set()).add(one(vlan[len("Vlan"):]))
            else:
                untagged[port] = one(vlan[len("Vlan"):])
        lags = {member: lag for lag, _bar, member in (key.partition("|") for key in config.get("PORTCHANNEL_MEMBER", {}))}
        routed = {key.partition("|")[0] for table in ("INTERFACE", "PORTCHANNEL_INTERFACE") for key in config.get(table, {})}
        ports = {}
        for name, entry in [*config.get("PORT", {}).items(), *config.get("PORTCHANNEL", {}).items()]:
            mtu, description = int(entry.get("mtu", 9100)), entry.get("description", "")
            if name in routed or name in lags:
                ports[name] = Port(name, "other", None, mtu=mtu, description=description, lag=lags.get(name))
            else:
                mode = "trunk" if name in tagged or entry.get("mode") == "trunk" else "access"
                ports[name] = Port(name, mode, untagged.get(name, NONE), frozenset(tagged.get(name, ())), mtu, description)
        return State(vlans, ports)

    def about(self, answers: Mapping[str, str]) -> About:
        said = dict(re.findall(r"^([A-Z][\w ]+): *(.*\S)", answers["platform"], re.M))
        version = re.search(r"^SONiC Software Version: *(?:SONiC\.)?(\S+)", answers["version"], re.M)
        return About(said.get("HwSKU", ""), version[1] if version else "", said.get("Serial Number", ""))

    def lldp(self, answers: Mapping[str, str]) -> list[Neighbour]:
        found = []
        lines = answers["lldp"].splitlines()
        at: list[int] = []
        for line in lines:
            if line.startswith("LocalPort"):
                at = [line.index(word) for word in ("LocalPort", "RemoteDevice", "RemotePortID", "Capability", "RemotePortDescr")]
            elif at and _PORT.fullmatch(line.split(None, 1)[0] if line.strip() else ""):
                port, system, remote, _capability, description = (line[first:end].strip() for first, end in zip(at, [*at[1:], None]))
                found.append(Neighbour(port, system, *other_end(remote, description, "")))
        return found

    def macs(self, answers: Mapping[str, str]) -> list[Learned]:
        lines = (_MAC.fullmatch(line) for line in answers["macs"].splitlines())
        return [Learned(mac(line[2]), int(line[1]), line[3]) for line in lines if line and _PORT.fullmatch(line[3])]

    def commands(self, steps: Sequence[Step], state: State, answers: Mapping[str, str]) -> list[str]:  # noqa: ARG002
        config = _load(answers["config"])
        lines: list[str] = []
        for step in steps:
            if isinstance(step, MakeVlan):
                lines += [f"vlan add {step.id}"] if step.before is None else []
            elif isinstance(step, RemoveVlan):
                lines.append(f"vlan del {step.id}")
            else:
                table = "PORTCHANNEL" if step.after.name in config.get("PORTCHANNEL", {}) else "PORT"
                lines += _set_port(step, table, config.get(table, {}).get(step.after.name, {}).get("mode"))
        return [f"sudo -n {line}" if line.startswith("sonic-") else f"sudo -n config {line}" for line in lines]

    def mtu(self, payload: int) -> int:
        return payload

    def port_name(self, name: str) -> str:
        return full_name(name, _KINDS)


def _set_port(step: SetPort, table: str, mode: str | None) -> Iterator[str]:
    """What `config` is told. `mode` is the entry's switchport mode, None in releases that have none."""
    before, after = step.before, step.after
    name = after.name
    if after.description != before.description:
        yield f"sonic-db-cli CONFIG_DB hset '{table}|{name}' description {shlex.quote(after.description)}"
    if after.mtu != before.mtu and after.mtu is not None:
        yield f"interface mtu {name} {after.mtu}" if table == "PORT" else f"sonic-db-cli CONFIG_DB hset '{table}|{name}' mtu {after.mtu}"
    if after.mode == "other":
        return
    if mode not in (None, after.mode) and (after.mode == "trunk" or mode == "routed"):
        yield f"switchport mode {after.mode} {name}"
    for vlan in sorted(after.tagged - before.vlans):
        yield f"vlan member add {vlan} {name}"
    if after.untagged != before.untagged:       # a VLAN that changes between tagged and untagged goes out first: a port is a member once
        if before.untagged not in (None, NONE):
            yield f"vlan member del {before.untagged} {name}"
        if after.untagged in before.tagged:
            yield f"vlan member del {after.untagged} {name}"
        if after.untagged not in (None, NONE):
            yield f"vlan member add -u {after.untagged} {name}"
        if before.untagged in after.tagged:
            yield f"vlan member add {before.untagged} {name}"
    for vlan in sorted(before.tagged - after.vlans):
        yield f"vlan member del {vlan} {name}"
    if mode == "trunk" != after.mode:
        yield f"switchport mode {after.mode} {name}"


def _load(text: str) -> dict[str, Any]:
    start = text.find("{")
    try:
        return dict(json.loads(text[start:])) if start >= 0 else {}
    except ValueError as error:
        raise ValueError(f"no JSON in {text.strip()[:60]!r}: {error}") from None


DRIVER: Driver = Sonic()
