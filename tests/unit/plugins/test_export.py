"""The lookup, the playbook around it, and the filters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleFilterError, AnsibleLookupError

from ansible_collections.clusterwright.hpc.plugins.filter import nodeset as filters
from ansible_collections.clusterwright.hpc.plugins.lookup import export
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import loaded

CHECKOUT = Path(__file__).resolve().parents[3]
CLUSTER = str(CHECKOUT / "inventories" / "homelab5" / "cluster.yml")


@pytest.fixture
def lookup():
    constants.config.initialize_plugin_configuration_definitions(
        "lookup", "clusterwright.hpc.export", yaml.safe_load(export.DOCUMENTATION)["options"])
    plugin = export.LookupModule()
    plugin._load_name = "clusterwright.hpc.export"
    plugin._redirected_names = [plugin._load_name]
    return plugin


class TestLookup:
    def test_the_file_is_the_inventorys(self, lookup):
        (text,) = lookup.run(["hosts"], {"cluster_file": CLUSTER})
        assert "192.168.10.11 n1.home.arpa n1\n" in text

    def test_or_a_named_one_and_several_formats(self, lookup):
        shell, monitored = lookup.run(["clustershell", "prometheus"], {}, cluster_file=CLUSTER)
        assert '"slurm_compute": "n[1-4]"' in shell
        assert '"192.168.10.14:9100"' in monitored

    def test_what_the_inventory_loaded_is_not_read_again(self, lookup, tmp_path):
        path = tmp_path / "cluster.yml"
        path.write_text(Path(CLUSTER).read_text())
        loaded.load(str(path))
        path.unlink()
        assert lookup.run(["hosts"], {"cluster_file": str(path)})

    @pytest.mark.parametrize(("terms", "variables", "said"), [
        (["hosts"], {}, "needs a cluster file: use one as inventory, or set cluster_file"),
        (["host"], {"cluster_file": CLUSTER}, "knows no format 'host'; there is hosts, clustershell, prometheus"),
        (["hosts"], {"cluster_file": "/nonexistent/cluster.yml"}, "/nonexistent/cluster.yml cannot be read: no such file"),
    ])
    def test_what_is_wrong_is_said(self, lookup, terms, variables, said):
        with pytest.raises(AnsibleLookupError, match=said):
            lookup.run(terms, variables)


def play(*arguments):
    environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "NO_COLOR": "1"}
    program = Path(sys.executable).parent / "ansible-playbook"
    return subprocess.run([sys.executable, str(program), "-i", CLUSTER, str(CHECKOUT / "playbooks" / "export.yml"), *arguments],
                          cwd=CHECKOUT, env=environment, text=True, capture_output=True, check=False)


def test_the_playbook_writes_the_file(tmp_path):
    path = tmp_path / "hosts"
    wanted = ["-e", "export_format=hosts", "-e", f"export_file={path}"]
    written = play(*wanted, "--diff")
    assert written.returncode == 0, written.stdout + written.stderr
    assert "+192.168.10.11 n1.home.arpa n1" in written.stdout
    assert "192.168.10.14 n4.home.arpa n4\n" in path.read_text()


@pytest.mark.parametrize(("text", "names"), [("cn[1-3],gpu1", ["cn1", "cn2", "cn3", "gpu1"]), ("head1", ["head1"])])
def test_nodeset_expand(text, names):
    assert filters.nodeset_expand(text) == names


@pytest.mark.parametrize(("names", "text"), [
    (["cn3", "cn1", "gpu1", "cn2"], "cn[1-3],gpu1"), ([], ""), (["cn001", "cn002"], "cn[001-002]")])
def test_nodeset_fold(names, text):
    assert filters.nodeset_fold(names) == text


@pytest.mark.parametrize(("function", "value", "said"), [
    (filters.nodeset_expand, "cn[1-", "nodeset_expand: 'cn\\[1-' is not a NodeSet"),
    (filters.nodeset_expand, ["cn1"], "takes a NodeSet such as"),
    (filters.nodeset_fold, "cn1", "takes a list of names"),
    (filters.nodeset_fold, [1], "takes a list of names"),
    (filters.nodeset_fold, ["@all"], "nodeset_fold: '@all' is not a NodeSet"),
])
def test_what_the_filters_refuse(function, value, said):
    with pytest.raises(AnsibleFilterError, match=said):
        function(value)


def test_each_filter_is_documented():
    folder = CHECKOUT / "plugins" / "filter"
    for name in filters.FilterModule().filters():
        described = yaml.safe_load((folder / f"{name}.yml").read_text(encoding="utf-8"))
        assert described["DOCUMENTATION"]["name"] == name
