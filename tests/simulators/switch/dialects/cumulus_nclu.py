"""Cumulus Linux 4 and older configured through NCLU (`net`).

Sources: the NCLU chapter of the manual of Cumulus Linux 4, networking-generic-switch (command shapes, errors). The words of refusal are
less sure than the commands, and so is what `net show` prints.

What bites: nothing happens before `net commit`, which also writes the file that the next start reads; what is pending is everybody's:
another one's commit takes ours along; a setting is deleted with its value; `net commit confirm` goes back unless Return is pressed in time.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..dialect import spread
from ..model import Config, Device, Port
from ..shell import Asking, Done, Failed
from ..vlans import expand, fold
from .cumulus import FILE, Cumulus

UNKNOWN = 'ERROR: Command not found.\n\nUse "net help KEYWORD(s)" to list all options that use KEYWORD(s).'


class Nclu(Cumulus):
    platform = "cumulus_nclu"
    version = "4.2.1"
    greeting = "Welcome to a simulated Cumulus Linux."

    @classmethod
    def prepare(cls, device: Device) -> None:
        super().prepare(device)
        device.files[FILE] = cls.rendered(device.running)

    @property
    def pending(self) -> Config:
        if "nclu" not in self.device.candidates:
            self.device.candidates["nclu"] = self.device.running.copy()
        return self.device.candidates["nclu"]

    def run_net(self, words: list[str]) -> Done | str:
        if words[:1] in (["add"], ["del"]):
            self._edit(words[0] == "add", words[1:])
            return ""
        handlers = {"pending": self._pending, "commit": self._commit, "abort": self._abort, "rollback": self._rollback, "show": self._show}
        if not words or words[0] not in handlers:
            raise Failed(UNKNOWN)
        return handlers[words[0]](words[1:])

    # Editing what is pending.

    def _edit(self, add: bool, words: list[str]) -> None:
        kind, rest = (words[0] if words else ""), words[2:]
        if kind == "vlan" and len(words) == 2:
            return self._vlans(add, words[1])
        if kind == "bridge" and len(rest) == 2 and words[1] == self.bridge:
            return self._bridge(add, *rest)
        if kind in ("interface", "bond") and len(words) > 2:
            for name in spread(words[1]):
                port = self.pending.ports.get(name)
                if port is None and kind == "bond" and add and rest[:2] == ["bond", "slaves"]:
                    port = self.pending.ports.setdefault(name, self.new_port(name))
                if port is None or port.name.startswith("swp") != (kind == "interface"):
                    raise Failed(f"ERROR: '{name}' is not a {'physical interface' if kind == 'interface' else 'bond'} on this switch")
                self._port(add, port, rest)
            return None
        raise Failed(UNKNOWN)

    @staticmethod
    def _ids(text: str) -> frozenset[int]:
        try:
            return expand(text)
        except ValueError:
            raise Failed(f"ERROR: {text} is not a valid VLAN: valid are 1-4094") from None

    def _vlans(self, add: bool, text: str) -> None:
        ids = self._ids(text)
        if not add and ids - self.pending.vlans.keys():
            raise Failed(f'ERROR: configuration does not have "vlan {text}" defined')
        for number in ids:
            if add:
                self.pending.vlans.setdefault(number, "")
            else:
                self.pending.vlans.pop(number, None)
        self._hand_down()

    def _bridge(self, add: bool, what: str, value: str) -> None:
        if what == "vids":
            self._vlans(add, value)
        elif what == "ports":
            for name in spread(value):
                if name not in self.pending.ports:
                    raise Failed(f"ERROR: '{name}' is not a physical interface on this switch")
                port = self.pending.ports[name]
                port.mode = ("trunk" if port.mode == "routed" else port.mode) if add else "routed"
            self._hand_down()
        else:
            raise Failed(UNKNOWN)

    def _hand_down(self) -> None:
        """What the bridge has, the ports have that say nothing themselves."""
        for port in self.pending.ports.values():
            port.allowed = frozenset(self.pending.vlans) if "vids" in port.inherits else port.allowed
            if "pvid" in port.inherits and port.native is not None:
                port.native, port.untagged = 1, frozenset({1})

    def _port(self, add: bool, port: Port, words: list[str]) -> None:
        key, value = " ".join(words[:-1]), words[-1]
        if words[0] == "alias":
            port.description = " ".join(words[1:]) if add else ""
        elif words[0] == "mtu" and (len(words) == 2) == add:
            if add and not (value.isdigit() and 552 <= int(value) <= 9216):
                raise Failed("ERROR: mtu must be between 552 and 9216")
            port.mtu = int(value) if add else None
        elif words in (["link", "down"],):
            port.shutdown = add
        elif key == "bond slaves":
            for name in spread(value):
                self.pending.ports[name].channel = port.name if add else None
        elif key in ("bridge access", "bridge pvid", "bridge vids"):
            self._carries(add, port, key.split()[1], self._ids(value), value)
        elif words[:2] == ["bridge", "allow-untagged"] and (words[2:] in (["no"], ["yes"]) or not add):
            port.native = None if words[2:] == ["no"] and add else 1
            self._settle(port)
        else:
            raise Failed(UNKNOWN)

    def _carries(self, add: bool, port: Port, what: str, ids: frozenset[int], value: str) -> None:
        has: set[int] = {"access": {port.access} if port.mode == "access" else set(), "vids": set(port.allowed) - {0},
                         "pvid": {port.native or 0}}[what]
        has = set() if what in port.inherits else has
        if not add and not ids <= has:
            raise Failed(f'ERROR: configuration does not have "bridge {what} {value}" defined')
        if what == "access":
            port.mode, port.access = ("access", min(ids)) if add else ("trunk", 1)
            port.inherits = frozenset({"vids", "pvid"})
        elif what == "pvid":
            port.native = min(ids) if add else 1
            port.inherits = port.inherits - {"pvid"} if add else port.inherits | {"pvid"}
        else:
            own = frozenset() if "vids" in port.inherits else port.allowed
            port.allowed = own | ids if add else own - ids
            port.inherits = port.inherits - {"vids"} if port.allowed else port.inherits | {"vids"}
        self._settle(port)

    def _settle(self, port: Port) -> None:
        if port.mode == "routed":
            port.mode = "trunk"
        port.untagged = frozenset({port.native} if port.native else ())
        self._hand_down()

    # Committing.

    def _pending(self, _words: list[str]) -> str:
        if self.rendered(self.pending) == self.rendered(self.device.running):
            return "There are no pending changes.\n"
        before, after = (self.rendered(each).split("\n") for each in (self.device.running, self.pending))
        return "\n".join([*(f"-{line}" for line in before if line not in after), *(f"+{line}" for line in after if line not in before), ""])

    def _commit(self, words: list[str]) -> str:
        found = re.fullmatch(r"(confirm(?: (\d+))?)?(?: ?description (\S+))?", " ".join(words))
        if not found:
            raise Failed(UNKNOWN)
        said = self._pending([])
        if said.startswith("There are no"):
            return said
        before = self.device.running.copy()
        self.device.checkpoints[found[3] or f"snapshot {len(self.device.checkpoints) + 1}"] = before
        self._take(self.device.candidates.pop("nclu"), "net commit")
        if found[1]:
            timer = self.device.later(int(found[2] or 10), lambda: self._take(before, "net commit confirm"))

            def pressed(_line: str) -> str:
                timer.cancel()
                return ""

            raise Asking(f'{said}\nYou have {found[2] or 10} seconds to confirm; press ENTER: ', pressed)
        return said

    def _take(self, config: Config, why: str) -> None:
        self.device.running.take(config)
        self.device.files[FILE] = self.rendered(config)
        self.device.save(self.who, why)

    def _abort(self, _words: list[str]) -> str:
        self.device.candidates.pop("nclu", None)
        return ""

    def _rollback(self, words: list[str]) -> str:
        name = words[1] if words[:1] == ["description"] and len(words) == 2 else (list(self.device.checkpoints) or [""])[-1]
        if name not in self.device.checkpoints or (words != ["last"] and words[:1] != ["description"]):
            raise Failed("ERROR: there is no such snapshot")
        self._take(self.device.checkpoints.pop(name), "net rollback")
        return ""

    # Showing.

    def _show(self, words: list[str]) -> str:
        text = " ".join(words)
        config = self.device.running
        if text in ("configuration", "configuration files"):
            return self.device.files[FILE]
        if text in ("bridge vlan", "bridge vlan json"):
            return self.run_bridge([*(["-j"] if text.endswith("json") else []), "vlan", "show"])
        if text in ("bridge macs", "bridge macs json"):
            return self.run_bridge([*(["-j"] if text.endswith("json") else []), "fdb", "show"])
        if text in ("lldp", "lldp json"):
            return self.run_lldpctl(["-f", "json"] if text.endswith("json") else [])
        if text in ("interface json", "interface all json"):
            rows: dict[str, Any] = {port.name: {"linkstate": "UP" if port.link and not port.shutdown else "DN", "mode": port.mode,
                                                "iface_obj": {"description": port.description, "mtu": port.mtu or 9216}}
                                    for port in config.ports.values()}
            return json.dumps(rows, indent=4) + "\n"
        if text == "interface":
            return "\n".join(f"{'UP' if port.link else 'DN'}  {port.name:<8} {port.mode:<8} {fold(port.allowed)[:60]}"
                             for port in config.ports.values()) + "\n"
        if text == "version":
            return f"NCLU_VERSION=1.0-cl4.2.1u1\n{self.device.files['/etc/lsb-release']}"
        raise Failed(UNKNOWN)
