# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HPE Comware 5 and 7 (FlexFabric, H3C).

A trunk's list is `VLAN permitted`; `VLAN Passing` has those that exist. Both wrap, some releases put no comma at the end of the line.
A hybrid port has no place in a State. Frames are counted with their Ethernet header, tag and checksum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import About, Driver, Learned, Neighbour, Safety
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.switchport import attributes, typed
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import Port, SetPort, State, Step
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import chunks, expand, full_name, mac, one, other_end

FRAME = 22      # Ethernet header 14, tag 4, checksum 4
_KINDS = {
    "ge": "GigabitEthernet", "gigabitethernet": "GigabitEthernet",
    "xge": "Ten-GigabitEthernet", "ten-gigabitethernet": "Ten-GigabitEthernet",
    "wge": "Twenty-FiveGigE", "twenty-fivegige": "Twenty-FiveGigE", "fge": "FortyGigE", "fortygige": "FortyGigE", "50ge": "FiftyGigE",
    "hge": "HundredGigE", "hundredgige": "HundredGigE", "400ge": "FourHundredGigE",
    "bagg": "Bridge-Aggregation", "bridge-aggregation": "Bridge-Aggregation"}
_PORT = re.compile(r"((?!M-)(?:\w+-)?(?:GigabitEthernet|\w*GigE)[0-9/:]+|Bridge-Aggregation[0-9]+)")
_MEMBER = re.compile(r"^ +([A-Za-z-]+[0-9]\S*?)(?:\([A-Z]\))? +[SUI] ", re.M)     # XGE1/0/1(R)  S: of Local, not of Remote
_MAC = re.compile(r"([0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}) +([0-9]+) +\S+ +(\S+)(?: .*)?")


class Comware:
    platform = "comware"
    device_type = "hp_comware"
    reads: Mapping[str, str] = {
        "vlans": "display vlan all", "interfaces": "display interface", "lags": "display link-aggregation verbose"}
    about_reads: Mapping[str, str] = {"version": "display version", "manuinfo": "display device manuinfo"}
    lldp_reads: Mapping[str, str] = {"lldp": "display lldp neighbor-information verbose"}
    mac_reads: Mapping[str, str] = {"macs": "display mac-address"}
    rejections: tuple[str, ...] = (
        r"(?m:^\s*% ?(?!Warning)\w)", r"(?mi:^\s*error: )",
        r"(?mi:^\s*th(?:e|is) (?:\w+ )?(?:vlan|port|interface|command|operation|configuration)\b.*(?:\bnot\b|\bcannot\b|n't\b|\bfailed\b))",
        r"(?m:^\s*Please (?:delete|configure|use|change|first)\b)", r"(?mi:^\s*(?:can't|cannot|failed to|invalid)\b)")
    enter: tuple[str, ...] = ("system-view",)
    leave: tuple[str, ...] = ("return",)
    safety = Safety(begin=("system-view", "configuration commit delay {minutes}", "return"),
                    confirm=("system-view", "configuration commit", "return"), timer=True)
    save: tuple[str, ...] = ("save force",)
    saved: Mapping[str, str] = {"running": "display current-configuration", "saved": "display saved-configuration"}
    name_limit = 32

    def parse(self, answers: Mapping[str, str]) -> State:
        lags = {self.port_name(member): block.split(None, 1)[0]
                for block in re.split(r"^ *Aggregat(?:e|ion) Interface: *", answers["lags"], flags=re.M)[1:]
                for member in _MEMBER.findall(block)}
        ports = (_port(name, text, lags.get(name)) for name, text in _blocks(answers["interfaces"]))
        return State(_vlans(answers["vlans"]), {port.name: port for port in ports})

    def about(self, answers: Mapping[str, str]) -> About:
        version = re.search(r"Version (\S+?),?\s+(?:Release|Feature|ESS|Test|Beta|Alpha|Demo)\w* (\w+)", answers["version"])
        model = re.search(r"^DEVICE_NAME *: *(.*\S)", _margin(answers["manuinfo"]), re.M)
        serial = re.search(r"^DEVICE_SERIAL_NUMBER *: *(\S+)", _margin(answers["manuinfo"]), re.M)
        return About(model[1] if model else "", f"{version[1]} {version[2]}" if version else "", serial[1] if serial else "")

    def lldp(self, answers: Mapping[str, str]) -> list[Neighbour]:
        found = []
        for block in re.split(r"^(?=LLDP neighbor-information of port )", _margin(answers["lldp"]), flags=re.M):
            local = re.match(r"LLDP neighbor-information of port \S+?\[(\S+)\]:", block)
            for said in re.split(r"^LLDP neighbor index *:", block, flags=re.M)[1:]:
                words = dict(re.findall(r"^([A-Z][A-Za-z ]*?) *: *(.*\S)", said, re.M))
                if local:
                    found.append(Neighbour(self.port_name(local[1]), words.get("System name", "").strip("-"), *other_end(
                        words.get("Port ID", ""), words.get("Port description", ""), words.get("Chassis ID", ""))))
        return found

    def macs(self, answers: Mapping[str, str]) -> list[Learned]:
        lines = (_MAC.fullmatch(line.strip()) for line in answers["macs"].splitlines())
        named = (Learned(mac(line[1]), int(line[2]), self.port_name(line[3])) for line in lines if line)
        return [entry for entry in named if _PORT.fullmatch(entry.port)]

    def commands(self, steps: Sequence[Step], state: State, answers: Mapping[str, str]) -> list[str]:  # noqa: ARG002
        return typed(steps, _set_port, remove="undo vlan {}", leave="quit")

    def mtu(self, payload: int) -> int:
        return max(payload, 1536 - FRAME)       # 1536 is the least that a port takes

    def port_name(self, name: str) -> str:
        return full_name(name, _KINDS)


