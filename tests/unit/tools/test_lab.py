"""The lab's decisions, without podman: image names, what to make and keep, the way in, package sources, the machine's quirks."""

from __future__ import annotations

import dataclasses
import ipaddress
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.clusterwright.hpc.tools.labkit import access, cli, common, host, images, nodes, switches

CHECKOUT = Path(__file__).resolve().parents[3]
NETWORKS = {"admin": SimpleNamespace(subnet=ipaddress.IPv4Network("10.83.0.0/24"), gateway=None, mtu=9000)}
ADDRESSES = {"head1": "10.83.0.11", "cn1": "10.83.0.21"}
LAB = nodes.lab_of("labdev", ADDRESSES, NETWORKS, dict.fromkeys(ADDRESSES, "trixie"))
BOTH = dict.fromkeys(ADDRESSES, "img:1")


def container(node, image="img:1", state="running", lab=LAB):
    spec = nodes.spec_of(lab.run_command(node, image))
    return {"Names": [lab.container(node)], "State": state, "Labels": {nodes.SPEC_LABEL: spec}}


class TestImageName:
    @pytest.fixture
    def recipes(self, tmp_path):
        return shutil.copytree(images.RECIPES, tmp_path / "recipes")

    def test_stays_while_nothing_changes(self, recipes):
        assert images.name("slurm", "trixie", recipes) == images.name("slurm", "trixie", recipes) == images.name("slurm", "trixie")

    def test_every_variant_of_every_release_has_its_own(self):
        variants = ("base", *images.VARIANTS)
        names = {images.name(variant, release) for variant in variants for release in images.RELEASES.values()}
        assert len(names) == len(variants) * len(images.RELEASES)

    def test_slurm_changes_with_what_it_is_built_on(self, recipes):
        variants = ("base", "bare", "slurm", "upgrade")
        before = {variant: images.name(variant, "trixie", recipes) for variant in variants}
        with (recipes / "Containerfile.bare").open("a") as recipe:
            recipe.write("RUN true\n")
        after = {variant: images.name(variant, "trixie", recipes) for variant in variants}
        assert [variant for variant in variants if before[variant] != after[variant]] == ["bare", "slurm", "upgrade"]

    def test_bare_does_not_change_with_slurm(self, recipes):
        before = images.name("bare", "trixie", recipes)
        (recipes / "Containerfile.slurm").write_text("")
        assert images.name("bare", "trixie", recipes) == before


class TestRelease:
    def test_a_node_has_the_image_of_its_os(self):
        assert [images.release_of("cn1", os) for os in ("debian-12", "debian-13", None)] == ["bookworm", "trixie", "trixie"]

    def test_an_os_without_an_image_is_an_error_with_the_node(self):
        with pytest.raises(common.LabError, match="node cn1: its os is rocky-9, and the lab has images of debian-12, debian-13"):
            images.release_of("cn1", "rocky-9")

    def test_the_cluster_file_says_it(self, tmp_path):
        file = tmp_path / "cluster.yml"
        text = (CHECKOUT / "inventories/lab/cluster.yml").read_text()
        file.write_text(text.replace("debian-13", "debian-12", 1))
        releases = cli.lab_nodes(cli.load(file)).releases
        assert releases["head1"] == "bookworm" and {*releases.values()} == {"bookworm", "trixie"}

    def test_packages_that_a_release_lacks_and_their_units_are_left_out(self):
        recipe = 'ARG BASE\nARG PACKAGES="slurmd sackd munge"\nARG DAEMONS="slurmd.service sackd.service"\nARG OTHER="chrony"\n'
        assert images.less(["sackd"], recipe) == ["--build-arg=PACKAGES=slurmd munge", "--build-arg=DAEMONS=slurmd.service"]
        assert images.less([], recipe) == []


