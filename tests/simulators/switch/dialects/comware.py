"""HPE Comware 7 (FlexFabric, H3C).

Sources: HPE's and H3C's command references (VLANs, link aggregation, configuration management), recorded outputs in ntc-templates' test
data, netmiko's driver. The words of refusal about link types and VLANs that are missing are less sure than the rest, and so is that a
change of the link type forgets the VLANs of the port.

What bites: `undo vlan` moves the access ports of the VLAN into VLAN 1; a trunk permits VLAN 1 alone until told otherwise; `port trunk
permit` adds and `undo` takes away, ten items a line and no more; permitted is not passing (a VLAN must exist to pass), and both lists wrap;
from trunk to hybrid and back only by way of access; what is set on an aggregate interface is set on its members; the frame length
counts the header; a delayed commit takes back everything since it was asked for, also what others did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..dialect import Ask, Refused, command
from ..grammar import BadLine, NoMatch, Token
from ..model import Config, Port
from ..vlans import ALL
from .comware_shows import ComwareShows, vlan_name

MAX_ITEMS = 10


def read_list(owner: Comware, words: list[Token], at: int, _line: str) -> tuple[frozenset[int], int]:
    """`10 20 to 30`."""
    ids: set[int] = set()
    items = 0
    while at < len(words) and words[at].text.isdigit():
        first = last = int(words[at].text)
        at += 1
        if at + 1 < len(words) and words[at].text == "to" and words[at + 1].text.isdigit():
            last = int(words[at + 1].text)
            at += 2
        if not owner.low <= first <= last <= owner.high:
            raise BadLine("wrong", words[at - 1].column)
        items += 1
        if items > MAX_ITEMS:
            raise BadLine("many", words[at - 1].column)
        ids.update(range(first, last + 1))
    if not ids:
        raise NoMatch
    return frozenset(ids), at


class Comware(ComwareShows):
    platform = "comware"
    netmiko = "hp_comware"
    model = "HPE FF 5900AF-48XG-4QSFP+ (simulated)"
    version = "7.1.045, Release 2432P06"
    more = "---- More ----"
    comment = "#"
    readers = {"list": read_list}

    def banner(self) -> str:
        return "* A simulated switch. Without the owner's prior written consent, no decompiling.\n"

    def prompt(self) -> str:
        name = self.device.identity.name
        if self.context == "exec":
            return f"<{name}>"
        where = {"system": "", "vlan": f"-vlan{self.selected[0]}" if self.selected else "", "range": "-if-range"}.get(self.context)
        return f"[{name}{f'-{self.selected[0]}' if where is None else where}]"

    def bad_line(self, _line: str, error: BadLine) -> str:
        words = {"incomplete": "Incomplete command", "ambiguous": "Ambiguous command", "wrong": "Wrong parameter",
                 "many": "Too many parameters"}.get(error.kind, "Unrecognized command")
        return f"{' ' * (len(self.prompt()) + error.column)}^\n % {words} found at '^' position."

    # Moving about.

    @command("system-view")
    def _system(self) -> str:
        self.context = "system"
        return "System View: return to User View with Ctrl+Z."

    @command("quit", at="exec system vlan if range")
    def _quit(self) -> None:
        self.closed = self.context == "exec"
        self.context = "exec" if self.context in ("exec", "system") else "system"

    @command("return", "end", at="system vlan if range")
    def _return(self) -> None:
        self.context = "exec"

    @command("screen-length disable")
    def _no_pages(self) -> str:
        self.page_length = 0
        return "Screen-length configuration is disabled for current user."

    # VLANs.

    @command("vlan <vlans:list>", at="system")
    def _vlan(self, vlans: frozenset[int]) -> None:
        for number in vlans:
            self.config.vlans.setdefault(number, vlan_name(number))
        self.selected, self.context = [str(min(vlans))], "vlan" if len(vlans) == 1 else "system"
        self.changed("vlan")

    @command("undo vlan <vlans:list>", at="system")
    def _undo_vlan(self, vlans: frozenset[int]) -> None:
        if 1 in vlans:
            raise Refused("The default VLAN cannot be deleted.")
        missing = sorted(vlans - self.config.vlans.keys())
        if missing and len(vlans) == 1:
            raise Refused("The specified VLAN does not exist.")
        for number in vlans & self.config.vlans.keys():
            del self.config.vlans[number]
        for port in self.config.ports.values():
            if port.mode == "access" and port.access in vlans:
                port.access = 1
        self.changed("undo vlan")

    @command("name <text>", "undo name", at="vlan")
    def _name(self, text: str = "") -> None:
        if len(text) > 32:
            raise BadLine("wrong", 5)
        number = int(self.selected[0])
        self.config.vlans[number] = text or vlan_name(number)
        self.changed("vlan name")

    @command("description <text>", "undo description", at="vlan")
    def _vlan_description(self, text: str = "") -> None:
        self.config.lines[f"vlan {self.selected[0]} description"] = text

    # Ports.

    @command("interface <port>", at="system")
    def _interface(self, port: str) -> None:
        if port not in self.config.ports:
            if not port.startswith("Bridge-Aggregation"):
                raise BadLine("wrong", 10)
            self.config.ports[port] = replace(self.new_port(port), link=False)
        self.selected, self.context = [port], "if"

    @command("interface range <first:port> to <last:port>", at="system")
    def _range(self, first: str, last: str) -> None:
        stem, start, end = first.rpartition("/")[0], first.rpartition("/")[2], last.rpartition("/")[2]
        names = [f"{stem}/{number}" for number in range(int(start), int(end) + 1)]
        if last.rpartition("/")[0] != stem or not names or set(names) - self.config.ports.keys():
            raise BadLine("wrong", 16)
        self.selected, self.context = names, "range"

    def _on_ports(self, what: str, set_port: Callable[[Port], None]) -> None:
        for port in self.ports():
            for each in (port, *self.config.members(port.name)):
                set_port(each)
        self.changed(what)

    def _need(self, mode: str) -> None:
        for port in self.ports():
            if port.mode != mode:
                raise Refused(f"The link type of {port.name} is not {mode}.")

    @command("description <text>", "undo description", at="if range")
    def _description(self, text: str = "") -> None:
        for port in self.ports():
            port.description = text[:255]
        self.changed("description")

    @command("shutdown", "undo shutdown", at="if range")
    def _shutdown(self, no: bool) -> None:
        for port in self.ports():
            port.shutdown = not no
        self.changed("shutdown")

    @command("jumboframe enable", "jumboframe enable <number>", "undo jumboframe enable", at="if range")
    def _jumbo(self, no: bool, number: int | None = None) -> None:
        if number is not None and not 1536 <= number <= 10000:
            raise BadLine("wrong", 18)
        for port in self.ports():
            port.mtu = 1536 if no else number
        self.changed("jumboframe")

    @command("port link-type access|trunk|hybrid", "undo port link-type", at="if range")
    def _link_type(self, pattern: str) -> None:
        mode = pattern.rpartition(" ")[2] if pattern.startswith("port") else "access"
        for port in self.ports():
            if {port.mode, mode} == {"trunk", "hybrid"}:
                raise Refused("Please set the link type to access first.")
        self._on_ports(f"link type {mode}", lambda port: _retype(port, mode))

    @command("port access vlan <vlan>", "undo port access vlan", at="if range")
    def _access(self, vlan: int = 1) -> None:
        self._need("access")
        if vlan not in self.config.vlans:
            raise Refused("The VLAN does not exist.")
        self._on_ports(f"access vlan {vlan}", lambda port: setattr(port, "access", vlan))

    @command("port trunk permit vlan <vlans:list>", "port trunk permit vlan all", at="if range")
    def _permit(self, vlans: frozenset[int] = ALL) -> None:
        self._need("trunk")
        self._on_ports("permit", lambda port: setattr(port, "allowed", port.allowed | vlans))

    @command("undo port trunk permit vlan <vlans:list>", "undo port trunk permit vlan all", at="if range")
    def _undo_permit(self, vlans: frozenset[int] = ALL) -> None:
        self._need("trunk")
        self._on_ports("undo permit", lambda port: setattr(port, "allowed", port.allowed - vlans))

    @command("port trunk pvid vlan <vlan>", "undo port trunk pvid", at="if range")
    def _pvid(self, vlan: int = 1) -> None:
        self._need("trunk")
        self._on_ports("pvid", lambda port: setattr(port, "native", vlan))

    @command("port hybrid pvid vlan <vlan>", "undo port hybrid pvid", at="if range")
    def _hybrid_pvid(self, vlan: int = 1) -> None:
        self._need("hybrid")
        self._on_ports("pvid", lambda port: setattr(port, "native", vlan))

    @command("port hybrid vlan <vlans:list> tagged|untagged", at="if range")
    def _hybrid(self, pattern: str, vlans: frozenset[int]) -> None:
        self._need("hybrid")
        if vlans - self.config.vlans.keys():
            raise Refused("The VLAN does not exist.")
        plain = pattern.endswith("untagged")

        def join(port: Port) -> None:
            port.untagged = port.untagged | vlans if plain else port.untagged - vlans
            port.allowed = port.allowed | vlans

        self._on_ports("hybrid vlan", join)

    @command("undo port hybrid vlan <vlans:list>", at="if range")
    def _undo_hybrid(self, vlans: frozenset[int]) -> None:
        self._need("hybrid")

        def leave(port: Port) -> None:
            port.untagged, port.allowed = port.untagged - vlans, port.allowed - vlans

        self._on_ports("undo hybrid vlan", leave)

    @command("port link-aggregation group <number>", at="if range")
    def _join(self, number: int) -> None:
        lag = f"Bridge-Aggregation{number}"
        if lag not in self.config.ports:
            raise Refused("The aggregation group does not exist.")
        for port in self.ports():
            port.channel = lag
        self.changed("link-aggregation")

    @command("undo port link-aggregation group", at="if range")
    def _part(self) -> None:
        for port in self.ports():
            port.channel = None
        self.changed("link-aggregation")

    # Saving, and changes that go back by themselves.

    @command("save force", at="always")
    def _save_force(self) -> str:
        self.device.save(self.who)
        return "Validating file. Please wait...\nSaved the current configuration to mainboard device successfully."

    @command("save", at="always")
    def _save(self) -> Ask:
        return Ask("The current configuration will be written to the device. Are you sure? [Y/N]:", self._save_sure)

    def _save_sure(self, answer: str) -> Ask | None:
        if answer.strip().upper() != "Y":
            return None
        return Ask("Please input the file name(*.cfg)[flash:/startup.cfg]\n"
                   "(To leave the existing filename unchanged, press the enter key):", lambda _name: self._save_force())

    @property
    def _delay(self) -> dict[str, object]:
        return self.device.memory.setdefault("commit delay", {})

    @command("configuration commit delay <number>", at="system")
    def _commit_delay(self, number: int) -> None:
        if not 1 <= number <= 65535:
            raise BadLine("wrong", 27)
        before = self._delay.get("before")
        before = before if isinstance(before, Config) else self.device.running.copy()
        self._stop_delay()
        self._delay.update(before=before, timer=self.device.later(number * 60, self._take_back))

    def _take_back(self) -> None:
        before = self._delay["before"]
        assert isinstance(before, Config)
        self._delay.clear()
        self.device.running.take(before)
        self.device.note("commit delay", "rollback")

    def _stop_delay(self) -> None:
        timer = self._delay.pop("timer", None)
        if timer:
            timer.cancel()          # type: ignore[attr-defined]
        self._delay.clear()

    @command("configuration commit", at="system")
    def _commit(self) -> None:
        if not self._delay:
            raise Refused("No configuration commit delay is in progress.")
        self._stop_delay()


def _retype(port: Port, mode: str) -> None:
    """Another link type: what the port had is forgotten."""
    if port.mode != mode:
        port.mode, port.access, port.native = mode, 1, 1
        port.allowed, port.untagged = frozenset({1}), frozenset({1}) if mode == "hybrid" else frozenset()
