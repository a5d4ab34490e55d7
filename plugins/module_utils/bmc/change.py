# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a setting of BMCs is changed: observe, plan, apply, read back, compare. The same for each setting; a Subject says what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import fleet, options
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.driver import Driver, Report
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.intent import BmcIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import LIES, OK, Outcome, bad, sentence
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

Data = Any      # a setting as plain data: it becomes a return value


class Subject(Protocol):
    """A setting."""

    name: str       # "boot device": for sentences

    def read(self, driver: Driver, target: BmcIntent) -> Data:
        """As it is."""
        ...

    def wanted(self, target: BmcIntent, present: Data) -> Data:
        """As it shall be: equal to `present` when nothing is to be done. BmcError when it cannot be."""
        ...

    def write(self, driver: Driver, target: BmcIntent, present: Data, wanted: Data) -> None:
        """Make it so."""
        ...

    def where(self, target: BmcIntent, wanted: Data) -> BmcIntent:
        """The BMC after the change: another address, as a rule the same."""
        ...

    def commands(self, target: BmcIntent, present: Data, wanted: Data) -> list[str]:
        """What the BMC is told, in words."""
        ...

    def impact(self, changes: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What is disturbed; changes: name -> wanted."""
        ...


def run(module: AnsibleModule, subject: Subject) -> dict[str, Any]:
    """All BMCs of a module's options. Raises ClusterwrightError with all that was seen, when one of them did not do it."""
    params = module.params
    targets = options.targets(params)
    deadline, limit = params["timeout"], params["side_by_side"]

    def observe(driver: Driver, target: BmcIntent, _report: Report) -> tuple[Data, Data]:
        present = subject.read(driver, target)
        return present, subject.wanted(target, present)

    outcomes = fleet.call(targets, observe, deadline, limit)
    plans = {name: outcome.value for name, outcome in outcomes.items() if outcome.ok and outcome.value[0] != outcome.value[1]}
    before, after = ({name: plan[side] for name, plan in plans.items()} for side in (0, 1))
    work = [target for target in targets if target["name"] in plans]
    told = [f"{target['name']}: {words}" for target in work for words in subject.commands(target, *plans[target["name"]])]
    if not module.check_mode and work:
        outcomes.update(_apply(subject, work, plans, deadline, limit))
        after = {name: outcomes[name].value if outcomes[name].ok else "unknown" for name in plans}
    wrong = bad(outcomes)
    result = {
        "changed": bool(plans), "before": before, "after": after, "commands": told, "diff": _diff(subject.name, before, after),
        "impact": subject.impact({name: plan[1] for name, plan in plans.items()}), "failed_bmcs": wrong,
        "verified": not wrong and not (module.check_mode and plans),
    }
    if wrong:
        raise ClusterwrightError(sentence(f"did not do as asked ({subject.name})", outcomes), **result)
    return result


def _apply(subject: Subject, work: Sequence[BmcIntent], plans: Mapping[str, Any], deadline: float, limit: int) -> dict[str, Outcome]:
    """Write, then read back in a session of its own: some BMCs show in the session what they will not keep."""
    def write(driver: Driver, target: BmcIntent, report: Report) -> None:
        report(f"was told its {subject.name}")
        subject.write(driver, target, *plans[target["name"]])

    def read(driver: Driver, target: BmcIntent, _report: Report) -> Data:
        return subject.read(driver, target)

    outcomes = fleet.call(work, write, deadline, limit)
    moved = [subject.where(target, plans[target["name"]][1]) for target in work if outcomes[target["name"]].ok]
    for name, outcome in fleet.call(moved, read, deadline, limit).items():
        wanted = plans[name][1]
        if outcome.ok and outcome.value != wanted:
            outcomes[name] = Outcome(LIES, text=f"took its {subject.name}, and still has {words(outcome.value)} instead of {words(wanted)}")
        else:
            outcomes[name] = outcome if not outcome.ok else Outcome(OK, wanted)
    return outcomes


def words(data: Data) -> str:
    """A setting on one line."""
    return ", ".join(f"{key} {value}" for key, value in data.items()) if isinstance(data, dict) else str(data)


def _diff(name: str, before: Mapping[str, Data], after: Mapping[str, Data]) -> dict[str, str]:
    left, right = ("".join(f"{key}: {words(data)}\n" for key, data in side.items()) for side in (before, after))
    return {"before_header": name, "before": left, "after_header": name, "after": right}


class Plain:
    """What most subjects have in common."""

    name = ""

    def where(self, target: BmcIntent, _wanted: Data) -> BmcIntent:
        """Where it was."""
        return target

    def impact(self, _changes: Mapping[str, Any]) -> list[dict[str, Any]]:
        """None."""
        return []