def _set_port(step: SetPort) -> Iterator[str]:
    before, after = step.before, step.after
    yield from attributes(before, after, no="undo description", mtu="jumboframe enable {}", headers=FRAME)
    if before.mode == "other" != after.mode:
        yield "port link-type access"       # a hybrid port becomes a trunk by this way only
    if after.mode == "access":
        if before.mode == "trunk":
            yield "port link-type access"
        if (before.mode, before.untagged) != ("access", after.untagged):
            yield f"port access vlan {after.untagged}"
    elif after.mode == "trunk":
        if before.mode != "trunk":
            yield "port link-type trunk"
        # A port that becomes a trunk starts with VLAN 1 as its PVID, permitted.
        was = before if before.mode == "trunk" else Port(after.name, "trunk")
        for part in chunks(after.vlans - was.vlans, count=10, to=" to ", between=" "):
            yield f"port trunk permit vlan {part}"
        if after.untagged != was.untagged or (after.untagged is None and after.vlans - was.vlans):
            yield f"port trunk pvid vlan {after.untagged or min(set(range(1, 4095)) - after.tagged)}"
        for part in chunks(was.vlans - after.vlans, count=10, to=" to ", between=" "):
            yield f"undo port trunk permit vlan {part}"


def _margin(text: str) -> str:
    return re.sub(r"^[ \t]+", "", text, flags=re.M)


def _vlans(text: str) -> dict[int, str]:
    found = {}
    for block in re.split(r"^ *VLAN ID: *", text, flags=re.M)[1:]:
        name = re.search(r"^ *Name: *(.*\S)", block, re.M)
        found[int(block.split(None, 1)[0])] = name[1] if name else ""
    if not found:
        raise ValueError(f"no VLAN in {text.strip()[:60]!r}")
    return found


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Each switch port with what is said of it: Comware 7 writes `Current state` below the name, Comware 5 ` current state` behind it."""
    heads = list(re.finditer(r"^ *(\S+)(?:\s*\n *Current state *:| current state *:)", text, re.M))
    for head, following in zip(heads, [*heads[1:], None]):
        if _PORT.fullmatch(head[1]):
            yield head[1], text[head.end():following.start() if following else len(text)]


def _port(name: str, text: str, lag: str | None) -> Port:
    def said(pattern: str) -> str:
        match = re.search(rf"^ *(?:{pattern}) *: *(.*(?:\n {{8,}}[0-9].*)*)", text, re.M)
        return match[1].strip() if match else ""

    frame = re.search(r"(?i:the )?maximum frame length(?: is|:) *([0-9]+)", text, re.I)
    mtu = int(frame[1]) - FRAME if frame else None
    description = said("Description")
    if re.fullmatch(rf"{re.escape(name)} Interface", description):
        description = ""        # what it says as long as nobody has written one
    mode = said("Port link-type").lower()
    if lag or mode not in ("access", "trunk"):
        return Port(name, "other", None, mtu=mtu, description=description, lag=lag)
    pvid = one(said("PVID"))
    if mode == "access":
        return Port(name, mode, pvid, mtu=mtu, description=description)
    permitted = expand(said("VLAN permitted"))
    return Port(name, mode, pvid if pvid in permitted else None, permitted - {pvid}, mtu, description)


DRIVER: Driver = Comware()
