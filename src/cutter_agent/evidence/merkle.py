"""One hash for many records: the Merkle tree of RFC 9162 over SHA-256.

A leaf is hashed with the prefix 0x00 and an inner node with 0x01, so no record can pass for a node.
A root means something only together with its tree size; every function here takes both.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cutter_agent.errors import StopRefusedInput

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""The root of the tree without leaves (RFC 9162 §2.1.1)."""
PROOF_HASHES_MAX: Final = 64
"""No proof is longer: a tree has fewer than 2^63 leaves."""

_LEAF_PREFIX: Final = b"\x00"
_NODE_PREFIX: Final = b"\x01"
_SIZE_LIMIT: Final = 2**63


def leaf_hash(record: bytes) -> bytes:
    """The record's hash as a leaf."""
    return hashlib.sha256(_LEAF_PREFIX + record).digest()


def leaf_hashes(records: Iterable[bytes]) -> list[bytes]:
    """The records' hashes as leaves, in their order; the quick way for many."""
    sha256, prefix = hashlib.sha256, _LEAF_PREFIX
    return [sha256(prefix + record).digest() for record in records]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over its two children."""
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The root over the leaf hashes in their order.

    Joining neighbours level by level and carrying an odd last node upwards gives the tree of RFC
    9162 §2.1.1, which is defined by splitting at the largest power of two.
    """
    _check_hashes(leaves)
    if not leaves:
        return EMPTY_ROOT
    level = leaves
    while len(level) > 1:
        above = _parents(level)
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


@dataclass(frozen=True, slots=True)
class LeafDifference:
    """What two sets of leaves share and what only one has; counts repeat as often as they occur."""

    kept: int
    removed: tuple[bytes, ...]
    added: tuple[bytes, ...]


def leaf_difference(before: Sequence[bytes], after: Sequence[bytes]) -> LeafDifference:
    """The leaves that went and the leaves that came, each in the order of its own tree."""
    common = Counter(before) & Counter(after)
    return LeafDifference(
        kept=common.total(),
        removed=_without(before, common),
        added=_without(after, common),
    )


