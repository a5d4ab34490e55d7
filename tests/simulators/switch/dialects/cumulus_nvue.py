"""Cumulus Linux 5.6 configured through NVUE (`nv`).

Sources: NVIDIA's NVUE reference (commands, `nv config`), networking-generic-switch (command shapes, errors). The words of refusal are less
sure than the commands. Revisions are simple here: the pending one is a whole configuration, and applying it overwrites what came between.

What bites: nothing happens before `nv config apply`; an unconfirmed apply goes back; `access` beside `vlan` or `untagged` is found out only
when it is applied; a trunk without `vlan` carries all VLANs of the bridge, so that its first `vlan` takes the others away; a removed
`vlan` of the bridge stays on access ports; what is applied and not saved is gone after a start (autosave came with 5.9).
"""

from __future__ import annotations

import json
import re
from typing import Any

from ..dialect import spread
from ..model import Config, Port, Timer
from ..shell import Asking, Done, Failed
from ..vlans import ALL, expand, fold
from .cumulus import Cumulus

DOMAIN = ["bridge", "domain", "br_default"]
Tree = dict[Any, Any]


class Nvue(Cumulus):
    platform = "cumulus_nvue"
    version = "5.6.0"
    greeting = "Welcome to NVIDIA Cumulus (R) Linux (R), simulated"
    bridge = "br_default"

    @property
    def _memory(self) -> Tree:
        return self.device.memory.setdefault("nvue", {"revision": 1})

    @property
    def _pending(self) -> Tree:
        """The tree that `nv set` works on."""
        if "pending" not in self._memory:
            self._memory["pending"] = tree_of(self.device.running)
        tree: Tree = self._memory["pending"]
        return tree

    def run_nv(self, words: list[str]) -> Done | str:
        if words[:1] == ["config"] and len(words) > 1:
            handlers = {"apply": self._apply, "save": self._save, "show": self._config_show, "detach": self._detach, "diff": self._diff}
            if words[1] in handlers:
                return handlers[words[1]](words[2:])
        if words[:1] in (["set"], ["unset"]) and len(words) > 1:
            self._edit(words[0] == "set", words[1:])
            return ""
        if words[:1] == ["show"]:
            return self._show(words[1:])
        raise Failed(f"Error: Invalid parameter\nusage: nv [options] {words[0] if words else '<command>'}", 2)

    # Editing.

    def _edit(self, put: bool, words: list[str]) -> None:
        if words[:3] == DOMAIN:
            self._edit_bridge(put, words[3:])
        elif words[0] == "interface" and len(words) > 1:
            try:
                names = spread(words[1])
            except ValueError:
                raise Failed(f"Error: '{words[1]}' is not an interface name") from None
            for name in names:
                if name not in self.device.running.ports and not put:
                    raise Failed(f"Error: The requested item does not exist: interface {name}")
                self._edit_port(put, name, words[2:])
        elif words[:2] == ["system", "hostname"] and len(words) == 3:
            self.device.identity.name = words[2]
        else:
            raise Failed(f"Error: Invalid parameter '{words[0]}'")

    def _edit_bridge(self, put: bool, words: list[str]) -> None:
        if words[:1] not in (["vlan"], ["untagged"]) or len(words) != 2:
            raise Failed(f"Error: Invalid parameter '{' '.join(words)}'")
        domain = self._pending["bridge"]["domain"]["br_default"]
        if words[0] == "untagged":
            domain["untagged"] = min(_ids(words[1])) if put else 1
        for number in _ids(words[1]) if words[0] == "vlan" else ():
            if put:
                domain["vlan"][number] = {}
            elif domain["vlan"].pop(number, None) is None:
                raise Failed(f"Error: The requested item does not exist: vlan {number}")

    def _edit_port(self, put: bool, name: str, words: list[str]) -> None:
        entry = self._pending["interface"].setdefault(name, {})
        value = words[-1] if words else ""
        if words[:1] == ["description"] and len(words) == (2 if put else 1):
            _put(entry, put, "description", value)
        elif words[:2] == ["link", "mtu"] and len(words) == (3 if put else 2):
            if put and not (value.isdigit() and 552 <= int(value) <= 9216):
                raise Failed(f"Error: '{value}' is not an integer from 552 to 9216")
            _put(entry.setdefault("link", {}), put, "mtu", value)
        elif words[:2] == ["link", "state"] and len(words) == 3 and value in ("up", "down"):
            _put(entry.setdefault("link", {}), put, "state", value)
        elif words[:2] == ["bond", "member"] and len(words) == 3:
            for member in spread(value):
                _put(entry.setdefault("bond", {}).setdefault("member", {}), put, member, {})
            entry["type"] = "bond"
        elif words[:3] == DOMAIN:
            self._edit_member(put, entry, words[3:])
        elif words:
            raise Failed(f"Error: Invalid parameter '{words[0]}'")

    @staticmethod
    def _edit_member(put: bool, entry: Tree, words: list[str]) -> None:
        if not words:
            if put:
                entry.setdefault("br_default", {})
            else:
                entry.pop("br_default", None)
            return
        member = entry.setdefault("br_default", {})
        if words[0] in ("access", "untagged") and len(words) == (2 if put else 1):
            value: Any = "none" if words[1:] == ["none"] and words[0] == "untagged" else min(_ids(words[1])) if put else 0
            _put(member, put, words[0], value)
        elif words == ["vlan"] and not put:
            member.pop("vlan", None)
        elif words[0] == "vlan" and len(words) == 2:
            for number in ["all"] if words[1] == "all" else _ids(words[1]):
                _put(member.setdefault("vlan", {}), put, number, {})
            if not member["vlan"]:
                del member["vlan"]
        else:
            raise Failed(f"Error: Invalid parameter '{' '.join(words)}'")

    # nv config

    def _apply(self, words: list[str]) -> Done | str:
        memory = self._memory
        if words in (["--confirm-yes"], ["--confirm-no"]):
            timer: Timer | None = memory.pop("timer", None)
            if timer is None:
                raise Failed("Error: There is no revision that waits to be confirmed")
            timer.cancel()
            if words == ["--confirm-no"]:
                self._back(memory["before"], self.who)
            return f"{'confirmed' if words == ['--confirm-yes'] else 'rolled back'} [rev_id: {memory['revision']}]\n"
        found = re.fullmatch(r"(?:--confirm(?: (\d+))?)?(.*)", " ".join(word for word in words if word not in ("-y", "--assume-yes")))
        if not found or found[2].strip():
            raise Failed(f"Error: Invalid parameter '{' '.join(words)}'", 2)
        if "pending" not in memory:
            return "no changes to apply\n"
        wrong = conflicts(memory["pending"])
        if wrong:
            raise Failed("\n  Config invalid at ".join([f"Invalid config [rev_id: {memory['revision'] + 1}]", *wrong]))
        if "-y" not in words and "--assume-yes" not in words:
            raise Asking("Are you sure? [y/N] ", lambda answer: self._applied(found[1], "--confirm" in words)
                         if answer.strip().lower() == "y" else "Cancelled")
        return self._applied(found[1], "--confirm" in words)

    def _applied(self, minutes: str | None, confirm: bool) -> str:
        memory = self._memory
        before = self.device.running.copy()
        self.device.running.take(config_of(memory.pop("pending"), self.device.running))
        memory["revision"] += 1
        self.device.note(self.who, "nv config apply")
        if confirm:
            memory.setdefault("before", before)
            memory["before"] = before
            memory["timer"] = self.device.later(int(minutes or 10) * 60, lambda: self._back(before, "confirm timer"))
        return f"applied [rev_id: {memory['revision']}]\n"

    def _back(self, before: Config, who: str) -> None:
        self._memory.pop("timer", None)
        self.device.running.take(before)
        self.device.note(who, "rollback")

    def _save(self, _words: list[str]) -> str:
        self.device.save(self.who, "nv config save")
        return f"saved [rev_id: {self._memory['revision']}]\n"

    def _detach(self, _words: list[str]) -> str:
        self._memory.pop("pending", None)
        return ""

    def _diff(self, _words: list[str]) -> str:
        if "pending" not in self._memory:
            return ""
        before, after = (json.dumps(shown(tree), indent=2).split("\n") for tree in (tree_of(self.device.running), self._pending))
        lines = [f"- {line}" for line in before if line not in after] + [f"+ {line}" for line in after if line not in before]
        return "\n".join([*lines, ""])

    def _config_show(self, words: list[str]) -> str:
        if words != ["-o", "json"]:
            raise Failed("Error: only -o json is simulated", 2)
        me = self.device.identity
        header = {"model": me.model, "nvue-api-version": "nvue_v1", "rev-id": float(self._memory["revision"]),
                  "version": f"Cumulus Linux {me.version}"}
        settings = {**shown(tree_of(self.device.running)), "system": {"hostname": me.name}}
        return json.dumps([{"header": header}, {"set": settings}], indent=2) + "\n"

    def _show(self, words: list[str]) -> str:
        text = " ".join(words)
        config = self.device.running
        if text == "bridge port-vlan -o json":
            rows: Tree = {}
            for port in config.ports.values():
                untagged, tagged = config.carries(port)
                entry = {**{fold([number]): {"tag-state": "tagged"} for number in sorted(tagged)},
                         **({str(untagged): {"tag-state": "untagged"}} if untagged else {})}
                rows.update({port.name: {"vlan": entry}} if entry else {})
            return json.dumps({"domain": {"br_default": {"port": rows}}}, indent=2) + "\n"
        if text in ("interface -o json", "interface --output json"):
            return json.dumps({port.name: {
                "link": {"mtu": port.mtu or 9216, "state": {"up" if port.link and not port.shutdown else "down": {}}},
                "description": port.description, "type": "swp" if port.name.startswith("swp") else "bond",
            } for port in config.ports.values()}, indent=2) + "\n"
        if text in ("system -o json", "system"):
            me = self.device.identity
            about = {"hostname": me.name, "product-name": "Cumulus Linux (simulated)", "product-release": me.version}
            return json.dumps(about, indent=2) + "\n"
        raise Failed(f"Error: Invalid parameter '{text}'")