class TestPlan:
    def test_nothing_there(self):
        assert nodes.plan(LAB, BOTH, []) == nodes.Plan(create=("head1", "cn1"))

    def test_all_good(self):
        assert nodes.plan(LAB, BOTH, [container("head1"), container("cn1")]) == nodes.Plan(keep=("head1", "cn1"))

    def test_of_another_image(self):
        there = [container("head1"), container("cn1", image="img:0")]
        assert nodes.plan(LAB, BOTH, there) == nodes.Plan(keep=("head1",), remake=("cn1",))

    def test_another_image_for_one_node(self):
        there = [container("head1"), container("cn1")]
        assert nodes.plan(LAB, {**BOTH, "cn1": "img:2"}, there) == nodes.Plan(keep=("head1",), remake=("cn1",))

    @pytest.mark.parametrize("state", ["created", "exited", "configured"])
    def test_half_made_or_stopped(self, state):
        there = [container("head1"), container("cn1", state=state)]
        assert nodes.plan(LAB, BOTH, there) == nodes.Plan(keep=("head1",), remake=("cn1",))

    def test_moved_to_another_address(self):
        moved = dataclasses.replace(LAB, addresses={**LAB.addresses, "cn1": "10.83.0.22"})
        assert nodes.plan(moved, BOTH, [container("head1"), container("cn1")]).remake == ("cn1",)

    def test_no_longer_in_the_cluster_file(self):
        smaller = dataclasses.replace(LAB, addresses={"head1": "10.83.0.11"})
        assert nodes.plan(smaller, BOTH, [container("head1"), container("cn1")]) == nodes.Plan(keep=("head1",), remove=("labdev-cn1",))

    def test_without_our_label(self):
        foreign = {"Names": ["labdev-cn1"], "State": "running", "Labels": {}}
        assert nodes.plan(LAB, BOTH, [foreign]).remake == ("cn1",)


class TestLabOf:
    def test_gateway_is_no_nodes_address(self):
        lab = nodes.lab_of("x", {"a": "10.83.0.1", "b": "10.83.0.2"}, NETWORKS, {})
        assert (lab.gateway, lab.mtu) == ("10.83.0.3", 9000)

    def test_gateway_of_the_cluster_file(self):
        admin = SimpleNamespace(subnet=ipaddress.IPv4Network("10.83.0.0/24"), gateway=ipaddress.IPv4Address("10.83.0.254"), mtu=None)
        lab = nodes.lab_of("x", {"a": "10.83.0.2"}, {"admin": admin}, {})
        assert (lab.gateway, lab.mtu) == ("10.83.0.254", 1500)

    def test_no_nodes(self):
        with pytest.raises(common.LabError, match="cluster x has no nodes"):
            nodes.lab_of("x", {}, NETWORKS, {})

    def test_addresses_in_no_single_network(self):
        with pytest.raises(common.LabError, match="in no single network"):
            nodes.lab_of("x", {"a": "10.83.0.2", "b": "10.84.0.2"}, NETWORKS, {})

    def test_every_node_has_a_mac_of_its_own(self):
        macs = {word for node in LAB.addresses for word in LAB.run_command(node, "img") if word.startswith("--mac-address")}
        assert macs == {"--mac-address=02:00:0a:53:00:0b", "--mac-address=02:00:0a:53:00:15"}


class TestAccess:
    def test_ssh_config(self, tmp_path):
        text = access.ssh_config(tmp_path, LAB, {"leaf1": "127.83.0.101"})
        assert "Host cn1 10.83.0.21\n  HostName 10.83.0.21\n" in text
        assert f'IdentityFile "{tmp_path}/id_ed25519"' in text
        assert "Host leaf1 127.83.0.101\n  HostName 127.83.0.101\n  Port 2222\n  User admin\n" in text
        assert "StrictHostKeyChecking yes" in text

    def test_known_hosts_by_name_and_address(self):
        assert access.known_hosts(LAB, {"cn1": "ssh-ed25519 AAAA"}) == "cn1,10.83.0.21 ssh-ed25519 AAAA\n"

    @pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="no ssh-keygen")
    def test_key_is_made_once_and_private(self, tmp_path):
        folder = tmp_path / "labdev"
        first = access.ensure_key(folder)
        assert access.ensure_key(folder) == first
        assert (folder / "id_ed25519").stat().st_mode & 0o777 == 0o600

    @pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="no ssh-keygen")
    def test_half_a_key_pair_is_made_anew(self, tmp_path):
        access.ensure_key(tmp_path)
        (tmp_path / "id_ed25519.pub").unlink()
        assert access.ensure_key(tmp_path).startswith("ssh-ed25519 ")

    def test_hosts_file_takes_foreign_names_along(self):
        own = "127.0.0.1 localhost\n127.0.1.1 desk\n192.0.2.7  packages.example # mirror\n10.83.0.21 old-cn1\nnonsense line\n"
        lines = nodes.hosts_file(LAB, "cn1", own).splitlines()
        assert lines[2:] == ["10.83.0.21 cn1", "192.0.2.7 packages.example"]


