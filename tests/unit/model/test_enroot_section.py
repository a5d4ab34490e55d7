"""From the cluster file's Enroot section to its intent and to what Slurm is told, and what is refused as the file is read."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile as intents
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile_enroot, hostvars

SHA = "a1" * 32
CLUSTER = f"""\
plugin: clusterwright.hpc.cluster
name: c
networks:
  admin: {{subnet: 10.0.0.0/16}}
hardware:
  thin: {{sockets: 1, cores_per_socket: 4}}
nodes:
  head1:
    roles: [slurm_controller]
    interfaces: {{eth0: {{network: admin, address: 10.0.0.1}}}}
  cn[1-4]:
    hardware: thin
    roles: [slurm_compute, enroot]
    interfaces: {{eth0: {{network: admin, address: 10.0.1.1}}}}
  store1:
    interfaces: {{eth0: {{network: admin, address: 10.0.2.1}}}}
slurm:
  config: {{KillWait: 60}}
  plugstack: [optional spank_lua.so]
enroot:
  packages: [jq, {{source: "https://mirror.example/enroot_4.1.2-1_amd64.deb", sha256: {SHA}}}]
  config: {{ENROOT_MOUNT_HOME: true, ENROOT_CACHE_PATH: /scratch/cache}}
  sysctl: {{user.max_user_namespaces: 1000}}
  images:
    debian: {{source: "docker://registry.example#debian:13"}}
    old: {{state: absent}}
  pyxis:
    source: {{source: /srv/pyxis-0.24.0.tar.gz, sha256: {SHA}}}
    options: {{sbatch_support: false}}
