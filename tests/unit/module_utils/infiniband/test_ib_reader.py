"""The program that reads the ports, on a fabric in memory: answers come late, twice or never."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import reader


class Memory(reader.Fabric):
    """Ports by LID: GUID and P_Keys. `silent` LIDs never answer; the first answers to `lost` LIDs do not arrive."""

    def __init__(self, ports, silent=(), lost=()):
        self.ports, self.silent, self.lost = ports, {*silent}, [*lost]
        self.asked, self.pending, self.most, self.questions = 0, [], 0, []

    def _send(self, lid, attribute, modifier):
        self.asked += 1
        self.questions.append((lid, attribute, modifier))
        if lid in self.lost:
            self.lost.remove(lid)
        elif lid in self.ports and lid not in self.silent:
            self.pending.append((self.asked, self.reply(lid, attribute, modifier)))
        self.most = max(self.most, len(self.pending))
        return self.asked

    def _receive(self):
        if not self.pending:
            reader.time.sleep(reader.LATE)
            return 0, b""
        return self.pending.pop(0)

    def reply(self, lid, attribute, modifier):
        name, keys = self.ports[lid]
        if attribute == reader.NODE_INFO:
            return bytes((1, 1, 1, 1)) + bytes(16) + int(name, 16).to_bytes(8, "big") + struct.pack(">H", 64) + bytes(34)
        block = [*keys[32 * modifier:32 * modifier + 32], *[0] * 32][:32]
        return struct.pack(">32H", *block)


def name(number):
    return f"{number:#018x}"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(reader, "TIMEOUT", 20)
    monkeypatch.setattr(reader, "LATE", 0.002)


def talks(ports):
    return {guid: reader.port(guid, lid) for lid, (guid, _keys) in ports.items()}


def test_every_port_is_read_whatever_is_lost():
    ports = {lid: (name(lid), [0x7FFF, 0x8100 + lid, *range(1, 40)]) for lid in range(1, 101)}
    fabric = Memory(ports, silent=range(50, 60), lost=[3, 3, 7, 99])
    found = fabric.converse(talks(ports))
    assert [*found] and {guid for guid, port in found.items() if port is None} == {name(lid) for lid in range(50, 60)}
    assert all(found[name(lid)]["keys"] == ports[lid][1] for lid in ports if not 50 <= lid < 60)
    assert sum(lid == 50 for lid, *_question in fabric.questions) == reader.TRIES


def test_so_many_are_asked_at_once_and_each_for_one_thing(monkeypatch):
    monkeypatch.setattr(reader, "TIMEOUT", 10000)
    ports = {lid: (name(lid), [0xFFFF]) for lid in range(1, 101)}
    fabric = Memory(ports)
    fabric.converse(talks(ports))
    assert (fabric.most, fabric.asked) == (reader.AT_ONCE, 3 * len(ports))


def test_another_port_at_its_lid_is_not_it():
    assert Memory({1: (name(2), [])}).converse({name(1): reader.port(name(1), 1)}) == {name(1): None}


def test_it_waits_until_the_ports_hold_their_keys(tmp_path):
    (tmp_path / "guid2lid").write_text(f"{name(1)} 0x0001 0x0001\n\n")
    fabric = Memory({1: (name(1), [0x7FFF])})
    assert not reader.wait(fabric, str(tmp_path / "guid2lid"), 0.02, {name(1): [0x8101, 0x7FFF]})
    fabric.ports[1] = (name(1), [0x7FFF, 0x8101])
    assert reader.wait(fabric, str(tmp_path / "guid2lid"), 0.02, {name(1): [0x8101, 0x7FFF]})


@pytest.mark.parametrize(("sent", "over"), [
    ([1001, 1002, 1003, 1004, 1005], False),                # its answers to us alone
    ([1001, 1052, 1103, 1104], True),                       # a sweep, and its end
    ([1001, 1150, 1250, 1350, 1450], False),                # it goes on
    ([None, None, 1203, 1204], True),
])
def test_a_sweep_is_over_when_it_has_sent_enough_and_sends_no_more(monkeypatch, sent, over):
    looks = iter([*sent, *[sent[-1] + 100 * more for more in range(1, 1000)]])
    monkeypatch.setattr(reader, "manager", lambda _fabric: None if (count := next(looks)) is None else {"activity": count})
    monkeypatch.setattr(reader, "PAUSE", 0.001)
    assert reader.wait(Memory({}), "", 0.004 if not over else 5, {}, before=1000, least=90) is over
