"""What the command lines in the manner of Cisco's IOS share: EOS, NX-OS and OS10."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from ..dialect import Dialect, command
from ..grammar import BadLine
from ..model import Port
from ..vlans import ALL, fold

SHORT_FILTERS = {"i": "include", "b": "begin", "e": "exclude"}


class IosLike(Dialect):
    """Contexts exec, config, vlan and if; `no`; `| include`; the switchport commands."""

    parents: ClassVar[dict[str, str]] = {"if": "config", "vlan": "config", "config": "exec"}
    filters: ClassVar[tuple[str, ...]] = ("include", "exclude", "begin", "section", "grep")
    json_word: ClassVar[str] = "json"

    def check_filter(self, line: str, text: str) -> str:
        word, _space, rest = text.partition(" ")
        word = SHORT_FILTERS.get(word, word)
        if word == self.json_word and not rest:
            self.json = True
        elif (word != "no-more" or rest) and (word not in self.filters or not rest):
            raise BadLine("invalid", line.index("|") + 2, word)
        return f"{word} {rest}"

    # VLANs.

    def check_vlans(self, vlans: Iterable[int]) -> None:
        """Refuse those that the platform keeps."""

    @staticmethod
    def vlan_name(number: int) -> str:
        """What a VLAN is called that nobody named."""
        return f"VLAN{number:04}" if number > 1 else "default"

    # Ports.

    def on_ports(self, what: str, set_port: Callable[[Port], None]) -> None:
        """Change each of the selected ports."""
        for port in self.ports():
            set_port(port)
        self.changed(what)

    def switching(self, what: str, set_port: Callable[[Port], None]) -> None:
        """A switchport command. For platforms that refuse it on some ports."""
        self.on_ports(what, set_port)

    @command("shutdown", "no shutdown", at="if")
    def _shutdown(self, no: bool) -> None:
        self.on_ports("shutdown", lambda port: setattr(port, "shutdown", not no))


class Switchports(IosLike):
    """`switchport` as EOS and NX-OS have it."""

    @command("vlan <vlans>", at="config")
    def _vlan(self, vlans: frozenset[int]) -> None:
        self.check_vlans(vlans)
        for number in vlans:
            self.config.vlans.setdefault(number, self.vlan_name(number))
        self.selected, self.context = [str(number) for number in sorted(vlans)], "vlan"
        self.changed(f"vlan {fold(vlans)}")

    @command("switchport", "no switchport", at="if")
    def _switchport(self, no: bool) -> None:
        self.on_ports("switchport", lambda port: setattr(port, "mode", "routed" if no else "access"))

    @command("switchport mode access|trunk", "no switchport mode", at="if")
    def _mode(self, pattern: str) -> None:
        self.switching(pattern, lambda port: setattr(port, "mode", "trunk" if pattern.endswith("trunk") else "access"))

    @command("switchport trunk native vlan <vlan>", "no switchport trunk native vlan", at="if")
    def _native(self, vlan: int = 1) -> None:
        self.check_vlans([vlan])
        self.switching(f"native vlan {vlan}", lambda port: setattr(port, "native", vlan))

    def allow(self, how: Callable[[frozenset[int]], Iterable[int]]) -> None:
        self.switching("allowed vlans", lambda port: setattr(port, "allowed", frozenset(how(port.allowed))))

    @command("switchport trunk allowed vlan <vlans>", at="if")
    def _allowed(self, vlans: frozenset[int]) -> None:
        self.allow(lambda _old: vlans)

    @command("switchport trunk allowed vlan add <vlans>", at="if")
    def _allowed_add(self, vlans: frozenset[int]) -> None:
        self.allow(lambda old: old | vlans)

    @command("switchport trunk allowed vlan remove <vlans>", at="if")
    def _allowed_remove(self, vlans: frozenset[int]) -> None:
        self.allow(lambda old: old - vlans)

    @command("switchport trunk allowed vlan except <vlans>", at="if")
    def _allowed_except(self, vlans: frozenset[int]) -> None:
        self.allow(lambda _old: ALL - vlans)

    @command("switchport trunk allowed vlan all", "no|default switchport trunk allowed vlan", at="if")
    def _allowed_all(self) -> None:
        self.allow(lambda _old: ALL)

    @command("switchport trunk allowed vlan none", at="if")
    def _allowed_none(self) -> None:
        self.allow(lambda _old: ())

    @command("no channel-group", at="if")
    def _no_channel(self) -> None:
        self.on_ports("channel-group", lambda port: setattr(port, "channel", None))


def dotted(mac: str) -> str:
    """0012.3456.789a."""
    digits = mac.replace(":", "")
    return f"{digits[:4]}.{digits[4:8]}.{digits[8:]}"