"""


def changed(*replacements):
    text = CLUSTER
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_the_intent(folder):
    intent = compile_enroot.intent(folder.load(CLUSTER))
    file = {"name": "enroot_4.1.2-1_amd64.deb", "source": "https://mirror.example/enroot_4.1.2-1_amd64.deb", "sha256": SHA}
    assert intent["packages"] == [{"name": "jq", "source": "", "sha256": ""}, file]
    assert intent["config"] == {"ENROOT_MOUNT_HOME": "yes", "ENROOT_CACHE_PATH": "/scratch/cache"}
    assert "ENROOT_CACHE_PATH" not in intent["user_paths"]
    assert intent["user_paths"]["ENROOT_DATA_PATH"] == "/var/lib/enroot/$(id -u)/data"
    assert (intent["min_free"], intent["hooks"]) == (5 * 1024, ["50-slurm-pmi.sh", "50-slurm-pytorch.sh"])
    assert (intent["sysctl"]["user.max_user_namespaces"], intent["sysctl"]["user.max_mnt_namespaces"]) == (1000, 65536)
    assert (intent["prolog"], intent["epilog"]) == ("/etc/slurm/prolog.d/50-enroot.sh", "/etc/slurm/epilog.d/50-enroot.sh")
    assert [(image["name"], image["state"]) for image in intent["images"]] == [("debian", "present"), ("old", "absent")]
    assert intent["pyxis"]["plugin"] == "/usr/local/lib/slurm/spank_pyxis.so"


def test_slurm_is_told_of_the_plugin_and_of_patterns_with_room_for_a_sites_own_programs(folder):
    slurm = intents.slurm(folder.load(CLUSTER))
    assert slurm["config"] == {"Prolog": "/etc/slurm/prolog.d/*", "Epilog": "/etc/slurm/epilog.d/*", "KillWait": 60}
    assert conf.files(slurm)["plugstack.conf"] == (
        f"{conf.HEADER}\nrequired /usr/local/lib/slurm/spank_pyxis.so sbatch_support=no\noptional spank_lua.so\n")


def test_a_sites_own_pattern_stays_and_takes_ours_in(folder):
    cluster = folder.load(changed(("{KillWait: 60}", '{Prolog: "/opt/site/*.sh"}')))
    assert compile_enroot.intent(cluster)["prolog"] == "/opt/site/50-enroot.sh"
    assert intents.slurm(cluster)["config"] == {"Epilog": "/etc/slurm/epilog.d/*", "Prolog": "/opt/site/*.sh"}


def test_without_pyxis_slurm_hears_of_nothing(folder):
    cluster = folder.load(CLUSTER[:CLUSTER.index("  pyxis:")].replace("  plugstack: [optional spank_lua.so]\n", ""))
    slurm = intents.slurm(cluster)
    assert (slurm["plugstack"], slurm["config"]) == ([], {"KillWait": 60})
    assert "plugstack.conf" not in conf.files(slurm) and "plugstack.conf" not in conf.ours(conf.files(slurm))
    intent = compile_enroot.intent(cluster)
    assert (intent["prolog"], intent["pyxis"], intent["hooks"]) == ("", None, [])


def test_where_the_file_has_all_paths_there_is_no_prolog(folder):
    paths = ", ".join(f"ENROOT_{what}_PATH: /scratch" for what in ("DATA", "TEMP", "RUNTIME"))
    cluster = folder.load(changed(("ENROOT_MOUNT_HOME: true", paths)))
    assert (compile_enroot.intent(cluster)["prolog"], intents.slurm(cluster)["config"]) == ("", {"KillWait": 60})


def test_its_groups(folder):
    groups = {group.name: group for group in hostvars.groups(folder.load(CLUSTER))}
    assert groups["enroot"].children == ["nodeset_cn_1_4"]
    assert groups["pyxis"].children == ["nodeset_head1", "nodeset_cn_1_4"]      # whoever has srun, but not store1
    assert groups["charliecloud"].children == []
    assert groups["enroot"].variables["enroot_intent"] == groups["pyxis"].variables["enroot_intent"]


REFUSED = {
    "one program has no room for ours": (
        ("{KillWait: 60}", "{Prolog: /usr/local/sbin/prolog}"),
        "/usr/local/sbin/prolog leaves no room for 50-enroot.sh, which makes the directories of containers: put your program into a "
        "directory on every compute node, and say Prolog: /etc/slurm/prolog.d/*"),
    "a pattern that ours does not match": (("{KillWait: 60}", '{Epilog: "/opt/site/epilog-*"}'), "/opt/site/epilog-* leaves no room"),
    "dropped": (("{KillWait: 60}", "{Prolog: omit}"), "omit leaves no room"),
    "after each job": (("{sbatch_support: false}", "{container_scope: job}"), "Slurm drains it: leave it out"),
    "a source and a package": (("    options: {sbatch", "    package: pyxis\n    options: {sbatch"), "say either source"),
    "neither": ((f"source: {{source: /srv/pyxis-0.24.0.tar.gz, sha256: {SHA}}}", "plugin: /opt/spank_pyxis.so"), "say either source"),
    "nobody runs containers": (("[slurm_compute, enroot]", "[slurm_compute]"), "no node has the role enroot"),
    "twice in plugstack.conf": (("optional spank_lua.so", "required spank_pyxis.so"), "Pyxis's line comes from enroot.pyxis"),
    "an image from nowhere": (("{state: absent}", "{}"), "image old has no source"),
    "two files of one name": (("[jq, ", f"[{{source: /srv/enroot_4.1.2-1_amd64.deb, sha256: {SHA}}}, "), "no file name of its own"),
    "no checksum": ((f"0.24.0.tar.gz, sha256: {SHA}}}", "0.24.0.tar.gz}"), "'sha256' is missing in enroot.pyxis.source"),
    "an unknown key": (("ENROOT_MOUNT_HOME", "MOUNT_HOME"), "'MOUNT_HOME' is not a key of enroot.conf"),
    "a unit is missing": (("  sysctl:", "  min_free: 5\n  sysctl:"), "enroot.min_free: 5 is not a size"),
    "no line of plugstack.conf": (("optional spank_lua.so", "spank_lua.so"), "is not a line of plugstack.conf"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_its_reason(folder, case):
    replacement, message = REFUSED[case]
    found = folder.problems(changed(replacement))
    assert [said for _file, _line, said in found if message in said], found
    assert all(line > 1 for _file, line, _said in found)
