# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""opafm.xml as the fabric manager understands it, and what it understands otherwise than a person would.

A fabric manager's instance has the device groups, QOS groups, applications and vFabrics of `Common` and those of its `Fm`. Sources: opa-fm
10.10.3 (fm_xml.c, fm_xml.h, ixml.c) and its opafm.xml; what `config_check` 10.10.3 was seen to pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import descriptions
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.document import Comment, Document, Element, parse

ADMIN = 0x7FFF
LONGEST_NAME = 64
UNLIMITED = "Unlimited"
MTUS = ("2048", "4096", "8192", "10240", UNLIMITED)
RATES = ("25g", "50g", "75g", "100g", UNLIMITED)
MOST = {"vFabrics": 1000, "device groups": 1024}        # of one instance, those of Common among them
BEGIN = "BEGIN clusterwright.hpc: opa_vfabrics writes what stands between these lines"
END = "END clusterwright.hpc"

GROUPS, VFABRICS = "DeviceGroups", "VirtualFabrics"
GUID_TAGS = ("PortGUID", "NodeGUID", "SystemImageGUID")
DEVICE_TAGS = (*GUID_TAGS, "NodeDesc", "IncludeGroup", "NodeType", "Select")
EXPLICIT_QOS = ("QOS", "BaseSL", "RespSL", "MulticastSL", "FlowControlDisable", "Bandwidth", "HighPriority", "PktLifeTimeMult",
                "PreemptRank", "HoqLife", "HoqLife_Int")
_KEY = re.compile(r"\s*(?:0[xX])?([0-9a-fA-F]{1,8})\s*")


@dataclass(frozen=True)
class Group:
    """A device group; `devices` are (tag, value), GUIDs as 0x and 16 digits."""

    name: str
    devices: tuple[tuple[str, str], ...]
    element: Element
    ours: bool

    def values(self, *tags: str) -> list[str]:
        """What its tags of these kinds say."""
        return [value for tag, value in self.devices if tag in tags]


@dataclass(frozen=True)
class VFabric:
    """A vFabric that is enabled; a disabled one does not exist for the fabric manager. `explicit_qos`: (tag, value), the older way."""

    name: str
    standby: bool
    pkey: int | None
    security: bool
    members: tuple[str, ...]
    limited_members: tuple[str, ...]
    applications: tuple[str, ...]
    mtu: str
    rate: str
    qos_group: str
    explicit_qos: tuple[tuple[str, str], ...]
    element: Element
    ours: bool

    def __str__(self) -> str:
        return f"{self.name} ({self.pkey:#06x})" if self.pkey is not None else self.name

    @property
    def meaning(self) -> tuple[object, ...]:
        """All that makes it differ from another, whatever the order."""
        return (self.name, self.standby, self.pkey, self.security, frozenset(self.members), frozenset(self.limited_members),
                frozenset(self.applications), self.mtu, self.rate, self.qos_group, frozenset(self.explicit_qos))

    def membership(self, group: str) -> str:
        """What a device group is in it: full, limited, or nothing."""
        if group in self.members:
            return "full"
        return ("limited" if self.security else "full") if group in self.limited_members else ""