class Tree:
    """A tree that grows at its end and proves what it holds and that it only grew.

    `_levels[k][i]` is the hash of the complete subtree of 2^k leaves that starts at leaf i * 2^k.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaves: Sequence[bytes] = ()) -> None:
        _check_hashes(leaves)
        self._levels: list[list[bytes]] = [list(leaves)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_parents(self._levels[-1]))

    def __len__(self) -> int:
        """The number of leaves."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> int:
        """The leaf hash stands at the end of the tree; its index is returned."""
        _check_hashes((leaf,))
        index = len(self)
        self._levels[0].append(leaf)
        for height, level in enumerate(self._levels):
            if len(level) % 2:
                break
            if height + 1 == len(self._levels):
                self._levels.append([])
            self._levels[height + 1].append(node_hash(level[-2], level[-1]))
        return index

    def root(self, size: int | None = None) -> bytes:
        """The root of the first `size` leaves; of all of them if no size is given."""
        stop = len(self) if size is None else size
        self._check_size(stop)
        return self._subtree(0, stop) if stop else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """The hashes that lead from one leaf to the root of the first `size` leaves (§2.1.3.1)."""
        stop = len(self) if size is None else size
        self._check_size(stop)
        if not 0 <= index < stop:
            raise StopRefusedInput(f"leaf {index} in a tree of {stop}", expected="an index inside")
        start = 0
        proof: list[bytes] = []
        while stop - start > 1:
            middle = start + _split(stop - start)
            if index < middle:
                proof.append(self._subtree(middle, stop))
                stop = middle
            else:
                proof.append(self._subtree(start, middle))
                start = middle
        return tuple(reversed(proof))

    def consistency_proof(self, old_size: int, size: int | None = None) -> tuple[bytes, ...]:
        """The hashes that show the first `old_size` leaves unchanged in `size` (§2.1.4.1).

        Empty when both sizes are equal. An old size of 0 is refused: everything extends nothing.
        """
        stop = len(self) if size is None else size
        self._check_size(stop)
        if not 0 < old_size <= stop:
            raise StopRefusedInput(
                f"consistency from {old_size} to {stop}", expected="0 < old size <= size"
            )
        start = 0
        old_is_a_subtree = True
        proof: list[bytes] = []
        while old_size != stop:
            middle = start + _split(stop - start)
            if old_size <= middle:
                proof.append(self._subtree(middle, stop))
                stop = middle
            else:
                proof.append(self._subtree(start, middle))
                start = middle
                old_is_a_subtree = False
        if not old_is_a_subtree:
            proof.append(self._subtree(start, stop))
        return tuple(reversed(proof))

    def _subtree(self, start: int, stop: int) -> bytes:
        """The hash over leaves [start, stop); `start` is a multiple of the split of the width."""
        width = stop - start
        if width & (width - 1) == 0 and start % width == 0:
            return self._levels[width.bit_length() - 1][start // width]
        middle = start + _split(width)
        return node_hash(self._subtree(start, middle), self._subtree(middle, stop))

    def _check_size(self, size: int) -> None:
        if not 0 <= size <= len(self):
            raise StopRefusedInput(
                f"a tree size of {size}", expected=f"0 to {len(self)}, the leaves there are"
            )


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether the proof leads from this leaf at this index to this root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size < _SIZE_LIMIT or not _all_hashes(leaf, root, *proof):
        return False
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node % 2 or node == last:
            result = node_hash(sibling, result)
            node, last = _climb_to_right_child(node, last)
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and result == root


def verify_consistency(
    old_size: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the proof shows that the tree only grew (RFC 9162 §2.1.4.2).

    False for an old size of 0: from an empty tree nothing can be concluded.
    """
    if not 0 < old_size <= size < _SIZE_LIMIT or not _all_hashes(old_root, root, *proof):
        return False
    if old_size == size:
        return not proof and old_root == root
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not path:
        return False
    node, last = old_size - 1, size - 1
    while node % 2:
        node, last = node >> 1, last >> 1
    old_result = result = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node % 2 or node == last:
            old_result = node_hash(sibling, old_result)
            result = node_hash(sibling, result)
            node, last = _climb_to_right_child(node, last)
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old_result == old_root and result == root


def _parents(level: Sequence[bytes]) -> list[bytes]:
    """The nodes over each pair; an odd last one has no parent yet. The hot loop of every tree."""
    sha256, prefix, nodes = hashlib.sha256, _NODE_PREFIX, iter(level)
    pairs = zip(nodes, nodes, strict=False)
    return [sha256(prefix + left + right).digest() for left, right in pairs]


def _split(width: int) -> int:
    """The largest power of two below the width."""
    return 1 << ((width - 1).bit_length() - 1)


def _climb_to_right_child(node: int, last: int) -> tuple[int, int]:
    """Skip the levels on which a last node without a sibling is its own parent."""
    while node and not node % 2:
        node, last = node >> 1, last >> 1
    return node, last


def _without(leaves: Sequence[bytes], common: Counter[bytes]) -> tuple[bytes, ...]:
    left = Counter(common)
    rest: list[bytes] = []
    for leaf in leaves:
        if left[leaf]:
            left[leaf] -= 1
        else:
            rest.append(leaf)
    return tuple(rest)


def _all_hashes(*hashes: bytes) -> bool:
    return len(hashes) <= PROOF_HASHES_MAX + 2 and all(len(h) == HASH_BYTES for h in hashes)


def _check_hashes(hashes: Sequence[bytes]) -> None:
    lengths = set(map(len, hashes))
    if lengths - {HASH_BYTES}:
        raise StopRefusedInput(
            f"a tree hash of {(lengths - {HASH_BYTES}).pop()} bytes", expected="32 bytes each"
        )
