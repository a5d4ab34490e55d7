"""ipmipower is used where it fits, and believed only when it says on or off."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import bulk
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result


def bmcs(count, **more):
    return [{"name": f"n{number}", "address": f"10.0.0.{number}", "protocol": "ipmi", "username": "admin", "password": "word.7", **more}
            for number in range(1, count + 1)]


class Ipmipower:
    """Takes the command and looks into its configuration file."""

    def __init__(self, out="", rc=0):
        self.result, self.argv, self.config = Result(rc, out, ""), None, ""

    def __call__(self, argv):
        path = Path(argv[1].partition("=")[2])
        self.argv, self.config, self.mode = argv, path.read_text(), path.stat().st_mode & 0o777
        return self.result


def test_only_on_and_off_count_and_the_password_is_on_no_command_line():
    run = Ipmipower("10.0.0.1: on\n10.0.0.2: off\n10.0.0.3: connection timeout\n10.0.0.4: password invalid\n10.9.9.9: on\n", rc=1)
    assert bulk.power(bmcs(20), run) == {"n1": "on", "n2": "off"}
    assert "word.7" not in str(run.argv) and run.config == "username admin\npassword word.7\n" and run.mode == 0o600
    assert not Path(run.argv[1].partition("=")[2]).exists()


@pytest.mark.parametrize("targets", [bmcs(15), bmcs(20, password="with space"), bmcs(20, protocol="redfish"), bmcs(20, port=6230),
                                     bmcs(20, address="bmc1.example"), [*bmcs(20)[:10], *bmcs(20, username="other")[10:]]])
def test_where_it_does_not_fit_it_is_not_called(targets):
    assert bulk.power(targets, lambda argv: pytest.fail(f"{argv}")) == {}


def test_without_it_nothing_is_known():
    assert bulk.power(bmcs(20), lambda _argv: Result(127, "", "ipmipower: No such file or directory")) == {}