def _ids(text: str) -> frozenset[int]:
    try:
        return expand(text)
    except ValueError:
        raise Failed(f"Error: '{text}' is not a VLAN id or a list of them (1-4094)") from None


def _put(entry: Tree, put: bool, key: Any, value: Any) -> None:
    if put:
        entry[key] = value
    elif entry.pop(key, None) is None:
        raise Failed(f"Error: The requested item does not exist: {key}")


def tree_of(config: Config) -> Tree:
    """The settings that make a configuration; ports' membership of the bridge stands under `br_default`."""
    vlans: Tree = {number: {} for number in sorted(config.vlans) if number > 1}
    tree: Tree = {"bridge": {"domain": {"br_default": {"vlan": vlans, "untagged": 1}}}, "interface": {}}
    for port in config.ports.values():
        entry: Tree = {"description": port.description} if port.description else {}
        entry.update({"link": {"mtu": str(port.mtu)}} if port.mtu else {})
        if port.shutdown:
            entry.setdefault("link", {})["state"] = "down"
        members = config.members(port.name)
        if members:
            entry.update(bond={"member": {each.name: {} for each in members}}, type="bond")
        if port.mode == "access":
            entry["br_default"] = {"access": port.access}
        elif port.mode == "trunk" and not port.channel:
            own: Tree = {} if "vids" in port.inherits else {"vlan": {number: {} for number in sorted(port.allowed)}}
            plain: Tree = {"untagged": "none"} if port.native is None else {} if "pvid" in port.inherits else {"untagged": port.native}
            entry["br_default"] = {**own, **plain}
        tree["interface"][port.name] = entry
    return tree


