"""What the playbook brings about on two fabric managers, and what it does on a bad day."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
FILE = "/etc/opa-fm/opafm.xml"


@pytest.fixture
def manager(host):
    return host("fm1")


def run(*words, inventory=os.environ["LAB_INVENTORY"]):
    """ansible-playbook's status and output."""
    command = [Path(sys.executable).parent / "ansible-playbook", "playbooks/omnipath.yml", "-i", inventory, *words]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    return done.returncode, done.stdout


@pytest.fixture
def changed_cluster(tmp_path):
    """A copy of the cluster file with a change."""
    def change(old, new):
        here = Path(os.environ["LAB_INVENTORY"])
        text = here.read_text()
        assert text.count(old) == 1
        (tmp_path / "cluster.yml").write_text(text.replace(old, new))
        variables = (here.parent / "group_vars/nodes.yml").read_text().replace("{{ inventory_dir }}/../..", str(CHECKOUT))
        (tmp_path / "group_vars").mkdir(exist_ok=True)
        (tmp_path / "group_vars/nodes.yml").write_text(variables)
        return str(tmp_path / "cluster.yml")
    return change


def test_the_fabric_has_the_vfabrics_of_the_tenants(node):
    assert node.service("opa-fm").is_running and node.service("opa-fm").is_enabled
    said = node.check_output("opasaquery -o vfinfocsv").splitlines()
    assert [line.split(":")[0] for line in said] == ["Admin", "physics", "chem"], "and no Default, in which all could talk"
    assert "physics:1:0x8010:0:8192:unlimited:0x1::" in said


def test_members_are_known_by_their_guids(manager):
    said = manager.check_output("opasaquery -o dgmember | grep 'Group: physics'")
    assert "PortGUID: 0x00117501a0000011" in said and len(said.splitlines()) == 1
    assert "<LimitedMember>physics</LimitedMember>" in manager.file(FILE).content_string


def test_what_the_vendor_wrote_is_still_there(manager):
    assert manager.check_output(f"diff /usr/share/opa-fm/opafm_pp.xml {FILE} | grep -c '^<' || true") == "0"


def test_a_tenant_goes_and_comes_without_a_restart(manager, changed_cluster):
    started = manager.check_output("systemctl show -P ActiveEnterTimestampMonotonic opa-fm")
    status, output = run("-e", "opafm_state=exact", inventory=changed_cluster("  chem: {nodes: fm2, pkey: 0x0011}\n", ""))
    assert status == 4 and "no network and no other tenant 'chem'" in output, "somebody reaches it"
    status, output = run("-e", "opafm_state=exact", inventory=changed_cluster("reaches: [chem]}\n  chem: {nodes: fm2, pkey: 0x0011}", "}"))
    assert status == 0, output
    assert "chem" not in manager.check_output("opasaquery -o vfinfocsv")
    status, output = run()
    assert status == 0, output
    assert "chem:2:0x8011:0:8192" in manager.check_output("opasaquery -o vfinfocsv")
    assert manager.check_output("systemctl show -P ActiveEnterTimestampMonotonic opa-fm") == started


def test_what_needs_a_restart_is_refused_and_said(manager, changed_cluster):
    before = manager.check_output(f"sha256sum {FILE}")
    status, output = run(inventory=changed_cluster("mtu: 8192", "mtu: 4096"))
    assert status == 2 and "cannot go live by a reload (Invalid changes to active VF(physics))" in output
    assert manager.check_output(f"sha256sum {FILE}") == before


def test_a_file_that_somebody_broke_is_named_by_its_line(manager):
    manager.check_output(f"cp -a {FILE} /root/kept.xml && sed -i '0,/<.Common>/s///' {FILE}")
    status, output = run("--limit", "fm1")
    manager.check_output(f"cp -a /root/kept.xml {FILE}")
    assert status == 2 and f"{FILE}, line " in output and "mismatched tag: nothing was changed" in output
    assert run("--check", "--limit", "fm1")[0] == 0
