"""Each thing that can be wrong with a good file: it is the only problem, at its line, in these words."""

from __future__ import annotations

import pytest

GOOD = """\
plugin: clusterwright.hpc.cluster
name: good
domain: good.example
networks:
  admin:
    vlan: 10
    subnet: 10.10.0.0/24
    gateway: 10.10.0.1
  bmc: {vlan: 11, subnet: 10.11.0.0/24}
  storage: {subnet: 10.12.0.0/24, mtu: 9000}
fabrics:
  ib0: {kind: infiniband, managers: head1, pkeys: 0x0100-0x0103}
hardware:
  knl: {sockets: 1, cores_per_socket: 64, threads_per_core: 4, cpus: 256, memory: 15 GiB}
nodes:
  head1:
    roles: [slurm_controller, subnet_manager]
    interfaces:
      eth0: {network: admin, address: 10.10.0.11, mac: 02:00:00:00:00:01}
      bmc: {network: bmc, address: 10.11.0.11}
      ib0: {fabric: ib0, guid: 0x0002c9030000ff01}
  cn[1-4]:
    hardware: knl
    roles: [slurm_compute]
    rack: r[1-2]
    interfaces:
      eth0: {network: admin, address: 10.10.0.21}
      bmc: {network: bmc, address: 10.11.0.21}
      eth1: {network: storage, address: 10.12.0.21, mtu: 9000}
      ib0: {fabric: ib0}
    table: cn.csv
switches:
  leaf[1-2]: {platform: comware, address: 10.10.0.101, uplinks: ["Te[49-52]"]}
cabling:
  - {nodes: "cn[1-2]", interface: eth0, switch: leaf1, ports: "Te[1-2]"}
  - {nodes: "cn[3-4]", interface: eth0, switch: "leaf[1-2]", ports: Te3}
tenants:
  cfd:
    nodes: cn[1-2]
    vlan: 301
    subnet: 10.31.0.0/24
    pkey: 0x0101
    reaches: [storage]
  bio:
    nodes: cn[3-4]
    vlan: 302
    subnet: 10.32.0.0/24
    pkey: 0x0102
    reaches: [cfd]
slurm:
  partitions:
    short: {nodes: "cn[1-2]", default: true, max_time: 12:00:00}
    all: {nodes: "cn[1-4]"}
  power_saving: {suspend_time: 10m, exclude: cn1}
"""

TABLE = """\
name,mac,bmc_mac,guid,serial
cn1,02:00:00:00:01:01,02:00:00:00:02:01,0x0002c90300000001,K1
cn2,02:00:00:00:01:02,02:00:00:00:02:02,0x0002c90300000002,K2
cn3,02:00:00:00:01:03,02:00:00:00:02:03,0x0002c90300000003,K3
cn4,02:00:00:00:01:04,02:00:00:00:02:04,0x0002c90300000004,K4
"""


def line_of(text, part):
    numbers = [number for number, line in enumerate(text.splitlines(), 1) if part in line]
    assert len(numbers) == 1, f"'{part}' stands in {len(numbers)} lines"
    return numbers[0]


def test_the_good_file_is_good(folder):
    assert folder.problems(GOOD, cn_csv=TABLE) == []


