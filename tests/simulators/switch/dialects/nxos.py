"""Cisco NX-OS, as a Nexus 9000 in its switching role.

Sources: recorded outputs in public parsers' test data (ntc-templates) and the error patterns of the cisco.nxos collection; Cisco's guides
on rollback, VLANs and interfaces. The words about reserved VLANs, members of a port channel and checkpoints are less sure than the rest.

What bites: `switchport trunk allowed vlan N` replaces the list, also that of a port that carried everything; a new trunk carries all VLANs;
a VLAN that does not exist is accepted on a port, which then carries nothing (`Vlan not created`); a layer-2 port takes no MTU but 1500 and
the system's jumbo MTU; VLANs from 3968 on are the switch's own; long lists go on in a further line of the running configuration
(`allowed vlan add`); `show interface switchport` says `down` for the mode of a port without a link; ten checkpoints, no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ..dialect import Refused, command
from ..grammar import BadLine
from ..model import Config, Port
from ..vlans import fold
from .nxos_shows import NxosShows

JUMBO = 9216
RESERVED = range(3968, 4095)
MAX_CHECKPOINTS = 10


class Nxos(NxosShows):
    platform = "nxos"
    netmiko = "cisco_nxos"
    model = "Nexus9000 C93180YC-EX (simulated)"
    version = "9.3(10)"

    def banner(self) -> str:
        return "Cisco Nexus Operating System (NX-OS) Software (simulated)\n"

    def prompt(self) -> str:
        context = {"exec": "", "config": "(config)", "vlan": "(config-vlan)", "if": "(config-if)"}[self.context]
        if self.context == "if" and len(self.selected) > 1:
            context = "(config-if-range)"
        return f"{self.device.identity.name}{context}# "

    def bad_line(self, _line: str, error: BadLine) -> str:
        known = {"invalid": "Invalid command", "incomplete": "Incomplete command", "ambiguous": "Ambiguous command"}
        words = known.get(error.kind, error.kind)
        return f"{' ' * (len(self.prompt()) + error.column)}^\n% {words} at '^' marker."

    # Moving about.

    @command("enable", "end")
    def _nothing(self) -> None:
        return None

    @command("configure terminal", "configure")
    def _configure(self) -> str:
        self.context = "config"
        return "Enter configuration commands, one per line. End with CNTL/Z."

    @command("exit", at="exec config if vlan")
    def _exit(self) -> None:
        if self.context == "exec":
            self.closed = True
        self.context = "exec" if self.context == "config" else "config"

    @command("end", at="config if vlan")
    def _end(self) -> None:
        self.context = "exec"

    @command("terminal length <number>")
    def _length(self, number: int) -> None:
        if number > 511:
            raise BadLine("invalid", 16)
        self.page_length = number

    @command("terminal width <number>")
    def _width(self, number: int) -> None:
        if not 24 <= number <= 511:
            raise BadLine("invalid", 15)

    # VLANs.

    def check_vlans(self, vlans: Iterable[int]) -> None:
        reserved = sorted(set(vlans) & set(RESERVED))
        if reserved:
            raise Refused(f"ERROR: VLAN {reserved[0]} is within the reserved VLAN range 3968-4095")

    @command("no vlan <vlans>", at="config")
    def _no_vlan(self, vlans: frozenset[int]) -> None:
        if 1 in vlans:
            raise Refused("ERROR: Cannot delete default VLAN 1")
        for number in vlans:
            self.config.vlans.pop(number, None)
        self.changed(f"no vlan {fold(vlans)}")

    @command("name <name:word>", "no name", at="vlan")
    def _name(self, name: str = "") -> None:
        if len(name) > 32:
            raise BadLine("String exceeded max length of (32)", 5)
        if len(self.selected) > 1 and name:
            raise Refused("ERROR: VLAN name cannot be set on a range of VLANs")
        if any(name == other and number != int(self.selected[0]) for number, other in self.config.vlans.items()):
            raise Refused(f"ERROR: VLAN with the name {name} already exists")
        for each in self.selected:
            self.config.vlans[int(each)] = name or self.vlan_name(int(each))
        self.changed("vlan name")

    @command("state active", "no shutdown", at="vlan")
    def _vlan_state(self) -> None:
        return None

    # Ports.

    @command("interface <ports>", at="config")
    def _interface(self, ports: list[str]) -> None:
        for name in ports:
            if name not in self.config.ports:
                if not name.startswith("port-channel") or not 1 <= int(name[12:]) <= 4096:
                    raise Refused(f"{' ' * (len(self.prompt()) + 10)}^\nInvalid interface format at '^' marker.")
                self.config.ports[name] = Port(name, link=False)
        self.selected, self.context = ports, "if"

    def switching(self, what: str, set_port: Callable[[Port], None]) -> None:
        """A switchport command: not on a member of a port channel, and its members follow a port channel."""
        for port in self.ports():
            if port.channel:
                raise Refused(f"ERROR: {port.name}: Cannot configure a member port of {port.channel}")
            if port.mode == "routed":
                raise Refused(f"ERROR: {port.name}: requested config change not allowed, not a switchport")
        self.on_ports(what, set_port)

    @command("description <text>", "no description", at="if")
    def _description(self, text: str = "") -> None:
        if len(text) > 254:
            raise BadLine("String exceeded max length of (254)", 12)
        self.on_ports("description", lambda port: setattr(port, "description", text))

    @command("mtu <number>", "no mtu", at="if")
    def _mtu(self, number: int = 1500) -> None:
        if not 576 <= number <= JUMBO:
            raise BadLine("Invalid number, range is (576:9216)", 4)
        for port in self.ports():
            if port.mode != "routed" and number not in (1500, JUMBO):
                raise Refused(f"ERROR: {port.name}: MTU on L2 interfaces can only be set to default or system-jumboMTU")
        self.on_ports("mtu", lambda port: setattr(port, "mtu", number if number != 1500 else None))

    @command("switchport access vlan <vlan>", "no switchport access vlan", at="if")
    def _access(self, vlan: int = 1) -> None:
        self.check_vlans([vlan])
        self.switching(f"access vlan {vlan}", lambda port: setattr(port, "access", vlan))

    @command("channel-group <number>", "channel-group <number> mode active|passive|on", at="if")
    def _channel(self, number: int) -> None:
        name = f"port-channel{number}"
        lag = self.config.ports.setdefault(name, Port(name, link=False))
        for port in self.ports():
            ours, its = ((each.mode, each.access, each.native, each.allowed, each.mtu) for each in (port, lag))
            if ours != its:
                raise Refused("command failed: port not compatible [port mode or vlan]")
        self.on_ports("channel-group", lambda port: setattr(port, "channel", name))

    # Saving, checkpoints.

    @command("copy running-config startup-config")
    def _save(self) -> str:
        self.device.save(self.who)
        return f"[{'#' * 40}] 100%\nCopy complete, now saving to disk (please wait)...\nCopy complete."

    @command("checkpoint", "checkpoint <name:word>", "checkpoint <name:word> description <text>")
    def _checkpoint(self, name: str = "", text: str = "") -> str:
        points = self.device.checkpoints
        if len(text) > 80:
            raise BadLine("String exceeded max length of (80)", 11)
        name = name or f"user-checkpoint-{len(points) + 1}"
        if len(name) > 80 or name.startswith("system"):
            raise Refused("ERROR: Invalid checkpoint name")
        if name in points:
            raise Refused(f"ERROR: Checkpoint {name} already exists")
        if len(points) >= MAX_CHECKPOINTS:
            raise Refused("ERROR: Max number of checkpoints reached")
        points[name] = self.device.running.copy()
        return ".......Done"

    @command("no checkpoint <name:word>")
    def _no_checkpoint(self, name: str) -> None:
        self._point(name)
        del self.device.checkpoints[name]

    def _point(self, name: str) -> Config:
        if name not in self.device.checkpoints:
            raise Refused(f"ERROR: Checkpoint {name} does not exist")
        return self.device.checkpoints[name]

    @command("rollback running-config checkpoint <name:word>",
             "rollback running-config checkpoint <name:word> atomic|best-effort|stop-at-first-failure|verbose")
    def _rollback(self, name: str) -> str:
        point = self._point(name)
        said = "Note: Applying config parallelly may fail Rollback verification\nCollecting Running-Config\n"
        if self.render(point) == self.render(self.device.running):
            return f"{said}#Generating Rollback Patch\nRollback Patch is Empty\n\nRollback completed successfully."
        self.device.running.take(point)
        self.device.note(self.who, f"rollback to {name}")
        return (f"{said}#Generating Rollback Patch\nExecuting Rollback Patch\nGenerating Running-config for verification\n"
                "Generating Patch for verification\nVerification is Successful.\n\nRollback completed successfully.")

    @command("show checkpoint summary", "show checkpoint summary user")
    def _show_checkpoints(self) -> str:
        lines = ["User Checkpoint Summary", "-" * 80]
        for number, (name, point) in enumerate(self.device.checkpoints.items(), 1):
            lines += [f"{number}) {name}:", "Created by admin", f"Created at {time.strftime('%a, %H:%M:%S %d %b %Y')}",
                      f"Size is {len(self.render(point)):,} bytes", "Description: None", ""]
        return "\n".join(lines)

    @command("show diff rollback-patch checkpoint <name:word> running-config")
    def _show_diff(self, name: str) -> str:
        before, now = (set(self.render(each).split("\n")) for each in (self._point(name), self.device.running))
        lines = [f"-{line}" for line in sorted(before - now)] + [f"+{line}" for line in sorted(now - before)]
        return "Collecting Running-Config\n#Generating Rollback Patch\n" + ("\n".join(lines) or "Rollback Patch is Empty")
