# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sacctmgr sets on a QOS or an account: read in any of its spellings, compared by meaning, written as it takes it.

Sources: sacctmgr(1) of Slurm 22.05 and 24.11, and what it printed. A value here is text in one spelling, and "" is a value that is not
set. A limit on trackable resources is a dict from resource to value, since sacctmgr sets and lifts each for itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Dict, Union  # noqa: UP035 (evaluated at run time, on Python 3.9 too)

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError

Settings = Dict[str, Union[str, Dict[str, str]]]    # noqa: UP006

COUNT, FACTOR, MINUTES, EXEMPT, GRACE, TRES = "count", "factor", "minutes", "exempt", "grace", "tres"
TEXT, NAMES, NAME = "text", "names", "name"

# By the names that `set` takes in both versions; `format` takes them too.
_GROUP = {
    "GrpJobs": COUNT, "GrpJobsAccrue": COUNT, "GrpSubmitJobs": COUNT, "GrpWall": MINUTES,
    "GrpTRES": TRES, "GrpTRESMins": TRES, "GrpTRESRunMins": TRES,
    "MaxTRESPerJob": TRES, "MaxTRESPerNode": TRES, "MaxTRESMinsPerJob": TRES, "MaxWallDurationPerJob": MINUTES, "MinPrioThresh": COUNT,
}
QOS_LIMITS = {
    **_GROUP,
    "MaxJobsPerUser": COUNT, "MaxJobsPerAccount": COUNT, "MaxJobsAccruePerUser": COUNT, "MaxJobsAccruePerAccount": COUNT,
    "MaxSubmitJobsPerUser": COUNT, "MaxSubmitJobsPerAccount": COUNT,
    "MaxTRESPerUser": TRES, "MaxTRESPerAccount": TRES, "MaxTRESRunMinsPU": TRES, "MaxTRESRunMinsPA": TRES, "MinTRESPerJob": TRES,
    "GraceTime": GRACE, "PreemptExemptTime": EXEMPT, "UsageFactor": FACTOR, "UsageThreshold": FACTOR, "LimitFactor": FACTOR,
}
ACCOUNT_LIMITS = {**_GROUP, "MaxJobs": COUNT, "MaxJobsAccrue": COUNT, "MaxSubmitJobs": COUNT, "Priority": COUNT}
QOS = {"Description": TEXT, "Priority": COUNT, "Flags": NAMES, "Preempt": NAMES, **QOS_LIMITS}
ACCOUNT = {
    "Description": TEXT, "Organization": TEXT, "Parent": NAME, "Fairshare": COUNT, "QOS": NAMES, "DefaultQOS": NAME, **ACCOUNT_LIMITS,
}

# Other spellings that sacctmgr knows, and those of its headings.
_ALIASES = {
    "maxtres": "MaxTRESPerJob", "maxtrespj": "MaxTRESPerJob", "maxtrespn": "MaxTRESPerNode", "maxtrespu": "MaxTRESPerUser",
    "maxtrespa": "MaxTRESPerAccount", "maxtresmins": "MaxTRESMinsPerJob", "maxtresminspj": "MaxTRESMinsPerJob",
    "maxtresrunminsperuser": "MaxTRESRunMinsPU", "maxtresrunminsperaccount": "MaxTRESRunMinsPA", "mintres": "MinTRESPerJob",
    "maxwall": "MaxWallDurationPerJob", "maxwalldurationperjob": "MaxWallDurationPerJob", "grpsubmit": "GrpSubmitJobs",
    "maxsubmit": "MaxSubmitJobs", "maxjobspu": "MaxJobsPerUser", "maxjobspa": "MaxJobsPerAccount", "maxsubmitpu": "MaxSubmitJobsPerUser",
    "maxsubmitpa": "MaxSubmitJobsPerAccount", "maxsubmitjobspu": "MaxSubmitJobsPerUser", "maxsubmitjobspa": "MaxSubmitJobsPerAccount",
    "maxjobsaccruepu": "MaxJobsAccruePerUser", "maxjobsaccruepa": "MaxJobsAccruePerAccount", "minpriothreshold": "MinPrioThresh",
    "minpriothres": "MinPrioThresh",
}
# What sacctmgr shows of a value that is not set.
_UNSET = {"Priority": "0", "GraceTime": "00:00:00", "UsageFactor": "1"}
_LIFTED = ("-1", "omit")
_LIFTED_NUMBER = (*_LIFTED, "none", "unlimited", "infinite")
# Resources that are counted in MiB.
_MEMORY = re.compile(r"mem|bb/.*|gres/gpumem")
_UNITS = "KMGTP"


