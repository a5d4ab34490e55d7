"""A switch that is changed, and the days on which that goes wrong. Each test runs against every simulated platform."""

from __future__ import annotations

import multiprocessing
import re
import time

import asyncssh
import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import lock, way
from ansible_collections.clusterwright.hpc.plugins.modules import switch_vlans

pytestmark = pytest.mark.integration
TELLS_WHAT_IS_SAVED = ("eos", "nxos", "os10", "comware")      # SONiC too, but not the simulated one


def eventually(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_check_then_change_then_nothing(call, leaf):
    wish = leaf.intent(leaf.port(0), leaf.port(1, "access", tagged=()))
    predicted = call(switch_vlans, leaf.switch, check=True, intent=wish)
    assert leaf.untouched() and predicted["changed"] and not predicted["verified"]
    result = call(switch_vlans, leaf.switch, intent=wish)
    assert (result["changed"], result["verified"]) == (True, True), result
    assert result["after"] == predicted["after"] and result["impact"] == predicted["impact"] and result["diff"][0] == predicted["diff"][0]
    named = [re.sub(r"\bcw[0-9a-f]{8,}", "clusterwright", command) for command in result["commands"]]
    assert named == predicted["commands"]
    assert leaf.carries(0) == (10, {301}) and leaf.carries(1) == (10, set())
    assert leaf.switch.running.vlans[301] == "bio" or not leaf.expected.names
    assert leaf.switch.running == leaf.switch.startup and leaf.switch.saves == leaf.saves + 1
    again = call(switch_vlans, leaf.switch, intent=wish)
    assert (again["changed"], again["verified"], again["commands"], again["diff"]) == (False, True, [], [])
    assert leaf.switch.sessions == 3 and leaf.switch.saves == leaf.saves + 1
    assert set(leaf.switch.rejected) <= {"sudo -n cat /etc/sonic/config_db.json"}       # which the simulated SONiC does not have


def test_what_somebody_changed_by_hand_is_shown_and_put_right(call, leaf):
    wish = leaf.intent(leaf.port(0))
    call(switch_vlans, leaf.switch, intent=wish)

    by_hand = leaf.intent(leaf.port(0, tagged=(20, 305)), vlans=((10, "admin"), (20, "other"), (305, "mine"), (700, "theirs")))
    assert call(switch_vlans, leaf.switch, intent=by_hand, state="exact")["verified"]
    shown = call(switch_vlans, leaf.switch, check=True, intent=wish, state="exact")
    assert "tagged 20,305" in shown["diff"][0]["before"] and "tagged 20,301" in shown["diff"][0]["after"], shown
    assert any(each["kind"] == "port_loses_vlan" and each["vlans"] == [305] for each in shown["impact"])
    present = call(switch_vlans, leaf.switch, intent=wish)      # adds, and takes nothing
    assert present.get("verified") and leaf.carries(0) == (10, {20, 301, 305}), present
    exact = call(switch_vlans, leaf.switch, intent=wish, state="exact")
    assert exact["verified"] and leaf.carries(0) == (10, {20, 301}), exact
    assert set(leaf.switch.running.vlans) >= {10, 20, 301, 700} and 305 not in leaf.switch.running.vlans


def test_a_tenant_that_goes_is_taken_off_and_absent_takes_a_vlan_off(call, leaf):
    call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0), leaf.port(1)))
    gone = call(switch_vlans, leaf.switch, state="exact",
                intent=leaf.intent(leaf.port(0), leaf.port(1, "access", tagged=()), vlans=((10, "admin"), (301, "bio"))))
    assert gone["verified"], gone
    assert leaf.carries(1) == (10, set())
    absent = call(switch_vlans, leaf.switch, state="absent", intent=leaf.intent(vlans=((301, "bio"),)))
    assert absent["verified"], absent
    assert 301 not in leaf.switch.running.vlans
    assert leaf.carries(0) == (10, set())


