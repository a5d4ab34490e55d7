# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema of the cluster file, and its verdicts in an administrator's words.

The published schema is the one that runs: ``cluster.schema.json`` beside this file. Editors complete by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .problems import did_you_mean
from .source import Source, Trail

SCHEMA_FILE = Path(__file__).with_name("cluster.schema.json")


def validate(source: Source) -> None:
    """Note every breach of the schema in ``source.problems`` and take the offending items out of ``source.data``.

    What remains has the schema's shape, so that the cross-checks can still say what is wrong with the rest.
    """
    from jsonschema import Draft202012Validator, ValidationError, validators  # noqa: PLC0415 (100 ms; the caller says when it is missing)

    def pattern(_validator: Any, wanted: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
        # Python's $ also matches before a final line break, and its \d takes digits of all scripts; a schema's do not.
        if isinstance(value, str) and not re.search(re.sub(r"\$\Z", r"\\Z", wanted), value, re.ASCII):
            yield ValidationError(f"{value!r} does not match {wanted!r}")

    # 10.0 is an integer to JSON Schema; to the code it is a float, and a VLAN is none.
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _checker, value: type(value) is int)
    validator = validators.extend(Draft202012Validator, {"pattern": pattern}, type_checker=types)
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    breaches = [found for error in validator(schema).iter_errors(source.data) for found in _explain(error)]
    unreadable = {problem.mark for problem in source.problems}      # such an item is empty, which is no second problem
    for trail, message in breaches:
        if source.mark(trail) not in unreadable:
            source.error(trail, message)
    for trail in sorted((trail for trail, _message in breaches if trail), key=len, reverse=True):
        _take_out(source.data, trail)


def _take_out(data: Any, trail: Trail) -> None:
    *around, last = trail
    for part in around:
        data = data[part] if isinstance(data, list) or part in data else {}
        if not isinstance(data, (dict, list)):
            return
    if isinstance(data, list):
        data[last] = None       # the places of the others stay what they are
    else:
        data.pop(last, None)


def _explain(error: Any) -> Iterator[tuple[Trail, str]]:
    """One error of jsonschema as (where, what); an object with three unknown keys has three."""
    trail: Trail = tuple(error.absolute_path)
    label = _label(trail)
    schema, value = error.schema, error.instance
    if error.validator == "additionalProperties":
        known = schema.get("properties", {})
        for key in sorted(set(value) - set(known)):
            yield (*trail, key), f"unknown key '{key}'{_within(label)}{did_you_mean(key, known)}"
    elif error.validator == "required":
        missing = next(key for key in error.validator_value if key not in value and f"'{key}'" in error.message)
        yield trail, f"'{missing}' is missing{_within(label)}"
    elif "propertyNames" in error.absolute_schema_path:
        yield (*trail, value), f"'{value}' is not {schema.get('title', 'a name that can be used here')}"
    elif error.validator == "enum":
        choices = error.validator_value
        words = isinstance(choices[0], str) and isinstance(value, str)
        hint = did_you_mean(value, choices) if words else f"; there is {', '.join(map(str, choices))}"
        yield trail, f"{label}: {_show(value)} is unknown{hint}"
    elif "title" in schema and trail:
        yield trail, f"{label}: {_show(value)} is not {schema['title']}"
    elif error.validator == "type":
        kinds = {"object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number", "boolean": "true or false"}
        wanted = error.validator_value if isinstance(error.validator_value, str) else error.validator_value[0]
        yield trail, f"{label}: {_show(value)} is not {kinds.get(wanted, wanted)}"
    elif error.validator == "const":
        yield trail, f"{label} must be {error.validator_value}"
    elif error.validator in ("minLength", "minProperties", "minItems"):
        yield trail, f"{label} is empty"
    elif error.validator == "uniqueItems":
        yield trail, f"{label} names something twice"
    else:
        yield trail, f"{label}: {error.message[:120]}"


def _label(trail: Trail) -> str:
    """The trail as a reader writes it: ``nodes.cn[1-4].interfaces.eth0``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in trail).lstrip(".")


def _within(label: str) -> str:
    return f" in {label}" if label else ""


def _show(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value[:60]}'" if isinstance(value, str) else str(value)
