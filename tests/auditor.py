#!/usr/bin/env python3
"""Confirms what `assent report` says, promise by promise, with programs that share no code with Assent: git, ssh-keygen,
OpenSSL, SQLite, and Python's standard library. Written from docs/formats.md and docs/promises.md alone.

    auditor.py WORLD P01 [--report F] [--source D] [--release D] [--ledger F] [--state D] [--page F] [--keys F] [--canary WORD ...]

WORLD is what `assent demo --keep` leaves; each part of it may be given from elsewhere. Exit status 0 and one line that says what
was found when the promise holds, 1 when something speaks against it, 2 when something cannot be read.
"""

import argparse
import base64
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "vectors")]
import check  # noqa: E402  (the checker of ledgers and signatures, in plain Python)
import decisions  # noqa: E402  (the checker of what people signed, likewise)
from check import Refused, need  # noqa: E402

SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
ACTS = ("held", "handled", "acknowledged", "erased", "legal-held", "legal-released")
CLIENT, AGENT = "acme", "eu-production-1"


def seconds(period):
    return sum(int(number) * SPANS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", period))


def moment(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


class World:
    """The parts that are looked at."""

    def __init__(self, options):
        folder = Path(options.world)
        self.source = Path(options.source or folder / "source")
        self.remote = folder / "remote.git"
        self.branch = "refs/heads/release/production/eu"
        self.release = Path(options.release) if options.release else self.unpacked()
        self.state = Path(options.state or folder / "agents" / AGENT)
        self.export = Path(options.ledger or folder / "report" / f"{CLIENT}.ledger")
        self.page = Path(options.page or folder / "report" / f"{CLIENT}.html")
        self.keys = Path(options.keys or "/proc/keys")
        self.said = {}
        if options.report:
            rows = json.loads(Path(options.report).read_text())["promises"]
            self.said = {row["id"]: row["evidence"] for row in rows}
        self.canaries = [word.encode() for word in options.canary]
        self.manifest = self.json("manifest.json")
        self.facts = self.json(f"clients/{CLIENT}.json")
        mine = [active for active in self.manifest["active"] if active["client"] == CLIENT]
        self.active = {active["plan"]: active for active in mine}
        self.plans = {plan: self.json(f"plans/{plan}.json") for plan in self.active}
        roots = sorted((self.release / "trust/root").glob("*.toml"), key=lambda path: int(path.stem))
        self.roots = [tomllib.loads(path.read_text()) for path in roots]
        self.root = self.roots[-1]

    def unpacked(self):
        self.kept = tempfile.TemporaryDirectory()
        archive = subprocess.run(["git", "-C", self.remote, "archive", self.branch], capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", self.kept.name], input=archive.stdout, check=True)
        return Path(self.kept.name)

    def git(self, *line, where=None):
        return subprocess.run(["git", "-C", where or self.source, *line], capture_output=True, check=True, text=True).stdout

    def json(self, name):
        return json.loads((self.release / name).read_text())

    def key(self, log):
        point = base64.b64decode(self.root["agents"][AGENT]["ledger_key"])
        return log, point

    def entries(self):
        """The client's log, after OpenSSL verified its checkpoint and this script its tree."""
        data = self.export.read_bytes()
        check.check_export(data, self.key(f"assent/harbor/{AGENT}/{CLIENT}"))
        lines = data.split(b"\n\n", 1)[0].split(b"\n")
        told = [json.loads(line) for line in lines]
        # What is gone is named by an entry, or the log did not verify: that is a plan or a request, and no lack.
        self.gone = [line["index"] for line in told if "body" not in line]
        return [json.loads(base64.b64decode(line["body"])) for line in told if "body" in line]

    def gap(self, first, last):
        """Whether a body between two places is gone: what was told there, nobody can say."""
        return any(first < index < last for index in self.gone)

    def partly(self, entries):
        """The runs of which bodies may be gone: what they show is not all that they did."""
        runs = {}
        for entry in entries:
            if "run" in entry:
                runs.setdefault(entry["run"], []).append(entry)
        whole = lambda told: told[0]["kind"] == "accepted" and not self.gap(told[0]["index"], told[-1]["index"])
        return {run for run, told in runs.items() if not whole(told)}

    def published(self):
        """The newest checkpoint of the client's log that the agent published before the export was made, after OpenSSL verified
        it: its size and root. What was published within a day, an honest export may lack."""
        _, note = self.export.read_bytes().split(b"\n\n", 1)
        has = int(note.split(b"\n")[1])
        branch, path = f"refs/heads/status/production/eu/{AGENT}", f"checkpoints/{CLIENT}/checkpoint"
        for line in self.git("log", "--first-parent", "--format=%H %ct", branch, "--", path, where=self.remote).splitlines():
            commit, time_of = line.split()
            note = self.git("show", f"{commit}:{path}", where=self.remote)
            size, root = check.read_checkpoint(note, self.key(f"assent/harbor/{AGENT}/{CLIENT}"))
            if size <= has:
                return size, root
            need(time.time() - int(time_of) < 86400, f"the export has {has} entries of {size} that were published a day ago")
        raise Refused("the agent published no checkpoint that the export is not older than")

    def releases(self):
        """What each release that the branch holds or held says, by the digest of its manifest."""
        told = {}
        for commit in self.git("rev-list", self.branch, where=self.remote).split():
            line = ["git", "-C", self.remote, "show", f"{commit}:manifest.json"]
            data = subprocess.run(line, capture_output=True, check=True).stdout
            told[check.sha256(data).hex()] = json.loads(data)
        return told

    def deciders(self):
        """Whoever decided for the client by a release that the branch holds or held."""
        told = set(self.facts["people"])
        for commit in self.git("rev-list", self.branch, where=self.remote).split() if self.remote.exists() else []:
            line = ["git", "-C", self.remote, "show", f"{commit}:clients/{CLIENT}.json"]
            shown = subprocess.run(line, capture_output=True, check=False)
            told |= set(json.loads(shown.stdout)["people"]) if shown.returncode == 0 else set()
        return told

    def of(self, kind):
        return [entry for entry in self.entries() if entry["kind"] == kind]

    def signers(self, folder):
        """The keys of everybody who ever held one, as ssh-keygen and git read them: whoever left signed before. Each version of
        the root vouches for the one after it; `assent trust allowed-signers --ever` says the same."""
        lines = []
        for path in sorted((self.release / "trust/root").glob("*.toml")):
            root = tomllib.loads(path.read_text())
            for name, person in [*root["people"].items(), *root.get("agents", {}).items()]:
                lines += [f"{name}@harbor {key}" for key in person.get("keys", [person.get("key")])]
        for path in sorted((self.release / f"trust/approvers/{CLIENT}").glob("*.toml")):
            people = tomllib.loads(path.read_text())["people"]
            lines += [f"{name}@{CLIENT} {key}" for name, person in people.items() for key in person["keys"]]
        signers = Path(folder) / "signers"
        signers.write_text("\n".join(dict.fromkeys(lines)) + "\n")
        return signers

    def verifies(self, file, signature, who, namespace):
        with tempfile.TemporaryDirectory() as folder:
            line = ["ssh-keygen", "-Y", "verify", "-f", self.signers(folder), "-I", who, "-n", namespace, "-s", signature]
            return subprocess.run(line, input=file.read_bytes(), capture_output=True, check=False).returncode == 0

    def uses(self):
        """What the client approved: of statements that enough approvers signed and no later one withdrew."""
        folder, told = self.release / "statements", []
        approvers = tomllib.loads(sorted((self.release / f"trust/approvers/{CLIENT}").glob("*.toml"))[-1].read_text())
        for path in folder.glob("*.toml"):
            statement = tomllib.loads(path.read_text())
            if statement["client"] != CLIENT:
                continue
            names = [sig.name[len(path.name) + 1 : -4] for sig in folder.glob(path.name + ".*.sig")]
            good = [n for n in names if self.verifies(path, f"{path}.{n}.sig", f"{n}@{CLIENT}", "approval@assent")]
            need(len(good) == len(names) > 0, f"{path.name[:8]}: a signature does not verify")
            told.append((statement["serial"], statement["decision"], len(good), statement))
        uses = {}
        for _, decision, by, statement in sorted(told, key=lambda one: one[0]):
            for use in statement.get("use", []):
                name = (use.get("kind"), use.get("workflow"), use.get("operation"))
                if decision == "approve" and by >= approvers["threshold"]:
                    uses[name] = use
                elif decision != "approve":
                    uses.pop(name, None)
        need(told, "no statement of the client")
        return uses

    def steps(self, plan):
        def walk(steps):
            for step in steps:
                yield step
                yield from walk(step["action"].get("steps", []))

        return walk(plan["steps"])

    def scan(self, words, places):
        """Looks for bytes in every file: databases with their free pages and logs, git's objects unpacked."""
        looked = 0
        for place in places:
            for path in (path for path in place.rglob("*") if path.is_file() and not path.is_symlink()):
                data, looked = path.read_bytes(), looked + 1
                found = [word for word in words if word in data]
                need(not found, f"{path.name} holds {found[:1]}")
        for repository in (self.source, self.remote):
            line = ["git", "-C", repository, "cat-file", "--batch-all-objects", "--batch"]
            objects = subprocess.run(line, capture_output=True, check=True).stdout
            found = [word for word in words if word in objects]
            need(not found, f"{repository.name} holds {found[:1]}")
        return looked


def asked(w, query):
    """What the agent's database answers. The agent holds it alone while it runs, so a copy is asked: the log after the pages, and
    both again where the agent began the log anew meanwhile."""
    folder = w.state / "state"
    need((folder / "agent.db").exists(), f"there is no {folder}/agent.db")
    log = folder / "agent.db-wal"
    begun = lambda: log.read_bytes()[:32] if log.exists() else b""
    for _ in range(20):
        with tempfile.TemporaryDirectory() as copy:
            before = begun()
            shutil.copy(folder / "agent.db", copy)
            if log.exists():
                shutil.copy(log, copy)
            if begun() != before:
                continue
            there = sqlite3.connect(Path(copy) / "agent.db")
            try:
                return there.execute(query).fetchall()
            finally:
                there.close()
    raise Refused("the agent writes so fast that no copy of its database is whole")


def p01(w):
    need("P01" in w.said, "it is held against what the report lists: give --report")
    told = [line for line in w.said["P01"] if line.startswith("Kept")]
    tables = {name for line in told for name in re.findall(r"table `(\w+)`", line)}
    files = {name for line in told for name in re.findall(r"file `([^`]+)`", line)}
    found = {name for (name,) in asked(w, "select name from sqlite_master where type = 'table'")}
    need(found == tables, f"tables that are not those of the report: {sorted(found ^ tables)}")
    kept = [path.relative_to(w.state / "state") for path in (w.state / "state").rglob("*") if not path.is_dir()]
    strange = [str(path) for path in kept if not any(re.match(re.escape(name) + r"(/|-wal$|-shm$|\.v\d+$|$)", str(path)) for name in files)]
    need(not strange, f"files that the report does not name: {strange}")
    return f"SQLite lists {len(found)} tables and the folder {len(kept)} files, all of them in the report"


def p02(w):
    for plan in w.plans.values():
        long = [step["id"] for step in w.steps(plan) if seconds(step["action"].get("cache", "0s")) >= 86400]
        need(not long, f"{plan['workflow']}: {long} keeps answers for a day or more")
    keys = w.keys.read_text() if w.keys.exists() else ""
    mine = [line.split() for line in keys.splitlines() if f"assent:{AGENT}:" in line]
    outlive = [" ".join(line) for line in mine if not re.fullmatch(r"(expd|\d+[smh])", line[3])]
    need(not outlive, f"a key that outlives a day: {outlive}")
    return f"no plan keeps an answer for a day; the kernel lists {len(mine)} keys of the agent, each ends within 23 h"


def p03(w):
    uses = w.uses()
    personal = 0
    for plan in w.plans.values():
        read = json.dumps(plan["steps"]) + json.dumps(plan.get("kpis", []))
        for name, operation in plan["operations"].items():
            steps = [step["id"] for step in w.steps(plan) if step["action"].get("operation") == name]
            for field, facts in operation["response"].items():
                if facts["class"] != "personal":
                    continue
                personal += 1
                need(any(f"{step}.{field}" in read for step in steps), f"{plan['workflow']} takes {field} and reads it nowhere")
        fields = {field for (_, workflow, _), use in uses.items() if workflow == plan["workflow"] for field in use.get("fields", {})}
        need(fields, f"{plan['workflow']}: the client signed no fields")
    return f"{personal} personal fields are taken, each is read; the fields of {len(w.plans)} workflows were signed"


def p04(w):
    need(w.canaries, "no content to look for")
    looked = w.scan(w.canaries, [w.state, w.state.parent, w.export.parent])
    return f"none of {len(w.canaries)} texts of tickets is in {looked} files or in git's objects"


def p05(w):
    endpoints = w.json("endpoints.json")["clients"][CLIENT]
    abroad = [name for name, endpoint in endpoints.items() if endpoint["region"] != w.facts["region"]]
    need(not abroad, f"elsewhere than {w.facts['region']}: {abroad}")
    listed = {re.sub(r"^\w+://([^/]+).*", r"\1", endpoint["url"]) for endpoint in endpoints.values()}
    lines = [json.loads(line) for line in (w.state / "agent.log").read_text().splitlines() if line.startswith("{")]
    reached = {line["address"] for line in lines if line.get("message") == "connects"}
    need(reached and reached <= listed, f"reached and not listed: {sorted(reached - listed)}")
    return f"{len(endpoints)} endpoints are in {w.facts['region']}; the agent's log names {len(reached)} address that it reached"


def p06(w):
    needed = {}
    for plan in w.plans.values():
        for name, operation in plan["operations"].items():
            needed.setdefault(name.split(".")[0], set()).update(operation.get("scopes", []))
    for name, connection in w.facts["connections"].items():
        granted = set(connection.get("scopes", []))
        need(granted == needed.get(name, set()), f"{name}: {sorted(granted ^ needed.get(name, set()))}")
    return f"the scopes of {len(needed)} connections are those of the operations that plans call"


def p07(w):
    secrets = [word.encode() for word in ("demo-helpdesk-token", "demo-shop-token", "demo-payments-key", "demo-ai-key")]
    secrets += [base64.b64encode(b"\x5a" * 32), b"\x5a" * 32]
    looked = w.scan(secrets, [w.state, w.export.parent])
    return f"none of {len(secrets)} secrets is in {looked} files or in git's objects"


def p08(w):
    slots = {f"{name}/{slot}": rule for name, c in w.facts["connections"].items() for slot, rule in c.get("slots", {}).items()}
    need(all(seconds(rule["rotate"]) <= 400 * 86400 for rule in slots.values()), "a slot without an interval")
    overdue, entries = {}, w.entries()
    for entry in entries:
        data, slot = entry["data"], lambda data: (data.get("connection"), data.get("slot"))
        if entry["kind"] == "alerted" and data["rule"] == "rotation-overdue":
            overdue[slot(data)] = entry["index"]
        if entry["kind"] == "rotated":
            overdue.pop(slot(data), None)
            overdue.pop((None, None), None)
    # That it was rotated may be what is gone.
    overdue = {slot for slot, index in overdue.items() if not w.gap(index, entries[-1]["index"])}
    need(not overdue, f"overdue and not rotated after that: {sorted(overdue, key=str)}")
    return f"{len(slots)} slots have an interval, and the ledger tells of none that is overdue"


def p09(w):
    with tempfile.TemporaryDirectory() as folder:
        line = ["-c", f"gpg.ssh.allowedSignersFile={w.signers(folder)}", "log", "--format=%H %G? %GS", "--name-status"]
        told = w.git(*line)
    count = 0
    for commit in re.split(r"\n(?=[0-9a-f]{40} )", told.strip()):
        head, *names = commit.split("\n")
        digest, good, who = (head.split(" ") + [""])[:3]
        # What a client signed may be brought by anybody: its signature says what it is.
        parts = [name.split("\t") for name in names if "\t" in name]
        own = [path.split("/") for mark, path in parts if not (mark == "A" and re.search("/approv(als|ers)/", path))]
        touched = {path[1] for path in own if path[0] == "clients"}
        if not touched:
            continue
        shown = subprocess.run(["git", "-C", w.source, "show", f"{digest}^:trust/teams.toml"], capture_output=True, check=False)
        teams = tomllib.loads(shown.stdout.decode())["clients"] if shown.returncode == 0 else {}
        for client in touched:
            need(good == "G", f"{digest[:8]} is not signed by anybody who is known")
            need(who.split("@")[0] in teams.get(client, w.root["people"]), f"{digest[:8]}: {who} is not of {client}'s team")
            count += 1
    need(count, "no commit touches a client")
    return f"git verifies {count} changes of clients' folders, each by a member of the team"


def p10(w):
    # Whoever left since looked and acted while they might: when, `assent promises` holds against the release of that time.
    people = {who for root in w.roots for who in root["people"]} | w.deciders()
    on_call = {who for root in w.roots for who in root["roles"].get("oncall", {}).get("people", [])}
    views, seen, entries = {}, set(), w.entries()
    partly = w.partly(entries)
    for entry in entries:
        who = entry.get("actor")
        need(entry["kind"] not in ACTS or who in on_call, f"{who} is not on call ({entry['kind']})")
        if entry["kind"] == "viewed":
            need(who in people, f"{who} is nobody")
            views[who] = views.get(who, 0) + 1
            seen.add((who, entry.get("run")))
        if entry["kind"] == "decided" and who:
            need((who, entry["run"]) in seen or entry["run"] in partly, f"{who} decided on run {entry['run']} and never looked at it")
    need(views or w.gone, "nobody looked at anything")
    return "by person: " + ", ".join(f"{who} looked {count} times" for who, count in sorted(views.items()))


def p11(w):
    told, signed = {}, 0
    releases, plans, all_of = w.releases(), set(), w.entries()
    partly, gone = w.partly(all_of), len(w.gone)
    for entry in all_of:
        if "run" in entry:
            told.setdefault(entry["run"], []).append(entry)
        if entry["kind"] == "released":
            plans |= {active["plan"] for active in releases.get(entry["data"]["manifest"], {}).get("active", [])}
        known = entry["kind"] != "accepted" or entry["plan"] in plans or w.gap(-1, entry["index"])
        need(known, f"run {entry.get('run')} has a plan that no release named")
    for run, entries in told.items():
        first, kinds = entries[0], [entry["kind"] for entry in entries]
        if run in partly:
            continue
        need(first["kind"] == "accepted" and first["data"]["trigger"] and first["data"]["event"], f"run {run} has no beginning")
        need(kinds.count("ended") <= 1, f"run {run} ends twice")
        after = set(kinds[kinds.index("ended") :]) if "ended" in kinds else set()
        need(not after & {"intent", "decided"}, f"run {run} goes on after its end")
        sent = {(e.get("step"), e.get("item"), e.get("attempt")) for e in entries if e["kind"] == "intent"}
        came = {(e.get("step"), e.get("item"), e.get("attempt")) for e in entries if e["kind"] == "outcome"}
        need(came <= sent, f"run {run} has an outcome of what was never begun")
        signed += sum(decision(w, first["data"]["id"], entry) for entry in entries if entry["kind"] == "decided")
        for entry in entries:
            money(w, run, entry, entries)
    # How many runs there are, the tree's own numbers say; of those that cannot be read nothing more is claimed.
    need(gone or set(told) == set(range(1, len(told) + 1)), "a gap between the runs")
    check.check_export(w.export.read_bytes(), w.key(f"assent/harbor/{AGENT}/{CLIENT}"), w.published())
    left = f", {gone} bodies gone as entries say and {len(partly)} runs read in part" if gone else ""
    return f"the tree and the signed root agree, with what was published too; {len(told)} runs without a gap, {signed} signed decisions{left}"


def decision(w, run, entry):
    """Whether it is signed; what is signed was so by somebody of the group, over this question."""
    data = entry["data"]
    need(data["choice"] == "late" or entry["actor"] in w.facts["deciders"].get(data["by"], []), "a decision by somebody of no such group")
    if "decision" not in data:
        return False
    said = json.loads(data["decision"])
    need((said["run"], said["client"], said["agent"]) == (run, CLIENT, AGENT), "a decision about another run")
    try:
        decisions.verify(entry, w.facts["people"])
    except (AssertionError, subprocess.CalledProcessError) as why:
        raise Refused(f"the decision of {entry['actor']} does not verify: {why}") from why
    return True


def money(w, run, entry, entries):
    """An amount moves after a yes that was signed, or that an account may say, and within the client's guardrail."""
    amount = entry["data"].get("amount") if entry["kind"] == "intent" else None
    if not amount:
        return
    yes = [e for e in entries if e["kind"] == "decided" and e["data"]["choice"] == "approve" and e["index"] < entry["index"]]
    small = amount["minor"] <= w.facts.get("chat_up_to", {}).get(amount["currency"], -1)
    need(any(small or "decision" in e["data"] for e in yes), f"run {run} moves money that nobody signed for")
    limits = [g for g in w.facts["guardrails"] if g["operation"] == entry["data"]["operation"]]
    within = all(amount["currency"] == g["currency"] and amount["minor"] <= g["per_call"] for g in limits)
    need(within or any(e.get("step") == entry["step"] for e in yes), f"run {run} moves more than the guardrail allows")


def failed(entries):
    return [e for e in entries if e["kind"] == "ended" and e["data"]["outcome"] in ("failed", "stopped", "content-lost")]


def p12(w):
    need(all(plan["limits"]["concurrency"] and plan["limits"]["timeout"] for plan in w.plans.values()), "no limits")
    entries = w.entries()
    alerts = {e["data"]["rule"] for e in entries if e["kind"] == "alerted"}
    bad = failed(entries)
    need(not bad or w.gone or any(rule.startswith("run-") for rule in alerts), "runs failed and no rule found it")
    return f"{len(bad)} runs could not be finished; rules that spoke: {', '.join(sorted(alerts))}"


def p13(w):
    entries = w.entries()
    alerts = [entry for entry in entries if entry["kind"] == "alerted"]
    delays = [entry["data"]["delay"] for entry in alerts]
    need((delays or w.gone) and max(delays, default=0) <= 300, "an alert was late, or none was delivered")
    newest = moment(entries[-1]["time"])
    for entry in entries:
        if entry["kind"] != "incident" or entry["data"]["state"] != "opened":
            continue
        since, cause = moment(entry["time"]), entry["data"]["cause"]
        until = since + timedelta(seconds=300)
        # What is at the very end of a log may still be on its way.
        of = lambda a: a["data"].get("incident") == entry["data"]["id"] if "code" in entry["data"] else a["data"]["rule"] == cause
        told = [moment(a["time"]) for a in alerts if of(a) and moment(a["time"]) >= since]
        later = [e["index"] for e in entries if moment(e["time"]) > until]
        if not w.gap(entry["index"], min(later, default=entries[-1]["index"])):
            need(min(told, default=newest) <= until, f"{entry['data']['id']} was opened {since}, and nobody was told by {until}")
    return f"{len(delays)} alerts were delivered, the slowest after {max(delays, default=0)} s"


def p14(w):
    kept = seconds(w.facts["retention"])
    need(kept >= 90 * 86400, f"kept for {w.facts['retention']} only")
    entries = w.entries()
    held, listed, asked = False, set(), set()
    for entry in entries:
        held = entry["kind"] == "legal-held" or held and entry["kind"] != "legal-released"
        if entry["kind"] not in ("pruned", "erased"):
            continue
        need(not held, "bodies went while a person had said that all is kept")
        now = {index for first, last in entry["data"]["ranges"] for index in range(first, last + 1)}
        new, listed = now - listed, now
        if entry["kind"] == "erased":
            asked |= new
            continue
        # What is gone is no younger than the entry before it that is there, and that is old enough.
        for index in new:
            before = max((e for e in entries if e["index"] < index), key=lambda e: e["index"])
            old = moment(entry["time"]) - moment(before["time"]) >= timedelta(seconds=kept)
            need(old, f"entry {index} was gone at {entry['time']}, and is younger than the retention")
    need(set(w.gone) == listed, "a body is gone and no entry says so")
    by_age = len(listed - asked)
    return f"kept for {w.facts['retention']}; {len(entries)} entries can be read, {by_age} went by age and {len(asked)} on request"


def p15(w):
    rehearsed = {}
    for path in (w.release / "rehearsals").glob("*.json"):
        statement = json.loads(path.read_text())
        agent = statement["agent"]
        need(w.root["agents"][agent].get("rehearses"), f"{agent} rehearses nothing")
        signed = w.verifies(path, f"{path}.{agent}.sig", f"{agent}@harbor", "rehearsal@assent")
        need(signed, f"{path.name[:8]}: the signature of {agent} does not verify")
        if all(result["passed"] for result in statement["results"]):
            rehearsed[statement["plan"]] = len(statement["results"])
    need(set(w.active) <= set(rehearsed), "a plan that no staging agent rehearsed")
    return f"ssh-keygen verifies rehearsals of {len(w.active)} plans, {sum(rehearsed.values())} scenarios"


def p16(w):
    published = {}
    for commit in w.git("rev-list", w.branch, where=w.remote).split():
        data = subprocess.run(["git", "-C", w.remote, "show", f"{commit}:manifest.json"], capture_output=True, check=True).stdout
        published[json.loads(data)["sequence"]] = check.sha256(data).hex()
    taken = [(entry["data"]["sequence"], entry["data"]["manifest"]) for entry in w.of("released")]
    need((taken or w.gone) and all(published.get(number) == digest for number, digest in taken), "the ledger names other releases than git")
    need(taken == sorted(taken), "a release that came before an older one")
    return f"git and the ledger agree on releases {', '.join(str(number) for number, _ in taken)}"


def p17(w):
    back, count, releases, holds = set(), 0, w.releases(), (0, 0)
    for entry in w.entries():
        if entry["kind"] == "rolled-back":
            back.add(entry["data"]["from"])
            count += 1
        if entry["kind"] == "released":
            release = releases.get(entry["data"]["manifest"], {})
            generation, number = release.get("generation", 0), entry["data"]["sequence"]
            # What an earlier release let in, and this one carries on, says nothing to whoever held that one.
            first = {one["plan"]: (generation, one.get("since", number)) for one in release.get("readmitted", [])}
            taken = {one["plan"] for one in release.get("returned", [])}
            back = {plan for plan in back | taken if first.get(plan, (0, 0)) <= holds}
            holds = (generation, number)
        # That a release readmitted it may be what is gone.
        need(entry["kind"] != "accepted" or entry["plan"] not in back or w.gone, "a plan went back and began a run")
    need(count or w.gone, "nothing ever went back")
    return f"{count} times a plan went back, and none of them began a run before a release readmitted it by name"


def p18(w):
    most = {(plan, s["id"]): s["action"].get("retry", {}).get("attempts", 1) for plan, p in w.plans.items() for s in w.steps(p)}
    effects = {n for p in w.plans.values() for n, o in p["operations"].items() if o["effect"] != "none" and "idempotency" not in o}
    open_effects, further, entries = set(), 0, w.entries()
    partly = w.partly(entries)
    for entry in entries:
        if entry.get("run") in partly:
            continue
        place = (entry.get("run"), entry.get("step"), entry.get("item"))
        if entry["kind"] == "intent":
            need(entry["attempt"] <= most.get((entry.get("plan"), entry["step"]), 20), f"{place}: too many attempts")
            need(place not in open_effects, f"{place}: an effect in doubt was repeated")
            further += entry["attempt"] > 1
            if entry["data"]["operation"] in effects:
                open_effects.add(place)
        if entry["kind"] == "outcome":
            open_effects.discard(place)
    return f"{further} further attempts, none beyond its plan's bound, no effect in doubt was repeated"


def covers(incident, end, workflow):
    """Whether an incident is of a run that ended so: of its rule, code and connection; where none is to blame, of its workflow."""
    ended = end["data"]
    if incident["cause"].removeprefix("run-") != ended["outcome"]:
        return False
    # An older agent told nothing but the rule.
    if "code" not in incident:
        return True
    code = ended.get("left", ended.get("name", ended["outcome"]))
    same = incident.get("workflow", workflow) == workflow or workflow is None
    return incident["code"] == code and incident.get("connection") == ended.get("connection") and same


def p19(w):
    need(all(plan["fallback"]["queue"] for plan in w.plans.values()), "a workflow without a fallback")
    entries = w.entries()
    opened = [e for e in entries if e["kind"] == "incident" and e["data"]["state"] == "opened"]
    over = {e["data"]["id"]: e["index"] for e in entries if e["kind"] == "incident" and e["data"]["state"] in ("resolved", "closed")}
    bad = failed(entries)
    deployed = {e["plan"]: e["data"]["workflow"] for e in entries if e["kind"] == "deployed"}
    workflows = {e["run"]: deployed.get(e.get("plan")) for e in entries if e["kind"] == "accepted"}
    for end in bad:
        if w.gap(-1, end["index"]):
            continue
        of = [e for e in opened if covers(e["data"], end, workflows.get(end["run"])) and moment(e["time"]) <= moment(end["time"])]
        need(any(over.get(e["data"]["id"], end["index"]) >= end["index"] for e in of), f"run {end['run']} failed and no incident was open")
    ((queued,),) = asked(w, "select count(*) from queue")
    handled = len([e for e in entries if e["kind"] == "handled"])
    need(w.gone or queued + handled >= len(bad), f"{len(bad)} runs failed, {queued} are in the queue and {handled} were handled")
    return f"{len(bad)} runs could not be finished: {queued} in the manual queue, {handled} handled, {len(opened)} incidents"


def incidents(w):
    """What is told of each, where nothing may be gone since it opened."""
    told, entries = {}, w.entries()
    for entry in entries:
        if entry["kind"] == "incident":
            data = entry["data"]
            told.setdefault(data["id"], {}).setdefault(data["state"], (moment(entry["time"]), data, entry["index"]))
    last = entries[-1]["index"]
    return {name: states for name, states in told.items() if not w.gone or "opened" in states and not w.gap(states["opened"][2], last)}


def p20(w):
    # Growth answers within four hours; which days are business days is starter's question alone.
    need(w.facts["plan"] == "growth", "this looks at the clock of growth")
    now = moment(w.entries()[-1]["time"])
    for name, states in incidents(w).items():
        since, data, _ = states["opened"]
        until = moment(data["respond_by"]) if "respond_by" in data else since + timedelta(hours=4)
        need(until <= since + timedelta(hours=4), f"{name}: {until} is later than growth promises")
        answered = states.get("acknowledged", (now,))[0]
        need(answered <= until, f"{name} was not answered by {until}")
    return f"{len(incidents(w))} incidents, each answered within four hours or not yet due"


def p21(w):
    written = 0
    for name, states in incidents(w).items():
        if "shared" in states:
            text = w.git("show", f"HEAD:clients/{CLIENT}/incidents/{name}.md").encode()
            need(check.sha256(text).hex() == states["shared"][1]["file"], f"{name}: another post-mortem than was shared")
            need(b"Root cause" in text and b"Timeline" in text and b"Prevention" in text, f"{name}: a part is missing")
            written += 1
        need("closed" not in states or "shared" in states, f"{name} was closed without a post-mortem")
    need(written or w.gone, "no post-mortem")
    return f"{written} post-mortem is in git, with the digest that the ledger says was shared"


def p22(w):
    need(w.facts.get("contacts"), "nobody to share with")
    now = moment(w.entries()[-1]["time"])
    for name, states in incidents(w).items():
        shared = states.get("shared", (now,))[0]
        need(shared - states["opened"][0] <= timedelta(hours=48), f"{name} was not shared within 48 h")
    return "each post-mortem was shared within 48 h of its incident, or is not yet due"


def p23(w):
    purposes = {plan["purpose"] for plan in w.plans.values()} | {use["purpose"] for use in w.uses().values() if "purpose" in use}
    bad = [purpose for purpose in purposes if re.search(r"train_ai_system|improve$|^third_party_sharing|^marketing.advertising", purpose)]
    need(not bad, f"forbidden: {bad}")
    return f"purposes in plans and in what was signed: {', '.join(sorted(purposes))}"


def p24(w):
    providers = {n: c["to"]["provider"] for n, c in w.facts["connections"].items() if "provider" in c["to"]}
    asked = [e for e in w.of("intent") if e["data"]["operation"].split(".")[0] in providers]
    for entry in asked:
        agreement = providers[entry["data"]["operation"].split(".")[0]]["agreement"]
        need(agreement["forbids_training"], "an agreement that allows training")
        need(moment(agreement["from"]) <= moment(entry["time"]) < moment(agreement["until"]), "a question without an agreement")
    need(asked or w.gone, "no provider was asked")
    return f"{len(asked)} questions to providers, each under an agreement that forbids training"


def p25(w):
    uses = w.uses()
    files = {check.sha256(path.read_bytes()).hex(): tomllib.loads(path.read_text()) for path in (w.release / "statements").glob("*.toml")}
    for entry in w.of("statement"):
        said = files.get(entry["data"]["digest"])
        need(said, f"no release holds the statement {entry['data']['digest']}")
        need((said["client"], said["decision"]) == (CLIENT, entry["data"]["decision"]), "a statement says something else")
    for plan in w.plans.values():
        for name in plan["operations"]:
            found = [use for (_, workflow, operation), use in uses.items() if (workflow, operation) == (plan["workflow"], name)]
            # A service operation of a channel or of a check belongs to what is approved of its connection.
            same = [use for (_, workflow, _), use in uses.items() if workflow == plan["workflow"]
                    and name.split(".")[0] in (use.get("to", {}).get("connection"), use.get("from", {}).get("connection"))]
            need(found or same, f"{plan['workflow']}: nobody approved {name}")
    return f"ssh-keygen verifies the statements; they cover {len(uses)} data uses of {len(w.plans)} workflows"


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.articles, self.loads, self.verdicts = [], [], []

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if tag == "article":
            self.articles.append(told.get("id"))
        self.loads += [name for name in ("src", "action", "srcset") if name in told] + [tag] * (tag in ("script", "link", "iframe"))
        self.verdicts += [told["class"]] if self.articles and tag == "span" and told.get("class") in ("kept", "partly", "broken") else []


def p26(w):
    page = Page()
    page.feed(w.page.read_text())
    need(page.articles == [f"P{number:02}" for number in range(1, 27)], "not all of the promises")
    need(page.verdicts == ["kept"] * 26, f"not all are kept: {page.verdicts}")
    need(not page.loads, f"the page loads {page.loads}")
    return "one page, 26 promises, each kept, and nothing that is loaded from elsewhere"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world")
    parser.add_argument("promise")
    for part in ("report", "source", "release", "ledger", "state", "page", "keys"):
        parser.add_argument(f"--{part}")
    parser.add_argument("--canary", action="append", default=[])
    options = parser.parse_args()
    print(options.promise, "holds:", globals()[options.promise.lower()](World(options)))


if __name__ == "__main__":
    try:
        main()
    except Refused as why:
        print("refuted:", why, file=sys.stderr)
        sys.exit(1)
    except (OSError, sqlite3.Error) as why:
        print("not looked at:", why, file=sys.stderr)
        sys.exit(2)
