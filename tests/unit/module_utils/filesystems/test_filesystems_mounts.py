"""Units of systemd, and what the kernel's list of mounts says of them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.filesystems import mounts
from ansible_collections.clusterwright.hpc.plugins.module_utils.filesystems.mounts import Mounted, State

OPTIONS = ["vers=4.2", "hard", "nconnect=4", "_netdev"]
KERNEL = ("rw", "relatime", "vers=4.2", "rsize=131072", "hard", "proto=tcp", "nconnect=4", "sec=sys", "addr=10.60.0.11")


def mount(path="/home", **more):
    ours = {"path": path, "source": "10.60.0.11:/srv/home", "type": "nfs", "options": OPTIONS, "automount": False, "state": "present"}
    return {**ours, **more}


HERE = Mounted("10.60.0.11:/srv/home", "nfs", KERNEL)
PATHS = ["/home", "/opt/my-apps", "/srv/a.b/c_d", "/.hidden/.x", "/a:b/ü+1"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.skipif(not shutil.which("systemd-escape"), reason="no systemd here")
def test_the_name_of_a_unit_is_systemds(path):
    done = subprocess.run(["systemd-escape", "--path", "--suffix=mount", path], capture_output=True, text=True, check=True)
    assert mounts.unit(path) == done.stdout.strip()


def test_a_unit():
    ((name, text),) = mounts.render(mount(options=[*OPTIONS, "context=a%b"])).items()
    assert name == "home.mount" and text.startswith(mounts.HEAD)
    assert "What=10.60.0.11:/srv/home\nWhere=/home\nType=nfs\nOptions=vers=4.2,hard,nconnect=4,_netdev,context=a%%b\n" in text
    assert "WantedBy=remote-fs.target" in text


def test_an_automount_is_what_is_enabled():
    units = mounts.render(mount(automount=True))
    assert "[Install]" not in units["home.mount"] and "[Install]" in units["home.automount"]
    assert [service["name"] for service in mounts.node_intent([], [mount(automount=True)])["services"]] == ["home.automount"]


def test_what_findmnt_prints():
    text = """{"filesystems": [
        {"target": "/", "source": "/dev/vda", "fstype": "ext4", "options": "rw,noatime"},
        {"target": "/home", "source": "systemd-1", "fstype": "autofs", "options": "rw,relatime,fd=46"},
        {"target": "/home", "source": "10.60.0.11:/srv/home", "fstype": "nfs4", "options": "rw,hard"}]}"""
    mounted, waiting = mounts.parse(text)
    assert mounted["/home"] == Mounted("10.60.0.11:/srv/home", "nfs", ("rw", "hard")) and waiting == {"/home"}


def test_something_else_at_the_place_is_refused():
    with pytest.raises(ClusterwrightError, match=r"/home has 10\.9\.9\.9:/x \(nfs\) mounted, and not 10\.60\.0\.11:/srv/home \(nfs\)"):
        mounts.refuse([mount()], State({"/home": Mounted("10.9.9.9:/x", "nfs", KERNEL)}))
    mounts.refuse([mount()], State({"/home": HERE}))
    bound = State({"/home": Mounted("/dev/vda[/srv/home]", "ext4", ("rw",))})
    mounts.refuse([mount(type="none", source="/srv/home", options=["bind"])], bound)


def test_a_mount_does_not_end_under_a_job():
    wish = [mount(state="absent")]
    with pytest.raises(ClusterwrightError, match="/home shall be unmounted, and a job runs on this node"):
        mounts.refuse(wish, State({"/home": HERE}, units=frozenset({"/home"}), jobs=True))
    mounts.refuse(wish, State({"/home": HERE}, units=frozenset({"/home"})))
    mounts.refuse(wish, State({"/home": HERE}, jobs=True))      # not ours, so it stays


def test_only_what_we_mounted_ends():
    wish = [mount(state="absent")]
    assert mounts.endings(wish, State({"/home": HERE})) == []
    ((path, commands),) = mounts.endings(wish, State({"/home": HERE}, units=frozenset({"/home"})))
    assert path == "/home" and str(commands[0]) == "systemctl stop home.automount home.mount"


@pytest.mark.parametrize(("wish", "here", "pending"), [
    ({}, KERNEL, None),
    ({"options": ["ro", *OPTIONS]}, KERNEL, ["ro"]),
    ({}, ("ro", *KERNEL[1:]), ["rw"]),
    ({"options": ["vers=4.2", "soft", "nconnect=8", "_netdev"]}, KERNEL, ["soft", "nconnect=8"]),
    ({"options": ["vers=4", "rsize=1048576"]}, KERNEL, None),       # the server allows less
])
def test_options_that_wait_for_the_next_mount(wish, here, pending):
    state = State({"/home": Mounted(HERE.source, "nfs", here)})
    assert mounts.pending([mount(**wish)], state).get("/home") == pending
    assert [entry["kind"] for entry in mounts.impact([mount(**wish)], state)] == (["remount_pending"] if pending else [])


def test_what_a_mount_hides_is_told():
    told = mounts.impact([mount()], State(full=frozenset({"/home"})))
    assert [entry["kind"] for entry in told] == ["mounts", "hides"]


def test_what_is_not_there_after_all():
    with pytest.raises(ClusterwrightError, match="nothing is mounted at /home"):
        mounts.compare([mount()], State(), [])
    mounts.compare([mount()], State({"/home": HERE}), [])
    with pytest.raises(ClusterwrightError, match="no automount at /home"):
        mounts.compare([mount(automount=True)], State(), [])
