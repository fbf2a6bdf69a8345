#!/usr/bin/env python3
"""Verifies what Assent publishes without any of its code: Python's standard library, and OpenSSL for Ed25519.

    check.py export FILE.ledger VKEY [OLDER-CHECKPOINT]   an exported ledger, and that it grew out of an older checkpoint
    check.py proof FILE.tlog-proof VKEY                   that one entry is in the log
    check.py consistency ADD-CHECKPOINT OLDER VKEY        that one checkpoint continues another
    check.py witnessed NOTE VKEY WITNESS-VKEY [...]       that the log signed a checkpoint, and each of the witnesses; when
    check.py signature FILE SIG NAMESPACE "KEY"           an SSHSIG by an Ed25519 key, written `ssh-ed25519 AAAA...`
    check.py vectors [FOLDER]                             all test vectors, and that a changed byte is refused

Written from docs/formats.md alone. VKEY is a C2SP verifier key line or a file that holds one. Exit status 1 when something
does not verify.
"""

import base64
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
from datetime import datetime, timezone


class Refused(Exception):
    """Something does not verify."""


def need(condition, what):
    if not condition:
        raise Refused(what)


# Basics ---------------------------------------------------------------------------------------------------------------


def sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def b64(text):
    """Padded base64, in its one spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Refused("base64: %s" % error) from None
    need(base64.b64encode(data) == (text.encode() if isinstance(text, str) else text), "base64 in another spelling")
    return data


def canonical(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        need(abs(value) < 2**53, "an integer beyond 2^53 - 1")
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    need(isinstance(value, dict), "null or a float")
    members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
    return "{" + ",".join(canonical(key) + ":" + canonical(member) for key, member in members) + "}"


def read_json(data):
    """Canonical JSON (RFC 8785, restricted), nothing else."""

    def once(pairs):
        need(len({key for key, _ in pairs}) == len(pairs), "a key that stands twice")
        return dict(pairs)

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=once)
    except ValueError as error:
        raise Refused("JSON: %s" % error) from None
    need(canonical(value).encode() == data, "JSON that is not canonical")
    return value


# How a SubjectPublicKeyInfo of Ed25519 begins, and one of P-256 with an uncompressed point.
ED25519 = bytes.fromhex("302a300506032b6570032100")
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


def ed25519(key, message, signature):
    need(len(key) == 32 and len(signature) == 64, "an Ed25519 key has 32 bytes, a signature 64")
    openssl(ED25519 + key, message, signature)


def openssl(der, message, signature, *how):
    """Whether the key, as SubjectPublicKeyInfo, made the signature."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("key", "message", "signature")]
        for path, data in zip(paths, (der, message, signature)):
            with open(path, "wb") as file:
                file.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[0], "-rawin", "-in"]
        done = subprocess.run(command + [paths[1], "-sigfile", paths[2], *how], capture_output=True, check=False)
    need(done.returncode == 0, "the signature does not verify")


# Checkpoints ----------------------------------------------------------------------------------------------------------


def read_vkey(text, kind=1):
    """A verifier key: of a log (1) or of a witness (4)."""
    if os.path.exists(text):
        with open(text, encoding="utf-8") as file:
            text = file.read()
    name, key_id, data = text.strip().split("+", 2)
    data = b64(data)
    need(len(data) == 33 and data[0] == kind, "no Ed25519 key of a log" if kind == 1 else "no key of a witness")
    need(sha256(name.encode(), b"\n", data)[:4].hex() == key_id, "the key's id does not fit")
    return name, data[1:]