class TestSwitches:
    @pytest.fixture
    def cluster(self):
        return cli.load(CHECKOUT / "inventories/lab/cluster.yml")

    @pytest.fixture
    def wanted(self, cluster):
        return switches.switches_of(cluster, CHECKOUT / "inventories/lab/cluster.yml")

    @pytest.fixture
    def process(self, tmp_path):
        """process(word, ...): a process in the background whose pid stands in tmp_path, with these words in its command."""
        started = []

        def start(*words):
            started.append(subprocess.Popen([sys.executable, "-c", "import time; print(flush=True); time.sleep(60)", *words], stdout=-1))
            started[-1].stdout.readline()
            (tmp_path / "pid").write_text(f"{started[-1].pid}\n")
            threading.Thread(target=started[-1].wait, daemon=True).start()      # a zombie is no process to us
            return started[-1]

        yield start
        for each in started:
            each.kill()
            each.stdout.close()

    def test_all_of_the_cluster_file(self, wanted):
        assert wanted.addresses == {"leaf1": "127.77.0.101", "leaf2": "127.77.0.102"}
        assert wanted.platforms == {"leaf1": "eos", "leaf2": "cumulus_nvue"}

    def test_a_real_address_is_not_simulated(self):
        file = CHECKOUT / "inventories/tenants/cluster.yml"
        assert switches.switches_of(cli.load(file), file).addresses == {}

    @pytest.mark.parametrize(("change", "made_anew"), [
        ("tenants", False), ("ethernet", False), ("networks", False), ("cabling", True), ("switches", True),
    ])
    def test_what_they_are_configured_to_be_leaves_them_running(self, cluster, wanted, change, made_anew):
        if change == "switches":
            cluster.switches[0] = dataclasses.replace(cluster.switches[0], platform="nxos")
        else:
            setattr(cluster, change, [] if change == "cabling" else {})
        assert (switches.switches_of(cluster, wanted.inventory).spec != wanted.spec) == made_anew

    def test_nothing_runs(self, tmp_path):
        assert switches.running(tmp_path) is None
        assert not switches.stop(tmp_path)

    def test_the_process_is_ended_by_its_pid(self, tmp_path, process):
        ours = process("--write", str(tmp_path / "told.json"))
        assert switches.running(tmp_path) == ours.pid
        assert switches.stop(tmp_path)
        assert ours.wait(10) == -signal.SIGTERM
        assert list(tmp_path.iterdir()) == []

    def test_a_pid_that_became_somebody_elses_is_left_alone(self, tmp_path, process):
        other = process("--write", "/elsewhere/told.json")
        assert not switches.stop(tmp_path)
        assert other.poll() is None
        assert list(tmp_path.iterdir()) == []

    def test_a_process_that_ends_at_once_is_an_error_with_its_last_line(self, tmp_path, wanted, monkeypatch):
        monkeypatch.setattr(switches, "EMULATOR", "tests.simulators.nothing")
        monkeypatch.setattr(switches.importlib.util, "find_spec", lambda _name: True)
        with pytest.raises(common.LabError, match=f"the process ended: .*No module named .*; .* is in {tmp_path}/switches/log"):
            switches.ensure(wanted, tmp_path / "switches")
        assert (tmp_path / "switches/password").stat().st_mode & 0o777 == 0o600

    def test_without_asyncssh_the_error_says_what_to_type(self, tmp_path, wanted, monkeypatch):
        monkeypatch.setattr(switches.importlib.util, "find_spec", lambda _name: None)
        with pytest.raises(common.LabError, match="make setup-lab"):
            switches.ensure(wanted, tmp_path)

    def test_switches_that_left_the_file_end(self, tmp_path, wanted, process):
        ours = process(str(tmp_path / "told.json"))
        assert switches.ensure(dataclasses.replace(wanted, addresses={}), tmp_path)
        assert ours.wait(10) == -signal.SIGTERM


