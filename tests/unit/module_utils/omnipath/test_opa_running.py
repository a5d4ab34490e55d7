"""What opasaquery prints, and where the fabric is not as the file."""

from __future__ import annotations

import copy
import time

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import edit, running, xml
from ansible_collections.clusterwright.hpc.tests.simulators import opafm

# Recorded: the first line of a real fabric's. The forms of the others are those of opasaquery(1) and of opa-ff's stl_sa.c.
VFABRICS = """Default:0:0xffff:0:unlimited:unlimited:0x0::
physics:1:0x8010:0:8192:unlimited:0x1::
with:colon:2:0x8011:3:8192:100g:0x3:5
"""
MEMBERS = """Device Group: physics LID: 0x00000007 Port: 1 PortGUID: 0x00117501a0000001 Node Description: knl01 hfi1_0
Device Group: All LID: 0x00000007 Port: 1 PortGUID: 0x00117501a0000001 Node Description: knl01 hfi1_0
"""
PORTS = [("0x00117501a0000380", "chem1 hfi1_0"), *((f"0x00117501a00000{n:02}", f"knl{n:02} hfi1_0") for n in range(1, 16))]


def answers(vfabrics, members, rc=0):
    return lambda argv: Result(rc, {"vfinfocsv": vfabrics, "dgmember": members}[argv[2]], "")


def test_records_are_read():
    fabric = running.observe(answers(VFABRICS, MEMBERS))
    assert fabric.vfabrics == {
        "Default": (0x7FFF, False, "unlimited", "unlimited"), "physics": (0x10, True, "8192", "unlimited"),
        "with:colon": (0x11, True, "8192", "100g")}
    assert fabric.ports["physics"] == [running.Port("0x00117501a0000001", "knl01 hfi1_0")]


def test_silence_is_no_empty_fabric():
    silent = running.observe(lambda _argv: Result(1, "", "opasaquery: Failed to open port hfi 0:0: Not Found"))
    assert silent.silent == "opasaquery: Failed to open port hfi 0:0: Not Found"
    assert running.observe(answers("No Records Returned\n", "")).silent == "No Records Returned"
    assert running.observe(lambda argv: Result(int(argv[2] == "dgmember"), VFABRICS, "no")).silent == "no"


def written(intent, text):
    return xml.read(edit.edit(intent, xml.read(text.encode(), "opafm.xml"), True).data, "opafm.xml")


def seen(data, ports=PORTS):
    text = data.decode()
    return running.observe(answers("\n".join(opafm.vfabrics(text)), "\n".join(opafm.dgmember(text, ports))))


def test_a_fabric_that_has_the_file_differs_in_nothing(intent, text):
    config = written(intent, text)
    fabric = seen(config.document.data)
    assert running.differences(config, fabric) == []
    assert running.absent(config, fabric) == ["knl16 hfi1_0"]


def test_each_difference_is_named(intent, text):
    config = written(intent, text)
    other = copy.deepcopy(intent)
    other["vfabrics"][0].update(pkey=0x12, mtu="4096", security=False)
    other["vfabrics"][1]["name"] = "biology"
    other["groups"][0]["descriptions"] = ["knl[02-16] hfi1_0", "chem1 hfi1_0"]
    assert running.differences(config, seen(written(other, text).document.data)) == [
        "vFabric chem is not in the fabric",
        "vFabric biology is in the fabric, and not in the file",
        "vFabric physics has P_Key 0x0012 instead of 0x0010",
        "vFabric physics has security off instead of on",
        "vFabric physics has MTU 4096 instead of 8192",
        "chem1 hfi1_0 (0x00117501a0000380) is in device group physics",
        "knl01 hfi1_0 (0x00117501a0000001) is not in device group physics",
    ]


def test_a_pattern_by_hand_is_matched_as_the_fabric_manager_does(intent, text):
    config = written(intent, text)
    by_hand = config.document.data.replace(b"<NodeDesc>knl[01-16] hfi1_0<", b"<NodeDesc>knl0* hfi1_0<")
    fabric = seen(config.document.data)
    assert running.differences(xml.read(by_hand, "opafm.xml"), fabric) == [
        f"knl{n} hfi1_0 (0x00117501a00000{n}) is in device group physics" for n in range(10, 16)]


def test_ten_thousand_ports_take_no_time(intent, text):
    intent["owned"] = [0x10, 0x7FFE]
    intent["groups"] = [{"name": f"t{n}", "guids": [], "descriptions": [f"r{n}n[01-50] hfi1_0"]} for n in range(200)]
    intent["vfabrics"] = [{**intent["vfabrics"][0], "name": f"t{n}", "pkey": 0x10 + n, "members": [f"t{n}"], "limited_members": []}
                          for n in range(200)]
    config = written(intent, text)
    members = {f"t{n}": [running.Port(f"{n * 50 + i:#018x}", f"r{n}n{i:02} hfi1_0") for i in range(1, 51)] for n in range(200)}
    records = {vfabric.name: (vfabric.pkey, vfabric.security, vfabric.mtu.lower(), "unlimited") for vfabric in config.vfabrics}
    began = time.monotonic()
    assert running.differences(config, running.Fabric(records, members)) == []
    assert time.monotonic() - began < 5, "0.05 s on an idle machine"


def test_a_node_that_takes_the_name_of_another_is_seen_where_guids_are_declared(intent, text):
    intent["groups"][0].update(guids=["0x00117501a0000001"], descriptions=[])
    config = written(intent, text)
    renamed = [("0x00117501a0000380", "knl01 hfi1_0"), ("0x00117501a0000001", "knl01 hfi1_0")]
    assert running.differences(config, seen(config.document.data, renamed)) == []
    by_name = copy.deepcopy(intent)
    by_name["groups"][0].update(guids=[], descriptions=["knl01 hfi1_0"])
    assert running.differences(config, seen(written(by_name, text).document.data, renamed)) == [
        "knl01 hfi1_0 (0x00117501a0000380) is in device group physics"]
