"""Dell SmartFabric OS10.

Sources: Dell's OS10 user guide (layer 2, transaction-based configuration), networking-generic-switch, netmiko's driver. The words of
refusal beyond `% Error: Unrecognized command.` are less sure than the rest, and so is that the VLAN of a port must exist.

What bites: a VLAN is an interface; `switchport trunk allowed vlan N` adds, `no` takes away; the untagged VLAN of a trunk is its access
VLAN, and a VLAN is on a port in one way only; a removed VLAN drops its access ports into VLAN 1; going back to access mode forgets the
list; the MTU counts the header (1532 is a payload of 1500); a transaction belongs to its session and dies with it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import ClassVar

from ..dialect import Refused, command
from ..grammar import BadLine
from ..model import Config, Identity, Port
from ..vlans import fold, runs
from .ioslike import IosLike

NAME = re.compile(r"(?i)(ethernet|eth|port-channel|po)(\d+(?:/\d+){0,2}(?::\d)?)")
VLANS = """\
Codes: * - Default VLAN, M - Management VLAN, R - Remote Port Mirroring VLANs,
       @ - Attached to Virtual Network, P - Primary, C - Community, I - Isolated
Q: A - Access (Untagged), T - Tagged
    NUM    Status    Description                     Q Ports"""
VERSION = """\
Dell SmartFabric OS10 Enterprise (simulated)
Copyright (c) 1999-2021 by Dell Inc. All Rights Reserved.
OS Version: {0.version}
Build Version: {0.version}.190
System Type: {0.model}
Architecture: x86_64
Up Time: 1 day 00:54:25"""
INVENTORY = """\
Product               : {0.model}
Description           : {0.model} 48x25GbE SFP28, 4x100GbE QSFP28, 2x200GbE QSFP-DD
Software version      : {0.version}
Product Base          :
Product Serial Number :
Product Part Number   :

