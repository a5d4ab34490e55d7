"""A change that fails, on platforms with every kind of safety and with none: what is undone, what is left, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import plan as planning
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import session as sessions
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Safety
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import MakeVlan, Port, RemoveVlan, State
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.terminal import LostError

SAFETIES = {
    "none": Safety(),
    "timer": Safety(begin=("start timer",), confirm=("stop timer",), timer=True),
    "checkpoint": Safety(begin=("checkpoint {name}",), confirm=("no checkpoint",), abandon=("rollback {name}",)),
    "candidate": Safety(activate=("commit timer {minutes:02}",), confirm=("confirm",), abandon=("abort {name}",), timer=True),
    "commit": Safety(activate=("commit",), abandon=("discard",)),
}


class Platform:
    """A driver whose commands are the steps as JSON."""

    platform, device_type, name_limit = "test", "test", 32
    reads = {"state": "show"}
    saved: dict[str, str] = {}
    rejections = ("^no$",)
    enter, leave, save = ("configure",), ("end",), ("save",)

    def __init__(self, safety):
        self.safety = SAFETIES[safety]

    def parse(self, answers):
        said = json.loads(answers["state"])
        ports = {name: Port(**{**port, "tagged": frozenset(port["tagged"])}) for name, port in said["ports"].items()}
        return State({int(vlan): name for vlan, name in said["vlans"].items()}, ports)

    def commands(self, steps, _state, _answers):
        lines = []
        for step in steps:
            if isinstance(step, MakeVlan):
                lines.append(f"vlan {step.id} {step.name}")
            elif isinstance(step, RemoveVlan):
                lines.append(f"no vlan {step.id}")
            else:
                lines.append("port " + json.dumps({**asdict(step.after), "tagged": sorted(step.after.tagged)}))
        return lines


class Switch:
    """A terminal, and the switch behind it."""

    def __init__(self, driver):
        self.driver = driver
        self.running = State({1: "default"}, {name: Port(name) for name in ("Et1", "Et2")})
        self.candidate = self.running if driver.safety.activate else None
        self.before = self.saved = None
        self.typed = []
        self.rejects, self.drops, self.ignores = (), (), ()
        self.configuring = False

    def send(self, command):
        if command.startswith(tuple(self.drops)):
            raise LostError(f"the session ended at `{command}`")
        self.typed.append(command)
        if command.startswith(tuple(self.rejects)):
            return "no"
        if command == "show":
            ports = {name: {**asdict(port), "tagged": sorted(port.tagged)} for name, port in self.running.ports.items()}
            return json.dumps({"vlans": self.running.vlans, "ports": ports})
        if command.startswith(tuple(self.ignores)):
            return ""
        word, _space, rest = command.partition(" ")
        getattr(self, f"_{word}", lambda _rest: None)(rest)
        return ""

    def _edit(self, step):
        if self.candidate is None:
            self.running = step(self.running)
        else:
            self.candidate = step(self.candidate)

    def _configure(self, _rest):
        self.configuring = True
        if self.candidate is not None:
            self.candidate = self.running

    def _end(self, _rest):
        assert self.configuring, "left what it had not entered"
        self.configuring = False

    def _vlan(self, rest):
        vlan, name = rest.split()
        self._edit(lambda state: State({**state.vlans, int(vlan): name}, state.ports))

    def _no(self, rest):
        if rest.startswith("vlan"):
            self._edit(lambda state: State({vlan: name for vlan, name in state.vlans.items() if vlan != int(rest[5:])}, state.ports))

    def _port(self, rest):
        port = json.loads(rest)
        self._edit(lambda state: State(state.vlans, {**state.ports, port["name"]: Port(**{**port, "tagged": frozenset(port["tagged"])})}))

    def _checkpoint(self, _rest):
        self.before = self.running

    def _commit(self, _rest):
        self.before, self.running = self.running, self.candidate

    def _rollback(self, _rest):
        self.running = self.before

    def _abort(self, _rest):
        self.running = self.before or self.running

    def _save(self, _rest):
        self.saved = self.running


INTENT = {"name": "leaf1", "platform": "test", "vlans": [{"id": 10, "name": "admin"}], "owned": [[10, 10]], "ports": [
    {"name": name, "mode": "access", "untagged": 10, "tagged": [], "mtu": None, "description": None, "protected": False}
    for name in ("Et1", "Et2")]}


@pytest.fixture(params=sorted(SAFETIES))
def switch(request):
    return Switch(Platform(request.param))


def change(switch):
    """What was read back, or the error; and the session."""
    session = sessions.Session("leaf1", switch, switch.driver)
    state, answers = sessions.observe(session)
    plan = planning.plan(INTENT, state)
    try:
        return sessions.apply(session, plan, answers), session
    except ClusterwrightError as error:
        assert str(error).startswith("leaf1: ")
        assert error.details["commands"] == session.typed
        return error, session


def unchanged(switch):
    return switch.running == State({1: "default"}, {name: Port(name) for name in ("Et1", "Et2")}) and switch.saved is None


def test_all_is_well(switch):
    seen, session = change(switch)
    assert seen == switch.running == switch.saved and seen.ports["Et2"].untagged == 10
    assert switch.typed[-1] == "save" and session.typed == [command for command in switch.typed if command != "show"]
    assert switch.typed.count("show") == 3      # for the plan, before anything acts, and after


@pytest.mark.parametrize("refused", ["vlan 10", 'port {"name": "Et2"', "end", "commit", "start", "checkpoint"])
def test_a_refused_command_leaves_all_as_it_was(switch, refused):
    if refused not in str([*switch.driver.safety.begin, *switch.driver.safety.activate, "vlan 10", 'port {"name": "Et2"', "end"]):
        pytest.skip("this platform has no such command")
    switch.rejects = [refused]
    original = switch.send

    def once(command):      # refused the first time
        answer = original(command)
        if answer == "no":
            switch.rejects = []
        return answer

    switch.send = once
    error, _session = change(switch)
    assert "was refused (no)" in str(error) and unchanged(switch) and error.details["changed"] is False
    assert "nothing was changed" in str(error) or "the switch is as it was" in str(error)
    assert "rollback_commands" not in error.details


def test_what_has_no_effect_is_found_by_reading_back(switch):
    switch.ignores = ['port {"name": "Et2"']
    error, _session = change(switch)
    assert "read back, it is not as declared: Et2 is access, untagged 1, not access, untagged 10" in str(error)
    assert unchanged(switch) and "the switch is as it was" in str(error)


def test_what_cannot_be_taken_back_is_said_with_the_commands_for_it(switch):
    switch.ignores = ['port {"name": "Et2"']
    switch.rejects = ["rollback", "abort", "no vlan"]
    error, session = change(switch)
    assert error.details["changed"] is True and error.details["rollback_commands"] and "It is half done and not saved" in str(error)
    assert switch.saved is None
    if not session.driver.safety.abandon:
        assert error.details["rollback_commands"][0] == "configure" and "no vlan 10" in error.details["rollback_commands"]


def test_a_session_that_is_lost(switch):
    safety = switch.driver.safety
    switch.drops = ["vlan 10"]
    early, _session = change(switch)
    if safety.activate:
        assert "nothing was changed" in str(early) and early.details["changed"] is False
    elif safety.timer:
        assert "within 3 minutes the switch goes back by itself" in str(early)
    else:
        assert "half done" in str(early) and early.details["rollback_commands"]
    saving = Switch(switch.driver)
    saving.drops = ["save"]
    late, _session = change(saving)
    assert "it may not be saved: log in and type `save`" in str(late) and late.details["changed"] is True
    first = Switch(switch.driver)
    first.drops = ["show"]
    with pytest.raises(ClusterwrightError, match="leaf1: the session ended at `show`; nothing was changed"):
        change(first)


def test_somebody_else_was_faster(switch):
    original = switch.send

    def send(command):
        if command == "show" and switch.typed.count("show") == 1:
            ports = {**switch.running.ports, "Et2": replace(switch.running.ports["Et2"], untagged=7)}
            switch.running = State(switch.running.vlans, ports)
        return original(command)

    switch.send = send
    error, _session = change(switch)
    assert "somebody else has changed it since the plan was made (Et2); nothing was changed" in str(error)
    assert switch.running.ports["Et2"].untagged == 7 and 10 not in switch.running.vlans and switch.saved is None


def test_what_is_not_understood_names_the_platform():
    switch = Switch(Platform("none"))
    switch.send = lambda _command: "Linux leaf1"
    with pytest.raises(ClusterwrightError, match=r"leaf1: what it says is not understood \(.*is its platform really test\?"):
        sessions.observe(sessions.Session("leaf1", switch, switch.driver))


def test_a_refused_reading_is_none_at_all():
    switch = Switch(Platform("none"))
    switch.driver.parse = lambda _answers: State()      # as a parser does that finds no line of its own
    switch.send = lambda _command: "no"
    with pytest.raises(ClusterwrightError, match=r"leaf1: `show` was refused \(no\): is its platform really test"):
        sessions.observe(sessions.Session("leaf1", switch, switch.driver))
    switch.send = lambda _command: "interface Et1\n description nothing\n mtu 9000\ninterface Et2\n description to the lab\nno\n"
    assert sessions.observe(sessions.Session("leaf1", switch, switch.driver))[0] == State()     # the word alone is not a refusal


# --- changed, and not saved

class Texts:
    """A switch whose two configurations are texts. `refuses`: what it answers to `save`, where that does nothing."""

    platform, rejections, save = "test", ("^no$",), ("save",)
    saved = {"running": "show running", "saved": "show saved"}

    def __init__(self, running, startup, refuses=None):
        self.texts, self.refuses = {"show running": running, "show saved": startup}, refuses
        self.session = sessions.Session("leaf1", self, self)

    def send(self, command):
        if command != "save":
            return self.texts[command]
        if self.refuses is None:
            self.texts["show saved"] = self.texts["show running"]
        return self.refuses or ""


RUNNING = "vlan 10,700\ninterface Et1\n   switchport access vlan 10\n"


def test_what_is_declared_and_not_saved_is_saved_and_looked_at_again():
    switch = Texts(RUNNING, "vlan 1\n")
    assert sessions.unsaved(switch.session, ["VLAN 10", "Et1", "Et2"]) == ["VLAN 10", "Et1"]        # and not 700
    sessions.save(switch.session, ["VLAN 10", "Et1"])
    assert sessions.unsaved(switch.session, ["VLAN 10", "Et1"]) == []


def test_a_switch_that_does_not_show_it_is_not_asked_twice():
    assert sessions.unsaved(Texts(RUNNING, "no").session, ["VLAN 10"]) == []
    other = Texts(RUNNING, "")
    other.saved = {}
    assert sessions.unsaved(other.session, ["VLAN 10"]) == []


@pytest.mark.parametrize(("refuses", "text"), [("no", "`save` was refused"), ("", "what is saved still differs in VLAN 10")])
def test_saving_that_saves_nothing(refuses, text):
    with pytest.raises(ClusterwrightError, match=text) as caught:
        sessions.save(Texts(RUNNING, "vlan 1\n", refuses).session, ["VLAN 10"])
    assert caught.value.details["commands"] == ["save"]
