"""A Ceph that exists only in memory, and answers as that of 18.2.7 was seen to."""

from __future__ import annotations

import json

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result

KEY = "AQDAxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=="


class Ceph:
    """Mons that answer `ceph`. `ran` has what changed something; `fails` is a word at which a command fails; `deaf` ignores changes."""

    def __init__(self):
        self.pools, self.rules, self.profiles = {}, ["replicated_rule"], {"default": {"k": "2", "m": "2"}}
        self.config, self.flags, self.auth, self.fs = {}, set(), {"client.admin": {"mon": "allow *"}}, {}
        self.health = {}
        self.ran, self.asked, self.fails, self.deaf, self.up = [], [], "", False, True

    def run(self, argv):
        assert argv[:2] == ["ceph", "--connect-timeout"]
        words = argv[3:]
        if not self.up:
            return Result(1, "", "[errno 110] RADOS timed out (error connecting to the cluster)\n")
        if words[-2:] == ["--format", "json"]:
            self.asked.append(" ".join(words[:-2]))
            return Result(0, json.dumps(getattr(self, "ask_" + "_".join(words[:-2]))()), "")
        self.ran.append(" ".join(words))
        if self.fails and self.fails in self.ran[-1]:
            return Result(22, "", "Error EINVAL: it does not please\n")
        if not self.deaf:
            self.change(words)
        return Result(0, "", "")

    def ask_osd_dump(self):
        pools = [{
            "pool_name": name, "size": pool["size"], "min_size": pool["min_size"], "pg_num_target": pool["pg_num"],
            "pg_autoscale_mode": pool.get("autoscale", "off"), "application_metadata": {each: {} for each in pool["applications"]},
            "crush_rule": self.rules.index(pool["rule"]), "type": 3 if "profile" in pool else 1,
            "erasure_code_profile": pool.get("profile", ""), "flags_names": "hashpspool" + ",ec_overwrites" * pool.get("overwrites", False),
        } for name, pool in self.pools.items()]
        return {"pools": pools, "erasure_code_profiles": self.profiles, "flags_set": sorted(self.flags)}

    def ask_osd_crush_rule_dump(self):
        return [{"rule_id": number, "rule_name": name} for number, name in enumerate(self.rules)]

    def ask_config_dump(self):
        return [{"section": section, "mask": "", "name": name, "value": value} for (section, name), value in self.config.items()]

    def ask_auth_ls(self):
        return {"auth_dump": [{"entity": name, "key": KEY, "caps": caps} for name, caps in self.auth.items()]}

    def ask_fs_ls(self):
        return [{"name": name, "metadata_pool": fs["metadata"], "data_pools": fs["data"]} for name, fs in self.fs.items()]

    def ask_fs_dump(self):
        return {"filesystems": [{"mdsmap": {"fs_name": name, "max_mds": fs["max_mds"]}} for name, fs in self.fs.items()]}

    def ask_health(self):
        checks = {name: {"severity": severity, "summary": {"message": text}, "muted": False}
                  for name, (severity, text) in self.health.items()}
        worst = sorted(severity for severity, _text in self.health.values())[:1]
        return {"status": worst[0] if worst else "HEALTH_OK", "checks": checks, "mutes": []}

    def change(self, words):
        head, rest = words[0], words[1:]
        getattr(self, f"change_{head}")(*rest)

    def change_osd(self, verb, *rest):
        if verb in ("set", "unset"):
            (self.flags.add if verb == "set" else self.flags.remove)(*rest)
        elif verb == "crush":
            assert rest[:2] == ("rule", "create-replicated")
            self.rules.append(rest[2])
        elif verb == "erasure-code-profile":
            self.profiles[rest[1]] = dict(part.split("=") for part in rest[2:])
        else:
            getattr(self, f"pool_{rest[0]}")(*rest[1:])

    def pool_create(self, name, groups, same, kind, what, mode):
        assert name not in self.pools and groups == same and mode == "--autoscale-mode=off"
        pool = self.pools[name] = {"size": 3, "min_size": 2, "pg_num": int(groups), "applications": [], "rule": what}
        if kind == "erasure":
            k, m = int(self.profiles[what]["k"]), int(self.profiles[what]["m"])
            self.rules.append(name)
            pool.update(size=k + m, min_size=k + 1, rule=name, profile=what)
        assert pool["rule"] in self.rules

    def pool_set(self, name, key, value):
        pool = self.pools[name]
        if key == "size":       # not asked for: the mons choose a min_size by themselves
            pool.update(size=int(value), min_size=int(value) - int(value) // 2)
        else:
            known = {"allow_ec_overwrites": "overwrites", "pg_autoscale_mode": "autoscale", "crush_rule": "rule"}
            pool[known.get(key, key)] = int(value) if value.isdigit() else True if value == "true" else value

    def pool_application(self, _enable, name, application):
        self.pools[name]["applications"].append(application)

    def change_config(self, verb, section, name, value=""):
        if verb == "rm":
            del self.config[section, name]
        else:
            self.config[section, name] = str(4 * 2**30) if value == "4G" else value

    def change_auth(self, verb, name, *caps):
        assert (name in self.auth) == (verb != "add")
        if verb == "rm":
            del self.auth[name]
        else:
            self.auth[name] = dict(zip(caps[::2], caps[1::2]))

    def change_fs(self, verb, name, *rest):
        if verb == "new":
            self.fs[name] = {"metadata": rest[0], "data": [rest[1]], "max_mds": 1}
        elif verb == "add_data_pool":
            self.fs[name]["data"].append(rest[0])
        else:
            self.fs[name][rest[0]] = int(rest[1])