# (what is replaced, by what, a part of the line that is to blame, a part of the message)
MISTAKES = [
    # names
    ("switches:\n", "  cn[2-3]: {}\nswitches:\n", "  cn[2-3]:", "cn[2-3] stands in 'cn[1-4]' already"),
    ("  leaf[1-2]: {", "  leaf[1-2],cn4: {", "leaf[1-2],cn4", "cn4 stands in 'cn[1-4]' already"),
    ("  cn[1-4]:\n", "  cn[1-4:\n", "  cn[1-4:", "'cn[1-4' is not a NodeSet"),
    ("  cn[1-4]:\n", "  cn[4-1]:\n", "  cn[4-1]:", "runs backwards"),
    ("  cn[1-4]:\n", "  cn_[1-4]:\n", "  cn_[1-4]:", "does not name hosts"),
    ("  leaf[1-2]: {", "  leaf_[1-2]: {", "leaf_[1-2]", "does not name hosts"),
    ("switches:\n", "switches:\n  switches: {platform: eos, address: 10.10.0.99}\n", "  switches:", "a host cannot be called 'switches'"),
    ("switches:\n", "switches:\n  leaf-1-2: {platform: eos, address: 10.10.0.99}\n", "leaf[1-2]:",
     "'leaf[1-2]' and 'leaf-1-2' would both be the group nodeset_leaf_1_2"),
    ("  ib0: {kind", "  ib0: {kind: omnipath, pkeys: 0x0100-0x01ff}\n  ib0: {kind", "kind: infiniband", "'ib0' stands here twice"),
    ("hardware:\n", "hardware:\n  k-1: {sockets: 1, cores_per_socket: 1}\n  k_1: {sockets: 1, cores_per_socket: 1}\n", "k_1",
     "'k_1' and 'k-1' would both be the group hardware_k_1"),
    ("    rack: r[1-2]", "    rack: r[1-9]", "rack:", "4 nodes cannot be spread over 9 racks"),
    ("    rack: r[1-2]", "    rack: r[1-2", "rack:", "is not a NodeSet"),
    ("      eth1: {network", "      eth.1: {network: storage, address: 10.12.0.41}\n      eth-1: {network", "eth-1:",
     "would both be the variables eth_1_"),
    # addresses
    ("address: 10.10.0.11,", "address: 10.10.0.22,", "address: 10.10.0.21}", "10.10.0.22 belongs to cn[1-4] eth0 and to head1 eth0"),
    ("address: 10.11.0.11}", "address: 10.11.0.24}", "address: 10.11.0.21", "10.11.0.24 belongs to cn[1-4] bmc and to head1 bmc"),
    ("address: 10.10.0.11,", "address: 10.10.0.1,", "address: 10.10.0.1,", "10.10.0.1 belongs to head1 eth0 and to the gateway of admin"),
    ("address: 10.10.0.101", "address: 10.10.0.10", "leaf[1-2]: {", "10.10.0.11 belongs to switch leaf2 and to head1 eth0"),
    ("address: 10.10.0.11,", "address: 10.11.0.99,", "10.11.0.99", "10.11.0.99 is no host address in admin (10.10.0.0/24)"),
    ("address: 10.10.0.11,", "address: 10.10.0.0,", "10.10.0.0,", "10.10.0.0 is no host address in admin"),
    ("address: 10.10.0.11,", "address: 10.10.0.255,", "10.10.0.255", "10.10.0.255 is no host address in admin"),
    ("address: 10.10.0.11,", "address: 10.10.0.256,", "10.10.0.256", "'10.10.0.256' is not an IPv4 address"),
    ("tenants:\n", "outlets: {ibsw: {driver: snmp, address: 10.1.0.300}}\ntenants:\n", "10.1.0.300", "'10.1.0.300' is not an IPv4 address"),
    ("address: 10.10.0.21}", "address: 10.10.0.252}", "10.10.0.252",
     "4 addresses from 10.10.0.252 on run past the end of admin (10.10.0.0/24): only 3 fit"),
    ("gateway: 10.10.0.1\n", "gateway: 10.9.0.1\n", "gateway: 10.9.0.1", "the gateway 10.9.0.1 is no host address in 10.10.0.0/24"),
    ("gateway: 10.10.0.1\n", "gateway: 10.10.0.255\n", "gateway:", "the gateway 10.10.0.255 is no host address"),
    ("eth0: {network: admin, address: 10.10.0.11,", "eth0: {network: admin,", "  head1:",
     "head1 has roles but no interface with an address"),
    # networks
    ("10.11.0.0/24", "10.11.0.1/24", "10.11.0.1/24", "'10.11.0.1/24' is not an IPv4 subnet; the subnet is 10.11.0.0/24"),
    ("10.11.0.0/24", "10.11.0.0/33", "10.11.0.0/33", "is not an IPv4 subnet"),
    ("10.31.0.0/24", "10.10.0.0/25", "10.10.0.0/25", "10.10.0.0/25 of cfd overlaps 10.10.0.0/24 of admin"),
    ("{subnet: 10.12.0.0/24", "{subnet: 10.12.0.0/8", "10.12.0.0/8", "is not an IPv4 subnet; the subnet is 10.0.0.0/8"),
    ("  bmc: {vlan: 11,", "  bmc: {vlan: 10,", "bmc: {vlan: 10", "VLAN 10 is admin's already; the next free one is 303"),
    ("    vlan: 302", "    vlan: 301", None, "VLAN 301 is cfd's already; the next free one is 302"),
    ("    vlan: 302", "    vlan: 10", None, "VLAN 10 is admin's already; the next free one is 302"),
    ("    vlan: 302\n", "", "  bio:", "tenant bio has a subnet but no vlan; the next free one is 302"),
    ("mtu: 9000}\n      ib0", "mtu: 9001}\n      ib0", "mtu: 9001", "an MTU of 9001 is larger than 9000, the MTU of storage"),
    ("address: 10.10.0.21}", "address: 10.10.0.21, mtu: 1501}", "mtu: 1501", "an MTU of 1501 is larger than 1500, the MTU of admin"),
    ("eth0: {network: admin, address: 10.10.0.21}", "eth0: {network: adnim, address: 10.10.0.21}", "adnim",
     "no network 'adnim'; did you mean 'admin'?"),
    ("eth1: {network: storage,", "eth1: {", "eth1:", "eth1 needs one of network and fabric"),
    ("ib0: {fabric: ib0}", "ib0: {fabric: ib0, network: admin}", "ib0: {fabric: ib0, network", "ib0 needs one of network and fabric"),
    # identities
    ("mac: 02:00:00:00:00:01", "mac: 02:00:00:00:01:03", ("cn.csv", 4), "the MAC 02:00:00:00:01:03 belongs to cn3 eth0 and to head1 eth0"),
    ("guid: 0x0002c9030000ff01", "guid: 0002C90300000004", ("cn.csv", 5),
     "the GUID 0x0002c90300000004 belongs to cn4 ib0 and to head1 ib0"),
    ("guid: 0x0002c9030000ff01", "guid: 2903000053420123", "2903000053420123", "write 0x and all 16 digits"),
    ("guid: 0x0002c9030000ff01", 'guid: "0"', "guid:", "is not a GUID"),
    ("address: 10.10.0.21}", "address: 10.10.0.21, mac: 02:00:00:00:09:09}", "02:00:00:00:09:09",
     "one mac for 4 nodes: put them in a table (column eth0_mac)"),
    # hardware
    ("hardware: knl\n", "hardware: kln\n", "hardware: kln", "no hardware 'kln'; did you mean 'knl'?"),
    ("    hardware: knl\n", "", "  cn[1-4]:", "cn[1-4] has the role slurm_compute but no hardware"),
    ("cpus: 256", "cpus: 128", "cpus: 128", "cpus is 128, but 1 sockets x 64 cores x 4 threads make 256"),
    # fabrics
    ("managers: head1", "managers: head2", "managers: head2", "no such nodes: head2; did you mean 'head1'?"),
    ("fabric: ib0, guid", "fabric: ib1, guid", "fabric: ib1", "no fabric 'ib1'; did you mean 'ib0'?"),
    ("pkeys: 0x0100-0x0103", "pkeys: 0x0103-0x0100", "pkeys:", "is not a range of P_Keys"),
    ("pkeys: 0x0100-0x0103", "pkeys: 0x0100-0x7fff", "pkeys:", "0x7fff is the default partition"),
    # tenants
    ("    nodes: cn[3-4]", "    nodes: cn[3-6]", "    nodes: cn[3-6]", "no such nodes: cn[5-6]"),
    ("    pkey: 0x0102", "    pkey: 0x0101", None, "P_Key 0x0101 is cfd's already; the next free one is 0x0100"),
    ("    pkey: 0x0102", "    pkey: 0x0200", "0x0200", "P_Key 0x0200 is outside ib0's own 0x0100-0x0103; the next free one is 0x0100"),
    ("    pkey: 0x0102\n", "", "  bio:", "tenant bio has nodes on ib0 but no pkey; the next free one is 0x0100"),
    ("reaches: [storage]", "reaches: [storge]", "storge", "no network and no other tenant 'storge'; did you mean 'storage'?"),
    ("reaches: [cfd]", "reaches: [bio]", "reaches: [bio]", "no network and no other tenant 'bio'"),
    ("  bio:\n", "  bmc:\n", "  bmc:\n", "'bmc' is a network already"),
    # cabling
    ('nodes: "cn[1-2]", interface', 'nodes: "cn[7-8]", interface', "cn[7-8]", "no such nodes: cn[7-8]"),
    ("interface: eth0, switch: leaf1", "interface: eth9, switch: leaf1", "eth9", "cn[1-2] has no interface 'eth9'"),
    ("switch: leaf1", "switch: leef1", "leef1", "no switch 'leef1'; did you mean 'leaf1'?"),
    ('ports: "Te[1-2]"', 'ports: "Te[1-3]"', "Te[1-3]", "2 nodes, but 3 switch ports (1 switches x 3 ports)"),
    ('ports: "Te[1-2]"', 'ports: "Te[2-3]"', "ports: Te3", "leaf1 Te3 has a cable to cn2 eth0 already"),
    ('ports: "Te[1-2]"', 'ports: "Te[1,49]"', "Te[1,49]", "cn2 is plugged into leaf1 Te49, which is an uplink"),
    ('nodes: "cn[3-4]", interface', 'nodes: "cn[2-3]", interface', "cn[2-3]", "cn2 eth0 has a cable to leaf1 Te2 already"),
    ('uplinks: ["Te[49-52]"]', 'uplinks: ["Te[49-"]', "Te[49-", "is not a NodeSet"),
    # Slurm
    ('short: {nodes: "cn[1-2]"', 'short: {nodes: "cn[4-5]"', "short:", "no such nodes: cn5; did you mean 'cn4'?"),
    ('short: {nodes: "cn[1-2]"', 'short: {nodes: "cn[1-2],head1"', "short:", "head1 of partition short lacks the role slurm_compute"),
    ('short: {nodes: "cn[1-2]"', 'short: {nodes: "cn[1-2"', "short:", "is not a NodeSet"),
    ('all: {nodes: "cn[1-4]"', 'all: {default: true, nodes: "cn[1-4]"', "all:", "short is the default partition already"),
    ("exclude: cn1}", "exclude: cn9}", "exclude:", "no such nodes: cn9"),
    ("[slurm_controller, subnet_manager]", "[subnet_manager]", "nodes:\n", "none with slurm_controller"),
    ("slurm:\n", "slurm:\n  config: {NodeName: x}\n", "NodeName", "NodeName is made from the cluster file"),
    ("slurm:\n", "slurm:\n  config: {SlurmdTimeout: 1, SLURMDTIMEOUT: 2}\n", "SLURMDTIMEOUT",
     "'SLURMDTIMEOUT' and 'SlurmdTimeout' are one key to Slurm"),
    ('all: {nodes: "cn[1-4]"', 'all: {config: {Nodes: x}, nodes: "cn[1-4]"', "all:", "Nodes is made from the cluster file"),
]