def read_checkpoint(note, vkey):
    """Gives size and root of a checkpoint that the log's key signed."""
    name, key = vkey
    need("\n\n" in note and note.endswith("\n"), "no signed note")
    text, lines = note.rsplit("\n\n", 1)
    text += "\n"
    key_id = sha256(name.encode(), b"\n\x01", key)[:4]
    by_log = 0
    for line in lines[:-1].split("\n"):
        match = re.fullmatch("\u2014 (\\S+) (\\S+)", line)
        need(match, "a signature line of another form")
        data = b64(match.group(2))
        if match.group(1) == name and data[:4] == key_id:
            ed25519(key, text.encode(), data[4:])
            by_log += 1
    need(by_log == 1, "not exactly one line by the log's key")
    body = text.split("\n")
    need(len(body) == 4 and body[0] == name, "no checkpoint of this log")
    need(re.fullmatch("0|[1-9][0-9]*", body[1]), "a size of another form")
    root = b64(body[2])
    need(len(root) == 32, "a root of another length")
    return int(body[1]), root


def cosigned(note, witness):
    """When a witness says that it cosigned, in seconds since 1970 (C2SP tlog-cosignature)."""
    name, key = witness
    text, lines = note.rsplit("\n\n", 1)
    key_id = sha256(name.encode(), b"\n\x04", key)[:4]
    times = []
    for line in lines[:-1].split("\n"):
        by, data = line[2:].split(" ")
        data = b64(data)
        if by == name and data[:4] == key_id:
            need(len(data) == 76, "a cosignature of another length")
            (time,) = struct.unpack(">Q", data[4:12])
            ed25519(key, ("cosignature/v1\ntime %d\n%s\n" % (time, text)).encode(), data[12:])
            times.append(time)
    need(times, "no line by %s" % name)
    return max(times)


def check_witnessed(note, vkey, witnesses):
    size, _ = read_checkpoint(note, vkey)
    need(len({key for _, key in witnesses}) == len(witnesses), "one witness that is named twice")
    return size, [cosigned(note, witness) for witness in witnesses]


# Trees (RFC 6962) -----------------------------------------------------------------------------------------------------


def leaf(data):
    return sha256(b"\x00", data)


def node(left, right):
    return sha256(b"\x01", left, right)


