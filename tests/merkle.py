#!/usr/bin/env python3
"""Compares an exported ledger and its proofs with the Merkle tree of `pymerkle`, a package that shares nothing with us.

    merkle.py FILE.ledger OLDER-CHECKPOINT FILE.tlog-proof...

Roots at both sizes and the inclusion paths must be the same, hash by hash; a proof of consistency that pymerkle makes must
hold between our two roots, and not between others. Signatures are `vectors/check.py`'s to check. Exit status 1 when they differ.
"""

import base64
import json
import sys

from pymerkle import InmemoryTree, InvalidProof, verify_consistency, verify_inclusion


def head(note):
    _, size, root = note.split("\n")[:3]
    return int(size), base64.b64decode(root)


def text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def main(export, older, *proofs):
    entries, note = text(export).split("\n\n", 1)
    tree = InmemoryTree(algorithm="sha256")
    leaves = [tree.append_entry(bytes.fromhex(json.loads(line)["commitment"])) for line in entries.split("\n")]
    (size, root), (old, old_root) = head(note), head(text(older))
    assert len(leaves) == size, "another size"
    assert tree.get_root(size) == root, "another root over all entries"
    assert tree.get_root(old) == old_root, "another root over the older entries"
    consistency = tree.prove_consistency(old, size)
    verify_consistency(old_root, root, consistency)
    try:
        verify_consistency(bytes(32), root, consistency)
    except InvalidProof:
        pass
    else:
        raise AssertionError("pymerkle takes another older root too")
    for proof in proofs:
        lines = text(proof).split("\n\n", 1)[0].split("\n")[1:]
        lines = [line for line in lines if not line.startswith("extra ")]
        index, ours = int(lines[0].split(" ")[1]), [base64.b64decode(line).hex() for line in lines[1:]]
        leaf = tree.get_leaf(index + 1)
        theirs = tree.prove_inclusion(index + 1, size)
        verify_inclusion(leaf, root, theirs)
        path = theirs.serialize()["path"]
        path.remove(leaf.hex())
        assert path == ours, "another path for entry %d" % index
    return "%d entries, %d proofs" % (size, len(proofs))


if __name__ == "__main__":
    try:
        print("the same:", main(*sys.argv[1:]))
    except (AssertionError, InvalidProof) as error:
        print("differs:", error, file=sys.stderr)
        sys.exit(1)
