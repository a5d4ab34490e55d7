"""Packages: what the families say, and what is done when an install fails."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import packages
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Session


def test_dpkg_counts_what_is_installed_and_what_is_provided():
    versions = packages.parse_dpkg(
        "chrony\t4.6.1-3\tinstalled\ttime-daemon, ntp-server (= 1)\n"
        "munge\t0.5.16\tconfig-files\t\n"
        "busy\t1\ttriggers-pending\t\n"
    )
    assert versions["chrony"] == "4.6.1-3"
    assert versions["time-daemon"] == versions["ntp-server"] == "provided by chrony 4.6.1-3"
    assert "munge" not in versions
    assert "busy" in versions


def test_rpm_counts_what_is_installed_and_what_is_provided():
    output = "chrony\t4.5-1.el9\tchrony chrony(x86-64) config(chrony) \nno package provides munge\n"
    versions = packages.parse_rpm(output)
    assert versions["chrony"] == "4.5-1.el9"
    assert "munge" not in versions


def test_a_family_is_found_by_its_relatives(node, tmp_path):
    (tmp_path / "os-release").write_text('ID="rocky"\nID_LIKE="rhel centos fedora"\nPRETTY_NAME="x"\n')
    node._rpm = lambda _argv: Result(1, "munge\t0.5.13-13.el9\tmunge \npackage slurm is not installed\n", "")
    state = packages.observe(node.run, ["munge", "slurm"])
    assert packages.missing(state) == ["slurm"]
    assert packages.plan(state)[0].argv == ("dnf", "install", "-y", "--setopt=install_weak_deps=False", "slurm")


def test_an_unknown_family_is_named(node, tmp_path):
    (tmp_path / "os-release").write_text("ID=alpine\n")
    with pytest.raises(ClusterwrightError, match=r"'alpine', with no package driver.*debian, ubuntu, rhel"):
        packages.observe(node.run, ["munge"])
    assert packages.missing(packages.observe(node.run, [])) == []


def test_one_command_installs_all_and_lists_are_fetched_only_when_old(node, monkeypatch):
    commands = packages.plan(packages.observe(node.run, ["chrony", "munge"]))
    assert [command.argv[-2:] for command in commands] == [("chrony", "munge")]
    monkeypatch.setattr(packages, "_lists_are_old", lambda _driver: True)
    assert [command.argv[-1] for command in packages.plan(packages.observe(node.run, ["munge"]))] == ["update", "munge"]


def test_old_and_absent_lists_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "LISTS_MAX_AGE", 1000)
    driver = packages.Driver((), (), packages.parse_dpkg, (), (), lists=str(tmp_path))
    assert packages._lists_are_old(driver)
    (tmp_path / "main_Packages").write_text("")
    assert not packages._lists_are_old(driver)
    monkeypatch.setattr(packages, "LISTS_MAX_AGE", -1000)
    assert packages._lists_are_old(driver)


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        ("E: Unable to locate package munge", ["update"]),
        ("E: dpkg was interrupted, you must manually run", ["--configure", "-a"]),
    ],
)
def test_what_can_be_mended_is_mended_once(node, words, mend):
    tries = []

    def install(argv):
        tries.append(argv)
        return Result(100, "", words) if len(tries) == 1 else Result(0, "", "")

    node.refuses = {"install": install}
    state = packages.observe(node.run, ["munge"])
    session = Session(node.run)
    packages.apply(session, state, packages.plan(state))
    assert len(tries) == 2
    assert node.ran[0][-len(mend) :] == mend
    assert session.rollback_commands == ["apt-get remove -y munge"]


def test_a_failed_install_says_why(node):
    node.refuses = {"install": "E: held broken packages"}
    state = packages.observe(node.run, ["munge"])
    with pytest.raises(ClusterwrightError, match=r"packages munge: .*held broken packages"):
        packages.apply(Session(node.run), state, packages.plan(state))


def test_a_file_stands_for_the_version_in_it(node, tmp_path):
    file = tmp_path / "enroot.deb"
    file.write_text("")
    node._dpkg_deb = lambda _argv: Result(0, "enroot\t4.1.2-1\n", "")
    (new,) = packages.plan(packages.observe(node.run, [str(file)]))
    assert (new.argv[-1], new.undo[-1]) == (str(file), "enroot")
    node.installed["enroot"] = "4.0.1-1"        # an older one is replaced, and undoing does not remove it
    (upgrade,) = packages.plan(packages.observe(node.run, [str(file), "enroot"]))
    assert (upgrade.argv[-1], upgrade.undo) == (str(file), ())
    node.installed["enroot"] = "4.1.2-1"
    assert packages.missing(packages.observe(node.run, [str(file)])) == []


def test_a_file_that_is_not_there_yet_is_missing_and_one_that_is_no_package_is_named(node, tmp_path):
    assert packages.missing(packages.observe(node.run, ["/nowhere/enroot.deb"])) == ["/nowhere/enroot.deb"]
    (tmp_path / "enroot.deb").write_text("<html>")
    node._dpkg_deb = lambda _argv: Result(2, "", "dpkg-deb: error: not a Debian format archive")
    with pytest.raises(ClusterwrightError, match=r"enroot\.deb is no package of this system \(dpkg-deb: error: not a Debian format"):
        packages.observe(node.run, [str(tmp_path / "enroot.deb")])
