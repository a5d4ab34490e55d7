# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From opafm.xml and what is declared to the new opafm.xml. What is not ours stays, byte for byte.

Ours is what stands between our marks in the device groups and vFabrics of the instance, a vFabric of a declared name, and with state exact
each enabled vFabric with a P_Key of ours. An element that means the same already stays as it is written, comments too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import descriptions, xml
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.document import Element, replace
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.intent import DeviceGroupIntent, VFabricIntent, VFabricsIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.xml import Config, Group, VFabric

DEFAULT = "Default"                 # the vFabric that has all nodes, as the fabric manager is delivered
MANAGERS = "AllMgmtAllowed"         # the device group of nodes where a fabric manager may run
FOR_TENANTS = "Tenant_QOS"          # the QOS group that opafmvf gives to tenants
Edit = tuple[int, int, bytes]
Devices = tuple[tuple[str, str], ...]


class Result(NamedTuple):
    """The new file; the vFabrics outside our marks that went, and whether Default was made limited."""

    data: bytes
    removed: list[VFabric]
    limits_default: bool


def edit(intent: VFabricsIntent, config: Config, exact: bool) -> Result:
    """The new file. Raises ClusterwrightError for what must not be."""
    _refuse_bad(intent, config)
    declared = {wish["name"]: wish for wish in intent["vfabrics"]}
    removed = [vfabric for vfabric in config.vfabrics if vfabric.name not in declared and exact and _owns(intent, vfabric)]
    stays = [vfabric for vfabric in config.vfabrics if vfabric.name not in declared and vfabric not in removed]
    _refuse_taken(declared, config, stays)
    edits: list[Edit] = [_cut(config, vfabric.element) for vfabric in config.vfabrics
                         if not vfabric.ours and (vfabric in removed or vfabric.name in declared)]
    vfabrics = _vfabrics(intent, config, exact, removed)
    needed = {name for vfabric in stays for name in (*vfabric.members, *vfabric.limited_members)}
    groups, edits_of_groups = _groups(intent, config, exact, needed)
    edits += edits_of_groups
    edits += _sections(config, {xml.GROUPS: groups, xml.VFABRICS: vfabrics})
    limits = _limit_default(config) if intent["default"] == "limited" and DEFAULT not in declared else []
    return Result(replace(config.document.data, [*edits, *limits]), [vfabric for vfabric in removed if not vfabric.ours], bool(limits))


# --- what must not be

def _refuse_bad(intent: VFabricsIntent, config: Config) -> None:
    named = {"vFabric": [wish["name"] for wish in intent["vfabrics"]], "device group": [wish["name"] for wish in intent["groups"]]}
    for kind, names in named.items():
        for name in names:
            if not name.strip() or name != name.strip() or len(name) > xml.LONGEST_NAME or names.count(name) > 1:
                raise ClusterwrightError(f"{kind} '{name}' is declared more than once, or is no name of 1 to {xml.LONGEST_NAME} characters")
    groups = {group["name"] for group in intent["groups"]} | config.groups.keys()
    for group in intent["groups"]:
        for pattern in group["descriptions"]:
            why = descriptions.problem(pattern)
            if why:
                raise ClusterwrightError(f"device group {group['name']}: '{pattern}' matches no node: {why}")
    first: dict[int, str] = {}
    for wish in intent["vfabrics"]:
        _refuse_bad_vfabric(wish, intent["owned"], groups, config)
        if first.setdefault(wish["pkey"], wish["name"]) != wish["name"]:
            raise ClusterwrightError(f"vFabric {wish['name']} has the P_Key {wish['pkey']:#06x} of {first[wish['pkey']]}, and their "
                                     "members could talk: give one of them another")


def _refuse_bad_vfabric(wish: VFabricIntent, owned: Sequence[int], groups: Iterable[str], config: Config) -> None:
    name = f"vFabric {wish['name']}"
    if not owned or not owned[0] <= wish["pkey"] <= owned[1] or wish["pkey"] == xml.ADMIN:
        own = f"{owned[0]:#06x}-{owned[1]:#06x}" if owned else "none"
        raise ClusterwrightError(f"{name} has the P_Key {wish['pkey']:#06x}, and ours are {own}: nothing was changed. Correct pkey, or the "
                                 "fabric's pkeys, in the cluster file")
    managing = sorted(app for app in wish["applications"] if config.selects(app) & {"SA", "PM"} or app == "PA")
    if managing:
        raise ClusterwrightError(f"{name} has the application {managing[0]}, which belongs to the vFabric with P_Key 0x7fff alone")
    strangers = [group for group in (*wish["members"], *wish["limited_members"]) if group not in groups]
    if strangers:
        raise ClusterwrightError(f"{name}: there is no device group {strangers[0]}")
    unknown = [app for app in wish["applications"] if app not in config.applications and config.applications]
    if unknown or not wish["applications"]:
        raise ClusterwrightError(f"{name}: {config.path} has no application {unknown[0] if unknown else 'for it'}; it has "
                                 f"{', '.join(config.applications)}")
    if not wish["members"] and not wish["limited_members"]:
        raise ClusterwrightError(f"{name} has no members, and the fabric manager refuses such a one")
    if wish["mtu"] not in xml.MTUS or wish["rate"] not in xml.RATES:
        raise ClusterwrightError(f"{name}: mtu is one of {', '.join(xml.MTUS)}, rate one of {', '.join(xml.RATES)}")


