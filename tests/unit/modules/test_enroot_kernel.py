"""Kernels in which containers start, and others, each with its one sentence."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.enroot import kernel
from ansible_collections.clusterwright.hpc.plugins.modules import enroot_kernel

LIMIT = {"user.max_user_namespaces": 65536}
# As enroot-check 4.1 prints it.
CHECKED = """\
Kernel version:

Linux version 6.1.0

Kernel configuration:

CONFIG_NAMESPACES                            : OK
CONFIG_USER_NS                               : OK
CONFIG_SECCOMP_FILTER                        : OK (module)
CONFIG_OVERLAY_FS                            : KO (optional)

Extra packages:

nvidia-container-cli                         : KO (required for GPU support)
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A kernel of files. An ordinary user gets a namespace when no setting forbids it."""
    for name, text in {"sys/user/max_user_namespaces": "0", "sys/user/max_mnt_namespaces": "90000", "self/ns/user": "",
                       "sys/kernel/seccomp/actions_avail": "", "filesystems": "nodev\toverlay\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(kernel, "SYS", tmp_path / "sys")
    monkeypatch.setattr(kernel, "SELF", tmp_path / "self")
    monkeypatch.setattr(kernel, "KERNEL", tmp_path)
    monkeypatch.setattr(kernel, "APPARMOR", tmp_path / "profiles")

    def set_(key, value=None):
        place = tmp_path / "sys" / key.replace(".", "/")
        if value is not None:
            place.write_text(f"{value}")
        return int(place.read_text()) if place.exists() else None

    def run(argv):
        if argv[0].endswith(".run"):
            return Result(0, CHECKED.replace("USER_NS                               : OK", set_.user_ns), "")
        assert tuple(argv) == kernel.PROBE
        fine = set_(kernel.LIMIT) and set_(kernel.CLONE) != 0 and not set_(kernel.RESTRICTED) and not set_.host_forbids
        return Result(0, "", "") if fine else Result(1, "", "unshare: unshare failed: Operation not permitted")

    set_.host_forbids, set_.user_ns, set_.path = False, "USER_NS : OK", tmp_path
    monkeypatch.setattr(enroot_kernel, "runner", lambda _module: run)
    return set_


def test_settings_are_made_and_read_back_and_a_higher_limit_stays(call_module, host):
    settings = {**LIMIT, "user.max_mnt_namespaces": 65536, "kernel.unprivileged_userns_clone": 1}
    check = call_module(enroot_kernel, check=True, settings=settings)
    assert (check["changed"], check["verified"], host(kernel.LIMIT)) == (True, False, 0)
    result = call_module(enroot_kernel, settings=settings)
    assert result["commands"] == check["commands"] == ["sysctl -w user.max_user_namespaces=65536"]
    assert result["after"] == {**LIMIT, "user.max_mnt_namespaces": 90000, "kernel.unprivileged_userns_clone": None}
    assert (result["verified"], host("user.max_mnt_namespaces")) == (True, 90000)
    assert result["diff"] == {"before": "user.max_user_namespaces = 0\n", "after": "user.max_user_namespaces = 65536\n"}
    assert not call_module(enroot_kernel, settings=settings)["changed"]


@pytest.mark.parametrize(("key", "value"), [(kernel.LIMIT, 0), (kernel.CLONE, 0), (kernel.RESTRICTED, 1)])
def test_the_setting_that_forbids_it_is_named(call_module, host, key, value):
    host(kernel.LIMIT, 100)
    host(key, value)
    result = call_module(enroot_kernel)
    assert result["failed"] and f"since {key} is {value}" in result["msg"] and f"Say enroot.sysctl: {{{key}: " in result["msg"]
    assert "nothing was installed" in result["msg"] and "\n" not in result["msg"]


def test_a_host_that_forbids_them_is_one_sentence_and_settings_are_put_back(call_module, host):
    host.host_forbids = True
    result = call_module(enroot_kernel, settings=LIMIT)
    assert result["failed"] and "unshare failed: Operation not permitted" in result["msg"] and "nothing was installed" in result["msg"]
    assert host(kernel.LIMIT) == 0


def test_a_kernel_without_them_is_named(call_module, host):
    (host.path / "self/ns/user").unlink()
    (host.path / "sys/kernel/seccomp/actions_avail").unlink()
    result = call_module(enroot_kernel, settings=LIMIT)
    assert "this kernel has no user namespaces (CONFIG_USER_NS) and no seccomp filters" in result["msg"]
    assert len(result["missing"]) == 2 and host(kernel.LIMIT) == 0


def test_apparmor_is_no_trouble_where_enroot_has_its_profile(call_module, host):
    host(kernel.LIMIT, 100)
    host(kernel.RESTRICTED, 1)
    (host.path / "profiles").write_text("/usr/bin/enroot-nsenter (unconfined)\n")
    assert call_module(enroot_kernel)["verified"]


def test_enroots_own_check_is_read(call_module, host):
    result = call_module(enroot_kernel, settings=LIMIT, program="/var/cache/enroot-check_4.1.2_x86_64.run")
    assert result["lacks"] == ["CONFIG_OVERLAY_FS (optional)", "nvidia-container-cli (required for GPU support)"]
    host.user_ns = "USER_NS : KO"
    result = call_module(enroot_kernel, settings=LIMIT, program="/var/cache/enroot-check_4.1.2_x86_64.run")
    assert result["failed"] and "lacks CONFIG_USER_NS:" in result["msg"]


@pytest.mark.usefixtures("host")
def test_a_setting_that_is_no_number(call_module):
    assert "settings: vm.swappiness: low is no whole number" in call_module(enroot_kernel, settings={"vm.swappiness": "low"})["msg"]
