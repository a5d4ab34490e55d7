"""The real config_check, on the opafm.xml that opa-fm brings: what is rendered passes, and what a reload can bring about is known.

The rules for edits (which are live, which need a restart) are the fabric manager's; these tests hold them down as they were seen.
"""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import changeover, edit, trial, xml
from ansible_collections.clusterwright.hpc.plugins.modules import opa_vfabrics
from ansible_collections.clusterwright.hpc.plugins.plugin_utils import model
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile_omnipath
from ansible_collections.clusterwright.hpc.tests.simulators import opafm

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not Path(trial.CHECKER).exists(), reason="needs opa-fm (make system-test)"),
]
DELIVERED = Path("/usr/share/opa-fm/opafm.xml")             # vFabrics with explicit QOS
FOR_TENANTS = Path("/usr/share/opa-fm/opafm_pp.xml")        # QOS groups, and no Default
TENANTS = Path(__file__).resolve().parents[3] / "inventories" / "tenants" / "cluster.yml"
VFABRIC = {"security": True, "mtu": "8192", "rate": "Unlimited", "qos_group": "", "applications": ["AllOthers"]}
INTENT = {
    "fabric": "opa0", "managers": [], "owned": [0x10, 0xFF], "default": "full", "by_description": [],
    "groups": [{"name": "physics", "guids": [], "descriptions": ["knl[01-16] hfi1_0"]},
               {"name": "chem", "guids": ["0x00117501a0000380"], "descriptions": []}],
    "vfabrics": [{"name": "physics", "pkey": 0x10, "members": ["physics"], "limited_members": ["chem"], **VFABRIC},
                 {"name": "chem", "pkey": 0x11, "members": ["chem"], "limited_members": [], **VFABRIC}],
}


