"""Credentials: what unmunge prints, and the verdict in an administrator's words. Outputs as munge 0.5.16 prints them."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.munge import credential

GOOD = """\
STATUS:          Success (0)
ENCODE_HOST:     head1 (10.77.0.11)
ENCODE_TIME:     2026-11-21 05:00:00 +0000 (1795237200)
DECODE_TIME:     2026-11-21 05:00:02 +0000 (1795237202)
TTL:             3600
CIPHER:          aes128 (4)
MAC:             sha256 (5)
ZIP:             none (0)
UID:             root (0)
GID:             root (0)
LENGTH:          0

"""


def aged(status: str, code: int, decoded_at: int) -> credential.Decoded:
    text = GOOD.replace("Success (0)", f"{status} ({code})").replace("(1795237202)", f"({decoded_at})")
    return credential.parse(code, text, f"unmunge: Error: {status}\n")


def test_a_good_credential_has_no_skew_when_the_time_that_passed_is_known():
    decoded = credential.parse(0, GOOD, "")
    assert (decoded.status, decoded.text, decoded.encoded_at, decoded.decoded_at) == (0, "Success", 1795237200, 1795237202)
    assert credential.judge(decoded, 2.0, 60, "cn1", "head1") == 0.0


@pytest.mark.parametrize(("decoded", "words"), [
    (aged("Expired credential", 15, 1795237200 + 7200), ["clock of cn2", "7200 s ahead of", "head1", "chronyc"]),
    (aged("Rewound credential", 16, 1795237200 - 7200), ["clock of cn2", "7200 s behind", "head1"]),
    (aged("Success", 0, 1795237200 + 90), ["90 s ahead of"]),
    (credential.parse(14, "", "unmunge: Error: Invalid credential\n"), ["cn2 has another munge key than head1", "Invalid credential"]),
    (credential.parse(6, "", "unmunge: Error: Failed to access \"/run/munge/munge.socket.2\": No such file or directory\n"),
     ["munged does not answer on cn2", "systemctl status munge"]),
    (credential.parse(127, "", "unmunge: No such file or directory"), ["munged does not answer on cn2"]),
    (credential.parse(17, GOOD.replace("Success (0)", "Replayed credential (17)"), ""), ["does not decode", "Replayed credential"]),
])
def test_what_is_wrong_is_said_with_host_and_remedy(decoded, words):
    with pytest.raises(ClusterwrightError) as error:
        credential.judge(decoded, 0.0, 60, "cn2", "head1")
    assert all(word in str(error.value) for word in words)


def test_time_that_passed_during_a_long_run_is_no_skew():
    assert credential.judge(aged("Success", 0, 1795237200 + 900), 899.4, 60, "cn2", "head1") == pytest.approx(0.6)


def test_a_munged_that_does_not_answer_makes_no_credential():
    with pytest.raises(ClusterwrightError, match="munged does not answer on head1"):
        credential.encode(lambda _argv: Result(6, "", "munge: Error: Failed to access socket"), "head1")