def canonical_name(name: str, known: Mapping[str, str]) -> str:
    """The one spelling of a limit's name. Raises ClusterwrightError for a name that `known` does not have."""
    spelled = _ALIASES.get(name.lower(), name)
    for candidate in known:
        if candidate.lower() == spelled.lower():
            return candidate
    raise ClusterwrightError(f"there is no limit {name}; these are: {', '.join(sorted(known))}")


def canonical(name: str, kind: str, value: object) -> str | dict[str, str]:
    """A value in its one spelling. Raises ClusterwrightError for what sacctmgr would not take."""
    text = str(value).strip()
    if isinstance(value, bool) or (not text and kind not in (NAMES, TEXT)):
        raise ClusterwrightError(f"{name} needs a value, or -1 to lift it")
    if text.lower() in {TEXT: (), NAME: _LIFTED, NAMES: _LIFTED}.get(kind, _LIFTED_NUMBER):
        return ""
    try:
        result = _READERS[kind](text)
    except ValueError:
        raise ClusterwrightError(f"{name} is {_WANTED[kind]}, or -1 to lift it, not {text}") from None
    return "" if result == _UNSET.get(name) else result


def observed(kinds: Mapping[str, str], values: Mapping[str, str]) -> Settings:
    """What sacctmgr printed, without what is not set. Raises ClusterwrightError for what it is not known to print."""
    try:
        read = {name: canonical(name, kinds[name], text) for name, text in values.items() if text}
    except ClusterwrightError as error:
        raise ClusterwrightError(f"sacctmgr shows a value that this module cannot read: {error}") from None
    return {name: value for name, value in read.items() if value}


def difference(kinds: Mapping[str, str], wanted: Settings, found: Settings) -> list[str]:
    """The arguments of `set` that make of `found` what is `wanted`; what `wanted` does not name stays."""
    arguments = []
    for name, value in wanted.items():
        old = found.get(name, {} if kinds[name] == TRES else "")
        if isinstance(old, dict):
            new = value if isinstance(value, dict) else dict.fromkeys(old, "")
            changed = {resource: amount for resource, amount in new.items() if amount != old.get(resource, "")}
            if changed:
                arguments.append(f"{name}=" + ",".join(f"{resource}={amount or -1}" for resource, amount in sorted(changed.items())))
        elif str(value).lower() != old.lower():
            arguments.append(f"{name}={_argument(kinds[name], name, str(value))}")
    return arguments


def merged(wanted: Settings, found: Settings) -> Settings:
    """What `found` becomes by `difference`."""
    result = dict(found)
    for name, value in wanted.items():
        if isinstance(value, dict):
            both = {**_dict(found.get(name)), **value}
            result[name] = {resource: amount for resource, amount in sorted(both.items()) if amount}
        else:
            result[name] = value
    return {name: value for name, value in result.items() if value}


def reverted(wanted: Settings, found: Settings) -> Settings:
    """What is to be wanted after `wanted` to have `found` again: what was not set is lifted."""
    return {
        name: {**dict.fromkeys(value, ""), **_dict(found.get(name))} if isinstance(value, dict) else found.get(name, "")
        for name, value in wanted.items()
    }


def _dict(value: str | dict[str, str] | None) -> dict[str, str]:
    return value if isinstance(value, dict) else {}