@dataclass(frozen=True)
class Config:
    """What one instance of the fabric manager reads from a file. `marks`: our marks by section, where it has them."""

    path: str
    document: Document
    common: Element | None
    instance: Element
    groups: dict[str, Group]
    vfabrics: list[VFabric]
    qos_groups: list[str]
    applications: dict[str, tuple[list[str], list[str]]]
    marks: dict[str, tuple[Comment, Comment]]

    def named(self, name: str) -> VFabric | None:
        """The vFabric of this name."""
        return next((vfabric for vfabric in self.vfabrics if vfabric.name == name), None)

    def selects(self, application: str, seen: frozenset[str] = frozenset()) -> set[str]:
        """What an application selects, with all that it includes: SA, PM, UnmatchedServiceID, UnmatchedMGID."""
        selects, includes = self.applications.get(application, ([], []))
        more = [self.selects(name, seen | {application}) for name in includes if name not in seen | {application}]
        return {*selects}.union(*more)

    def is_wide(self, group: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a device group has all fabric interfaces, by itself or by what it includes."""
        found = self.groups.get(group)
        if not found or group in seen:
            return False
        kinds = {value.lower() for value in found.values("Select", "NodeType")}
        return bool(kinds & {"all", "fi"}) or any(self.is_wide(name, seen | {group}) for name in found.values("IncludeGroup"))


def read(data: bytes, path: str, instance: str = "") -> Config:
    """Reads a file for one instance: that of this name, or the first. Raises ClusterwrightError for what is no such file."""
    document = parse(data, path)
    if document.root.tag != "Config":
        raise ClusterwrightError(f"{path}: it begins with <{document.root.tag}> and not with <Config>: this is no opafm.xml")
    common, chosen = document.root.find("Common"), _instance(document, path, instance)
    around = [element for element in (common, chosen) if element]
    marks = {tag: found for tag in (GROUPS, VFABRICS) if (found := _marks(document, chosen, tag, path))}
    groups: dict[str, Group] = {}
    for element, ours in _each(around, GROUPS, "DeviceGroup", marks):
        group = _group(element, ours)
        if group.name in groups:
            raise ClusterwrightError(f"{path}, line {element.line}: a second DeviceGroup {group.name}, the first is in line "
                                     f"{groups[group.name].element.line}: nothing was changed. Remove one of them")
        groups[group.name] = group
    return Config(
        path, document, common, chosen, groups,
        [_vfabric(element, ours) for element, ours in _each(around, VFABRICS, "VirtualFabric", marks) if _flag(element, "Enable")],
        [_text(element, "Name") for element, _ours in _each(around, "QOSGroups", "QOSGroup", {}) if _flag(element, "Enable")],
        {_text(element, "Name"): (element.texts("Select"), element.texts("IncludeApplication"))
         for element, _ours in _each(around, "Applications", "Application", {})},
        marks,
    )


def _instance(document: Document, path: str, name: str) -> Element:
    found = {_text(shared, "Name") if (shared := element.find("Shared")) else "": element for element in document.root.all("Fm")}
    if not found:
        raise ClusterwrightError(f"{path} has no <Fm>: the fabric manager would have no instance to run")
    if name and name not in found:
        raise ClusterwrightError(f"{path} has no instance {name}: it has {', '.join(found)}")
    return found[name] if name else next(document.root.all("Fm"))


def _marks(document: Document, instance: Element, section: str, path: str) -> tuple[Comment, Comment] | None:
    spans = [(element.start, element.end) for element in instance.all(section)]
    inside = [comment for comment in document.comments if any(start < comment.start < end for start, end in spans)]
    begins = [comment for comment in inside if comment.text == BEGIN]
    ends = [comment for comment in inside if comment.text == END]
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or begins[0].start > ends[0].start:
        raise ClusterwrightError(f"{path}: the marks of clusterwright.hpc in <{section}> are not one pair any more: nothing was changed. "
                                 f"Put back '<!-- {BEGIN} -->' and '<!-- {END} -->', or remove both with what stands between them")
    return begins[0], ends[0]


def _each(
    around: Sequence[Element], section: str, tag: str, marks: Mapping[str, tuple[Comment, Comment]],
) -> Iterator[tuple[Element, bool]]:
    begin, end = marks.get(section, (None, None))
    for holder in around:
        for found in holder.all(section):
            for element in found.all(tag):
                yield element, bool(begin and end and begin.start < element.start < end.start)


def _group(element: Element, ours: bool) -> Group:
    devices = [(child.tag, _device(child.tag, child.text.strip())) for child in element.children if child.tag in DEVICE_TAGS]
    return Group(_text(element, "Name"), tuple(dict.fromkeys(devices)), element, ours)


def _device(tag: str, text: str) -> str:
    if tag not in GUID_TAGS:
        return text
    try:
        return f"{int(text, 16):#018x}"
    except ValueError:
        return text


def _vfabric(element: Element, ours: bool) -> VFabric:
    return VFabric(
        _text(element, "Name"), _flag(element, "Standby"), _key(_text(element, "PKey")), _flag(element, "Security"),
        tuple(dict.fromkeys(element.texts("Member"))), tuple(dict.fromkeys(element.texts("LimitedMember"))),
        tuple(dict.fromkeys(element.texts("Application"))), _limit(element, "MaxMTU"), _limit(element, "MaxRate"),
        _text(element, "QOSGroup"), tuple((child.tag, child.text.strip()) for child in element.children if child.tag in EXPLICIT_QOS),
        element, ours,
    )


def _text(element: Element, tag: str) -> str:
    """What the last child of this tag says; names keep their blanks, which the fabric manager does not trim either."""
    found = [child.text for child in element.all(tag)]
    return found[-1] if found else ""


def _flag(element: Element, tag: str) -> bool:
    text = _text(element, tag).strip()
    try:
        return bool(int(text, 8 if re.fullmatch(r"0[0-7]+", text) else 0))
    except ValueError:
        return False


def _key(text: str) -> int | None:
    found = _KEY.fullmatch(text)        # 10 is 16, too: always hexadecimal
    return int(found[1], 16) if found else None


def _limit(element: Element, tag: str) -> str:
    text = _text(element, tag).strip().lower()
    return UNLIMITED if text in ("", "unlimited") else text


# --- what config_check passes

def mistakes(config: Config) -> list[tuple[int, str]]:
    """What the fabric manager takes otherwise than it is meant, and config_check passes: (line, what is wrong and what helps)."""
    found = []
    for group in config.groups.values():
        for child in group.element.all("NodeDesc"):
            why = descriptions.problem(child.text.strip())
            if why:
                found.append((child.line, f"NodeDesc {child.text.strip()} of DeviceGroup {group.name} matches no node: {why}"))
        if group.name != group.name.strip():
            found.append((group.element.line, f"the name of DeviceGroup '{group.name}' has blanks at an end, and nothing else can name it"))
    for element in [group.element for group in config.groups.values()] + [vfabric.element for vfabric in config.vfabrics]:
        name = _text(element, "Name")
        if len(name) > LONGEST_NAME:
            found.append((element.line, f"the name {name} has more than {LONGEST_NAME} characters, and is cut there"))
    for what, count in (("vFabrics", len(config.vfabrics)), ("device groups", len(config.groups))):
        if count > MOST[what]:
            found.append((config.instance.line, f"it has {count} {what}, and a fabric manager takes {MOST[what]}"))
    found += [(second.element.line, f"{second} has the P_Key of {first.name} (line {first.element.line}): their members can talk")
              for first, second in shared_keys(config) if first.ours or second.ours]
    return sorted(found)


def findings(config: Config) -> list[tuple[int, str]]:
    """What may be meant, and deserves a look: (line, text)."""
    found = [(second.element.line, f"{second} has the P_Key of {first.name} (line {first.element.line})")
             for first, second in shared_keys(config) if not (first.ours or second.ours)]
    found += [(vfabric.element.line, f"{vfabric} has limited members, which Security 0 makes full ones")
              for vfabric in config.vfabrics if vfabric.limited_members and not vfabric.security]
    found += [(vfabric.element.line, f"{vfabric} has full members on all nodes: whoever can use it reaches every other, tenant or not")
              for vfabric in config.vfabrics if not vfabric.ours and is_open(config, vfabric)]
    return sorted(found)


def is_open(config: Config, vfabric: VFabric) -> bool:
    """Whether any two nodes can talk in a vFabric."""
    full = [*vfabric.members, *(() if vfabric.security else vfabric.limited_members)]
    return not vfabric.standby and vfabric.pkey != ADMIN and any(config.is_wide(group) for group in full)


def shared_keys(config: Config) -> list[tuple[VFabric, VFabric]]:
    """Pairs of vFabrics with one P_Key."""
    first: dict[int, VFabric] = {}
    return [(first[vfabric.pkey], vfabric) for vfabric in config.vfabrics
            if vfabric.pkey is not None and first.setdefault(vfabric.pkey, vfabric) is not vfabric]


def admins(config: Config) -> list[VFabric]:
    """The vFabrics that are what each fabric needs one of: P_Key 0x7fff, with the application SA."""
    return [vfabric for vfabric in config.vfabrics if vfabric.pkey == ADMIN and not vfabric.standby
            and any("SA" in config.selects(name) for name in vfabric.applications)]