class TestPackageSources:
    def machine(self, root, identity, codename, files):
        (root / "etc/apt/sources.list.d").mkdir(parents=True)
        (root / "etc/os-release").write_text(f"ID={identity}\nVERSION_CODENAME={codename}\n")
        for name, text in files.items():
            (root / "etc/apt" / name).write_text(text)
        return images.debian_sources("trixie", root)

    def test_one_line_style(self, tmp_path):
        text = (
            "# deb http://old.example/debian bookworm main\n"
            "deb [arch=amd64 signed-by=/usr/share/keyrings/site.gpg] http://mirror.example/debian bookworm main contrib\n"
            "deb http://mirror.example/security bookworm-security main\n"
            "deb-src http://mirror.example/debian bookworm main\n"
            "deb http://other.example/apt cloud-bookworm main\n"
        )
        assert self.machine(tmp_path, "debian", "bookworm", {"sources.list": text}) == [
            "deb [signed-by=/usr/share/keyrings/site.gpg] http://mirror.example/debian trixie main",
            f"deb [signed-by={images.KEYRING}] http://mirror.example/security trixie-security main",
        ]

    def test_deb822_style(self, tmp_path):
        text = (
            "Types: deb deb-src\n# a comment inside\nURIs: http://mirror.example/debian\n"
            "Suites: trixie\n trixie-updates\nComponents: main\n\n"
            "Types: deb\nURIs: http://off.example/debian\nSuites: trixie\nComponents: main\nEnabled: no\n"
        )
        assert self.machine(tmp_path, "debian", "trixie", {"sources.list.d/debian.sources": text}) == [
            f"deb [signed-by={images.KEYRING}] http://mirror.example/debian trixie main",
            f"deb [signed-by={images.KEYRING}] http://mirror.example/debian trixie-updates main",
        ]

    def test_another_distribution_has_none_for_us(self, tmp_path):
        assert self.machine(tmp_path, "ubuntu", "noble", {"sources.list": "deb http://mirror.example/ubuntu noble main\n"}) == []

    def test_security_alone_is_not_enough(self, tmp_path):
        assert self.machine(tmp_path, "debian", "bookworm", {"sources.list": "deb http://mirror.example/s bookworm-security main\n"}) == []

    @pytest.mark.parametrize(
        ("line", "taken"),
        [
            ('Acquire::http::Proxy "http://proxy.example:3128";', True),
            ('Acquire::Check-Valid-Until "false";', True),
            ('Acquire::https::Proxy::mirror.example "DIRECT";', True),
            ('Acquire::Languages "none";', False),
            ('APT::Update::Post-Invoke:: "rm -rf /";', False),
        ],
    )
    def test_only_settings_that_reach_the_sources_go_along(self, line, taken):
        assert bool(images.APT_SETTING.fullmatch(line)) is taken


def test_capability_is_read_from_the_status():
    assert host.lacks_resource_capability("Name:\tpython\nCapEff:\t000001fffeffffff\n")
    assert not host.lacks_resource_capability("Name:\tpython\nCapEff:\t000001ffffffffff\n")