@pytest.mark.parametrize(("old", "new", "place", "said"), MISTAKES)
def test_one_mistake_is_one_problem(folder, old, new, place, said):
    assert GOOD.count(old) == 1, f"'{old}' does not say which"
    text = GOOD.replace(old, new)
    if place is None:       # the line that changed
        place = next(number for number, (line, was) in enumerate(zip(text.splitlines(), GOOD.splitlines()), 1) if line != was)
    elif isinstance(place, str) and place.endswith("\n"):       # a whole line
        place = max(number for number, line in enumerate(text.splitlines(), 1) if line == place[:-1])
    where = place if isinstance(place, tuple) else ("cluster.yml", place if isinstance(place, int) else line_of(text, place))
    ((file, line, message),) = folder.problems(text, cn_csv=TABLE)
    assert (file, line) == where
    assert said in message


TABLE_MISTAKES = [
    ("cn3,", "cn5,", [(4, "'cn5' is no node of this cluster"), (1, "3 rows for the 4 nodes of cn[1-4]; without a row: cn3")]),
    ("cn4,02:00:00:00:01:04,02:00:00:00:02:04,0x0002c90300000004,K4\n", "", [(1, "3 rows for the 4 nodes of cn[1-4]; without a row: cn4")]),
    ("cn4,02:00:00:00:01:04", "cn3,02:00:00:00:01:04", [(5, "'cn3' has a row already (line 4)"), (1, "without a row: cn4")]),
    ("name,mac", "node,mac", [(1, "the table has no column 'name'")]),
    ("bmc_mac", "bmc_mca", [(1, "unknown column 'bmc_mca'; did you mean 'bmc_mac'?")]),
    ("bmc_mac", "mac", [(1, "the column 'mac' stands here twice")]),
    (",K2", "", [(3, "this row has 4 columns, the header has 5")]),
    ("02:00:00:00:01:02", "02:00:00:00:01", [(3, "mac: '02:00:00:00:01' is not a MAC address")]),
    ("0x0002c90300000002", "0x0002c9030000000g", [(3, "guid: '0x0002c9030000000g' is not a GUID")]),
    ("0x0002c90300000002", "0", [(3, "guid: '0' is not a GUID")]),
    ("02:00:00:00:01:02", "02:00:00:00:01:01", [(3, "the MAC 02:00:00:00:01:01 belongs to cn2 eth0 and to cn1 eth0")]),
    ("02:00:00:00:01:02", "02-00-00-00-02-01", [(2, "the MAC 02:00:00:00:02:01 belongs to")]),
    ("0x0002c90300000002", "2C90300000001", [(3, "the GUID 0x0002c90300000001 belongs to cn2 ib0 and to cn1 ib0")]),
    ("K4", "x" * 200_000, [(5, "not CSV: field larger than field limit")]),
]