def test_gathered_parsed_and_rendered_agree(call, leaf):
    wish = leaf.intent(leaf.port(0))
    call(switch_vlans, leaf.switch, intent=wish)
    gathered = call(switch_vlans, leaf.switch, state="gathered", platform=leaf.platform)
    assert {"id": 301, "name": "bio" if leaf.expected.names else ""} in gathered["gathered"]["vlans"]
    port = next(each for each in gathered["gathered"]["ports"] if each["name"] == leaf.names[0])
    assert (port["mode"], port["untagged"], port["tagged"], port["description"]) == ("trunk", 10, "301", "cn0 eth0")
    rendered = call(switch_vlans, state="rendered", intent=wish)
    if rendered.get("failed"):
        assert "is a file that is changed: rendered needs answers" in rendered["msg"]
    else:
        assert any("301" in command for command in rendered["rendered"])


# --- bad days

def test_a_port_that_the_switch_lacks(call, leaf):
    wish = leaf.intent(leaf.port(0), leaf.port(1, name=leaf.names[1] + "9"))
    result = call(switch_vlans, leaf.switch, intent=wish)
    assert result["failed"] and f"it has no port {leaf.names[1]}9 (did you mean" in result["msg"] and "Nothing was changed" in result["msg"]
    assert leaf.untouched()


def middle(call, leaf, wish):
    """A line in the middle of the change, as a pattern."""
    lines = call(switch_vlans, leaf.switch, check=True, intent=wish)["commands"]
    inside = [line for line in lines if re.search(r"(vlan|vids).*\b301\b", line)]
    inside = [line for line in inside if any(name in line for name in leaf.names)] or inside
    return re.escape(inside[len(inside) // 2])


def test_a_rejected_command_in_the_middle(call, leaf):
    wish = leaf.intent(leaf.port(0), leaf.port(1), leaf.port(2))
    leaf.switch.faults.reject(f"^{middle(call, leaf, wish)}$", leaf.expected.refusal, times=1)
    result = call(switch_vlans, leaf.switch, intent=wish)
    assert result["failed"] and f"was refused ({leaf.expected.refusal.strip()})" in result["msg"]
    assert "nothing was changed" in result["msg"] or "the switch is as it was" in result["msg"], result["msg"]
    assert (result["changed"], result["verified"]) == (False, False) and leaf.untouched()


def test_commands_that_have_no_effect(call, leaf):
    """They are obeyed, and do nothing: only reading back shows it."""
    wish = leaf.intent(leaf.port(0), leaf.port(1))
    leaf.switch.faults.reject(f"^{middle(call, leaf, wish)}$", "", times=1)
    result = call(switch_vlans, leaf.switch, intent=wish)
    assert result["failed"] and "read back, it is not as declared" in result["msg"], result
    assert "the switch is as it was" in result["msg"], result["msg"]
    assert leaf.carried() == leaf.first


def start(call, leaf, wish):
    """The first line of a change, as a pattern."""
    lines = call(switch_vlans, leaf.switch, check=True, intent=wish)["commands"]
    return re.escape(next(line for line in lines if line != "enable").split("cluster")[0])


def test_the_session_is_lost_before_anything_acts(call, leaf):
    wish = leaf.intent(leaf.port(0))
    leaf.switch.faults.drop_after(at=f"^{start(call, leaf, wish)}")
    result = call(switch_vlans, leaf.switch, intent=wish)
    assert result["failed"] and "the session ended at" in result["msg"]
    assert "nothing was changed" in result["msg"] or "half done" in result["msg"]       # where nothing comes before the change
    assert leaf.untouched()


def test_the_session_is_lost_in_the_middle_of_the_change(call, leaf):
    leaf.switch.faults.drop_after(at=leaf.expected.acts, done=True)
    result = call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)))
    assert result["failed"] and result["changed"]
    if leaf.expected.goes_back:
        assert "goes back by itself" in result["msg"], result["msg"]
        assert eventually(lambda: leaf.carried() == leaf.first)
    else:
        assert "It is half done and not saved" in result["msg"], result["msg"]
        assert result["rollback_commands"][0].startswith(leaf.expected.undo)
    good = call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)))
    assert good["verified"]


