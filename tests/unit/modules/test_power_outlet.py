"""power_outlet against simulated outlets on loopback addresses: three drivers, one behaviour."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.outlet import snmp
from ansible_collections.clusterwright.hpc.plugins.modules import power_outlet
from ansible_collections.clusterwright.hpc.tests.simulators.bmc import outlets as simulated

ADDRESS = "127.0.0.1"
PAGES = {"on_url": "/outlet/{number}/on", "off_url": "outlet/{number}/off", "status_url": "/status", "on_pattern": "outlet{number}=ON"}


@pytest.fixture
def outlets():
    return simulated.Outlets()


@pytest.fixture(params=["tasmota", "http", "snmp"])
def outlet(request, outlets):
    """The second outlet, with a password, by each driver."""
    kind = request.param
    secret = "the secret"
    server = simulated.Snmp(outlets, ADDRESS, secret) if kind == "snmp" else simulated.Web(outlets, ADDRESS, secret)
    with server:
        login = {"community": secret} if kind == "snmp" else {"username": "admin", "password": secret}
        yield {"name": "leaf1", "driver": kind, "address": ADDRESS, "port": server.port, "number": 2, **login,
               **(PAGES if kind == "http" else {})}


@pytest.fixture
def ask(call_module, outlet):
    def run(state, check=False, **more):
        options = {"state": state, "rest": 0.01, "wait": 0.3, "timeout": 0.5}
        result = call_module(power_outlet, check=check, outlets=[{**outlet, **more}], **options)
        assert "the secret" not in str(result)
        return result

    return run


def test_on_and_again(ask, outlets, outlet):
    assert ask("on", check=True)["changed"] and outlets.history == []
    done = ask("on")
    assert (done["changed"], done["verified"], done["before"], done["after"]) == (True, True, {"leaf1": "off"}, {"leaf1": "on"})
    assert done["commands"] == [f"leaf1 ({outlet['driver']} {ADDRESS}, outlet 2): on"]
    assert outlets.on == {1: False, 2: True, 3: False, 4: False}
    assert ask("on")["changed"] is False and ask("status")["power"] == {"leaf1": "on"} and len(outlets.history) == 1


def test_a_cycle_is_off_and_on(ask, outlets):
    outlets.on[2] = True
    done = ask("cycle")
    assert outlets.history == [(2, False), (2, True)] and done["impact"][0]["text"] == "leaf1 loses power" and done["verified"]


def test_an_outlet_that_stays_as_it_is(ask, outlets):
    outlets.stuck.add(2)
    done = ask("on")
    assert done["failed"] and "it took the command and is still off after 0.3 s" in done["msg"] and done["verified"] is False


def test_what_is_not_there_and_a_wrong_password(ask):
    assert "its outlet at 127.0.0.1 does not tell its state" in ask("on", address=ADDRESS, port=9)["msg"]
    wrong = ask("on", password="another", community="another")
    assert re.search("does not take this user and password|right community", wrong["msg"]) and "another" not in wrong["msg"]


def test_an_outlet_that_it_has_not(ask, outlet):
    done = ask("on", number=9)
    assert (done["failed"] and "no" in done["msg"]) or outlet["driver"] == "http"      # whose status just does not match


@pytest.mark.parametrize(
    ("entry", "said"),
    [({"driver": "http", "on_url": "x"}, "a: an outlet by http needs off_url and status_url and on_pattern"),
     ({"driver": "snmp"}, "a: an outlet by snmp needs community"), ({"driver": "tasmota", "number": 0}, "a: outlets are counted from 1"),
     ({"driver": "snmp", "community": "c", "oid": "1.x"}, "a: '1.x' is no oid"),
     ({"driver": "http", **PAGES, "on_pattern": "("}, "a: '(' is no on_pattern")],
)
def test_what_makes_no_sense(call_module, entry, said):
    assert said in call_module(power_outlet, outlets=[{"name": "a", "address": "x", **entry}])["msg"]


def test_a_lost_packet_is_sent_again(outlets):
    with simulated.Snmp(outlets, ADDRESS) as agent:
        agent.lose = 1
        assert snmp.ask(ADDRESS, agent.port, "private", "1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.1", 1, 5) == 1 and outlets.on[1]


@pytest.mark.skipif(not shutil.which("snmpset"), reason="there is no snmpset (apt-get install snmp)")
def test_net_snmp_agrees_with_the_simulation(outlets):
    with simulated.Snmp(outlets, ADDRESS) as agent:
        where = ["-v2c", "-c", "private", "-On", f"{ADDRESS}:{agent.port}", "1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.3"]
        subprocess.run(["snmpset", *where, "i", "1"], check=True, capture_output=True)
        assert subprocess.run(["snmpget", *where], check=True, capture_output=True, text=True).stdout.strip().endswith("INTEGER: 1")
        assert snmp.ask(ADDRESS, agent.port, "private", where[-1], None, 5) == 1


@given(st.integers(-2**40, 2**40))
def test_integers_come_back(number):
    (_tag, content), = snmp.unpack(snmp.integer(number))
    assert int.from_bytes(content, "big", signed=True) == number


@given(st.binary(max_size=60))
def test_no_answer_makes_it_stumble(data):
    try:
        snmp.answer(data, 7)
    except snmp.SnmpError as error:
        assert str(error)