Unit Type                     Part Number  Rev  Piece Part ID             Svc Tag  Exprs Svc Code
-----------------------------------------------------------------------------------------------
* 1  {0.model:<24} 0Y8N6K       A03  CN-0Y8N6K-DND00-8BJ-0091  {0.serial}  417 001 170 98"""
LLDP = """\
Loc PortID          Rem Host Name   Rem Port Id                 Rem Chassis Id
----------------------------------------------------------------------------------"""
LLDP_DETAIL = """\
Remote Chassis ID Subtype: Mac address (4)
Remote Chassis ID: {0.chassis}
Remote Port Subtype: Interface name (5)
Remote Port ID: {0.remote_port}
Remote Port Description: {0.remote_port}
Local Port ID: {0.port}
Locally assigned remote Neighbor Index: 1
Remote TTL: 120
Information valid for next 105 seconds
Remote System Name: {0.system}
Remote System Desc: simulated
---------------------------------------------------------------------------"""


class Os10(IosLike):
    platform = "os10"
    netmiko = "dell_os10"
    model = "S5248F-ON(simulated)"
    version = "10.5.2.3"
    more = "--more--"
    parents: ClassVar[dict[str, str]] = {"if": "config", "vlan": "config", "config": "exec"}
    filters: ClassVar[tuple[str, ...]] = ("grep", "except", "find")

    def start(self) -> None:
        self.candidate: Config | None = None

    @classmethod
    def identity(cls, name: str, number: int) -> Identity:
        me = super().identity(name, number)
        me.serial = f"SIM{number % 10000:04d}"       # a service tag has seven characters
        return me

    @property
    def config(self) -> Config:
        return self.candidate or self.device.running

    @classmethod
    def port_names(cls, count: int) -> list[str]:
        return [f"ethernet1/1/{number}" for number in range(1, count + 1)]

    @classmethod
    def port_name(cls, text: str) -> str:
        found = NAME.fullmatch(text)
        if not found:
            raise ValueError(text)
        return {"e": "ethernet", "p": "port-channel"}[found[1][0].lower()] + found[2]

    @classmethod
    def new_port(cls, name: str) -> Port:
        return Port(name, allowed=frozenset(), untagged=frozenset({1}))

    @classmethod
    def factory(cls, ports: list[str]) -> Config:
        return Config({1: ""}, {name: cls.new_port(name) for name in ports})

    def prompt(self) -> str:
        where = {"exec": "", "config": "(config)", "vlan": f"(conf-if-vl-{fold(int(each) for each in self.selected or ['1'])})" if
                 self.context == "vlan" else ""}.get(self.context)
        if where is None:
            name = self.selected[0].replace("ethernet", "eth").replace("port-channel", "po-")
            where = f"(conf-range-{name}-...)" if len(self.selected) > 1 else f"(conf-if-{name})"
        return f"{self.device.identity.name}{where}# "

    def bad_line(self, _line: str, error: BadLine) -> str:
        words = {"incomplete": "Incomplete command.", "ambiguous": "Ambiguous command.", "parameter": "Illegal parameter."}
        return f"{' ' * (len(self.prompt()) + error.column)}^\n% Error: {words.get(error.kind, 'Unrecognized command.')}"

    # Moving about.

    @command("end", "enable", "terminal width <number>")
    def _nothing(self, number: int = 0) -> None:
        del number

    @command("terminal length <number>")
    def _length(self, number: int) -> None:
        self.page_length = number

    @command("configure terminal")
    def _configure(self) -> None:
        self.context = "config"

    @command("exit", at="exec config if vlan")
    def _exit(self) -> None:
        self.closed = self.context == "exec"
        self.context = "exec" if self.context in ("exec", "config") else "config"

    @command("end", at="config if vlan")
    def _end(self) -> None:
        self.context = "exec"

    # Transactions.

    @command("start transaction")
    def _start(self) -> None:
        if self.candidate:
            raise Refused("% Error: Transaction already started")
        self.candidate = self.device.running.copy()

    def _begun(self) -> Config:
        if not self.candidate:
            raise Refused("% Error: No transaction in progress")
        return self.candidate

    @command("commit")
    def _commit(self) -> None:
        self.device.running.take(self._begun())
        self.candidate = None
        self.device.note(self.who, "commit")

    @command("discard")
    def _discard(self) -> None:
        self._begun()
        self.candidate = None

    @command("show diff candidate-configuration running-configuration")
    def _diff(self) -> str:
        before, after = (self.render(each).split("\n") for each in (self.device.running, self.config))
        lines = difflib.unified_diff(before, after, "running-configuration", "candidate-configuration", n=1, lineterm="")
        return "\n".join(line for line in lines if not line.startswith("@@"))

    @command("show candidate-configuration")
    def _candidate(self) -> str:
        return self.render(self.config)

    # VLANs.

    @command("interface vlan <vlan>", "interface range vlan <vlans>", at="config")
    def _interface_vlan(self, vlan: int = 0, vlans: frozenset[int] = frozenset()) -> None:
        for number in vlans or [vlan]:
            self.config.vlans.setdefault(number, "")
        self.selected, self.context = [str(number) for number in sorted(vlans or [vlan])], "vlan"
        self.changed("interface vlan")

    @command("no interface vlan <vlan>", at="config")
    def _no_vlan(self, vlan: int) -> None:
        if vlan == 1:
            raise Refused("% Error: Default VLAN cannot be deleted")
        if vlan not in self.config.vlans:
            raise Refused(f"% Error: VLAN {vlan} does not exist")
        del self.config.vlans[vlan]
        for port in self.config.ports.values():
            port.allowed -= {vlan}
            if vlan in (port.access, port.native):
                _join(port, 1)
        self.changed("no interface vlan")

    @command("description <text>", "no description", at="vlan")
    def _vlan_description(self, text: str = "") -> None:
        for each in self.selected:
            self.config.vlans[int(each)] = text.strip('"')[:240]
        self.changed("description")

    @command("no shutdown", at="vlan")
    def _vlan_up(self) -> None:
        return None

    # Ports.

    @command("interface <ports>", "interface range <ports>", at="config")
    def _interface(self, ports: list[str]) -> None:
        for name in ports:
            if name not in self.config.ports:
                if not name.startswith("port-channel"):
                    raise BadLine("parameter", 10)
                self.config.ports[name] = self.new_port(name)
        self.selected, self.context = ports, "if"

    def switching(self, what: str, set_port: Callable[[Port], None]) -> None:
        for port in self.ports():
            if port.channel:
                raise Refused(f"% Error: {port.name} is a member of {port.channel}")
        self.on_ports(what, set_port)

    def _exist(self, vlans: frozenset[int]) -> None:
        missing = sorted(vlans - self.config.vlans.keys())
        if missing:
            raise Refused(f"% Error: VLAN {missing[0]} does not exist")

    @command("description <text>", "no description", at="if")
    def _description(self, text: str = "") -> None:
        self.on_ports("description", lambda port: setattr(port, "description", text.strip('"')[:240]))

    @command("mtu <number>", "no mtu", at="if")
    def _mtu(self, number: int = 1532) -> None:
        if not 1280 <= number <= 9216:
            raise BadLine("parameter", 4)
        self.on_ports("mtu", lambda port: setattr(port, "mtu", number))

    @command("switchport mode access|trunk", "no switchport mode", at="if")
    def _mode(self, pattern: str) -> None:
        mode = "trunk" if pattern.endswith("trunk") else "access"

        def retype(port: Port) -> None:
            if mode != port.mode:
                port.mode, port.allowed = mode, frozenset()
                _join(port, port.native or 1)

        self.switching(pattern, retype)

    @command("switchport access vlan <vlan>", "no switchport access vlan", at="if")
    def _access(self, vlan: int = 0) -> None:
        self._exist(frozenset({vlan}) if vlan else frozenset())
        for port in self.ports():
            if vlan in port.allowed:
                raise Refused(f"% Error: VLAN {vlan} is already configured as tagged on {port.name}")
        self.switching("access vlan", lambda port: _join(port, vlan or (None if port.mode == "trunk" else 1)))

    @command("switchport trunk allowed vlan <vlans>", at="if")
    def _allowed(self, vlans: frozenset[int]) -> None:
        self._exist(vlans)
        for port in self.ports():
            if port.mode != "trunk":
                raise Refused(f"% Error: {port.name} is not in trunk mode")
            if port.native in vlans:
                raise Refused(f"% Error: VLAN {port.native} is the access VLAN of {port.name}")
        self.switching("allowed vlan", lambda port: setattr(port, "allowed", port.allowed | vlans))

    @command("no switchport trunk allowed vlan <vlans>", at="if")
    def _not_allowed(self, vlans: frozenset[int]) -> None:
        self.switching("allowed vlan", lambda port: setattr(port, "allowed", port.allowed - vlans))

    @command("no switchport", at="if")
    def _routed(self) -> None:
        self.switching("no switchport", lambda port: setattr(port, "mode", "routed"))

    @command("channel-group <number> mode active|passive|on", "no channel-group", at="if")
    def _channel(self, number: int | None = None) -> None:
        if number is not None and f"port-channel{number}" not in self.config.ports:
            raise Refused(f"% Error: port-channel{number} does not exist")
        self.on_ports("channel-group", lambda port: setattr(port, "channel", None if number is None else f"port-channel{number}"))

    # Saving and showing.

    @command("copy running-configuration startup-configuration", "write memory")
    def _save(self) -> str:
        self.device.save(self.who)
        return "Copy completed"

    @command("show running-configuration", "show startup-configuration")
    def _show_config(self, pattern: str) -> str:
        return self.render(self.device.startup if "startup" in pattern else self.device.running)

    @command("show running-configuration interface", "show running-configuration interface <port>")
    def _show_ports(self, port: str | None = None) -> str:
        config = self.device.running
        if port and port not in config.ports:
            raise BadLine("parameter", 37)
        vlans = [] if port else self._vlan_lines(config)
        return "\n".join(vlans + [line for each in config.ports.values() if port in (None, each.name) for line in self._port_lines(each)])

    def render(self, config: Config) -> str:
        """A configuration as text."""
        lines = [f"! Version {self.version}", f"hostname {self.device.identity.name}", "!", *self._vlan_lines(config)]
        return "\n".join(lines + [line for port in config.ports.values() for line in self._port_lines(port)])

    @staticmethod
    def _vlan_lines(config: Config) -> list[str]:
        lines = []
        for number, name in sorted(config.vlans.items()):
            lines += [f"interface vlan{number}", *([f' description "{name}"'] if name else []), " no shutdown", "!"]
        return lines

    @staticmethod
    def _port_lines(port: Port) -> list[str]:
        lines = [f"interface {port.name}", *([f' description "{port.description}"'] if port.description else [])]
        lines.append(" shutdown" if port.shutdown else " no shutdown")
        if port.channel:
            lines += [f" channel-group {port.channel[12:]} mode active", " no switchport"]
        elif port.mode == "routed":
            lines.append(" no switchport")
        else:
            native = port.access if port.mode == "access" else port.native
            lines += [" switchport mode trunk"] if port.mode == "trunk" else []
            lines += [f" switchport access vlan {native}"] if native else []
            lines += [f" switchport trunk allowed vlan {fold(port.allowed)}"] if port.allowed else []
        return [*lines, *([f" mtu {port.mtu}"] if port.mtu else []), " flowcontrol receive off", "!"]

    @command("show vlan", "show vlan <vlan>")
    def _show_vlan(self, vlan: int | None = None) -> str:
        config, lines = self.device.running, [VLANS]
        for number, name in sorted(config.vlans.items()):
            if vlan not in (None, number):
                continue
            carried = {port.name: config.carries(port) for port in config.ports.values()}
            rows = [f"T {_spanned(names)}" for names in [[each for each, (_u, tagged) in carried.items() if number in tagged]] if names]
            rows += [f"A {_spanned(names)}" for names in [[each for each, (plain, _t) in carried.items() if number == plain]] if names]
            lines.append(f"{'*' if number == 1 else ' '}   {number:<6} Active    {name[:31]:<31} {rows[0] if rows else ''}".rstrip())
            lines += [f"{'':53}{row}" for row in rows[1:]]
        return "\n".join(lines)

    @command("show interface status")
    def _show_status(self) -> str:
        lines = ["-" * 84, "Port            Description     Status   Speed    Duplex   Mode Vlan Tagged-Vlans", "-" * 84]
        for port in self.device.running.ports.values():
            state = "down" if port.shutdown or not port.link else "up"
            name = port.name.replace("ethernet", "Eth ").replace("port-channel", "Po ")
            native = port.access if port.mode == "access" else port.native or "-"
            lines.append(f"{name:<15} {port.description[:15]:<15} {state:<8} 25G      full     {port.mode[0].upper()}    {native:<4} "
                         f"{fold(port.allowed) or '-'}")
        return "\n".join(lines)

    @command("show port-channel summary")
    def _show_channels(self) -> str:
        lines = ["Group  Port-Channel           Type     Protocol  Member Ports"]
        for port in self.device.running.ports.values():
            if port.name.startswith("port-channel"):
                members = "  ".join(f"{each.name.replace('ethernet', '')}(P)" for each in self.device.running.members(port.name))
                lines.append(f"{port.name[12:]:<6} {port.name}    (U)     Eth      DYNAMIC   {members}")
        return "\n".join(lines)

    @command("show version")
    def _show_version(self) -> str:
        return VERSION.format(self.device.identity)

    @command("show inventory")
    def _show_inventory(self) -> str:
        return INVENTORY.format(self.device.identity)

    @command("show lldp neighbors", "show lldp neighbors detail")
    def _show_lldp(self, pattern: str) -> str:
        heard = self.device.neighbours
        if pattern.endswith("detail"):
            return "\n".join(LLDP_DETAIL.format(each) for each in heard)
        return "\n".join([LLDP, *(f"{each.port:<19} {each.system:<15} {each.remote_port:<27} {each.chassis}" for each in heard)])

    @command("show mac address-table", "show mac address-table dynamic")
    def _show_macs(self) -> str:
        rows = [f"{each.vlan:<13} {each.mac:<19} dynamic     {each.port}" for each in self.device.macs]
        return "\n".join(["VlanId        Mac Address         Type        Interface", *rows])


def _join(port: Port, vlan: int | None) -> None:
    """Make this its untagged VLAN."""
    port.access, port.native, port.untagged = vlan or 1, vlan, frozenset({vlan} if vlan else ())


def _spanned(names: list[str]) -> str:
    """`Eth1/1/1-1/1/4,1/1/7,Po33`."""
    numbers = [int(name.rpartition("/")[2]) for name in names if name.startswith("ethernet")]
    words = [f"1/1/{first}-1/1/{last}" if last > first else f"1/1/{first}" for first, last in runs(numbers)]
    lags = [name.replace("port-channel", "Po") for name in names if name.startswith("port")]
    return ",".join(([f"Eth{','.join(words)}"] if words else []) + lags)