def run(argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def made(intent, data, exact=True):
    return edit.edit(intent, xml.read(data, "opafm.xml"), exact).data


def verdict(old, new):
    return trial.rehearse(run, "opafm.xml", old, new)


@pytest.fixture
def intent():
    return copy.deepcopy(INTENT)


@pytest.fixture(params=[DELIVERED, FOR_TENANTS], ids=["delivered", "for tenants"])
def stock(request):
    return request.param.read_bytes()


def test_the_delivered_files_are_read_as_the_fabric_manager_lists_them(stock):
    listed = subprocess.run(
        ["/usr/lib/opa-fm/bin/opafmxmlextract", "-d", ";", "-H", "-e", "VirtualFabric.Name", "-e", "VirtualFabric.Enable",
         "-e", "VirtualFabric.PKey"], input=stock, capture_output=True, check=True).stdout.decode().splitlines()
    enabled = [(name, int(key, 16)) for name, on, key in (line.split(";")[:3] for line in listed) if on == "1"]
    config = xml.read(stock, "opafm.xml")
    assert [(vfabric.name, vfabric.pkey) for vfabric in config.vfabrics] == enabled
    assert xml.mistakes(config) == [] and [vfabric.name for vfabric in xml.admins(config)] == ["Admin"]


def test_tenants_in_the_file_for_tenants_go_live_by_a_reload(intent):
    stock = FOR_TENANTS.read_bytes()
    new = made(intent, stock)
    assert verdict(stock, new)[:2] == (True, "")
    assert {vfabric.qos_group for vfabric in xml.read(new, "x").vfabrics if vfabric.ours} == {"Tenant_QOS"}
    assert verdict(new, made({**intent, "vfabrics": [], "groups": []}, new)).live, "and go again"
    intent["vfabrics"][0]["limited_members"] = []
    intent["groups"][0]["descriptions"] = ["knl[01-15] hfi1_0"]
    assert verdict(new, made(intent, new)).live, "members come and go"


def test_tenants_in_the_delivered_file_need_a_restart_and_their_nodes_do_not(intent):
    stock = DELIVERED.read_bytes()
    new = made(intent, stock)
    assert verdict(stock, new)[:2] == (False, "Cannot add VF(physics) with explicit QOS settings")
    intent["groups"][0]["descriptions"] = ["knl[01-15] hfi1_0"]
    assert verdict(new, made(intent, new)).live


@pytest.mark.parametrize(("vfabric", "reason"), [
    ({"pkey": 0x12}, "Invalid changes to active VF(physics)"),
    ({"qos_group": "LowPriority"}, "Invalid changes to active VF(physics)"),
    ({"applications": ["Compute"]}, "Cannot change VF(physics) applications"),
])
def test_what_an_active_vfabric_cannot_change(intent, vfabric, reason):
    old = made(intent, FOR_TENANTS.read_bytes())
    intent["vfabrics"][0].update(vfabric)
    assert verdict(old, made(intent, old))[:2] == (False, reason)


def test_default_made_limited_needs_a_restart(intent):
    stock = DELIVERED.read_bytes()
    new = made({**intent, "default": "limited", "vfabrics": [], "groups": []}, stock)
    assert verdict(stock, new)[:2] == (False, "Invalid changes to VF(Default)")
    assert [line for line in new.decode().splitlines() if line not in stock.decode().splitlines()] == []
    config = xml.read(new, "x")
    assert not xml.is_open(config, config.named("Default"))


def test_what_the_checker_passes_is_refused_here(intent):
    stock = FOR_TENANTS.read_bytes()
    reversed_range = stock.replace(b"<NodeDesc>*Rack1*<", b"<NodeDesc>knl[16-01] hfi1_0<")
    assert not run((trial.CHECKER, "-c", _file(reversed_range), "-s")).rc
    assert "runs backwards" in xml.mistakes(xml.read(reversed_range, "x"))[0][1]
    unknown = stock.replace(b"<Name>Admin</Name>", b"<Name>Admin</Name><Secureness>1</Secureness>")
    assert not run((trial.CHECKER, "-c", _file(unknown), "-s")).rc
    with pytest.raises(ClusterwrightError, match=r"would ignore a part of opafm.xml .*in VirtualFabric: Unexpected tag ignored: Sec"):
        verdict(stock, made(intent, unknown))
    long = stock.replace(b"<Name>Example<", b"<Name>" + b"R" * 65 + b"<")
    assert not run((trial.CHECKER, "-c", _file(long), "-s")).rc
    with pytest.raises(ClusterwrightError, match="String too long, truncated"):
        verdict(stock, made(intent, long))


def _file(data):
    path = Path(_file.folder) / "tried.xml"
    path.write_bytes(data)
    return str(path)


@pytest.fixture(autouse=True)
def _folder(tmp_path):
    _file.folder = tmp_path


@pytest.mark.parametrize(("old", "new", "reason"), [
    (b"<Name>Admin</Name>\n      <Enable>1", b"<Name>Admin</Name>\n      <Enable>0", "An Active Virtual Fabric must exist with"),
    (b"<QOSGroup>LowPriority</QOSGroup>", b"<QOSGroup>Lowpriority</QOSGroup>", "QOSGroup Lowpriority undefined"),
    (b"<Member>AllMgmtAllowed</Member>", b"<Member>AllMgmtallowed</Member>", r"Device Group \(AllMgmtallowed\) was not found"),
    (b"<PKey>0x7fff</PKey>", b"<PKey>0x8fff</PKey>", "must be in the range 0x0001-0x7fff"),
])
def test_a_file_broken_by_hand_is_refused_with_its_reason(intent, old, new, reason):
    stock = FOR_TENANTS.read_bytes()
    broken = stock.replace(old, new)
    assert broken != stock
    with pytest.raises(ClusterwrightError, match=reason):
        verdict(broken, made(intent, broken))


def test_from_a_file_that_is_not_valid_nobody_can_tell_the_way(intent):
    new = made(intent, FOR_TENANTS.read_bytes())
    broken = new.replace(b"<Member>physics<", b"<Member>fysics<")
    assert made(intent, broken) == new, "what is ours is mended"
    assert verdict(broken, new)[:2] == (True, "the present file is not valid, so that nobody can tell whether a reload suffices")


def test_a_reader_that_takes_what_the_fabric_manager_takes(stock):
    """Small damages all over the file: what we cannot read, config_check cannot either."""
    for number in range(10):
        at = 2000 + number * len(stock) // 11
        damaged = stock[:at] + (b"<", b"&", b">", b"</Fm>", b"<!--")[number % 5] + stock[at + number % 3:]
        theirs = run((trial.CHECKER, "-c", _file(damaged)))
        try:
            xml.read(damaged, "x")
        except ClusterwrightError as error:
            assert theirs.rc, f"config_check reads it: {error}"


def test_a_thousand_nodes_and_a_hundred_tenants(intent):
    names = [f"t{number:03d}" for number in range(100)]
    intent["owned"] = [0x10, 0x7FFE]
    intent["groups"] = [{"name": name, "guids": [f"{0x00117501A0000000 + 100 * n + i:#018x}" for i in range(10)], "descriptions": []}
                        for n, name in enumerate(names)]
    intent["vfabrics"] = [{"name": name, "pkey": 0x10 + n, "members": [name], "limited_members": names[n + 1:n + 3], **VFABRIC}
                          for n, name in enumerate(names)]
    stock = FOR_TENANTS.read_bytes()
    new = made(intent, stock)
    assert verdict(stock, new).live and made(intent, new) == new


def test_the_example_of_tenants_compiles_to_what_the_fabric_manager_takes():
    intent = compile_omnipath.vfabrics(model.load(str(TENANTS)))["opa0"]
    for stock in (DELIVERED, FOR_TENANTS):
        assert verdict(None, made(intent, stock.read_bytes()))[1] == "there was no file before"


class Manager:
    """A fabric manager that is not there: the real config_check decides what it takes, the rest is simulated."""

    ports = (("0x00117501a0000380", "chem1 hfi1_0"), *((f"0x00117501a00000{n:02}", f"knl{n:02} hfi1_0") for n in range(1, 17)))

    def __init__(self, path, text):
        self.path, self.loaded, self.acted = path, text, []
        path.write_text(text)

    def run(self, argv):
        if argv[0] == "opasaquery":
            lines = opafm.vfabrics(self.loaded) if argv[2] == "vfinfocsv" else opafm.dgmember(self.loaded, self.ports)
            return Result(0, "\n".join(lines), "")
        if argv[:2] == ("systemctl", "show"):
            blocks = [f"LoadState={'loaded' if name == 'opa-fm.service' else 'not-found'}\nUnitFileState=enabled\nActiveState=active"
                      for name in argv[argv.index("--") + 1:]]
            return Result(0, "\n\n".join(blocks), "")
        if argv[0] != "systemctl":
            return run(argv)
        self.acted.append(argv[1])
        if argv[1] == "restart" or opafm.takes(self.loaded, self.path.read_text()):
            self.loaded = self.path.read_text()
        return Result(0, "", "")


@pytest.fixture
def module(monkeypatch, capsys):
    def call(manager, check=False, **options):
        monkeypatch.setattr(opa_vfabrics, "runner", lambda _module: manager.run)
        monkeypatch.setattr(changeover, "PAUSE", 0)
        arguments = {"path": str(manager.path), "state": "exact", "timeout": 0, "_ansible_check_mode": check, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            opa_vfabrics.main()
        return json.loads(capsys.readouterr().out)

    return call


def test_a_tenant_comes_changes_and_goes(module, intent, tmp_path):
    manager = Manager(tmp_path / "opafm.xml", FOR_TENANTS.read_text())
    result = module(manager, intent=intent)
    assert (result["changed"], result["needs"], result["verified"], manager.acted) == (True, "reload", True, ["reload"])
    assert not module(manager, intent=intent)["changed"]
    intent["vfabrics"][0]["mtu"] = "10240"
    result = module(manager, check=True, intent=intent)
    assert result["failed"] and result["needs"] == "restart" and "Invalid changes to active VF(physics)" in result["msg"]
    assert module(manager, intent=intent, restart=True)["verified"]
    assert manager.acted == ["reload", "restart"]
    result = module(manager, intent={**intent, "vfabrics": [], "groups": []})
    assert (result["needs"], result["verified"]) == ("reload", True)
    assert [impact["kind"] for impact in result["impact"]] == ["vfabric_removed", "vfabric_removed", "members_lost", "members_lost"]
    assert xml.read(manager.path.read_bytes(), "x").vfabrics[0].name == "Admin"


def test_a_fabric_manager_that_runs_with_something_else_than_its_file_is_not_taken_for_proof(module, intent, tmp_path):
    """Somebody changed the file, and no reload was ever taken: the way from file to file says nothing of the fabric."""
    manager = Manager(tmp_path / "opafm.xml", FOR_TENANTS.read_text())
    manager.path.write_bytes(made(intent, FOR_TENANTS.read_bytes()))
    manager.loaded = made({**intent, "vfabrics": [{**intent["vfabrics"][0], "mtu": "4096"}], "groups": INTENT["groups"]},
                          FOR_TENANTS.read_bytes()).decode()
    before = manager.path.read_text()
    result = module(manager, intent=intent)
    assert result["failed"] and "vFabric physics has MTU 4096 instead of 8192" in result["msg"] and manager.acted == ["reload"]
    assert manager.path.read_text() == before
    assert module(manager, intent=intent, restart=True)["verified"]
