"""A server and a client with kernels of their own: what filesystems.yml exports is mounted by whom it is meant for, also on bad days."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.tests.simulators import machine

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.skipif(bool(machine.missing()), reason=machine.missing())]

CHECKOUT = Path(__file__).resolve().parents[3]
ADDRESSES = {"store1": 11, "cn1": 21}      # 10.60.0.N, and part of the MAC
RECIPE = machine.Recipe("nfs", "nfs-kernel-server nfs-common", {
    f"etc/systemd/network/eth1-{number}.network":
        f"[Match]\nMACAddress=02:00:5e:00:{number:02x}:01\n[Network]\nAddress=10.60.0.{number}/24\n" for number in ADDRESSES.values()})
CLUSTER = """\
plugin: clusterwright.hpc.cluster
name: nfs
networks:
  admin: {subnet: 10.60.0.0/24}
nodes:
  store1:
    os: debian-13
    roles: [nfs_server]
    interfaces: {eth1: {network: admin, address: 10.60.0.11}}
  cn[1-2]:
    os: debian-13
    interfaces: {eth1: {network: admin, address: 10.60.0.21}}
exports:
  home: {server: store1, path: /srv/home, networks: [admin]}
  apps: {server: store1, path: /srv/apps, nodes: "cn1", access: ro}
mounts:
  home: {path: /home, nodes: "cn1", export: home}
  apps: {path: /opt/my-apps, nodes: "cn1", export: apps, access: ro, automount: true}
