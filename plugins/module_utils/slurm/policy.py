# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of Slurm's configuration needs: a table by key and version.

Sources: slurm.conf(5), gres.conf(5), job_container.conf(5) and scontrol(1) of Slurm 22.05.8 and 24.11.5, as Debian 12 and 13 have them, and
changes that were tried on both with jobs running; the column `why` says which. From 23.11 on `scontrol reconfigure` starts slurmctld and
every slurmd anew and hands over to them; before, the daemons read their files again and keep the plugins that they have.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

REEXECUTES = (23, 11)       # the first version whose reconfigure starts the daemons anew


class Needs(IntEnum):
    """What a change needs. Up to RESTART_SLURMD it is what is done to the daemons; the last two are what it asks of the jobs."""

    NOTHING = 0
    RECONFIGURE = 1
    RESTART_SLURMCTLD = 2
    RESTART_SLURMD = 3          # and slurmctld's before
    DRAINED_NODES = 4           # no running job on the nodes that it affects
    EMPTY_CLUSTER = 5           # no job at all, pending ones included

    @property
    def words(self) -> str:
        """As messages and return values have it."""
        return self.name.lower().replace("_", " ")


class Cost(NamedTuple):
    """What is done to the daemons, and what must be true of the jobs before."""

    action: Needs
    jobs: Needs = Needs.NOTHING
    known: bool = True      # whether the table knows the key

    @property
    def needs(self) -> Needs:
        """The more of the two."""
        return max(self.action, self.jobs)

    def __str__(self) -> str:
        return f"{self.action.words}, {self.jobs.words}" if self.jobs else self.action.words


class Rule(NamedTuple):
    """What one key costs before 23.11 and since."""

    place: str          # the file, or NodeName or PartitionName for their lines in slurm.conf
    key: str            # * for every other key of the place
    before: Cost
    since: Cost
    why: str


R, C, D = Cost(Needs.RECONFIGURE), Cost(Needs.RESTART_SLURMCTLD), Cost(Needs.RESTART_SLURMD)
RN, DN = (Cost(cost.action, Needs.DRAINED_NODES) for cost in (R, D))
RE, CE, DE = (Cost(cost.action, Needs.EMPTY_CLUSTER) for cost in (R, C, D))
UNKNOWN = Cost(Needs.RESTART_SLURMD, known=False)     # ends no job, and every daemon has read the key anew

_PAGE = "slurm.conf(5)"
_PLUGIN = "slurm.conf(5) says nothing; before 23.11 a daemon keeps its plugins until it restarts"
_LOST = "where the running steps are is no longer known"
_LAYOUT = "tried for CoresPerSocket: jobs there are aborted"

