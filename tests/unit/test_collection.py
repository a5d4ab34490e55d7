"""What holds for the collection as a whole: nothing without a test, nothing undocumented, nothing of somebody's own machine."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (CHECKOUT / "plugins/modules").glob("*.py"))
ROLES = sorted(path.name for path in (CHECKOUT / "roles").iterdir())
GALAXY = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())
NAME = f"{GALAXY['namespace']}.{GALAXY['name']}"

# Written in pieces, so that this file may be searched too.
FOREIGN = [
    *("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "deb.debian" + ".org", "security.debian" + ".org"),
    *("archive.ubuntu" + ".com", "docker" + ".io", "quay" + ".io", "ghcr" + ".io", "galaxy.ansible" + ".com", "proxy.golang" + ".org"),
    *("--index" + "-url", "--extra-index" + "-url", "--find" + "-links", "--trusted" + "-host"),
    *("/wo" + "rk/", "/tmp" + "/w/", "/ro" + "ot/.pyenv", "/opt" + "/pypi", ".." + "/shared/design", ".." + "/shared/reference"),
]
# The one public address that the lab tries, before it makes its base image itself.
ALLOWED = {("tools/labkit/images.py", "docker" + ".io")}


def files():
    """Every text file that is or would be committed."""
    listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        path = CHECKOUT / name
        if path.is_file() and name != "COPYING":
            yield name, path.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_a_test(module):
    assert list((CHECKOUT / "tests/unit").rglob(f"test_{module}.py")), f"write tests/unit/modules/test_{module}.py"


def without_sample(returned):
    """Names of return values that show no example, neither themselves nor by what they contain."""
    for name, value in returned.items():
        if "sample" not in value:
            yield from without_sample(value["contains"]) if "contains" in value else [name]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_shows_its_use_and_samples_of_what_it_returns(module):
    tree = ast.parse((CHECKOUT / f"plugins/modules/{module}.py").read_text())
    constants = [node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)]
    texts = {node.targets[0].id: node.value.value for node in constants}
    assert yaml.safe_load(texts["EXAMPLES"]) and f" {NAME}.{module}:" in texts["EXAMPLES"]
    returned = yaml.safe_load(texts["RETURN"])
    assert returned and list(without_sample(returned)) == []


def applied(playbook):
    """Roles of the collection that a playbook and those that it imports apply."""
    for play in yaml.safe_load(playbook.read_text()):
        if "ansible.builtin.import_playbook" in play:
            yield from applied(playbook.parent / play["ansible.builtin.import_playbook"])
        for role in play.get("roles", []):
            yield role["role"]
        for task in play.get("tasks", []):
            for word in ("import_role", "include_role"):
                if f"ansible.builtin.{word}" in task:
                    yield task[f"ansible.builtin.{word}"]["name"]


def test_every_role_is_applied_by_a_molecule_scenario():
    roles = set()
    for scenario in CHECKOUT.glob("molecule/*/molecule.yml"):
        roles |= set(applied(scenario.parent / yaml.safe_load(scenario.read_text())["provisioner"]["playbooks"]["converge"]))
    assert {f"{NAME}.{role}" for role in ROLES} - roles == set()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_documents_each_of_its_defaults_and_no_other(role):
    folder = CHECKOUT / "roles" / role
    options = yaml.safe_load((folder / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    defaults = folder / "defaults/main.yml"
    assert (yaml.safe_load(defaults.read_text()) or {} if defaults.exists() else {}) == {
        name: option["default"] for name, option in options.items() if "default" in option
    }


def test_nothing_names_a_registry_or_a_place_of_one_machine():
    assert [(name, word) for name, text in files() for word in FOREIGN if word in text and (name, word) not in ALLOWED] == []


def test_requirements_are_pinned_names_without_addresses():
    pinned = re.compile(r"""(\#.*|-r\ [a-z]+\.txt|[A-Za-z0-9_.-]+==[0-9.]+(\ ;\ python_version\ [<>=]+\ "[0-9.]+")?)?""")
    lines = [line for path in sorted((CHECKOUT / "requirements").iterdir()) for line in path.read_text().splitlines()]
    assert [line for line in lines if not pinned.fullmatch(line)] == []


def test_the_version_stands_in_galaxy_yml_alone():
    version = re.compile(rf"(?<![\d.]){re.escape(GALAXY['version'])}(?![\d.])")
    history = ("galaxy.yml", "CHANGELOG.md", "changelogs/", "requirements/")
    lines = [(name, line) for name, text in files() if not name.startswith(history) for line in text.splitlines() if version.search(line)]
    assert [(name, line) for name, line in lines if "version_added:" not in line] == []