def _refuse_taken(declared: dict[str, VFabricIntent], config: Config, stays: Sequence[VFabric]) -> None:
    """No vFabric of somebody else has the name or the P_Key of one of ours."""
    owners = {vfabric.pkey: vfabric for vfabric in stays}
    for wish in declared.values():
        other, named = owners.get(wish["pkey"]), config.named(wish["name"])
        if other:
            raise ClusterwrightError(
                f"{config.path}, line {other.element.line}: {other} has the P_Key of {wish['name']}, and their members could talk: nothing "
                "was changed. Give one of them another P_Key, or remove it (state exact does)"
            )
        if named and not named.ours and (named.pkey == xml.ADMIN or named.pkey != wish["pkey"]):
            raise ClusterwrightError(
                f"{config.path}, line {named.element.line}: there is a vFabric {named} already, and it is not ours, for {wish['name']} "
                f"shall have {wish['pkey']:#06x}: nothing was changed. Rename one of them"
            )


def _owns(intent: VFabricsIntent, vfabric: VFabric) -> bool:
    owned = intent["owned"]
    return vfabric.pkey is not None and bool(owned) and owned[0] <= vfabric.pkey <= owned[1] and vfabric.pkey != xml.ADMIN


# --- vFabrics

def _vfabrics(intent: VFabricsIntent, config: Config, exact: bool, removed: Sequence[VFabric]) -> list[bytes]:
    """What stands between our marks: what stood there, in its order, then what is new."""
    declared = {wish["name"]: wish for wish in intent["vfabrics"]}
    made = []
    for vfabric in config.vfabrics:
        if vfabric.ours and vfabric.name in declared:
            lines = vfabric_lines(declared.pop(vfabric.name), config, vfabric, exact)
            made.append(_unless_same(config, vfabric, lines))
        elif vfabric.ours and vfabric not in removed:
            made.append(config.document.source(vfabric.element))
    made += [_join(config, vfabric_lines(wish, config, config.named(name), exact)) for name, wish in declared.items()]
    return made


def vfabric_lines(wish: VFabricIntent, config: Config, found: VFabric | None, exact: bool) -> list[str]:
    """A vFabric as it shall be; without `exact` it keeps the members that it has."""
    full, limited = list(wish["members"]), list(wish["limited_members"])
    if found and not exact:
        full = [*(name for name in found.members if name not in {*full, *limited}), *full]
        limited = [*(name for name in found.limited_members if name not in {*full, *limited}), *limited]
    qos = _qos_group(wish, config, found)
    return ["<VirtualFabric>", *_indented(
        ("Name", wish["name"]), ("Enable", "1"), ("PKey", f"{wish['pkey']:#06x}"), ("Security", str(int(wish["security"]))),
        *([("QOSGroup", qos)] if qos else []), *(("Member", name) for name in full), *(("LimitedMember", name) for name in limited),
        *(("Application", name) for name in wish["applications"]), ("MaxMTU", wish["mtu"]), ("MaxRate", wish["rate"]),
    ), "</VirtualFabric>"]


def _qos_group(wish: VFabricIntent, config: Config, found: VFabric | None) -> str:
    """Its QOS group. Where a fabric manager's file has enabled ones, each vFabric needs one; where it has none, none can have one."""
    known = config.qos_groups
    if wish["qos_group"]:
        if wish["qos_group"] not in known:
            raise ClusterwrightError(f"vFabric {wish['name']}: {config.path} has no enabled QOSGroup {wish['qos_group']}; it has "
                                     f"{', '.join(known) or 'none'}")
        return wish["qos_group"]
    if found and found.qos_group in known:
        return found.qos_group
    if not known or len(known) == 1:
        return known[0] if known else ""
    if FOR_TENANTS not in known:
        raise ClusterwrightError(f"vFabric {wish['name']} needs a QOSGroup, for {config.path} has {', '.join(known)}: say which, by the "
                                 "tenant's qos and the fabric's qos levels, in the cluster file")
    return FOR_TENANTS


def _unless_same(config: Config, vfabric: VFabric, lines: list[str]) -> bytes:
    made = _join(config, lines)
    same = _read_back(made).meaning == vfabric.meaning
    return config.document.source(vfabric.element) if same else made


def _read_back(made: bytes) -> VFabric:
    text = b"<Config><Fm><VirtualFabrics>" + made + b"</VirtualFabrics></Fm></Config>"
    return xml.read(text, "the new vFabric").vfabrics[0]


# --- device groups