def config_of(tree: Tree, known: Config) -> Config:
    """The configuration that the settings make."""
    domain = tree["bridge"]["domain"]["br_default"]
    config = Config(dict.fromkeys([domain["untagged"], *domain["vlan"]], ""), loose=True)
    for name in dict.fromkeys([*known.ports, *tree["interface"]]):
        entry = tree["interface"].get(name, {})
        member = entry.get("br_default")
        port = Port(name, mode="routed" if member is None else "trunk", description=entry.get("description", ""),
                    mtu=int(entry["link"]["mtu"]) if entry.get("link", {}).get("mtu") else None,
                    shutdown=entry.get("link", {}).get("state") == "down", link=known.ports[name].link if name in known.ports else True)
        member = member or {}
        if "access" in member:
            port.mode, port.access = "access", member["access"]
        else:
            port.inherits = frozenset(word for word, key in (("vids", "vlan"), ("pvid", "untagged")) if key not in member)
            inherited = frozenset(config.vlans) if "vlan" not in member else ALL
            port.allowed = inherited if "all" in member.get("vlan", {"all": {}}) else frozenset(member["vlan"])
            port.native = {"none": None}.get(member.get("untagged", ""), member.get("untagged", domain["untagged"]))
            port.untagged = frozenset({port.native} if port.native else ())
        config.ports[name] = port
    for name, entry in tree["interface"].items():
        for each in entry.get("bond", {}).get("member", {}):
            if each in config.ports:
                config.ports[each].channel = name
    return config


def conflicts(tree: Tree) -> list[str]:
    """Why the settings cannot be applied."""
    return [f"interface.{name}.bridge.domain.br_default: access and {key} are mutually exclusive"
            for name, entry in tree["interface"].items() for key in ("vlan", "untagged")
            if "access" in entry.get("br_default", {}) and key in entry["br_default"]]


def shown(tree: Tree) -> Tree:
    """As `nv config show` has it: lists folded, defaults left out."""
    domain = tree["bridge"]["domain"]["br_default"]
    bridge: Tree = {**({"vlan": {fold(domain["vlan"]): {}}} if domain["vlan"] else {}),
                    **({"untagged": domain["untagged"]} if domain["untagged"] != 1 else {})}
    interfaces: Tree = {}
    for name, entry in tree["interface"].items():
        said = {key: value for key, value in entry.items() if key != "br_default"}
        member = entry.get("br_default")
        if member is not None:
            ids = member.get("vlan")
            inside = {**member, **({"vlan": {"all" if "all" in ids else fold(ids): {}}} if ids else {})}
            said["bridge"] = {"domain": {"br_default": inside}}
        interfaces[name] = said
    return {"bridge": {"domain": {"br_default": bridge}}, "interface": interfaces}