@pytest.mark.parametrize(("old", "new", "expected"), TABLE_MISTAKES)
def test_mistakes_in_a_table(folder, old, new, expected):
    assert TABLE.count(old) == 1
    problems = folder.problems(GOOD, cn_csv=TABLE.replace(old, new))
    assert len(problems) == len(expected)
    for line, said in expected:
        assert [problem for problem in problems if problem[:2] == ("cn.csv", line) and said in problem[2]]


def test_a_table_that_is_not_there(folder):
    line = line_of(GOOD, "table:")
    assert folder.problems(GOOD) == [("cluster.yml", line, f"the table {folder.path}/cn.csv cannot be read: no such file or directory")]
    assert "this is not utf-8 text" in folder.problems(GOOD, cn_csv=b"name\n\xff")[0][2]
    text = GOOD.replace("table: cn.csv", "table: .")
    assert "it is not a file" in folder.problems(text)[0][2]
    (problem,) = folder.problems(GOOD.replace("table: cn.csv", 'table: "a\\0b"'))
    assert problem[1] == line


def test_a_table_may_serve_several_sets_and_come_from_a_spreadsheet(folder):
    more = "  cn5:\n    interfaces: {eth0: {network: admin, address: 10.10.0.40}}\n    table: cn.csv\n"
    text = GOOD.replace("  cn[1-4]:\n", f"{more}  cn[1-4]:\n")
    table = TABLE.replace(",guid,serial", "").replace("name,", "\ufeffname,")
    table = "\r\n".join(",".join(line.split(",")[:2]) for line in table.splitlines()) + '\r\n\r\n"cn5", 02:00:00:00:01:05\r\n,\r\n'
    cluster = folder.load(text, cn_csv=table)
    assert cluster.groups[1].interfaces["eth0"].macs == {0: "02:00:00:00:01:05"}
    assert cluster.groups[2].interfaces["eth0"].macs[3] == "02:00:00:00:01:04"