def test_the_session_is_lost_while_saving(call, leaf):
    if not leaf.expected.saves:
        pytest.skip("what acts is saved here")
    leaf.switch.faults.drop_after(at=leaf.expected.saves)
    result = call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)))
    assert result["failed"] and result["changed"] and "may not be saved" in result["msg"]
    assert leaf.carries(0) == (10, {301}) and leaf.switch.saves == leaf.saves


def test_the_next_run_saves_what_a_lost_session_did_not(call, leaf):
    wish = leaf.intent(leaf.port(0))
    if leaf.expected.saves:
        leaf.switch.faults.drop_after(at=leaf.expected.saves)
        assert "may not be saved" in call(switch_vlans, leaf.switch, intent=wish)["msg"]
    else:
        assert call(switch_vlans, leaf.switch, intent=wish)["verified"]
    shown = call(switch_vlans, leaf.switch, check=True, intent=wish)
    saved = call(switch_vlans, leaf.switch, intent=wish)
    if leaf.platform not in TELLS_WHAT_IS_SAVED:
        assert (shown["changed"], saved["changed"], saved["verified"]) == (False, False, True)
        return
    assert shown["changed"] and not shown["verified"] and "VLAN 301" in shown["unsaved"] and leaf.names[0] in shown["unsaved"]
    assert "running and not saved:\n  VLAN 10" in shown["diff"][0]["prepared"] and "not saved: VLAN 10" in shown["warnings"][0]
    assert (saved["changed"], saved["verified"], saved["commands"]) == (True, True, shown["commands"])
    assert leaf.switch.saves == leaf.saves + 1 and leaf.switch.running == leaf.switch.startup
    again = call(switch_vlans, leaf.switch, intent=wish)
    assert (again["changed"], again["warnings"]) == (False, []) and leaf.switch.saves == leaf.saves + 1
    assert not leaf.switch.rejected


def test_what_somebody_else_has_not_saved_is_left_alone(call, leaf):
    def other(config):
        config.vlans[700] = "theirs"

    wish = leaf.intent(leaf.port(0))
    assert call(switch_vlans, leaf.switch, intent=wish)["verified"]
    leaf.switch.change(other)
    result = call(switch_vlans, leaf.switch, intent=wish)
    assert (result["changed"], result["warnings"]) == (False, []) and leaf.switch.saves <= leaf.saves + 1


def test_saving_is_refused(call, leaf):
    if not leaf.expected.saves:
        pytest.skip("what acts is saved here")
    leaf.switch.faults.reject(leaf.expected.saves, leaf.expected.refusal)
    result = call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)))
    assert result["failed"] and "it is not saved, and a restart would lose it" in result["msg"]


@pytest.mark.parametrize("state", ["present", "exact"])
def test_an_uplink_loses_nothing_unless_it_is_named(call, leaf, state):
    up = leaf.names[7]
    other = leaf.port(7, untagged=1, tagged=(20, 305), description="the core")
    made = call(switch_vlans, leaf.switch, intent=leaf.intent(other, vlans=((305, "mine"), (20, "other"))))
    assert made["verified"], made
    wish = leaf.intent(leaf.port(0), leaf.port(7, untagged=None, protected=True, description=None))
    result = call(switch_vlans, leaf.switch, intent=wish, state=state)
    if state == "present":
        assert result["verified"] and leaf.carries(7)[1] == {20, 301, 305}, result
        return
    assert result["failed"] and f"{up} is protected" in result["msg"] and "it would lose VLAN 305" in result["msg"], result
    assert 301 not in leaf.switch.running.vlans
    named = call(switch_vlans, leaf.switch, intent=wish, state=state, allow_protected=[up])
    assert named["verified"] and leaf.carries(7)[1] == {20, 301}, named