class TestMachine:
    @pytest.fixture(autouse=True)
    def machine(self, tmp_path, monkeypatch):
        """A machine whose files lie in tmp_path, with 0 containers, and a record of the commands that were run."""
        monkeypatch.setattr(host, "CONTAINERS_CONF", tmp_path / "containers.conf")
        monkeypatch.setattr(host, "DROP_IN", tmp_path / "containers.conf.d/lab.conf")
        monkeypatch.setattr(host, "CGROUPS", tmp_path / "cgroup")
        monkeypatch.setattr(host, "INOTIFY", tmp_path / "instances")
        monkeypatch.setattr(host, "STATE", tmp_path / "state.json")
        monkeypatch.setattr(host, "lacks_resource_capability", lambda _status: False)
        monkeypatch.setattr(host, "podman_json", lambda *_words: [])
        commands: list[tuple[str, ...]] = []
        monkeypatch.setattr(host, "run", lambda *words: commands.append(words) or SimpleNamespace(returncode=0, stderr=""))
        (tmp_path / "instances").write_text("128\n")
        return SimpleNamespace(root=tmp_path, commands=commands)

    def test_a_usual_machine_is_left_alone(self):
        assert not host.mend(6)
        assert not host.undo()
        assert not host.STATE.exists()

    def test_ulimits_mended_and_undone(self, monkeypatch):
        monkeypatch.setattr(host, "lacks_resource_capability", lambda _status: True)
        assert host.mend(1)
        assert "default_ulimits" in host.DROP_IN.read_text()
        assert not host.mend(1)
        assert host.undo()
        assert not host.DROP_IN.parent.exists()

    def test_ulimits_of_the_administrator_stay(self, monkeypatch):
        monkeypatch.setattr(host, "lacks_resource_capability", lambda _status: True)
        host.CONTAINERS_CONF.write_text('[containers]\ndefault_ulimits = ["nofile=1:1"]\n')
        assert not host.mend(1)
        assert not host.DROP_IN.exists()

    def test_many_nodes_need_inotify_instances(self):
        assert host.mend(40)
        assert int(host.INOTIFY.read_text()) >= 40 * host.INOTIFY_PER_NODE
        assert host.undo()
        assert host.INOTIFY.read_text() == "128\n"

    def test_stray_controller_is_mounted_and_unmounted(self, machine):
        unified = host.CGROUPS / "unified"
        unified.mkdir(parents=True)
        (unified / "cgroup.controllers").write_text("hugetlb\n")
        assert host.mend(1)
        mount = str(host.CGROUPS / "hugetlb")
        assert machine.commands == [("mount", "-t", "cgroup", "-o", "hugetlb", "hugetlb", mount)]
        assert host.undo()
        assert machine.commands[-1] == ("umount", mount)
        assert not (host.CGROUPS / "hugetlb").exists()

    def test_stays_mended_while_other_containers_run(self, monkeypatch):
        host.mend(40)
        monkeypatch.setattr(host, "podman_json", lambda *_words: [{"State": "running", "Labels": None}])
        assert not host.undo()
        assert host.INOTIFY.read_text() != "128\n"


class TestCommands:
    def test_a_cluster_file_that_does_not_load_is_an_error_with_its_lines(self, tmp_path, capsys):
        file = tmp_path / "cluster.yml"
        file.write_text("name: x\nsurprise: 1\n")
        assert cli.main(["status", "-i", str(file)], tmp_path) == 1
        told = capsys.readouterr().err
        assert told.startswith(f"lab: {file} does not load:\n")
        assert "surprise" in told

    def test_the_name_is_known_of_a_broken_cluster_file_too(self, tmp_path):
        file = tmp_path / "cluster.yml"
        file.write_text("# name: no\nname: 'labdev'  # ours\nnodes: [}\n")
        assert cli.lab_name(file) == "labdev"

    def test_no_name(self, tmp_path):
        (tmp_path / "cluster.yml").write_text("nodes: {}\n")
        with pytest.raises(common.LabError, match="has no line `name"):
            cli.lab_name(tmp_path / "cluster.yml")

    def test_two_runs_at_once(self):
        with common.alone("test"), pytest.raises(common.LabError, match="another run"), common.alone("test"):
            pass
        with common.alone("test"):
            pass