class TestAddressesFromATable:
    GOOD = GOOD.replace("mac: 02:00:00:00:00:01", "mtu: 1500")

    @staticmethod
    def table(**addresses):
        return "name,address\n" + "".join(f"cn{number},{addresses.get(f'cn{number}', '')}\n" for number in range(1, 5))

    def test_exceptions_to_counting_up(self, folder):
        cluster = folder.load(self.GOOD, cn_csv=self.table(cn2="10.10.0.99"))
        assert [node.address for node in cluster.nodes][1:] == ["10.10.0.21", "10.10.0.99", "10.10.0.23", "10.10.0.24"]

    @pytest.mark.parametrize(("addresses", "place", "said"), [
        ({"cn2": "10.10.0.11"}, ("cn.csv", 3), "10.10.0.11 belongs to cn2 eth0 and to head1 eth0"),
        ({"cn2": "10.10.0.23"}, ("cn.csv", 3), "10.10.0.23 belongs to"),
        ({"cn2": "10.99.0.1"}, ("cn.csv", 3), "10.99.0.1 of cn2 is no host address in admin"),
        ({"cn2": "10.10.0.300"}, ("cn.csv", 3), "'10.10.0.300' is not an IPv4 address"),
        ({"cn2": "10.10.0"}, ("cn.csv", 3), "is not an IPv4 address"),
    ])
    def test_bad_exceptions(self, folder, addresses, place, said):
        (problem,) = folder.problems(self.GOOD, cn_csv=self.table(**addresses))
        assert problem[:2] == place
        assert said in problem[2]

    def test_the_others_still_have_to_fit(self, folder):
        """The last has an exception, the one before it runs over the end; and the first has one, the others start outside."""
        text = self.GOOD.replace("address: 10.10.0.21}", "address: 10.10.0.253}")
        (problem,) = folder.problems(text, cn_csv=self.table(cn4="10.10.0.31"))
        assert "3 addresses from 10.10.0.253 on run past the end" in problem[2]
        text = self.GOOD.replace("address: 10.10.0.21}", "address: 10.99.0.21}")
        (problem,) = folder.problems(text, cn_csv=self.table(cn1="10.10.0.31"))
        assert "10.99.0.21 is no host address in admin" in problem[2]

    def test_without_a_first_address_each_needs_its_own(self, folder):
        text = self.GOOD.replace("eth0: {network: admin, address: 10.10.0.21}", "eth0: {network: admin}")
        assert folder.load(text, cn_csv="name\ncn1\ncn2\ncn3\ncn4\n").groups[1].management.name == "eth1"
        addresses = {f"cn{number}": f"10.10.0.{number + 40}" for number in range(1, 5)}
        assert folder.problems(text, cn_csv=self.table(**addresses)) == []
        del addresses["cn3"]
        (problem,) = folder.problems(text, cn_csv=self.table(**addresses))
        assert problem == ("cluster.yml", line_of(text, "eth0: {network: admin}"), "no address for cn3")


