#!/usr/bin/env python3
"""Verifies the signed decisions in an exported ledger, with Python's standard library, OpenSSL and ssh-keygen alone.

    python3 decisions.py EXPORT client.toml [RECEIPT…]

Shares no code with the product: it reads what docs/formats.md says. `assent-agent ledger export` writes the export;
`client.toml` lists people's keys, as their approvers signed for them. Whether the entries are those of the log is another
question, which the checkpoint of the export answers. A receipt, which its decider kept, is held against the entry: it says what
was shown.
"""
import base64
import hashlib
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

USER_PRESENT, USER_VERIFIED = 1, 4


def unpadded(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert base64.urlsafe_b64encode(data).decode().rstrip("=") == text, "base64url of one spelling"
    return data


def unique(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), "a member is there twice"
    return dict(pairs)


def by_passkey(decision, proof, keys, folder):
    """Web Authentication, section 7.2, with the SHA-256 of the decision as challenge."""
    lines = [key.split(" ") for key in keys if key.startswith("passkey ")]
    of_credential = [line for line in lines if line[2] == proof["credential"]]
    assert len(of_credential) == 1, "the passkey is not listed for this person"
    _, rp, _, spki = of_credential[0]
    data, client, signature = (unpadded(proof[part]) for part in ("authenticator_data", "client_data", "signature"))
    signed = data + hashlib.sha256(client).digest()
    (folder / "signed").write_bytes(signed)
    (folder / "signature").write_bytes(signature)
    der = base64.b64decode(spki, validate=True)
    (folder / "key.der").write_bytes(der)
    names = ["-pubin", "-keyform", "DER", "-inkey", "key.der", "-in", "signed", "-sigfile", "signature"]
    how = ["-digest", "sha256"] if der[:2] == b"\x30\x59" else []
    subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", *how, *names], cwd=folder, check=True, capture_output=True)
    said = json.loads(client, object_pairs_hook=unique)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(decision).digest()).decode().rstrip("=")
    assert said["type"] == "webauthn.get" and said["challenge"] == challenge, "it signed something else"
    assert said.get("crossOrigin", False) is False and "topOrigin" not in said, "in a frame of another site"
    host = said["origin"].split("://")[1].split(":")[0]
    assert host == rp or host.endswith("." + rp), "on another page"
    assert data[:32] == hashlib.sha256(rp.encode()).digest(), "for another site"
    assert data[32] & USER_PRESENT and data[32] & USER_VERIFIED, "without its person"
    return f"by passkey of {rp}"


def by_ssh(decision, armour, person, keys, folder):
    lines = "".join(f"{person} {key}\n" for key in keys if not key.startswith("passkey "))
    (folder / "allowed_signers").write_text(lines)
    (folder / "signature").write_text(armour)
    line = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", person, "-n", "decision@assent", "-s", "signature"]
    subprocess.run(line, cwd=folder, input=decision, check=True, capture_output=True)
    return "by SSH key"


def verify(entry, people):
    data = entry["data"]
    decision = data["decision"].encode()
    said = json.loads(decision, object_pairs_hook=unique)
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert canonical == decision, "it is not canonical"
    person = entry["actor"]
    same = {"person": person, "choice": data["choice"], "shown": data["shown"], "nonce": data["nonce"],
            "step": entry["step"], "plan": entry["plan"]}
    for name, value in same.items():
        assert said[name] == value, f"the entry says another {name} than was signed"
    keys = people[person]["keys"]
    with tempfile.TemporaryDirectory() as folder:
        if "passkey" in data:
            how = by_passkey(decision, data["passkey"], keys, Path(folder))
        else:
            how = by_ssh(decision, data["signature"], person, keys, Path(folder))
    word = {"approve": "approves", "refuse": "refuses"}[said["choice"]]
    return f"{person} {word} run {said['run']}, step {said['step']}, {how}"


def tagged(domain, salt, values):
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return hashlib.sha256(domain + b"\0" + bytes.fromhex(salt) + canonical).hexdigest()


def receipt(text, entries):
    """What was shown to who decided: the hash in the entry is that of the values in the receipt."""
    kept = json.loads(text, object_pairs_hook=unique)
    shown = tagged(b"assent-shown/v1", kept["salt"], kept["values"])
    of = [entry for entry in entries if entry["kind"] == "decided" and entry["data"]["shown"] == shown]
    assert len(of) == 1, "no decision was made on what this receipt shows"
    data = of[0]["data"]
    assert data["choice"] == kept["choice"], "the entry says another choice"
    assert data.get("decision") == kept.get("decision"), "the entry holds another decision"
    if "decision" in kept and kept.get("edits"):
        edits = tagged(b"assent-edits/v1", kept["salt"], kept["edits"])
        assert json.loads(kept["decision"])["edits"] == edits, "other texts were signed"
    values = ", ".join(f"{path} = {json.dumps(value)}" for path, value in sorted(kept["values"].items()))
    return f"{of[0]['actor']} was shown {values}"


def main(export, client, *receipts):
    people = tomllib.loads(Path(client).read_text())["people"]
    bodies = (json.loads(line).get("body") for line in Path(export).read_text().splitlines() if line.startswith("{"))
    entries = [json.loads(base64.b64decode(body)) for body in bodies if body]
    signed = [entry for entry in entries if entry["kind"] == "decided" and "decision" in entry["data"]]
    for entry in signed:
        print(verify(entry, people))
    print(f"{len(signed)} signed decisions verified")
    for kept in receipts:
        print(receipt(Path(kept).read_text(), entries))


if __name__ == "__main__":
    main(*sys.argv[1:])