RULES = (
    Rule("slurm.conf", "AccountingStorageEnforce", C, R, _PAGE),
    Rule("slurm.conf", "AccountingStorageType", C, R, _PLUGIN),
    Rule("slurm.conf", "AcctGatherEnergyType", D, R, _PLUGIN),
    Rule("slurm.conf", "AcctGatherFilesystemType", D, R, _PLUGIN),
    Rule("slurm.conf", "AcctGatherInterconnectType", D, R, _PLUGIN),
    Rule("slurm.conf", "AcctGatherProfileType", D, R, _PLUGIN),
    Rule("slurm.conf", "AuthAltParameters", C, R, "tried: after a reconfigure tokens are taken, or no longer"),
    Rule("slurm.conf", "AuthAltTypes", C, R, "tried: after a reconfigure tokens are taken, or no longer"),
    Rule("slurm.conf", "AuthInfo", D, D, "scontrol(1): a reconfigure does not change the authentication"),
    Rule("slurm.conf", "AuthType", DE, DE, "slurm.conf(5); tried: running steps never end"),
    Rule("slurm.conf", "BurstBufferType", C, R, _PLUGIN),
    Rule("slurm.conf", "ClusterName", CE, CE, "tried: slurmctld refuses to start with another cluster's state"),
    Rule("slurm.conf", "CommunicationParameters", D, D, "slurm.conf(5): how the daemons listen changes by a restart"),
    Rule("slurm.conf", "CoreSpecPlugin", D, D, _PAGE),
    Rule("slurm.conf", "CredType", DE, DE, "goes with AuthType"),
    Rule("slurm.conf", "GresTypes", D, R, "slurm.conf(5); tried with jobs that hold some"),
    Rule("slurm.conf", "HashPlugin", DN, DN, "tried: no slurmd is reached until it has restarted; jobs outlive that for SlurmdTimeout"),
    Rule("slurm.conf", "JobAcctGatherType", DN, R, "slurm.conf(5); tried"),
    Rule("slurm.conf", "JobCompType", C, R, _PLUGIN),
    Rule("slurm.conf", "JobContainerType", DN, DN, "tried: jobs that run can start no more steps"),
    Rule("slurm.conf", "JobSubmitPlugins", C, R, _PLUGIN),
    Rule("slurm.conf", "MaxJobCount", C, R, "slurm.conf(5); tried: if there are more jobs, all are lost, so that needs an empty cluster"),
    Rule("slurm.conf", "MaxNodeCount", C, R, _PAGE),
    Rule("slurm.conf", "MCSPlugin", C, R, _PLUGIN),
    Rule("slurm.conf", "MpiDefault", D, R, _PLUGIN),
    Rule("slurm.conf", "NodeFeaturesPlugins", D, R, _PLUGIN),
    Rule("slurm.conf", "PluginDir", D, R, _PAGE),
    Rule("slurm.conf", "PowerPlugin", C, R, _PAGE),
    Rule("slurm.conf", "PreemptType", C, R, _PLUGIN),
    Rule("slurm.conf", "PrEpPlugins", D, R, _PLUGIN),
    Rule("slurm.conf", "PriorityType", C, R, _PLUGIN),
    Rule("slurm.conf", "ProctrackType", D, R, "slurm.conf(5); tried: jobs run on, start steps and can be ended"),
    Rule("slurm.conf", "RoutePlugin", D, D, _PLUGIN),
    Rule("slurm.conf", "SchedulerType", C, R, "slurm.conf(5); tried: the reconfigure of 22.05 refuses it"),
    Rule("slurm.conf", "SelectType", DE, RE, "slurm.conf(5): all jobs are lost; tried: a reconfigure ends the slurmctld of 22.05"),
    Rule("slurm.conf", "SelectTypeParameters", C, R, "slurm.conf(5); tried: the reconfigure of 22.05 refuses it"),
    Rule("slurm.conf", "SlurmctldHost", C, R, _PAGE),
    Rule("slurm.conf", "SlurmctldParameters", C, R, _PAGE),
    Rule("slurm.conf", "SlurmctldPort", C, C, "slurm.conf(5); tried: the old slurmctld cannot even be asked to reconfigure"),
    Rule("slurm.conf", "SlurmdPort", DN, DN, "tried: no slurmd is reached until it has restarted; jobs outlive that for SlurmdTimeout"),
    Rule("slurm.conf", "SlurmdSpoolDir", DN, DN, "tried: slurmd forgets its steps, and can take no further configuration"),
    Rule("slurm.conf", "SlurmdUser", D, D, "a process does not change its user"),
    Rule("slurm.conf", "SlurmUser", DN, DN, "each slurmd obeys the old user until it has restarted"),
    Rule("slurm.conf", "StateSaveLocation", CE, CE, "tried: all jobs are lost, unless the state was copied while slurmctld was stopped"),
    Rule("slurm.conf", "SwitchType", DE, RE, "slurm.conf(5): all jobs may be lost"),
    Rule("slurm.conf", "TaskPlugin", D, R, "tried: jobs run on and start steps"),
    Rule("slurm.conf", "TopologyPlugin", D, R, "tried with jobs running"),
    Rule("NodeName", "*", D, R, "slurm.conf(5); tried: a reconfigure with more nodes ends the slurmctld of 22.05"),
    Rule("NodeName", "Boards", DN, RN, _LAYOUT),
    Rule("NodeName", "CoresPerSocket", DN, RN, _LAYOUT),
    Rule("NodeName", "Gres", DN, RN, "gres.conf(5): jobs that hold some are aborted"),
    Rule("NodeName", "NodeHostname", DN, RN, "another machine stands behind the name"),
    Rule("NodeName", "Port", DN, DN, "as SlurmdPort"),
    Rule("NodeName", "Sockets", DN, RN, _LAYOUT),
    Rule("NodeName", "ThreadsPerCore", DN, RN, _LAYOUT),
    Rule("PartitionName", "*", R, R, "slurm.conf(5)"),
    Rule("cgroup.conf", "*", D, R, "cgroup.conf(5); tried for CgroupPlugin and ConstrainCores"),
    Rule("cgroup.conf", "CgroupMountpoint", DN, DN, _LOST),
    Rule("cgroup.conf", "IgnoreSystemd", DN, DN, _LOST),
    Rule("gres.conf", "*", DN, RN, "gres.conf(5): jobs that hold some are aborted"),
    Rule("topology.conf", "*", R, R, "topology.conf(5)"),
    Rule("plugstack.conf", "*", D, R, "slurmd starts plugins when it starts, and each new step reads the file; tried with jobs running"),
    Rule("job_container.conf", "*", DN, DN, "job_container.conf(5): only a restart of slurmd reads it, and disrupts running jobs"),
)
_BY_KEY = {(rule.place, rule.key.lower()): rule for rule in RULES}

