"""Arista EOS.

Sources: Arista's EOS manual (configuration sessions, VLANs, switch ports), recorded outputs in public parsers' test data (NAPALM,
ntc-templates), the error patterns of the arista.eos collection. The words of refusal about sessions are less sure than the rest.

What bites: `switchport trunk allowed vlan N` replaces the list; a new trunk carries all VLANs; an access port whose VLAN is missing makes
it; a port whose VLAN was removed keeps it in its configuration and carries nothing; committing a session overwrites what others changed
since it was begun; `mtu` on a switch port changes the configuration, but not what the port takes (9214 bytes always).
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from ..dialect import Answer, Refused, command
from ..grammar import BadLine
from ..model import Config, Port
from ..vlans import fold
from .eos_shows import EosShows, short, short_range

MAX_PENDING = 5


class Eos(EosShows):
    platform = "eos"
    netmiko = "arista_eos"
    model = "DCS-7050SX3-48YC8 (simulated)"
    version = "4.30.4M"
    more = " --More-- "

    def start(self) -> None:
        self.session = ""                       # the configuration session that we are in

    @property
    def sessions(self) -> dict[str, dict[str, Any]]:
        """What became of the named sessions: state pending, pendingCommitTimer, completed or aborted."""
        return self.device.memory.setdefault("sessions", {})

    @property
    def config(self) -> Config:
        if not self.session:
            return self.device.running
        if self.session not in self.device.candidates:
            self._leave()
            raise Refused("% Configuration session is gone")
        return self.device.candidates[self.session]

    def prompt(self) -> str:
        words = ["config"] if self.context != "exec" else []
        if self.session:
            words.append(f"s-{self.session[:6]}")
        if self.context == "if":
            words.append(f"if-{short(self.selected[0]) if len(self.selected) == 1 else short_range(self.selected)}")
        elif self.context == "vlan":
            words.append(f"vlan-{fold(int(each) for each in self.selected)}")
        inside = f"({'-'.join(words)})" if words else ""
        return f"{self.device.identity.name}{inside}#"

    def bad_line(self, _line: str, error: BadLine) -> str:
        return {"incomplete": "% Incomplete command", "ambiguous": "% Ambiguous command"}.get(error.kind, "% Invalid input")

    # Moving about.

    @command("enable", "disable", "end", at="exec")
    def _nothing(self) -> None:
        return None

    @command("configure", "configure terminal", at="exec")
    def _configure(self) -> None:
        self.context = "config"

    @command("exit", "quit", "logout", at="exec")
    def _logout(self) -> None:
        self.closed = True

    @command("exit", at="config if vlan")
    def _exit(self) -> None:
        if self.context == "config":
            self._leave()
        else:
            self.context = "config"

    @command("end", at="config if vlan")
    def _end(self) -> None:
        self._leave()

    def _leave(self) -> None:
        """Out of configuration mode; a session stays pending."""
        self.context, self.session = "exec", ""

    @command("terminal width <number>")
    def _width(self, number: int) -> str:
        if not 10 <= number <= 32767:
            raise BadLine("invalid", 0)
        return f"Width set to {number} columns."

    @command("terminal length <number>")
    def _length(self, number: int) -> str:
        self.page_length = number
        return "Pagination disabled." if not number else f"Pagination set to {number} lines."

    # Configuration sessions.

    @command("configure session", "configure session <name:word>")
    def _session(self, name: str = "") -> None:
        name = name or f"sess-{len(self.sessions) + 1}"
        known = self.sessions.get(name)
        if known and known["state"] in ("completed", "aborted"):
            raise Refused(f"% Cannot enter session {name}: it is {known['state']}")
        if not known:
            if sum(each["state"] == "pending" for each in self.sessions.values()) >= MAX_PENDING:
                raise Refused("% Maximum number of pending sessions has been reached. Please commit or abort previous sessions "
                              "before creating a new one.")
            self.sessions[name] = {"state": "pending", "timer": None, "before": None}
            self.device.candidates[name] = self.device.running.copy()
        self.session, self.context = name, "config"

    @command("configure session <name:word> abort", "no configure session <name:word>")
    def _abort_named(self, name: str) -> None:
        self._abort_session(self._known(name), name)

    @command("configure session <name:word> commit", "configure session <name:word> commit timer <time:word>")
    def _commit_named(self, name: str, time: str = "") -> None:
        self._commit_session(self._known(name), name, time)

    @command("commit", "commit timer <time:word>", at="config")
    def _commit(self, time: str = "") -> None:
        name = self._here("commit")
        self._commit_session(self.sessions[name], name, time)
        self._leave()

    @command("abort", at="config if vlan")
    def _abort(self) -> None:
        name = self._here("abort")
        self._leave()
        self._abort_session(self.sessions[name], name)

    @command("rollback clean-config", at="config")
    def _clean(self) -> None:
        name = self._here("rollback")
        self.device.candidates[name] = self.factory([each for each in self.device.running.ports if each.startswith("Ethernet")])

    def _here(self, word: str) -> str:
        if not self.session:
            raise BadLine("invalid", 0, word)
        return self.session

    def _known(self, name: str) -> dict[str, Any]:
        known = self.sessions.get(name)
        if not known or known["state"] in ("completed", "aborted"):
            raise Refused(f"% Session {name} does not exist")
        return known

    def _commit_session(self, session: dict[str, Any], name: str, time: str) -> None:
        seconds = _seconds(time) if time else 0
        waiting = [each for each, known in self.sessions.items() if known["state"] == "pendingCommitTimer" and each != name]
        if waiting:
            raise Refused(f"% Cannot commit: session {waiting[0]} is waiting for its commit to be confirmed")
        running = self.device.running
        if session["state"] == "pendingCommitTimer":
            session["timer"].cancel()
        else:
            session["before"] = running.copy()
            running.take(self.device.candidates[name])
        if seconds:
            session["state"] = "pendingCommitTimer"
            session["timer"] = self.device.later(seconds, lambda: self._take_back(session, name, "commit timer"))
        else:
            session["state"] = "completed"
            self.device.candidates.pop(name, None)
        self.device.note(self.who, f"commit of {name}")

    def _abort_session(self, session: dict[str, Any], name: str) -> None:
        if session["state"] == "pendingCommitTimer":
            session["timer"].cancel()
            self._take_back(session, name, self.who)
        else:
            self.device.candidates.pop(name, None)
            del self.sessions[name]

    def _take_back(self, session: dict[str, Any], name: str, who: str) -> None:
        session["state"] = "aborted"
        self.device.candidates.pop(name, None)
        self.device.running.take(session["before"])
        self.device.note(who, f"rollback of {name}")

    @command("show session-config", "show session-config diffs", "show session-config named <name:word>",
             "show session-config named <name:word> diffs")
    def _show_session(self, pattern: str, name: str = "") -> str:
        name = name or self.session
        if not name:
            raise Refused("% Not in a configuration session")
        if name not in self.device.candidates:
            raise Refused(f"% Session {name} does not exist")
        text = self.render(self.device.candidates[name])
        if not pattern.endswith("diffs"):
            return text
        before = self.render(self.device.running)
        names = ("system:/running-config", f"session:/{name}-session-config")
        return "\n".join(difflib.unified_diff(before.split("\n"), text.split("\n"), *names, lineterm=""))

    @command("show configuration sessions", "show configuration sessions detail")
    def _show_sessions(self) -> Answer:
        if self.json:
            each = {name: {"state": known["state"], "instances": {}, "description": ""} for name, known in self.sessions.items()}
            return {"maxSavedSessions": 1, "maxOpenSessions": MAX_PENDING, "sessions": each}
        lines = ["Maximum number of completed sessions: 1", f"Maximum number of pending sessions: {MAX_PENDING}", "",
                 "  Name    State      User    Terminal    Description", "  ------- ---------- ------- ----------- -----------"]
        return "\n".join(lines + [f"  {name:<7} {known['state']:<10}" for name, known in self.sessions.items()])

    # VLANs.

    @command("no|default vlan <vlans>", at="config")
    def _no_vlan(self, vlans: frozenset[int]) -> None:
        if 1 in vlans:
            raise Refused("% Default VLAN 1 may not be deleted.")
        for number in vlans:
            self.config.vlans.pop(number, None)
        self.changed(f"no vlan {fold(vlans)}")

    @command("name <name:word>", "no name", at="vlan")
    def _name(self, name: str = "") -> None:
        if len(name) > 32:
            raise Refused("% VLAN name must be 32 characters or less")
        for each in self.selected:
            self.config.vlans[int(each)] = name or self.vlan_name(int(each))
        self.changed("vlan name")

    @command("state active", at="vlan")
    def _vlan_state(self) -> None:
        return None

    # Ports; the other switchport commands are those of Switchports.

    @command("interface <ports>", "interface range <ports>", at="config")
    def _interface(self, ports: list[str]) -> None:
        for name in ports:
            if name not in self.config.ports:
                if not re.fullmatch(r"Port-Channel(1?\d{1,3}|2000)", name):
                    raise BadLine("invalid", 0, name)
                self.config.ports[name] = Port(name, link=False)
        self.selected, self.context = ports, "if"

    @command("description <text>", "no|default description", at="if")
    def _description(self, text: str = "") -> None:
        self.on_ports("description", lambda port: setattr(port, "description", text[:240]))

    @command("mtu <number>", "no|default mtu", at="if")
    def _mtu(self, number: int | None = None) -> None:
        if number is not None and not 68 <= number <= 9214:
            raise BadLine("invalid", 4)
        self.on_ports("mtu", lambda port: setattr(port, "mtu", number))

    @command("switchport access vlan <vlan>", "no|default switchport access vlan", at="if")
    def _access(self, vlan: int = 1) -> str:
        said = ""
        if vlan not in self.config.vlans:
            self.config.vlans[vlan] = self.vlan_name(vlan)
            said = f"! Access VLAN does not exist. Creating vlan {vlan}"
        self.on_ports(f"access vlan {vlan}", lambda port: setattr(port, "access", vlan))
        return said

    @command("switchport trunk native vlan tag", at="if")
    def _native_tag(self) -> None:
        self.on_ports("native vlan tag", lambda port: setattr(port, "native", None))

    @command("channel-group <number> mode active|passive|on", at="if")
    def _channel(self, number: int) -> None:
        name = f"Port-Channel{number}"
        self.config.ports.setdefault(name, Port(name, link=False))
        self.on_ports("channel-group", lambda port: setattr(port, "channel", name))

    # Saving.

    @command("write", "write memory", "copy running-config startup-config")
    def _write(self) -> str:
        self.device.save(self.who)
        return "Copy completed successfully."


def _seconds(text: str) -> int:
    """`hh:mm:ss`."""
    found = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2})", text)
    if not found or not text.strip("0:"):
        raise BadLine("invalid", 0, text)
    return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])