"""
USER = "setpriv --reuid 1000 --regid 1000 --clear-groups"
WRITER = """cat > /tmp/writer <<'X'
n=0
while [ ! -e /tmp/enough ]; do n=$((n+1)); echo $n >> /home/alice/log || echo $n >> /tmp/failed; sleep 0.2; done
echo $n > /tmp/written
X
cd /tmp; setsid USER sh /tmp/writer > /dev/null 2>&1 < /dev/null &
sleep 2
""".replace("USER", USER)


class Cluster:
    """The two machines, and the cluster file that the playbook is given."""

    def __init__(self, folder, server, client):
        self.folder, self.server, self.client = folder, server, client
        ssh = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        self._say("group_vars/all", ansible_user="root", ansible_ssh_private_key_file=str(server.key), ansible_ssh_common_args=ssh)
        for each in (server, client):
            self._say(f"host_vars/{each.name}", ansible_host=machine.HOST, ansible_port=each.port)

    def _say(self, name, **variables):
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / f"{name}.json").write_text(json.dumps(variables))

    def run(self, *replacements):
        """(output, how many tasks failed, how many changed something) of filesystems.yml, with these words of the cluster file replaced."""
        text = CLUSTER
        for old, new in replacements:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (self.folder / "cluster.yml").write_text(text)
        command = [Path(sys.executable).with_name("ansible-playbook"), "-v", "-i", self.folder / "cluster.yml", "--limit", "store1:cn1",
                   "playbooks/filesystems.yml"]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
        output = " ".join(f"{done.stdout}{done.stderr}".split())
        assert "unreachable=0" in output and not re.search("unreachable=[1-9]", output), output
        return output, *(sum(map(int, re.findall(rf" {word}=(\d+)", output))) for word in ("failed", "changed"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    here, there = machine.wires()
    with machine.Machine(RECIPE, "store1", [here], 11) as server, machine.Machine(RECIPE, "cn1", [there], 21) as client:
        for each in (server, client):
            each.wait()
        server.root("mkdir -p /srv/home/alice /srv/apps; chown 1000 /srv/home/alice; echo hello > /srv/apps/motd")
        yield Cluster(tmp_path_factory.mktemp("cluster"), server, client)


def test_what_is_exported_is_mounted_and_a_second_run_changes_nothing(cluster):
    output, failed, _changed = cluster.run()
    assert not failed and "source: 10.60.0.11:/srv/home type: nfs" in output, output
    assert cluster.server.root("cat /proc/fs/nfsd/threads").strip() == "64"
    cluster.client.root(f"{USER} sh -c 'echo mine > /home/alice/file'")
    assert cluster.server.root("stat -c %u /srv/home/alice/file; cat /srv/home/alice/file") == "1000\nmine\n"
    assert "Permission denied" in cluster.client.root("touch /home/roots", check=False)
    assert cluster.client.root("cat /opt/my-apps/motd") == "hello\n"
    assert "Read-only file system" in cluster.client.root("echo 1 > /opt/my-apps/motd", check=False)
    output, failed, changed = cluster.run()
    assert (failed, changed) == (0, 0) and "pending: {}" in output, output


def test_an_option_waits_until_somebody_mounts_anew(cluster):
    wish = ("path: /home,", "path: /home, options: [timeo=300],")
    output, failed, _changed = cluster.run(wish)
    assert not failed and "/home has timeo=300 only after its next mount" in output, output
    assert "timeo=600" in cluster.client.root("findmnt -no OPTIONS /home")
    cluster.client.root("systemctl restart home.mount")
    assert "timeo=300" in cluster.client.root("findmnt -no OPTIONS /home")
    output, failed, changed = cluster.run(wish)
    assert (failed, changed) == (0, 0) and "pending: {}" in output, output


def test_who_is_not_meant_is_let_out_and_others_notice_nothing(cluster):
    others = [(f'{path}, nodes: "cn1"', f'{path}, nodes: "cn2"') for path in ("/srv/apps", "/opt/my-apps")]
    output, failed, _changed = cluster.run(*others)
    told = "10.60.0.21 may mount /srv/apps no more, and has errors where it did (connected to this server now: 10.60.0.21)"
    assert not failed and told in output, output
    text = cluster.client.root("systemctl stop opt-my\\\\x2dapps.mount; cat /opt/my-apps/motd || true; cat /home/alice/file")
    assert "hello" not in text and text.endswith("mine\n"), text
    assert not cluster.run()[1]
    assert cluster.client.root("cat /opt/my-apps/motd") == "hello\n"


def test_a_mount_ends_when_asked_for_and_not_while_it_is_used(cluster):
    gone = ("path: /home,", "path: /home, state: absent,")
    cluster.client.root("cd /home; setsid sleep 10000 > /dev/null 2>&1 < /dev/null & echo $! > /tmp/user; sleep 1")
    output, failed, _changed = cluster.run(gone)
    assert failed and "/home could not be unmounted, it is in use: 'fuser -vm /home' says by whom" in output, output
    cluster.client.root("mountpoint /home; kill $(cat /tmp/user)")
    output, failed, _changed = cluster.run(gone)
    assert not failed and "after: /home: null" in output, output
    left = "set +e; findmnt -no SOURCE /home; cd /etc/systemd/system; ls | grep home; ls */home.mount 2> /dev/null"
    assert cluster.client.root(left, check=False) == ""
    assert cluster.run(gone)[1:] == (0, 0)
    assert not cluster.run()[1]
    assert cluster.client.root("cat /home/alice/file") == "mine\n"


def test_something_else_at_the_mount_point_is_left_alone(cluster):
    cluster.client.root("systemctl disable --now home.mount; mount -t tmpfs none /home")
    output, failed, _changed = cluster.run()
    assert failed and "/home has none (tmpfs) mounted, and not 10.60.0.11:/srv/home (nfs)" in output, output
    cluster.client.root("umount /home")
    assert not cluster.run()[1]


def test_writers_wait_for_a_server_that_lost_power(cluster):
    cluster.client.root(WRITER)
    cluster.server.kill()
    cluster.server.start()
    cluster.server.wait()
    written = int(cluster.client.root("touch /tmp/enough; while [ ! -e /tmp/written ]; do sleep 1; done; cat /tmp/written"))
    assert cluster.client.root("cat /tmp/failed", check=False).startswith("cat: ")
    assert cluster.server.root("cat /srv/home/alice/log").split() == [str(number) for number in range(1, written + 1)]
    assert cluster.run()[1:] == (0, 0)