def printed(value: str | dict[str, str]) -> str:
    """A value as sacctmgr prints it."""
    return value if isinstance(value, str) else ",".join(f"{resource}={amount}" for resource, amount in value.items())


def _argument(kind: str, name: str, value: str) -> str:
    if not value:
        return {NAMES: "-1" if name == "Flags" else "", TEXT: ""}.get(kind, "-1")
    if kind == GRACE:       # shown as a time, but taken in seconds only
        return str(_seconds(value))
    return value


def _count(text: str) -> str:
    if text == "parent":    # of Fairshare: no shares of its own
        return text
    if not text.isdigit():
        raise ValueError
    return str(int(text))


def _factor(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise ValueError
    return f"{float(text):g}"


def _time(text: str) -> str:
    seconds = _seconds(text)
    return _shown(seconds)


def _minutes(text: str) -> str:
    return _shown(-(-_seconds(text) // 60) * 60)    # rounded up, as sacctmgr does


def _grace(text: str) -> str:
    return _shown(int(text)) if text.isdigit() else _time(text)


def _seconds(text: str) -> int:
    """Slurm's times: minutes, minutes:seconds, hours:minutes:seconds, days-hours and so on."""
    match = re.fullmatch(r"(?:(\d+)-(\d+)(?::(\d+)(?::(\d+))?)?|(\d+):(\d+):(\d+)|(\d+)(?::(\d+))?)", text)
    if not match:
        raise ValueError
    days, hours, minutes, seconds, h, m, s, only_minutes, only_seconds = (int(part or 0) for part in match.groups())
    return days * 86400 + (hours + h) * 3600 + (minutes + m + only_minutes) * 60 + seconds + s + only_seconds


def _shown(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{days}-{clock}" if days else clock


def _tres(text: str) -> dict[str, str]:
    found = {}
    for part in text.split(","):
        resource, equals, amount = part.strip().partition("=")
        if not equals or not resource:
            raise ValueError
        found[resource.lower()] = _amount(resource.lower(), amount)
    return dict(sorted(found.items()))


def _amount(resource: str, text: str) -> str:
    if text.lower() in _LIFTED_NUMBER:
        return ""
    match = re.fullmatch(r"(\d+)(\.50?)?([KMGTP]?)", text.upper())     # sacctmgr prints 1536M as 1.50G, but does not take that
    memory = bool(_MEMORY.fullmatch(resource))
    if not match or (memory and match[3] == "K"):   # it would take K for M
        raise ValueError
    base = _UNITS.index("M") if memory else -1
    halves = (2 * int(match[1]) + bool(match[2])) * 1024 ** (_UNITS.index(match[3]) - base if match[3] else 0)
    if halves % 2:
        raise ValueError
    number, unit = halves // 2, base
    while memory and number and number % 1024 == 0 and unit < len(_UNITS) - 1:
        number, unit = number // 1024, unit + 1
    return f"{number}{_UNITS[unit]}" if memory else str(number)


def _names(text: str) -> str:
    return ",".join(sorted({name.strip() for name in text.split(",") if name.strip()}, key=str.lower))


def _text(text: str) -> str:
    # sacctmgr keeps ASCII letters in lower case.
    return re.sub("[A-Z]+", lambda letters: letters[0].lower(), text)


_READERS: dict[str, Callable[[str], str | dict[str, str]]] = {
    COUNT: _count, FACTOR: _factor, MINUTES: _minutes, EXEMPT: _time, GRACE: _grace, TRES: _tres, TEXT: _text, NAMES: _names, NAME: str,
}
_WANTED = {
    COUNT: "a whole number from 0 on", FACTOR: "a number from 0 on", MINUTES: "a time such as 1-12:00:00 or a number of minutes",
    EXEMPT: "a time such as 00:30:00 or a number of minutes", GRACE: "a number of seconds",
    TRES: "a list such as cpu=64,mem=100G,gres/gpu=4", TEXT: "a text", NAMES: "a list of names", NAME: "a name",
}
