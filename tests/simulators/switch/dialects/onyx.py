"""NVIDIA Onyx (MLNX-OS), of the releases that wrap JSON values into lists (3.6.6000 and later).

Sources: NVIDIA's Onyx manual, the fixtures and the terminal plugin of the mellanox.onyx collection, netmiko's driver. The words of refusal
about VLANs that are missing, and about members of a port channel, are less sure than the rest.

What bites: a session begins without privileges; `exit` leaves one level only, and a context knows its own commands alone; a new trunk
allows all VLANs and has no untagged one (that is what `hybrid` is for); `allowed-vlan N` without `add` replaces; another mode begins with
an empty list or with all; an MTU wants `force` while the port is up; there is no timer and no checkpoint; several ports share a line of
the running configuration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import ClassVar

from ..dialect import Answer, Dialect, Refused, command
from ..grammar import BadLine
from ..model import Config, Port
from ..vlans import ALL, fold

KINDS = {"ethernet": "Eth", "port-channel": "Po", "mlag-port-channel": "Mpo"}
VERSION = """\
Product name:      Onyx (simulated)
Product release:   {0.version}
Build ID:          #1-dev
Target arch:       x86_64
Version summary:   X86_64 {0.version} 2021-01-20 10:11:12 x86_64

Product model:     {0.model}
Host ID:           {1}
System serial num: {0.serial}
"""


class Onyx(Dialect):
    platform = "onyx"
    netmiko = "mellanox_mlnxos"
    model = "MSN2700 (simulated)"
    version = "3.9.2110"
    more = "lines 1-23"
    parents: ClassVar[dict[str, str]] = {
        "enable": "exec", "config": "enable", "if": "inside", "vlan": "inside", "inside": "exec"}

    @classmethod
    def port_names(cls, count: int) -> list[str]:
        return [f"Eth1/{number}" for number in range(1, count + 1)]

    @classmethod
    def port_name(cls, text: str) -> str:
        found = re.fullmatch(r"(?i)(mlag-port-channel|port-channel|ethernet|mpo|eth|po)(\d+(?:/\d+)*)", text)
        if not found:
            raise ValueError(text)
        word = found[1].lower()
        return KINDS.get(word, word.capitalize()) + found[2]

    def banner(self) -> str:
        return "NVIDIA Onyx Switch Management (simulated)\n"

    def prompt(self) -> str:
        inside = {"config": "(config) ", "vlan": f"(config vlan {self.selected[0]}) " if self.selected else ""}.get(self.context, "")
        if self.context == "if":
            inside = f"(config interface {long(self.selected[0])}) "
        return f"{self.device.identity.name} [standalone: master] {inside}{'>' if self.context == 'exec' else '#'} "

    def bad_line(self, line: str, error: BadLine) -> str:
        known = line[:error.column].strip()
        if error.kind == "incomplete":
            return f"% Incomplete command.\nType \"{line} ?\" for help."
        if error.kind == "ambiguous":
            return f'% Ambiguous command "{error.word}".\nType "{known} ?" for a list of possible completions.'
        return f'% Unrecognized command "{error.word or line}".\nType "{known or ""}?" for help.'

    def check_filter(self, line: str, text: str) -> str:
        word, _space, rest = text.partition(" ")
        if word == "json-print" and not rest:
            self.json = True
        elif word not in ("include", "exclude") or not rest:
            raise BadLine("invalid", line.index("|"), word)
        return text

    def obey(self, line: str) -> Answer:
        answer = super().obey(line)
        if self.json and not isinstance(answer, (dict, list)):
            raise Refused("% JSON output is not supported for this command.")
        return json.dumps(answer, indent=4) if isinstance(answer, (dict, list)) else answer

    def outwards(self, context: str) -> None:
        """What an outer context knows is done there, and one stays where one is."""

    # Moving about.

    @command("enable", at="exec")
    def _enable(self) -> None:
        self.context = "enable" if self.context == "exec" else self.context

    @command("disable", at="enable")
    def _disable(self) -> None:
        self.context = "exec"

    @command("configure terminal", at="enable")
    def _configure(self) -> None:
        self.context = "config"

    @command("exit", at="exec enable config inside")
    def _exit(self) -> None:
        self.closed = self.context in ("exec", "enable")
        self.context = {"config": "enable", "if": "config", "vlan": "config"}.get(self.context, self.context)

    @command("no cli session paging enable")
    def _no_pages(self) -> None:
        self.page_length = 0

    @command("terminal length <number>", "terminal width <number>", "cli session terminal width <number>")
    def _terminal(self, pattern: str, number: int) -> None:
        if "length" in pattern:
            self.page_length = number

    # VLANs.

    @command("vlan <vlans>", at="config")
    def _vlan(self, vlans: frozenset[int]) -> None:
        for number in vlans:
            self.config.vlans.setdefault(number, "default" if number == 1 else "")
        self.selected, self.context = [fold(vlans)], "vlan"
        self.changed("vlan")

    @command("vlan <vlan> name <text>", at="config")
    def _vlan_name(self, vlan: int, text: str) -> None:
        self.config.vlans[vlan] = _named(text)
        self.changed("vlan name")

    @command("no vlan <vlans>", at="config")
    def _no_vlan(self, vlans: frozenset[int]) -> None:
        if 1 in vlans:
            raise Refused("% VLAN 1 is the default VLAN and cannot be deleted")
        for number in vlans:
            self.config.vlans.pop(number, None)
        for port in self.config.ports.values():
            port.access = 1 if port.access in vlans else port.access
            port.allowed = port.allowed if port.allowed == ALL else port.allowed - vlans
        self.changed("no vlan")

    @command("name <text>", "no name", at="vlan")
    def _name(self, text: str = "") -> None:
        for number in (int(word) for word in self.selected[0].split(",") if word.isdigit()):
            self.config.vlans[number] = _named(text)
        self.changed("vlan name")

    # Ports. What stands after `interface X` may also be typed without entering it.

    @command("interface <port>", at="config")
    def _interface(self, port: str) -> None:
        if port not in self.config.ports:
            if port.startswith("Eth"):
                raise Refused(f"% Invalid interface: {long(port)}")
            self.config.ports[port] = Port(port, link=False)
        self.selected, self.context = [port], "if"

    @command("interface <port> <text>", at="config")
    def _inline(self, port: str, text: str) -> Answer:
        if port not in self.config.ports:
            raise Refused(f"% Invalid interface: {long(port)}")
        before = self.selected
        self.selected, self.context = [port], "if"
        try:
            return self.obey(text)
        finally:
            self.selected, self.context = before, "config"

    def _on_ports(self, what: str, set_port: Callable[[Port], None]) -> None:
        for port in self.ports():
            set_port(port)
        self.changed(what)

    def _switching(self, what: str, set_port: Callable[[Port], None]) -> None:
        for port in self.ports():
            if port.channel:
                raise Refused(f"% Interface is a member of {long(port.channel)}")
        self._on_ports(what, set_port)

    def _exist(self, vlans: Iterable[int]) -> None:
        missing = sorted(set(vlans) - self.config.vlans.keys())
        if missing:
            raise Refused(f"% VLAN {missing[0]} does not exist")

    @command("description <text>", "no description", at="if")
    def _description(self, text: str = "") -> None:
        self._on_ports("description", lambda port: setattr(port, "description", text.strip('"')))

    @command("mtu <number>", "mtu <number> force", at="if")
    def _mtu(self, pattern: str, number: int) -> None:
        if not 1500 <= number <= 9216:
            raise Refused("% MTU must be between 1500 and 9216")
        if not pattern.endswith("force") and any(not port.shutdown for port in self.ports()):
            raise Refused("% Interface must be shut down to change its MTU, or use 'force'")
        self._on_ports("mtu", lambda port: setattr(port, "mtu", number))

    @command("shutdown", "no shutdown", at="if")
    def _shutdown(self, no: bool) -> None:
        self._on_ports("shutdown", lambda port: setattr(port, "shutdown", not no))

    @command("switchport mode access|trunk|hybrid", "no switchport mode", at="if")
    def _mode(self, pattern: str) -> None:
        mode = "access" if pattern.startswith("no") else pattern.split()[2]

        def retype(port: Port) -> None:
            if port.mode != mode:
                port.mode, port.allowed = mode, ALL if mode == "trunk" else frozenset()
                port.native = None if mode == "trunk" else port.access
                port.untagged = frozenset() if mode == "trunk" else frozenset({port.access})

        self._switching(pattern, retype)

    @command("switchport access vlan <vlan>", "no switchport access vlan", at="if")
    def _access(self, vlan: int = 1) -> None:
        self._exist([vlan])
        if any(port.mode == "trunk" for port in self.ports()):
            raise Refused("% Access vlan cannot be set on an interface in trunk mode")

        def join(port: Port) -> None:
            port.access, port.native = vlan, vlan
            port.untagged = frozenset({vlan})

        self._switching("access vlan", join)

    def _allow(self, pattern: str, how: Callable[[frozenset[int]], frozenset[int]]) -> None:
        mode = pattern.split()[1]
        if any(port.mode != mode for port in self.ports()):
            raise Refused(f"% Interface is not in {mode} mode")
        self._switching("allowed-vlan", lambda port: setattr(port, "allowed", how(port.allowed)))

    @command("switchport trunk|hybrid allowed-vlan <vlans>", at="if")
    def _allowed(self, pattern: str, vlans: frozenset[int]) -> None:
        self._exist(vlans)
        self._allow(pattern, lambda _old: vlans)

    @command("switchport trunk|hybrid allowed-vlan add <vlans>", at="if")
    def _allowed_add(self, pattern: str, vlans: frozenset[int]) -> None:
        self._exist(vlans)
        self._allow(pattern, lambda old: old | vlans)

    @command("switchport trunk|hybrid allowed-vlan remove <vlans>", at="if")
    def _allowed_remove(self, pattern: str, vlans: frozenset[int]) -> None:
        self._allow(pattern, lambda old: old - vlans)

    @command("switchport trunk|hybrid allowed-vlan all|none", at="if")
    def _allowed_all(self, pattern: str) -> None:
        self._allow(pattern, lambda _old: ALL if pattern.endswith("all") else frozenset())

    @command("channel-group <number> mode on|active|passive", "no channel-group", at="if")
    def _channel(self, number: int | None = None) -> None:
        if number is not None and f"Po{number}" not in self.config.ports:
            raise Refused(f"% Port-channel {number} does not exist")
        self._on_ports("channel-group", lambda port: setattr(port, "channel", f"Po{number}" if number is not None else None))

    # Saving.

    @command("configuration write", at="config")
    def _write(self) -> None:
        self.device.save(self.who)

    @command("write memory", at="enable")
    def _write_memory(self) -> None:
        self.device.save(self.who)

    # Showing.

    @command("show running-config")
    def _show_running(self) -> str:
        if self.context == "exec":
            raise BadLine("invalid", 5, "running-config")
        return self.render(self.device.running)

    def render(self, config: Config) -> str:
        """A configuration as text: a setting a line."""
        lines = ["##", f'## Running database "initial" of {self.device.identity.name}', "##", "   no cli default prefix-modes enable"]
        for port in config.ports.values():
            lines += [f"   interface {long(port.name)}"] if not port.name.startswith("Eth") else []
        for port in config.ports.values():
            start = f"   interface {long(port.name)}"
            lines += [f'{start} description "{port.description}"'] if port.description else []
            lines += [f"{start} mtu {port.mtu} force"] if port.mtu else []
            lines += [f"{start} shutdown"] if port.shutdown else []
            lines += [f"{start} switchport mode {port.mode}"] if port.mode != "access" else []
        groups: dict[str, list[str]] = {}
        for port in config.ports.values():
            if port.channel:
                groups.setdefault(port.channel, []).append(port.name[3:])
        for lag, members in groups.items():
            lines.append(f"   interface ethernet {_spanned(members)} channel-group {re.sub('[A-Za-z]', '', lag)} mode active")
        lines += [f"   vlan {fold(config.vlans.keys() - {1})}"] if len(config.vlans) > 1 else []
        lines += [f'   vlan {number} name "{name}"' for number, name in config.vlans.items() if name and number > 1]
        for port in config.ports.values():
            start = f"   interface {long(port.name)} switchport"
            lines += [f"{start} access vlan {port.access}"] if port.mode != "trunk" and port.access != 1 else []
            if port.mode != "access" and port.allowed != ALL:
                lines += [f"{start} {port.mode} allowed-vlan none"] if port.mode == "trunk" else []
                lines += [f"{start} {port.mode} allowed-vlan add {word}" for word in fold(port.allowed).split(",") if word]
        return "\n".join(lines)

    def filter(self, answer: Answer, text: str) -> Answer:
        word, _space, pattern = text.partition(" ")
        return super().filter(answer, f"{word} {pattern.strip(chr(34))}") if isinstance(answer, str) else answer

    @command("show vlan")
    def _show_vlan(self) -> Answer:
        config = self.device.running
        on = {number: [port.name for port in config.ports.values() if number in _both(config, port)] for number in sorted(config.vlans)}
        if self.json:
            return {str(number): [{"Name": config.vlans[number], "Ports": ", ".join(names)}] for number, names in on.items()}
        lines = ["VLAN    Name           Ports", "----    -----------    --------------------------------------"]
        for number, names in on.items():
            rows = [", ".join(names[at:at + 5]) for at in range(0, len(names), 5)] or [""]
            lines += [f"{number:<7} {config.vlans[number]:<14} {rows[0]}".rstrip(), *(f"{'':23}{row}" for row in rows[1:])]
        return "\n".join(lines)

    @command("show interfaces switchport")
    def _show_switchport(self) -> Answer:
        rows = {}
        for port in self.device.running.ports.values():
            if not port.channel:
                access = "N/A" if port.mode == "trunk" else str(port.access)
                allowed = "" if port.mode == "access" else fold(port.allowed)
                rows[port.name] = {"Mode": port.mode, "Access vlan": access, "Allowed vlans": allowed}
        if self.json:
            return {name: [entry] for name, entry in rows.items()}
        lines = ["Interface    Mode          Access vlan    Allowed vlans",
                 "---------    ----------    -----------    ---------------------"]
        for name, entry in rows.items():
            lines.append(f"{name:<12} {entry['Mode']:<13} {entry['Access vlan']:<14} {entry['Allowed vlans']}".rstrip())
        return "\n".join(lines)

    @command("show interfaces status")
    def _show_status(self) -> Answer:
        rows = {port.name: "Down" if port.shutdown or not port.link else "Up" for port in self.device.running.ports.values()}
        if self.json:
            return {name: [{"Operational state": state, "Speed": "100 Gbps"}] for name, state in rows.items()}
        return "\n".join(["Port      Operational state   Speed", *(f"{name:<9} {state:<19} 100 Gbps" for name, state in rows.items())])

    @command("show version")
    def _show_version(self) -> Answer:
        me = self.device.identity
        host = me.mac.replace(":", "").upper()
        if self.json:
            return {"Product name": "Onyx (simulated)", "Product release": me.version, "Product model": me.model, "Host ID": host,
                    "System serial num": me.serial, "Version summary": f"X86_64 {me.version} 2021-01-20 10:11:12 x86_64"}
        return VERSION.format(me, host)

    @command("show lldp interfaces ethernet remote")
    def _show_lldp(self) -> Answer:
        rows = {each.port: {
            "Remote chassis id": each.chassis, "Remote port-id": each.remote_port, "Remote port description": each.remote_port,
            "Remote system name": each.system, "Remote system capabilities supported": "B" if each.bridge else "S",
        } for each in self.device.neighbours}
        if self.json:
            return {name: [entry] for name, entry in rows.items()}
        return "\n\n".join("\n".join([name, *(f"{key:<38}: {value}" for key, value in entry.items())]) for name, entry in rows.items())

    @command("show mac-address-table")
    def _show_macs(self) -> Answer:
        learned = self.device.macs
        if self.json:
            return [{"VID": str(each.vlan), "MAC address": each.mac.upper(), "Type": "Dynamic", "Port": each.port} for each in learned]
        rule = "-" * 66
        rows = [f"{each.vlan:<7} {each.mac.upper():<19} Dynamic     {each.port}" for each in learned]
        rows += ["", f"Number of unicast(local):    {len(rows)}"]
        return "\n".join([rule, "VID     Mac Address         Type        Port", rule, *rows])


def long(name: str) -> str:
    """As the command line has it: ethernet 1/1."""
    found = re.fullmatch(r"(Eth|Po|Mpo)([\d/]+)", name)
    assert found
    return f"{next(word for word, brief in KINDS.items() if brief == found[1])} {found[2]}"


def _named(text: str) -> str:
    name = text.strip('"')
    if len(name) > 40:
        raise Refused("% VLAN name is too long")
    return name


def _both(config: Config, port: Port) -> frozenset[int]:
    untagged, tagged = config.carries(port)
    return tagged | {untagged or 0}


def _spanned(members: list[str]) -> str:
    """`1/5-1/6` for neighbours in order, else with commas."""
    numbers = [int(each.rpartition("/")[2]) for each in members]
    in_order = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return f"{members[0]}-{members[-1]}" if in_order and len(members) > 1 else ",".join(members)