def _groups(intent: VFabricsIntent, config: Config, exact: bool, needed: set[str]) -> tuple[list[bytes], list[Edit]]:
    declared = {wish["name"]: wish for wish in intent["groups"]}
    needed |= {name for group in config.groups.values() if not group.ours for name in group.values("IncludeGroup")}
    made: list[bytes] = []
    for group in config.groups.values():
        if not group.ours:
            continue
        if group.name in declared:
            devices = _devices(declared.pop(group.name), group, exact)
            same = set(devices) == set(group.devices)
            made.append(config.document.source(group.element) if same else _join(config, _group_lines(group.name, devices)))
        elif not exact or group.name in needed:
            made.append(config.document.source(group.element))
    edits = [_cut(config, config.groups[name].element) for name in declared if name in config.groups]
    made += [_join(config, _group_lines(name, _devices(wish, config.groups.get(name), exact))) for name, wish in declared.items()]
    return made, edits


def _devices(wish: DeviceGroupIntent, found: Group | None, exact: bool) -> Devices:
    guids, patterns = list(wish["guids"]), list(wish["descriptions"])
    rest: list[tuple[str, str]] = []
    if found and not exact:
        kept = [text for pattern in found.values("NodeDesc") for text in descriptions.expand(pattern)]
        here = [text for pattern in patterns for text in descriptions.expand(pattern)]
        if not {*here} >= {*kept}:
            patterns = descriptions.fold([*kept, *here])
        guids = [*found.values("PortGUID"), *guids]
        rest = [device for device in found.devices if device[0] not in ("PortGUID", "NodeDesc")]
    return tuple(dict.fromkeys([*(("PortGUID", guid) for guid in guids), *(("NodeDesc", text) for text in patterns), *rest]))


def _group_lines(name: str, devices: Devices) -> list[str]:
    return ["<DeviceGroup>", *_indented(("Name", name), *devices), "</DeviceGroup>"]


# --- Default

def _limit_default(config: Config) -> list[Edit]:
    """Makes the nodes limited members of the vFabric Default, where any two of them could talk: the elements that say so, no others."""
    found, document = config.named(DEFAULT), config.document
    if not found or found.ours or not xml.is_open(config, found):
        return []
    edits: list[Edit] = []
    security = [*found.element.all("Security")]
    edits += [(child.start, child.end, b"<Security>1</Security>") for child in security]
    wide = [child for child in found.element.all("Member") if config.is_wide(child.text.strip())]
    for child in wide:
        name = escape(child.text.strip())
        edits.append((child.start, child.end, f"<LimitedMember>{name}</LimitedMember>".encode()))
    added = [] if security else [b"<Security>1</Security>"]
    if MANAGERS in config.groups and MANAGERS not in found.members:
        added.append(f"<Member>{MANAGERS}</Member>".encode())
    first = next(found.element.all("Name"))
    lines = b"".join(document.newline + document.indent(first.start) + line for line in added)
    return [*edits, *([(first.end, first.end, lines)] if lines else [])]


# --- bytes

def _indented(*pairs: tuple[str, str]) -> list[str]:
    return [f"  <{tag}>{escape(text)}</{tag}>" for tag, text in pairs]


def _join(config: Config, lines: Iterable[str]) -> bytes:
    return (config.document.newline + b"    ").join(line.encode() for line in lines)


def _cut(config: Config, element: Element) -> Edit:
    """Removes an element, with its lines where it has them for itself."""
    document = config.document
    start, end = element.start - len(document.indent(element.start)), element.end
    alone = start == 0 or document.data[start - 1:start] == b"\n"
    if alone and document.data[end:].startswith(document.newline):
        return start, end + len(document.newline), b""
    return element.start, end, b""


def _sections(config: Config, wanted: dict[str, list[bytes]]) -> list[Edit]:
    """Puts what is wanted between our marks, or where a section has none, at its end, or where there is no section, at the instance's."""
    document, edits, missing = config.document, [], b""
    line = document.newline
    for tag, items in wanted.items():
        text = b"".join(b"    " + item + line for item in items)
        block = b"    <!-- " + xml.BEGIN.encode() + b" -->" + line + text + b"    <!-- " + xml.END.encode() + b" -->" + line
        section, marks = config.instance.find(tag), config.marks.get(tag)
        if marks:
            start, end = marks[0].end, marks[1].start
            inside = line + text + b"    "
            if [*_sources(config, tag)] != items:
                edits.append((start, end, inside))
        elif items and section and section.close != section.start:
            at = section.close - len(document.indent(section.close))
            edits.append((at, at, block if at != section.close else line + block))
        elif items and section:
            edits.append((section.start, section.end, f"<{tag}>".encode() + line + block + f"  </{tag}>".encode()))
        elif items:
            missing += f"  <{tag}>".encode() + line + block + f"  </{tag}>".encode() + line
    if missing:
        later = config.instance.find(xml.VFABRICS)      # which names device groups, so they stand before it
        at = (later.start - len(document.indent(later.start))) if later else \
            config.instance.close - len(document.indent(config.instance.close))
        edits.append((at, at, missing))
    return edits


def _sources(config: Config, tag: str) -> Iterable[bytes]:
    """What stands between our marks now."""
    found: Iterable[Group | VFabric] = config.groups.values() if tag == xml.GROUPS else config.vfabrics
    return (config.document.source(item.element) for item in found if item.ours)