# The other keys that slurm.conf(5) of 22.05 or of 24.11 documents, none of them with a word of a restart.
REREAD = frozenset("""
    accountingstoragebackuphost accountingstorageexternalhost accountingstoragehost accountingstorageparameters accountingstoragepass
    accountingstorageport accountingstoragetres accountingstorageuser accountingstoreflags acctgathernodefreq allowspecresourcesusage
    batchstarttimeout bcastexclude bcastparameters clifilterplugins completewait cpufreqdef cpufreqgovernors dataparserparameters
    debugflags defcpupergpu defmempercpu defmempergpu defmempernode dependencyparameters disablerootjobs eiotimeout enforcepartlimits
    epilog epilogmsgtime epilogslurmctld extsensorsfreq extsensorstype fairsharedampeningfactor federationparameters firstjobid
    getenvtimeout gpufreqdef groupupdateforce groupupdatetime healthcheckinterval healthchecknodestate healthcheckprogram inactivelimit
    interactivestepoptions jobacctgatherfrequency jobacctgatherparams jobcomphost jobcomploc jobcompparams jobcomppass jobcompport
    jobcompuser jobdefaults jobfileappend jobrequeue killonbadexit killwait launchparameters launchtype licenses logtimeformat
    maildomain mailprog maxarraysize maxbatchrequeue maxdbdmsgs maxjobid maxmempercpu maxmempernode maxstepcount maxtaskspernode
    mcsparameters messagetimeout minjobage mpiparams overtimelimit plugstackconfig powerparameters preemptexempttime preemptmode
    preemptparameters prepparameters prioritycalcperiod prioritydecayhalflife priorityfavorsmall priorityflags prioritymaxage
    priorityparameters prioritysitefactorparameters prioritysitefactorplugin priorityusageresetperiod priorityweightage
    priorityweightassoc priorityweightfairshare priorityweightjobsize priorityweightpartition priorityweightqos priorityweighttres
    privatedata prolog prologepilogtimeout prologflags prologslurmctld propagateprioprocess propagateresourcelimits
    propagateresourcelimitsexcept rebootprogram reconfigflags requeueexit requeueexithold resumefailprogram resumeprogram resumerate
    resumetimeout resvepilog resvoverrun resvprolog returntoservice schedulerparameters schedulertimeslice scronparameters slurmctldaddr
    slurmctlddebug slurmctldlogfile slurmctldpidfile slurmctldplugstack slurmctldprimaryoffprog slurmctldprimaryonprog
    slurmctldsyslogdebug slurmctldtimeout slurmddebug slurmdlogfile slurmdparameters slurmdpidfile slurmdsyslogdebug slurmdtimeout
    slurmschedlogfile slurmschedloglevel srunepilog srunportrange srunprolog suspendexcnodes suspendexcparts suspendexcstates
    suspendprogram suspendrate suspendtime suspendtimeout switchparameters taskepilog taskpluginparam taskprolog tcptimeout tmpfs
    topologyparam trackwckey treewidth unkillablestepprogram unkillablesteptimeout usepam vsizefactor waittime x11parameters
""".split())     # noqa: SIM905


def cost(place: str, key: str, version: tuple[int, ...]) -> Cost:
    """What a change of this key costs in this version."""
    rule = _BY_KEY.get((place, key.lower())) or _BY_KEY.get((place, "*"))
    if rule:
        return rule.since if version >= REEXECUTES else rule.before
    return R if key.lower() in REREAD else UNKNOWN


def table() -> str:
    """The rules as a table in Markdown, for docs/slurm-changes.md."""
    rows = ["| where | key | before 23.11 | from 23.11 on | why |", "|---|---|---|---|---|"]
    for rule in RULES:
        where = rule.place if rule.place.endswith(".conf") else f"slurm.conf, {rule.place}"
        key = "every other key" if rule.key == "*" else f"`{rule.key}`"
        rows.append(f"| {where} | {key} | {rule.before} | {rule.since} | {rule.why} |")
    return "\n".join(rows) + "\n"
