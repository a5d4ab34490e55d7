"""The proof of one key and one time, as the role runs it: a credential of one node, decoded on another."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import munge_proof

MADE_AT = 1795237200
DECODED = f"STATUS:          Success (0)\nENCODE_TIME:     x ({MADE_AT})\nDECODE_TIME:     x (%d)\n"


@pytest.fixture
def munged(monkeypatch):
    """Takes what munge or unmunge answers."""

    def answers(rc, out="", err=""):
        monkeypatch.setattr(munge_proof, "runner", lambda _module: lambda _argv: Result(rc, out, err))

    return answers


def decode(call_module, **more):
    return call_module(munge_proof, **{"credential": "MUNGE:abc:", "source": "head1", "made_at": MADE_AT, "now": MADE_AT + 5.0, **more})


def test_a_credential_is_made(call_module, munged):
    munged(0, "MUNGE:abc:\n")
    result = call_module(munge_proof, now=12.5)
    assert (result["credential"], result["made_at"], result["changed"]) == ("MUNGE:abc:", 12.5, False)


def test_a_credential_decodes_and_the_time_that_passed_is_no_skew(call_module, munged):
    munged(0, DECODED % (MADE_AT + 8))
    result = decode(call_module)
    assert (result["verified"], result["skew_seconds"], result["changed"]) == (True, 3, False)


def test_clocks_that_are_apart_fail_with_the_figure(call_module, munged):
    munged(0, DECODED % (MADE_AT + 105))
    assert decode(call_module, max_skew=200)["verified"]
    result = decode(call_module)
    assert result["failed"] and result["skew_seconds"] == 100
    assert "100 s ahead of that of head1" in result["msg"]


def test_in_check_mode_a_failed_proof_is_a_warning(call_module, munged):
    munged(14, err="unmunge: Error: Invalid credential\n")
    result = decode(call_module, check=True)
    assert not result.get("failed") and result["verified"] is False
    assert "another munge key than head1" in str(result["warnings"])
    # That a credential could not be made, the node that should make it has said already.
    assert decode(call_module, check=True, credential="")["verified"] is False