def test_the_way_of_the_session_is_not_cut_unless_it_is_named(call, leaf, monkeypatch):
    """This machine is behind a port that the cluster file does not name, in a VLAN that is ours to remove."""
    mine = leaf.intent(leaf.port(0), leaf.port(5, "access", untagged=305, tagged=()), vlans=((10, "admin"), (301, "bio"), (305, "mine")))
    assert call(switch_vlans, leaf.switch, intent=mine)["verified"]
    leaf.switch.device.learn([("02:00:00:00:00:99", 305, leaf.names[5]), ("02:00:00:00:00:01", 10, leaf.names[0])])
    monkeypatch.setattr(way, "own_macs", lambda: frozenset({"02:00:00:00:00:99"}))
    wish = leaf.intent(leaf.port(0))
    before = leaf.carried()
    for check in (True, False):
        result = call(switch_vlans, leaf.switch, check=check, intent=wish, state="exact")
        assert result["failed"] and "Nothing was changed" in result["msg"] and leaf.carried() == before
        assert f"{leaf.names[5]} is the way that this session takes (this control machine is behind it): VLAN 305" in result["msg"]
    named = call(switch_vlans, leaf.switch, intent=wish, state="exact", allow_protected=[leaf.names[5]])
    assert named["verified"] and 305 not in leaf.switch.running.vlans


def test_too_many_ports(call, leaf):
    wish = leaf.intent(*(leaf.port(number) for number in range(4)))
    checked = call(switch_vlans, leaf.switch, check=True, intent=wish, max_changed_ports=3)
    assert checked["changed"] and "4 ports would change, more than max_changed_ports (3)" in checked["warnings"][0]
    result = call(switch_vlans, leaf.switch, intent=wish, max_changed_ports=3)
    assert result["failed"] and "4 ports would change" in result["msg"] and leaf.untouched()


def test_somebody_changes_it_between_plan_and_change(call, leaf):
    def other(config):
        config.vlans[700] = "theirs"
        files, path = leaf.switch.device.files, "/etc/network/interfaces"
        if leaf.platform in ("cumulus_ifupdown2", "cumulus_nclu"):      # where the file is what is read
            files[path] = files[path].replace("bridge-vlan-aware yes", "bridge-vlan-aware yes\n    bridge-vids 700")

    wish = leaf.intent(leaf.port(0))
    leaf.switch.faults.interfere(at=f"^{start(call, leaf, wish)}", change=other)
    result = call(switch_vlans, leaf.switch, intent=wish)
    assert result["failed"] and "somebody else has changed it since the plan was made (VLAN 700" in result["msg"], result
    assert "nothing was changed" in result["msg"]
    assert 700 in leaf.switch.running.vlans and 301 not in leaf.switch.running.vlans
    assert call(switch_vlans, leaf.switch, intent=wish)["verified"]


def test_a_wrong_password(call, leaf):
    result = call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)), password="wrong password")
    assert result["failed"] and "refuses the password" in result["msg"] and leaf.name in result["msg"] and leaf.untouched()


def test_an_unknown_and_a_changed_host_key(call, leaf):
    good, other = leaf.switch.known_host, asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    leaf.switch.known_host = ""
    assert "its host key is not known" in call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)))["msg"]
    leaf.switch.known_host = f"{good.split()[0]} {' '.join(other.split()[:2])}"
    assert "has another host key than before" in call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)))["msg"]


def test_a_switch_that_says_nothing_or_is_not_there(call, leaf):
    leaf.switch.faults.silent = True
    started = time.monotonic()
    result = call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)), timeout=1)
    assert "says nothing within 1 s" in result["msg"] and time.monotonic() - started < 5
    leaf.switch.faults.clear()
    gone = call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)), host="127.0.0.1", port=9)
    assert "does not answer" in gone["msg"]


def test_a_switch_that_falls_silent_in_the_middle(call, leaf):
    leaf.switch.faults.delay(5, at=leaf.expected.acts)
    result = call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)), timeout=1)
    assert result["failed"] and "within 1 s" in result["msg"] and "in the middle of the change" in result["msg"]


def _hold(directory, host, port, ready, done):
    lock.directory = lambda: directory
    with lock.locked("other", host, port):
        ready.set()
        done.wait(30)


def test_two_runs_on_one_switch(call, leaf, tmp_path):
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path / "locks", leaf.switch.host, leaf.switch.port, ready, done))
    other.start()
    assert ready.wait(10)
    result = call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)))
    done.set()
    other.join()
    assert result["failed"] and "another run works on this switch" in result["msg"] and leaf.switch.sessions == 0
    assert call(switch_vlans, leaf.switch, intent=leaf.intent(leaf.port(0)))["verified"]
