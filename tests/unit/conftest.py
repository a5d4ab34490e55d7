"""A node that exists only in memory, apart from its files: they are real, in tmp_path."""

from __future__ import annotations

import getpass
import grp
import os
import pwd
import time
from types import SimpleNamespace

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import packages, services


class FakeNode:
    """Answers the commands of the domain `node`. Tests set its fields and read `ran`."""

    def __init__(self, path):
        self.path = path
        self.owner = getpass.getuser()
        self.group = grp.getgrgid(os.getgid()).gr_name
        self.installed = {}
        self.brings_units = {}
        self.brings_users = {}
        self.units = {}
        self.users = {}
        self.groups = {}
        self.refuses = {}
        self.ran = []
        self.all_commands = []

    def unit(self, name, enabled="disabled", active="inactive", started=None, **more):
        """Adds a unit. started: seconds ago."""
        self.units[name] = {"LoadState": "loaded", "UnitFileState": enabled, "ActiveState": active, **more}
        if active == "active":
            self._started(name, started or 0)

    def file(self, name, content="x\n", **more):
        """Returns a declared file, as the module's options have it."""
        options = {"path": str(self.path / name), "content": content, "state": "file", "mode": "0644"}
        options.update({"owner": self.owner, "group": self.group, "backup": False, "block": False, **more})
        return {key: value for key, value in options.items() if value is not None}

    def run(self, argv):
        argv = list(argv)
        self.all_commands.append(argv)
        for words, result in self.refuses.items():
            if words in " ".join(argv):
                return Result(1, "", result) if isinstance(result, str) else result(argv)
        if argv[0] == "env":
            argv = [word for word in argv[1:] if "=" not in word or word.startswith("-")]
        name = argv[0].replace("-", "_")
        answer = getattr(self, f"_{name}", None)
        if answer is None:
            self.ran.append(argv)
            return Result(0, "", "")
        return answer(argv)

    def _dpkg_query(self, _argv):
        lines = [f"{name}\t{version}\tinstalled\t\n" for name, version in self.installed.items()]
        return Result(0, "".join(lines), "")

    def _apt_get(self, argv):
        self.ran.append(argv)
        if "install" in argv:
            for name in argv[argv.index("--no-install-recommends") + 1 :]:
                self.installed[name] = "1.0"
                for unit in self.brings_units.get(name, ()):
                    self.unit(unit)
                self.users.update(self.brings_users.get(name, {}))
                self.groups.update(self.brings_users.get(name, {}))
        return Result(0, "", "")

    def _groupadd(self, argv):
        self.ran.append(argv)
        self.groups[argv[-1]] = int(argv[argv.index("-g") + 1]) if "-g" in argv else 990
        return Result(0, "", "")

    def _useradd(self, argv):
        self.ran.append(argv)
        self.users[argv[-1]] = int(argv[argv.index("-u") + 1]) if "-u" in argv else 990
        self.groups.setdefault(argv[-1], 990)
        return Result(0, "", "")

    def _systemctl(self, argv):
        verb, names = argv[1], [word for word in argv[2:] if not word.startswith("-") and "," not in word]
        if verb == "show":
            missing = {"LoadState": "not-found", "UnitFileState": "", "ActiveState": "inactive"}
            blocks = [self.units.get(name, missing) for name in names]
            return Result(0, "\n\n".join("\n".join(f"{k}={v}" for k, v in block.items()) for block in blocks), "")
        if verb == "is-active":
            runs = self.units[names[0]]["ActiveState"] == "active"
            return Result(0, "active", "") if runs else Result(3, "failed", "")
        self.ran.append(argv)
        for name in names:
            if verb in ("enable", "disable"):
                self.units[name]["UnitFileState"] = f"{verb}d"
            elif verb in ("start", "stop"):
                dies = self.units[name].get("dies")
                self.units[name]["ActiveState"] = "failed" if dies else {"start": "active", "stop": "inactive"}[verb]
                self._started(name, 0)
        return Result(0, "", "")

    def _journalctl(self, _argv):
        return Result(0, "Started it.\nkey file is insecure\n", "")

    def _started(self, name, ago):
        now = time.clock_gettime(time.CLOCK_MONOTONIC)
        for what in ("ActiveEnter", "ExecMainStart"):
            self.units[name][f"{what}TimestampMonotonic"] = str(max(1, int((now - ago) * 1e6)))


@pytest.fixture
def node(tmp_path, monkeypatch):
    """A Debian node without packages, units or users of its own."""
    fake = FakeNode(tmp_path / "root")
    fake.path.mkdir()
    os_release = tmp_path / "os-release"
    os_release.write_text("ID=debian\n")
    monkeypatch.setattr(packages, "OS_RELEASE", str(os_release))
    monkeypatch.setattr(packages, "_lists_are_old", lambda _driver: False)
    monkeypatch.setattr(services, "SETTLE", 0)
    real = SimpleNamespace(user=pwd.getpwnam, uid=pwd.getpwuid, group=grp.getgrnam, gid=grp.getgrgid)

    def user(name):
        if name in fake.users:
            return pwd.struct_passwd((name, "x", fake.users[name], fake.users[name], "", "/nonexistent", "/bin/sh"))
        return real.user(name)

    def group(name):
        return grp.struct_group((name, "x", fake.groups[name], [])) if name in fake.groups else real.group(name)

    def uid(number):
        return next((user(name) for name, value in fake.users.items() if value == number), None) or real.uid(number)

    def gid(number):
        return next((group(name) for name, value in fake.groups.items() if value == number), None) or real.gid(number)

    monkeypatch.setattr(pwd, "getpwnam", user)
    monkeypatch.setattr(grp, "getgrnam", group)
    monkeypatch.setattr(pwd, "getpwuid", uid)
    monkeypatch.setattr(grp, "getgrgid", gid)
    return fake
