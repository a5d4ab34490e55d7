"""bmc_user: who may log in, and nobody locked out."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.modules import bmc_user
from ansible_collections.clusterwright.hpc.tests.unit.modules.bmcs_in_memory import ask, bmcs  # noqa: F401


def test_a_user_is_made_once_and_its_password_is_nowhere(ask, bmcs):  # noqa: F811
    new = {"user": "slurm", "level": "operator", "user_password": "engine of saving"}
    predicted = ask(bmc_user, check=True, **new)
    assert predicted["changed"] and "slurm" not in bmcs["n1"].accounts
    done = ask(bmc_user, **new)
    assert done["verified"] and bmcs["n3"].accounts["slurm"] == ["2", "operator", "engine of saving"]
    assert done["commands"][0] == predicted["commands"][0] == "n1: user slurm, operator, with its password"
    assert done["after"]["n1"] == {"level": "operator", "enabled": True, "password": "as wanted"}
    assert "engine of saving" not in str(done)
    assert ask(bmc_user, **new)["changed"] is False and len(bmcs["n1"].told) == 1


def test_another_password_is_sent_only_where_it_is_another(ask, bmcs):  # noqa: F811
    for number, name in enumerate(bmcs):
        bmcs[name].accounts["slurm"] = ["2", "operator", "old" if number == 1 else "new word"]
    wanted = {"user": "slurm", "user_password": "new word"}
    assert ask(bmc_user, change_password=False, **wanted)["changed"] is False
    assert list(ask(bmc_user, **wanted)["before"]) == ["n2"] and bmcs["n2"].told == [("slurm", "operator", "new word")]
    ask(bmc_user, level="user", **wanted)
    assert bmcs["n2"].told[-1] == ("slurm", "user", None)


def test_a_user_is_removed_and_no_other(ask, bmcs):  # noqa: F811
    bmcs["n1"].accounts["eve"] = ["2", "user", "x"]
    done = ask(bmc_user, user="eve", state="absent")
    assert done["commands"] == ["n1: remove user eve"] and list(bmcs["n1"].accounts) == ["admin"]
    assert ask(bmc_user, user="eve", state="absent")["changed"] is False


@pytest.mark.parametrize(
    ("options", "said"),
    [({"user": "admin", "state": "absent"}, "admin is the user that this task logs in with"),
     ({"user": "admin", "level": "operator"}, "admin is the user that this task logs in with"),
     ({"user": "admin", "level": "administrator", "user_password": "another"}, "admin is the user that this task logs in with"),
     ({"user": "ada"}, "a new one needs a password"),
     ({"user": "a" * 17}, "IPMI has room for 16 bytes of username"),
     ({"user": "ada", "user_password": "b" * 21}, "IPMI has room for 20 bytes of password")],
)
def test_what_is_refused_changes_nothing(ask, bmcs, options, said):  # noqa: F811
    done = ask(bmc_user, **options)
    assert done["failed"] and said in done["msg"] and not any(bmc.told for bmc in bmcs.values())
