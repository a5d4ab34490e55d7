"""tools/preflight.sh with faked commands: what it says of each machine, and that it touches nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "tools/preflight.sh"
USED = ("sh", "awk", "sed", "head", "dirname", "grep", "cat")
GOOD = {
    "id": "echo 0",
    "df": "echo 'Filesystem 1M-blocks Used Available Capacity Mounted'; echo '/dev/x 9999 1 5000 1% /'",
    "podman": 'echo podman was called >> "$CALLS"',
    "python": "exit 0",
    "apt-cache": "echo \"$2:\"; echo '  Candidate: 1.0'",
    "apt-get": 'echo "$*" >> "$CALLS"',
    "dpkg-query": "echo installed",
}


@pytest.fixture
def preflight(tmp_path):
    """Run the script on a machine of fake commands; None takes one away. Returns (status, lines of stderr, calls that change things)."""

    def run(*arguments, system='ID=debian\nVERSION_ID="12"\n', **changed):
        commands = tmp_path / "bin"
        commands.mkdir()
        for name in USED:
            (commands / name).symlink_to(shutil.which(name))
        for name, text in {**GOOD, **changed}.items():
            if text is not None:
                (commands / name).write_text(f"#!/bin/sh\n{text}\n")
                (commands / name).chmod(0o755)
        (tmp_path / "os-release").write_text(system)
        calls = tmp_path / "calls"
        environment = {
            "PATH": str(commands), "CALLS": str(calls), "PYTHON": "python", "LAB_OS_RELEASE": str(tmp_path / "os-release"),
            "LAB_STORAGE": str(tmp_path / "not/yet/made"), "LAB_CHECKOUT": str(tmp_path), "LC_ALL": "C",
        }  # fmt: skip
        done = subprocess.run([shutil.which("sh"), SCRIPT, *arguments], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr.splitlines(), calls.read_text().splitlines() if calls.exists() else []

    return run


def test_good_machine(preflight):
    assert preflight() == (0, [], [])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"id": "echo 1000"}, "not root"),
        ({"podman": None, "apt-get": None}, "no podman, and no apt-get"),
        ({"podman": None, "apt-cache": "echo bash:; echo '  Candidate: (none)'"}, "no podman, and the package sources do not offer it"),
        ({"python": '[ "$1" = -V ] && echo Python 3.9.2; exit 1'}, "python is Python 3.9.2, older than 3.11"),
        ({"python": None}, "no python"),
        ({"system": "ID=fedora\nVERSION_ID=42\n"}, "unsupported system fedora-42"),
        ({"system": "ID=debian\nVERSION_ID=11\n"}, "unsupported system debian-11"),
    ],
)
def test_one_thing_is_wrong(preflight, changed, says):
    status, errors, calls = preflight(**changed)
    assert status == 1
    assert len(errors) == 1
    assert errors[0].startswith(f"preflight: {says}")
    assert calls == []


def test_podman_that_can_be_installed_is_no_error(preflight):
    assert preflight(podman=None) == (0, [], [])


@pytest.mark.parametrize("system", ["ID=debian\nVERSION_ID=13\n", "ID=ubuntu\nVERSION_ID=24.04\n"])
def test_other_supported_systems(preflight, system):
    assert preflight(system=system)[0] == 0


def test_everything_wrong_is_told_at_once(preflight):
    full = "echo 'Filesystem 1M-blocks Used Available Capacity Mounted'; echo '/dev/x 9999 1 100 1% /'"
    status, errors, calls = preflight(id="echo 1000", df=full, python=None, podman=None, **{"apt-get": None}, system="ID=arch\n")
    assert status == 1
    assert [error.split()[1] for error in errors] == ["unsupported", "not", "no", "no", "too", "too"]
    assert "100 MiB free, 3072 MiB are needed" in errors[-1]
    assert calls == []


def test_install_with_nothing_missing_calls_no_apt_get(preflight):
    assert preflight("install") == (0, [], [])


def test_install_takes_only_what_is_missing(preflight):
    status, _, calls = preflight("install", **{"dpkg-query": "case $4 in crun|mmdebstrap) exit 1;; esac; echo installed"})
    assert status == 0
    assert calls == ["install -qy --no-install-recommends crun mmdebstrap"]


def test_install_updates_the_lists_when_they_do_not_know_a_package(preflight):
    _, _, calls = preflight("install", **{"dpkg-query": "[ $4 = crun ] || echo installed", "apt-cache": "exit 0"})
    assert calls == ["update -q", "install -qy --no-install-recommends crun"]


def test_install_updates_the_lists_when_they_are_too_old(preflight):
    stale = 'echo "$*" >> "$CALLS"; [ $1 = update ] && : > "$CALLS.updated"; [ -e "$CALLS.updated" ]'
    status, _, calls = preflight("install", **{"dpkg-query": "[ $4 = crun ] || echo installed", "apt-get": stale})
    assert status == 0
    assert [call.split()[0] for call in calls] == ["install", "update", "install"]


def test_install_that_fails_says_so(preflight):
    status, errors, _ = preflight("install", **{"dpkg-query": "[ $4 = crun ] || echo installed", "apt-get": "exit 100"})
    assert status == 1
    assert errors[-1].startswith("preflight: apt-get could not install crun")


def test_unknown_argument(preflight):
    assert preflight("remove")[0] == 2
