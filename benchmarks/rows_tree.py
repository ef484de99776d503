"""The Merkle tree against the hashing that no tree can do without."""

import hashlib
from collections.abc import Iterator

from ratios import Row, compare

from cutter_agent.evidence.merkle import leaf_hash, tree_root

LEAVES = 1_000_000


def rows() -> Iterator[Row]:
    """A root over a million leaves against as many bare hashes of the same bytes."""
    leaves = [leaf_hash(number.to_bytes(8, "big")) for number in range(LEAVES)]
    yield compare(
        "Merkle root, 1M leaves",
        lambda: tree_root(leaves),
        against="a plain hashlib loop over the same bytes",
        peer=lambda: hash_pairs(leaves),
        at_most=1.2,
        rounds=5,
    )


def hash_pairs(leaves: list[bytes]) -> list[bytes]:
    """The inner nodes' worth of hashing, without a tree: one digest of 65 bytes for each leaf."""
    sha256 = hashlib.sha256
    prefix = b"\x01"
    return [sha256(prefix + leaf + leaf).digest() for leaf in leaves]