class Tree:
    """Keeps the roots of the perfect subtrees, so that a long log costs little."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def append(self, data):
        current, size = leaf(data), self.size
        while size & 1:
            current = node(self.peaks.pop(), current)
            size >>= 1
        self.peaks.append(current)
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha256(b"")
        root = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            root = node(left, root)
        return root


def check_inclusion(data, index, size, path, root):
    need(index < size, "an index beyond the tree")
    at, last, current = index, size - 1, leaf(data)
    for sibling in path:
        need(last != 0, "a path that is too long")
        if at & 1 or at == last:
            current = node(sibling, current)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            current = node(current, sibling)
        at, last = at >> 1, last >> 1
    need(last == 0 and current == root, "the path does not lead to the root")


def check_consistency(old, old_root, size, root, path):
    need(old <= size, "the older log is larger")
    if old == 0:
        need(not path and old_root == sha256(b""), "the empty log has no path")
        return
    if old == size:
        need(not path and old_root == root, "two roots of one size")
        return
    path = ([old_root] if old & (old - 1) == 0 else []) + list(path)
    need(path, "no path")
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = current = path[0]
    for sibling in path[1:]:
        need(last != 0, "a path that is too long")
        if at & 1 or at == last:
            before, current = node(sibling, before), node(sibling, current)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            current = node(current, sibling)
        at, last = at >> 1, last >> 1
    need(last == 0 and before == old_root and current == root, "the newer log does not continue the older one")


# Entries and exports --------------------------------------------------------------------------------------------------

MEMBERS = {"v", "log", "index", "time", "kind", "run", "step", "attempt", "actor", "plan", "data"}


def commitment(salt, body):
    need(len(salt) == 32, "a salt has 32 bytes")
    return sha256(b"assent-ledger/v1\x00", salt, body)


def read_body(body, log, index):
    entry = read_json(body)
    need(isinstance(entry, dict) and set(entry) <= MEMBERS, "a body with unknown members")
    need(entry.get("v") == 1 and entry.get("log") == log and entry.get("index") == index, "a body of another place")
    need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry.get("time", "")), "a time of another form")
    need(isinstance(entry.get("kind"), str) and isinstance(entry.get("data"), dict), "a body without kind or data")
    return entry


TOKEN = "(?=.{1,64}$)[A-Za-z0-9._:-]+={0,2}"
DIGEST = "[0-9a-f]{64}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
NAME = "[a-z][a-z0-9-]{0,62}"
CALLED = "[a-z][a-z0-9-]{0,62}[.][a-z][a-z0-9_]{0,62}"
# What the data of each kind holds: a pattern of a text, a type, or a list of one; with a question mark, it may be absent.
KINDS = {
    "opened": {"root": DIGEST, "old?": [str]},
    "started": {"clean": bool, "version": TOKEN},
    "stopped": {},
    "clock": {"was": TIME},
    "tick": {"accepted": int, "finished": int, "heads": [dict]},
    "accepted": {"id": TOKEN, "trigger": TOKEN, "event": TOKEN},
    "intent": {"operation": CALLED, "keyed": DIGEST, "amount?": dict},
    "outcome": {"code": TOKEN, "status?": int},
    "used": {"connection": NAME, "hour": TIME, "sent_bytes": int, "received_bytes": int, "tokens_in?": int, "tokens_out?": int},
    "decided": {"choice": "approve|refuse|late", "shown": DIGEST, "by": TOKEN, "nonce?": DIGEST,
                "decision?": str, "signature?": str, "passkey?": dict},
    "ended": {"outcome": "done|stopped|failed|content-lost|superseded", "name?": TOKEN, "connection?": NAME, "left?": "items_failed|in_doubt"},
    "released": {"sequence": int, "manifest": DIGEST},
    "deployed": {"workflow": NAME, "stage": TOKEN},
    "rolled-back": {"workflow": NAME, "from": DIGEST, "to?": DIGEST, "why": TOKEN},
    "refused": {"code": TOKEN, "digest": DIGEST},
    "statement": {"digest": DIGEST, "decision": "approve|reject|withdraw"},
    "root": {"version": int},
    "viewed": {"what": TOKEN, "why": TOKEN},
    "held": {"id": TOKEN, "what": (str, dict), "why": TOKEN, "until": TIME},
    "resumed": {"id": TOKEN},
    "recovered": {"why": [TOKEN], "statement": DIGEST, "runs": int},
    "handled": {"id": TOKEN, "what": "retry|skip|cancel|rerun|done|reassign", "why": TOKEN, "next?": TOKEN},
    "alerted": {"rule": TOKEN, "delay": int, "connection?": NAME, "slot?": NAME, "incident?": TOKEN},
    "incident": {"id": TOKEN, "state": TOKEN, "severity": TOKEN, "cause": TOKEN, "code?": TOKEN, "connection?": NAME,
                 "workflow?": NAME, "respond_by?": TIME, "file?": DIGEST},
    "acknowledged": {"id": TOKEN, "rule": TOKEN},
    "approvers-reset": {"number": int, "approvers": DIGEST, "standing": "waits|counts|vetoed", "until?": TIME},
    "rotated": {"connection": NAME, "slot": NAME},
    "pruned": {"ranges": [list], "rule": TOKEN, "reason": TOKEN},
    "erased": {"ranges": [list], "request": TOKEN},
    "legal-held": {"id": TOKEN, "why": TOKEN},
    "legal-released": {"id": TOKEN},
}
# Who must be named: a person acted.
BY_PERSON = {"viewed", "held", "acknowledged", "recovered", "handled", "erased", "legal-held", "legal-released"}


def fits(value, form):
    if isinstance(form, str):
        return isinstance(value, str) and re.fullmatch(form, value) is not None
    if isinstance(form, list):
        return isinstance(value, list) and all(fits(item, form[0]) for item in value)
    if form is int:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return isinstance(value, form)


def check_data(entry):
    """The data of a kind that this page knows; of others the envelope is enough."""
    kind, data = entry["kind"], entry["data"]
    if kind not in KINDS:
        return
    form = {name.rstrip("?"): (rule, name.endswith("?")) for name, rule in KINDS[kind].items()}
    if "step" in entry:
        form["item"] = (TOKEN, True)
    need(set(data) <= set(form), "%s with unknown data" % kind)
    for name, (rule, optional) in form.items():
        need((name in data and fits(data[name], rule)) or (optional and name not in data), "%s without a right %s" % (kind, name))
    need(kind not in BY_PERSON or fits(entry.get("actor"), NAME), "%s by nobody" % kind)


def check_ended(entry, key):
    """The last checkpoints of logs that ended, which the log of the life after them holds: by the same key."""
    name, life = re.fullmatch(r"(assent/[^/]+/[^/.]+)(?:[.](\d+))?(?:/[^/]+)?", entry["log"]).groups()
    for note in entry["data"].get("old", []):
        origin = note.split("\n", 1)[0]
        before, other = re.fullmatch(r"(assent/[^/]+/[^/.]+)(?:[.](\d+))?(?:/[^/]+)?", origin).groups()
        need(before == name and int(other or 1) < int(life or 1), "a log that ended and is of no earlier life")
        read_checkpoint(note, (origin, key))


class Story:
    """What the entries say together. Missing bodies leave the counts open upward."""

    def __init__(self):
        self.time, self.beat = "", None
        self.accepted, self.accepted_most, self.ended, self.finished_most = 0, 0, set(), 0
        self.gone, self.listed, self.heads, self.kinds = [], [], {}, set()

    def missing(self, index):
        self.gone.append(index)
        self.accepted_most += 1
        self.finished_most += 1
        self.beat = None

    def entry(self, entry):
        need(entry["time"] >= self.time, "a time before that of the entry before")
        self.time = entry["time"]
        kind, run, data = entry["kind"], entry.get("run"), entry["data"]
        self.kinds.add(kind)
        need((kind == "opened") == (entry["index"] == 0), "a log that begins twice, or never")
        if kind == "accepted":
            need(run and self.accepted < run <= self.accepted_most + 1, "a gap between run numbers")
            self.accepted = self.accepted_most = run
        elif run is not None:
            need(1 <= run <= self.accepted_most, "a run that was not accepted")
            self.accepted = max(self.accepted, run)
        if kind == "ended":
            need(run and run not in self.ended, "a run that ends twice")
            self.ended.add(run)
            self.finished_most += 1
        now = datetime.strptime(entry["time"], "%Y-%m-%dT%H:%M:%SZ")
        if kind in ("tick", "stopped") and self.beat:
            need((now - self.beat).total_seconds() <= 3660, "more than 3,660 s between two ticks")
        if kind == "tick":
            need(self.accepted <= data["accepted"] <= self.accepted_most, "a tick that counts other runs")
            need(len(self.ended) <= data["finished"] <= self.finished_most, "a tick that counts other ends")
            self.accepted = self.accepted_most = data["accepted"]
            self.finished_most = data["finished"]
            for head in data["heads"]:
                self.head(entry["log"], head)
        if kind in ("started", "clock", "tick"):
            self.beat = now
        if kind == "stopped":
            self.beat = None
        if kind in ("pruned", "erased"):
            before = -2
            for first, last in data["ranges"]:
                need(before + 1 < first <= last < entry["index"], "ranges that are not sorted, joined and below the entry")
                before = last
            listed = [index for first, last in data["ranges"] for index in range(first, last + 1)]
            need(set(self.listed) <= set(listed), "an index that was gone once and is not listed any more")
            self.listed = listed

    def head(self, log, head):
        """A client's log names the agent's own log only, which names those of clients; and no log shrinks."""
        need(set(head) == {"origin", "size", "root"}, "a head of another form")
        origin, size, root = head["origin"], head["size"], head["root"]
        own, other = log.split("/"), origin.split("/")
        need(own[:3] == other[:3] and {len(own), len(other)} == {3, 4}, "a head of a log that cannot stand here")
        before = self.heads.get(origin, (-1, root))
        need(size > before[0] or (size, root) == before, "a log that shrank or changed")
        self.heads[origin] = size, root

    def end(self):
        need(self.gone == self.listed, "bodies are gone and no entry says so, or the other way round")


def check_export(data, vkey, older=None):
    log = vkey[0]
    story, tree, at = Story(), Tree(), 0
    older_size, older_root = older or (0, sha256(b""))
    while True:
        end = data.find(b"\n", at)
        need(end >= 0, "no checkpoint")
        line, at = data[at:end], end + 1
        if tree.size == older_size:
            need(tree.root() == older_root, "the log does not continue the older checkpoint")
        if not line:
            break
        value = read_json(line)
        need(set(value) in ({"commitment", "index"}, {"body", "commitment", "index", "salt"}), "a line of another form")
        need(value["index"] == tree.size, "a line of another place")
        need(re.fullmatch("[0-9a-f]{64}", value["commitment"]), "a commitment of another form")
        committed = bytes.fromhex(value["commitment"])
        if "body" in value:
            salt, body = b64(value["salt"]), b64(value["body"])
            need(commitment(salt, body) == committed, "entry %d: salt and body do not give the commitment" % tree.size)
            entry = read_body(body, log, tree.size)
            check_data(entry)
            if entry["kind"] == "opened":
                check_ended(entry, vkey[1])
            story.entry(entry)
        else:
            story.missing(tree.size)
        tree.append(committed)
    need(older_size <= tree.size, "the log is shorter than the older checkpoint")
    size, root = read_checkpoint(data[at:].decode("utf-8"), vkey)
    need(size == tree.size and root == tree.root(), "the checkpoint is over other entries")
    story.end()
    return size, story.kinds


def check_proof(text, vkey, committed=None):
    proof, note = text.split("\n\n", 1)
    lines = proof.split("\n")
    need(lines[0] == "c2sp.org/tlog-proof@v1", "no tlog-proof")
    lines = lines[1:]
    opened = None
    if lines and lines[0].startswith("extra "):
        extra = b64(lines.pop(0)[6:])
        opened = extra[:32], extra[32:]
        committed = commitment(*opened)
    need(committed, "the body is gone: give the commitment from the export")
    match = re.fullmatch("index (0|[1-9][0-9]*)", lines[0]) if lines else None
    need(match, "no index")
    index = int(match.group(1))
    size, root = read_checkpoint(note, vkey)
    check_inclusion(committed, index, size, [b64(line) for line in lines[1:]], root)
    return read_body(opened[1], vkey[0], index) if opened else None


def check_add_checkpoint(text, older, vkey):
    proof, note = text.split("\n\n", 1)
    lines = proof.split("\n")
    size, root = read_checkpoint(older, vkey)
    need(lines[0] == "old %d" % size, "another older size")
    check_consistency(size, root, *read_checkpoint(note, vkey), [b64(line) for line in lines[1:]])


# SSHSIG ---------------------------------------------------------------------------------------------------------------


def strings(data):
    """The strings of the SSH wire format, to the end."""
    found = []
    while data:
        need(len(data) >= 4, "a string that is cut off")
        (size,) = struct.unpack(">I", data[:4])
        need(len(data) >= 4 + size, "a string that is cut off")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


def check_signature(data, armour, namespace, key):
    begin, end = "-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n"
    need(armour.startswith(begin) and armour.endswith(end), "no armour")
    lines = armour[len(begin) : -len(end)].split("\n")[:-1]
    need(lines and all(len(line) in (70, 76) for line in lines[:-1]), "lines of another width")
    blob = b64("".join(lines))
    need(blob[:10] == b"SSHSIG\x00\x00\x00\x01", "no SSHSIG of version 1")
    public, space, reserved, algorithm, signature = strings(blob[10:])
    need(public == b64(key.split(" ")[1]), "another key")
    need(space == namespace.encode() and reserved == b"", "another namespace")
    need(algorithm in (b"sha512", b"sha256"), "another hash")
    hashed = hashlib.new(algorithm.decode(), data).digest()
    signed = b"SSHSIG" + b"".join(struct.pack(">I", len(s)) + s for s in (space, b"", algorithm, hashed))
    kind, raw = strings(signature)
    key_kind, point = strings(public)
    need(kind == key_kind == b"ssh-ed25519", "no Ed25519 key")
    ed25519(point, signed, raw)


def unpadded(text):
    need("=" not in text, "base64url with padding")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    need(base64.urlsafe_b64encode(data).decode().rstrip("=") == text, "base64url of another spelling")
    return data


def check_passkey(data, line, origin, proof):
    """Web Authentication, section 7.2, with the SHA-256 of the file as challenge; gives the count."""
    name, rp, credential, key = line.split(" ")
    need(name == "passkey" and proof["credential"] == credential, "another passkey")
    der = b64(key)
    need((der[:12], len(der)) == (ED25519, 44) or (der[:27], len(der)) == (P256, 91), "a key of another form")
    told, client, signature = (unpadded(proof[part]) for part in ("authenticator_data", "client_data", "signature"))
    how = ["-digest", "sha256"] if der.startswith(P256) else []
    openssl(der, told + sha256(client), signature, *how)
    said = json.loads(client)
    challenge = base64.urlsafe_b64encode(sha256(data)).decode().rstrip("=")
    need(said["type"] == "webauthn.get" and said["challenge"] == challenge, "it signed something else")
    need(said.get("crossOrigin", False) is False and "topOrigin" not in said, "in a frame of another site")
    host = said["origin"].split("://")[1].split(":")[0]
    need(said["origin"] == origin and (host == rp or host.endswith("." + rp)), "on another page")
    need(told[:32] == sha256(rp.encode()), "for another site")
    need(told[32] & 5 == 5, "nobody touched it, or it did not see who did")
    need(len(told) == 37 and told[32] & 0xC0 == 0, "with more than was asked for")
    return int.from_bytes(told[33:37], "big")


# Everything -----------------------------------------------------------------------------------------------------------


def lies(log):
    """Entries that cannot be true together, and what is wrong with them."""

    def told(kind, at="09:00:00", run=None, **data):
        entry = {"kind": kind, "time": "2026-03-02T%sZ" % at, "data": data}
        return entry if run is None else dict(entry, run=run)

    def tick(*heads, at="09:30:00"):
        return told("tick", at, accepted=0, finished=0, heads=[dict(zip(("origin", "size", "root"), h)) for h in heads])

    begin, own, root = told("opened", root="00" * 32), log.rsplit("/", 1)[0], "11" * 32
    started = told("started", clean=True, version="1")
    Story().entry(dict(tick((own, 3, root)), log=log, index=1))
    return [
        ("a log that begins twice", [begin, begin]),
        ("a head of another client's log", [begin, tick((own + "/other", 1, root))]),
        ("a head of another agent's log", [begin, tick((own + "-2", 1, root))]),
        ("a head that shrank", [begin, tick((own, 3, root)), tick((own, 2, root))]),
        ("a head that changed", [begin, tick((own, 3, root)), tick((own, 3, "22" * 32))]),
        ("ranges that are not joined", [begin, begin, told("pruned", ranges=[[0, 0], [1, 1]])][1:]),
        ("a range with its ends changed", [begin, told("root", version=2), told("pruned", ranges=[[1, 0]])]),
        ("a range of the entry itself", [begin, told("pruned", ranges=[[0, 1]])]),
        ("a tick that is late", [begin, started, tick(at="10:01:01")]),
        ("a tick that is late after the clock was set", [begin, told("clock", was="x"), tick(at="10:01:01")]),
        ("a time that goes back", [tick(), begin]),
    ]


def check_vectors(folder):
    def data(*path):
        with open(os.path.join(folder, *path), "rb") as file:
            return file.read()

    def text(*path):
        return data(*path).decode("utf-8")

    def refused(what, check):
        try:
            check()
        except (Refused, ValueError, KeyError, IndexError):
            return
        raise Refused("%s was changed and still verifies" % what)

    vkey = read_vkey(text("ledger", "vkey"))
    older = read_checkpoint(text("ledger", "older-checkpoint"), vkey)
    export = data("ledger", "acme.ledger")
    size, _ = check_export(export, vkey, older)
    need(read_checkpoint(text("ledger", "checkpoint"), vkey)[0] == size, "another size")
    # One place in the first body, one in the last line, one in the checkpoint.
    for at in (30, export.index(b"\n\n") - 20, len(export) - 120):
        bent = bytearray(export)
        bent[at] = ord("A") if bent[at] != ord("A") else ord("B")
        refused("the export", lambda bent=bytes(bent): check_export(bent, vkey))
    refused("the history", lambda: check_export(export, vkey, (older[0], sha256(b"other"))))

    # The agent's second life: what was pruned and erased, a clock that was set, a log that ended, every kind, a witness.
    second = read_vkey(text("ledger", "recovered-vkey"))
    whole, kinds = check_export(data("ledger", "whole.ledger"), second)
    recovered = data("ledger", "recovered.ledger")
    _, later = check_export(recovered, second)
    need(kinds | later == set(KINDS), "not every kind: %s" % sorted(set(KINDS) - kinds - later))
    refused("a log by the key of another life", lambda: check_export(recovered, vkey))
    bodies = {0: "old", 26: "ranges", 27: "ranges"}
    first = [read_json(line) for line in recovered.split(b"\n\n")[0].split(b"\n")]
    need(["body" in line for line in first] == [at not in (*range(1, 21), 25) for at in range(len(first))], "other bodies are gone")
    for at, name in bodies.items():
        entry = read_json(b64(first[at]["body"]))
        need(name in entry["data"], "entry %d of another kind" % at)
        refused(entry["kind"], lambda: check_data(dict(entry, data=dict(entry["data"], more=1))))
        refused(entry["kind"], lambda: check_data(dict(entry, data={k: v for k, v in entry["data"].items() if k == "old"})))
    opened = read_json(b64(first[0]["body"]))
    refused("a log that ended", lambda: check_ended(dict(opened, log=vkey[0]), second[1]))
    refused("a log that ended", lambda: check_ended(opened, vkey[1][::-1]))
    note, witness = text("ledger", "cosigned"), read_vkey(text("ledger", "witness-vkey"), 4)
    need(check_witnessed(note, second, [witness]) == (len(first), [1772712000]), "another size or time")
    # The time is a part of what a witness signs, and the line is over this checkpoint alone.
    signed = b64(note[:-1].rsplit(" ", 1)[1])
    for at in (11, 20, 75):
        bent = bytes(byte ^ (place == at) for place, byte in enumerate(signed))
        line = note[:-1].rsplit(" ", 1)[0] + " " + base64.b64encode(bent).decode() + "\n"
        refused("a cosignature", lambda: check_witnessed(line, second, [witness]))
    refused("a checkpoint that nobody cosigned", lambda: check_witnessed(text("ledger", "checkpoint"), vkey, [witness]))
    refused("a witness that is named twice", lambda: check_witnessed(note, second, [witness, witness]))
    refused("a cosigned checkpoint", lambda: check_witnessed(note.replace("\n%d\n" % len(first), "\n28\n"), second, [witness]))

    for what, told in lies(vkey[0]):
        story = Story()
        refused(what, lambda: [story.entry(dict(entry, log=vkey[0], index=at)) for at, entry in enumerate(told)])

    lines = [read_json(line) for line in export.split(b"\n\n")[0].split(b"\n")]
    entry = check_proof(text("ledger", "5.tlog-proof"), vkey)
    need(entry["kind"] == "accepted" and entry["run"] == 1, "another entry")
    check_proof(text("ledger", "6.tlog-proof"), vkey, bytes.fromhex(lines[6]["commitment"]))
    refused("the proof", lambda: check_proof(text("ledger", "6.tlog-proof"), vkey, bytes.fromhex(lines[7]["commitment"])))
    check_add_checkpoint(text("ledger", "add-checkpoint"), text("ledger", "older-checkpoint"), vkey)

    signed = read_json(data("signed.json"))
    for one in signed:
        path, name = one["file"], one["signer"]
        signature = text(path + "." + name + ".sig")
        check_signature(data(path), signature, one["namespace"], one["key"])
        bent = data(path) + b" "
        refused(path, lambda: check_signature(bent, signature, one["namespace"], one["key"]))
        refused(path, lambda: check_signature(data(path), signature, "git", one["key"]))
        stem = os.path.basename(path).split(".")[0]
        if len(stem) == 64:
            need(sha256(data(path)).hex() == stem, "%s is not named by its digest" % path)
        if path.endswith(".json"):
            read_json(data(path))
    passkeys = read_json(data("passkeys.json"))
    need(len(passkeys) == 2, "not a passkey of each algorithm")
    for one in passkeys:
        path, key, origin, proof = one["file"], one["key"], one["origin"], one["passkey"]
        need(check_passkey(data(path), key, origin, proof) == 7, "another count")
        refused(path, lambda: check_passkey(data(path) + b" ", key, origin, proof))
        refused(path, lambda: check_passkey(data(path), key, origin.replace("console", "evil"), proof))
        refused(path, lambda: check_passkey(data(path), key.replace("harbor", "other"), origin, proof))
        others = next(other["passkey"] for other in passkeys if other is not one)
        refused(path, lambda: check_passkey(data(path), key, origin, dict(others, credential=proof["credential"])))
        for part in ("authenticator_data", "client_data", "signature"):
            raw = bytearray(unpadded(proof[part]))
            raw[-1] ^= 1
            bent = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
            refused(path, lambda: check_passkey(data(path), key, origin, dict(proof, **{part: bent})))
    project = text("words.txt").split("\n")[0]
    need(sha256(data("trust", "root", "1.toml")).hex() == project, "the project is another one")
    return "%d entries, %d signatures, %d passkeys" % (size, len(signed), len(passkeys))


def main(arguments):
    def data(path):
        with open(path, "rb") as file:
            return file.read()

    def text(path):
        return data(path).decode("utf-8")

    match arguments:
        case ["export", file, vkey]:
            return "%d entries" % check_export(data(file), read_vkey(vkey))[0]
        case ["export", file, vkey, older]:
            key = read_vkey(vkey)
            return "%d entries" % check_export(data(file), key, read_checkpoint(text(older), key))[0]
        case ["witnessed", file, vkey, *witnesses] if witnesses:
            keys = [read_vkey(witness, 4) for witness in witnesses]
            size, times = check_witnessed(text(file), read_vkey(vkey), keys)
            when = [datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") for time in times]
            return "%d entries, cosigned %s" % (size, ", ".join(when))
        case ["proof", file, vkey]:
            return canonical(check_proof(text(file), read_vkey(vkey)))
        case ["consistency", file, older, vkey]:
            check_add_checkpoint(text(file), text(older), read_vkey(vkey))
            return "continues"
        case ["signature", file, signature, namespace, key]:
            check_signature(data(file), text(signature), namespace, key)
            return "signed"
        case ["vectors"]:
            return check_vectors(os.path.dirname(os.path.abspath(__file__)))
        case ["vectors", folder]:
            return check_vectors(folder)
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(2)


if __name__ == "__main__":
    try:
        print("verified:", main(sys.argv[1:]))
    except (Refused, ValueError, KeyError, IndexError, TypeError) as error:
        print("does not verify:", error, file=sys.stderr)
        sys.exit(1)
