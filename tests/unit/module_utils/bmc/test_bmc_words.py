"""What the libraries' errors mean."""

# mypy: disable-error-code="import-untyped,import-not-found"
from __future__ import annotations

from types import SimpleNamespace

import pytest


@pytest.mark.parametrize(
    ("text", "code", "verdict"),
    [("Incorrect password provided", 0, "wrong password"), ("Invalid integrity check value reported in RAKP4", 0, "wrong password"),
     ("Unauthorized name in RAKP2", 0, "wrong user"), ("Unauthorized role or privilege level requested in RAKP2", 0, "no privilege"),
     (None, 0, "timed out"), ("timeout", 0xFFFF, "timed out"), ("Session no longer connected", 0, "timed out"),
     ("Node Busy", 0xC0, "busy"), ("Insufficient resources to create new session (wait for existing", 0, "busy"),
     ("Insufficient privilege level or firmware firewall", 0xD4, "no privilege"), ("Invalid data field in request", 0xCC, "refused"),
     ("No Cipher suite match with proposed security algorithms", 0, "refused")],
)
def test_of_pyghmi(text, code, verdict):
    pytest.importorskip("pyghmi")
    from pyghmi.exceptions import IpmiException  # noqa: PLC0415

    from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.ipmi import judge  # noqa: PLC0415

    judged = judge(IpmiException(text, code), "switch the power")
    assert judged.verdict == verdict and "None" not in judged.text
    assert verdict != "refused" or "0xcc" in judged.text or "cipher suite 17 nor 3" in judged.text


@pytest.mark.parametrize(
    ("status", "verdict"), [(401, "wrong password"), (403, "no privilege"), (503, "busy"), (400, "refused"), (500, "refused")])
def test_of_sushy(status, verdict):
    pytest.importorskip("sushy")
    from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.redfish import judge  # noqa: PLC0415

    error = Exception("with the password in its text")
    error.status_code = status
    judged = judge(error, "switch the power")
    assert judged.verdict == verdict and "password in its text" not in judged.text


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("certificate verify failed", "refused"), ("[Errno 111] Connection refused", "refused"), ("Read timed out", "timed out")])
def test_of_a_connection_that_sushy_does_not_get(text, verdict):
    pytest.importorskip("sushy")
    from sushy.exceptions import ConnectionError as NotConnected  # noqa: PLC0415

    from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.redfish import judge  # noqa: PLC0415

    assert judge(NotConnected(url="u", error=text), "log in").verdict == verdict


def test_a_machine_on_its_way_up_by_redfish_is_not_yet_on():
    sushy = pytest.importorskip("sushy")
    from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.redfish import Redfish  # noqa: PLC0415

    session = object.__new__(Redfish)
    for state, power in (("ON", "on"), ("OFF", "off"), ("POWERING_ON", "off"), ("POWERING_OFF", "on")):
        session._system = SimpleNamespace(refresh=dict, power_state=getattr(sushy.PowerState, state))
        assert session.power() == power


@pytest.mark.parametrize(("known", "expected"), [
    ((), {}),                                                                   # Debian 12's sushy 4.3
    (("server_side_retries",), {"server_side_retries": 1}),                     # Debian 13's 5.5
    (("server_side_retries", "tls_min_version"), {"server_side_retries": 1, "tls_min_version": "1.2"}),
])
def test_an_older_sushy_is_told_no_more_than_it_knows(monkeypatch, known, expected):
    pytest.importorskip("sushy")
    from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import redfish  # noqa: PLC0415

    told = {}
    names = ", ".join(f"{name}=None" for name in known)
    scope = {"told": told}
    exec(f"def Connector(url, verify=True{', ' + names if names else ''}): told.update(locals())", scope)
    monkeypatch.setattr(redfish.connector, "Connector", scope["Connector"])
    redfish._connector("https://192.0.2.1", False)
    assert told == {"url": "https://192.0.2.1", "verify": False, **expected}
