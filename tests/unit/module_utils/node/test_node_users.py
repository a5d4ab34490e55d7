"""Users and groups: numbers are never changed, the rest is corrected."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import users


def group(name, gid=None, system=True):
    return {"name": name, "gid": gid, "system": system}


def user(name, **more):
    options = {"uid": None, "group": None, "groups": [], "home": None, "shell": None, "comment": None, "system": True}
    return {"name": name, "create_home": False, **options, **more}


def planned(groups, declared, awaits_packages=False):
    commands, _after = users.plan(groups, declared, users.observe(groups, declared), awaits_packages)
    return [str(command) for command in commands]


@pytest.mark.usefixtures("node")
def test_new_users_and_groups():
    assert planned([group("slurm", 64030)], [user("slurm", uid=64030, home="/nonexistent", comment="Slurm it")]) == [
        "groupadd -r -g 64030 slurm",
        "useradd -M -r -u 64030 -g slurm -d /nonexistent -c 'Slurm it' slurm",
    ]
    assert planned([], [user("alone", system=False, create_home=True)]) == ["useradd -m -U alone"]


def test_what_is_left_out_stays_and_what_differs_is_corrected(node):
    node.users, node.groups = {"munge": 64031}, {"munge": 64031, "ssl": 64032}
    assert planned([group("munge")], [user("munge", shell="/bin/sh")]) == []
    assert planned([], [user("munge", shell="/usr/sbin/nologin", groups=["ssl"])]) == [
        "usermod -s /usr/sbin/nologin -a -G ssl munge"
    ]


@pytest.mark.parametrize(
    ("groups", "declared", "words"),
    [
        ([], [user("munge", uid=966)], r"user munge: uid is 64031 and 966 is declared.*usermod -u 966 munge"),
        ([group("munge", 966)], [], r"group munge: gid is 64031 and 966 is declared.*groupmod -g 966 munge"),
        ([], [user("slurm", uid=64031)], r"user slurm: uid 64031 already belongs to user munge"),
        ([], [user("slurm", groups=["nosuch"])], r"user slurm: group nosuch does not exist: declare it under groups"),
    ],
)
def test_refusals(node, groups, declared, words):
    node.users, node.groups = {"munge": 64031}, {"munge": 64031}
    with pytest.raises(ClusterwrightError, match=words):
        planned(groups, declared)


@pytest.mark.usefixtures("node")
def test_a_group_may_come_with_a_package():
    assert planned([], [user("slurm", groups=["nosuch"])], awaits_packages=True) == []