class TestNoFollowOnNoise:
    """What refers to something that is itself wrong is not a second problem."""

    @pytest.mark.parametrize(("old", "new"), [
        ("  cn[1-4]:\n", "  cn[1-4:\n"),
        ("  cn[1-4]:\n    hardware: knl\n", "  cn[1-4]:\n    hardware: {knl: 1}\n"),
        ("    subnet: 10.10.0.0/24", "    subnet: 10.10.0.0"),
        ("knl: {sockets: 1,", "knl: {sockets: none,"),
        ("knl: {sockets: 1,", "knl: {"),
        ("ib0: {kind: infiniband,", "ib0: {kind: infinband,"),
        ("ib0: {kind: infiniband,", "ib0: {"),
        ("platform: comware,", "platform: comwere,"),
        ("platform: comware, address: 10.10.0.101,", "platform: comware, address: 10.10.0,"),
        ("platform: comware, address: 10.10.0.101,", "platform: comware,"),
        ("      eth0: {network: admin, address: 10.10.0.21}", "      eth0: 10.10.0.21"),
        ("      eth0: {network: admin, address: 10.10.0.21}", "      eth0: {network: admin, address: 10.10.0}"),
        ("      eth0: {network: admin, address: 10.10.0.21}", "      eth0: {network: [admin], address: 10.10.0.21}"),
        ("    pkey: 0x0101", "    pkey: 0x9101"),
        ("    pkey: 0x0101", "    pkey:"),
        ("    vlan: 301", "    vlan: 5000"),
        ("    nodes: cn[1-2]\n", ""),
        ("    roles: [slurm_controller, subnet_manager]", "    roles: [slurm_controler, subnet_manager]"),
        ("    roles: [slurm_compute]", "    roles: slurm_compute"),
        ('    short: {nodes: "cn[1-2]", ', "    short: {"),
    ])
    def test_one_problem(self, folder, old, new):
        assert GOOD.count(old) == 1
        assert len(folder.problems(GOOD.replace(old, new), cn_csv=TABLE)) == 1

    def test_all_nodes_wrong(self, folder):
        text = GOOD[: GOOD.index("  head1:\n")] + "  cn[1-4]: wrong\n" + GOOD[GOOD.index("switches:"):]
        assert len(folder.problems(text, cn_csv=TABLE)) == 1


def test_many_mistakes_come_all_at_once(folder):
    text = GOOD
    for old, new in (("vlan: 11", "vlan: 10"), ("cpus: 256", "cpus: 255"), ("10.31.0.0/24", "10.32.0.0/25"),
                     ("reaches: [cfd]", "reaches: [cdf]"),
                     ("exclude: cn1", "exclude: cn7"), ("default: true", "defualt: true")):
        text = text.replace(old, new)
    lines = {line_of(text, part) for part in ("vlan: 10,", "255", "10.32.0.0/24", "cdf", "cn7", "defualt")}
    problems = folder.problems(text, cn_csv=TABLE.replace("K3", "K3,"))
    assert {line for file, line, _message in problems if file == "cluster.yml"} == lines
    assert [line for file, line, _message in problems if file == "cn.csv" and line > 1] == [4]


def test_the_next_free_vlan_is_never_a_reserved_one(folder):
    text = GOOD.replace("vlan: 302", "vlan: 1001").replace("vlan: 11,", "vlan: 10,")
    assert "the next free one is 1006" in folder.problems(text, cn_csv=TABLE)[0][2]


def test_a_full_range_of_pkeys_says_so(folder):
    text = GOOD.replace("pkeys: 0x0100-0x0103", "pkeys: 0x0101-0x0101").replace("    pkey: 0x0102\n", "")
    assert "none: ib0's range is full" in folder.problems(text, cn_csv=TABLE)[0][2]
