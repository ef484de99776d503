"""Trees and proofs against the definitions of RFC 9162, written out once more without haste."""

import hashlib
from collections.abc import Sequence

import pymerkle
import pytest

from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.merkle import (
    EMPTY_ROOT,
    Tree,
    leaf_difference,
    leaf_hash,
    leaf_hashes,
    node_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

SIZES = range(66)
RECORDS = [b"record %d" % i for i in range(66)]
LEAVES = [leaf_hash(record) for record in RECORDS]
TREE = Tree(LEAVES)

# The eight records that implementations of RFC 6962 have tested each other with, and their roots.
KNOWN_RECORDS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
KNOWN_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""By how many of the records they are of, from none."""


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(count: int) -> int:
    """The largest power of two smaller than the count."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def defined_root(records: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 §2.1.1, word for word."""
    if not records:
        return sha256(b"")
    if len(records) == 1:
        return sha256(b"\x00" + records[0])
    k = split(len(records))
    return sha256(b"\x01" + defined_root(records[:k]) + defined_root(records[k:]))


def defined_path(m: int, records: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162 §2.1.3.1, word for word."""
    if len(records) == 1:
        return []
    k = split(len(records))
    if m < k:
        return [*defined_path(m, records[:k]), defined_root(records[k:])]
    return [*defined_path(m - k, records[k:]), defined_root(records[:k])]


def defined_subproof(m: int, records: Sequence[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162 §2.1.4.1, word for word."""
    if m == len(records):
        return [] if whole else [defined_root(records)]
    k = split(len(records))
    if m <= k:
        return [*defined_subproof(m, records[:k], whole=whole), defined_root(records[k:])]
    return [*defined_subproof(m - k, records[k:], whole=False), defined_root(records[:k])]


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def spoiled_proofs(proof: Sequence[bytes]) -> list[list[bytes]]:
    """Every way to change a proof by one step: a bit, a hash too many, a hash too few, a swap."""
    spoiled = [[*proof[:i], flipped(proof[i]), *proof[i + 1 :]] for i in range(len(proof))]
    spoiled += [[*proof[:i], *proof[i + 1 :]] for i in range(len(proof))]
    spoiled += [[*proof[:i], EMPTY_ROOT, *proof[i:]] for i in range(len(proof) + 1)]
    spoiled += [[*proof[:i], proof[i][:31], *proof[i + 1 :]] for i in range(len(proof))]
    return spoiled


def test_prefixes_are_those_of_the_rfc():
    assert leaf_hash(b"") == sha256(b"\x00")
    assert leaf_hashes(iter(RECORDS)) == LEAVES
    assert node_hash(EMPTY_ROOT, LEAVES[0]) == sha256(b"\x01" + EMPTY_ROOT + LEAVES[0])


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int):
    leaves = [leaf_hash(record) for record in KNOWN_RECORDS[:size]]
    assert tree_root(leaves).hex() == KNOWN_ROOTS[size]
    assert Tree(leaves).root().hex() == KNOWN_ROOTS[size]


def test_the_examples_of_the_rfc():
    """RFC 9162 §2.1.5: seven leaves a to f and j, inner nodes g, h, i, k and m (its l); seven proofs."""
    a, b, c, d, e, f, j = (sha256(b"\x00" + record) for record in KNOWN_RECORDS[:7])
    g, h, i = (sha256(b"\x01" + left + right) for left, right in ((a, b), (c, d), (e, f)))
    k, m = sha256(b"\x01" + g + h), sha256(b"\x01" + i + j)
    tree, root = Tree([a, b, c, d, e, f, j]), sha256(b"\x01" + k + m)
    assert tree.root() == root
    for index, proof in {0: [b, h, m], 3: [c, g, m], 4: [f, j, k], 6: [i, k]}.items():
        assert list(tree.inclusion_proof(index)) == proof
        assert verify_inclusion([a, b, c, d, e, f, j][index], index, 7, proof, root)
    older = {3: sha256(b"\x01" + g + c), 4: k, 6: sha256(b"\x01" + k + i)}
    for size, proof in {3: [c, d, g, m], 4: [m], 6: [i, j, k]}.items():
        assert list(tree.consistency_proof(size, 7)) == proof
        assert verify_consistency(size, 7, older[size], root, proof)


@pytest.mark.parametrize("size", SIZES)
def test_every_way_to_a_root_is_the_defined_one(size: int):
    root = defined_root(RECORDS[:size])
    grown = Tree()
    assert [grown.append(leaf) for leaf in LEAVES[:size]] == list(range(size))
    assert tree_root(LEAVES[:size]) == root
    assert tree_root(tuple(LEAVES[:size])) == root
    assert Tree(LEAVES[:size]).root() == root
    assert grown.root() == root
    assert len(grown) == size
    assert TREE.root(size) == root


def test_a_tree_made_at_once_grows_like_one_made_leaf_by_leaf():
    for start in SIZES:
        tree = Tree(LEAVES[:start])
        for leaf in LEAVES[start:]:
            tree.append(leaf)
        assert tree.root() == TREE.root()
        assert tree.inclusion_proof(start // 2) == TREE.inclusion_proof(start // 2)


@pytest.mark.parametrize("size", SIZES[1:])
def test_inclusion_proofs_are_the_defined_ones_and_verify(size: int):
    root = TREE.root(size)
    for index in range(size):
        proof = TREE.inclusion_proof(index, size)
        assert list(proof) == defined_path(index, RECORDS[:size])
        assert verify_inclusion(LEAVES[index], index, size, proof, root)


@pytest.mark.parametrize("size", SIZES[1:])
def test_consistency_proofs_are_the_defined_ones_and_verify(size: int):
    for old in range(1, size + 1):
        proof = TREE.consistency_proof(old, size)
        assert list(proof) == defined_subproof(old, RECORDS[:size], whole=True)
        assert verify_consistency(old, size, TREE.root(old), TREE.root(size), proof)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 32, 33, 64, 65])
def test_no_changed_inclusion_proof_verifies(size: int):
    root = TREE.root(size)
    for index in range(size):
        proof = TREE.inclusion_proof(index, size)
        leaf = LEAVES[index]
        for spoiled in spoiled_proofs(proof):
            assert not verify_inclusion(leaf, index, size, spoiled, root)
        assert not verify_inclusion(flipped(leaf), index, size, proof, root)
        assert not verify_inclusion(leaf, index, size, proof, flipped(root))
        assert not any(
            verify_inclusion(leaf, other, size, proof, root)
            for other in range(-1, size + 2)
            if other != index
        )


@pytest.mark.parametrize("size", [2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 31, 32, 33, 65])
def test_no_changed_consistency_proof_verifies(size: int):
    root = TREE.root(size)
    for old in range(1, size):
        proof = TREE.consistency_proof(old, size)
        old_root = TREE.root(old)
        for spoiled in spoiled_proofs(proof):
            assert not verify_consistency(old, size, old_root, root, spoiled)
        assert not verify_consistency(old, size, flipped(old_root), root, proof)
        assert not verify_consistency(old, size, old_root, flipped(root), proof)
        assert not verify_consistency(size, old, old_root, root, proof)


def test_an_edited_history_has_no_consistency_proof():
    edited = Tree([*LEAVES[:3], leaf_hash(b"edited"), *LEAVES[4:]])
    proof = edited.consistency_proof(10, 40)
    assert verify_consistency(10, 40, edited.root(10), edited.root(40), proof)
    assert not verify_consistency(10, 40, TREE.root(10), edited.root(40), proof)


def test_from_an_empty_tree_nothing_is_proven():
    assert not verify_consistency(0, 5, EMPTY_ROOT, TREE.root(5), ())
    assert not verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, ())
    with pytest.raises(StopRefusedInput):
        TREE.consistency_proof(0, 5)


def test_equal_sizes_need_equal_roots_and_no_proof():
    assert verify_consistency(5, 5, TREE.root(5), TREE.root(5), ())
    assert not verify_consistency(5, 5, TREE.root(5), TREE.root(6), ())
    assert not verify_consistency(5, 5, TREE.root(5), TREE.root(5), (TREE.root(4),))


def test_a_proof_between_different_sizes_is_never_empty():
    for old in range(1, 20):
        assert not verify_consistency(old, 20, TREE.root(old), TREE.root(20), ())
        assert not verify_consistency(old, 20, TREE.root(20), TREE.root(20), ())


@pytest.mark.parametrize("length", [0, 31, 33])
def test_every_hash_has_32_bytes(length: int):
    odd = b"x" * length
    with pytest.raises(StopRefusedInput):
        tree_root([LEAVES[0], odd])
    with pytest.raises(StopRefusedInput):
        Tree([odd])
    with pytest.raises(StopRefusedInput):
        Tree().append(odd)
    assert not verify_inclusion(odd, 0, 1, (), odd)
    assert not verify_consistency(3, 3, odd, odd, ())


def test_a_node_cannot_pass_for_a_leaf():
    """Two leaves' joined hashes as one record would give a tree of half the size, but for 0x00."""
    pairs = [leaf_hash(a + b) for a, b in zip(LEAVES[::2], LEAVES[1::2], strict=True)]
    assert tree_root(pairs) != tree_root(LEAVES)


def test_a_proof_longer_than_its_tree_is_refused_even_if_its_hashes_add_up():
    """Who may choose the root too could otherwise prove a leaf below a tree of a smaller size."""
    a, b, c, d = LEAVES[:4]
    assert verify_inclusion(a, 0, 2, [b], node_hash(a, b))
    assert not verify_inclusion(a, 0, 1, [b], node_hash(b, a))
    assert not verify_inclusion(a, 0, 1, [b], node_hash(a, b))
    old, new = node_hash(c, a), node_hash(c, node_hash(a, b))
    assert verify_consistency(3, 4, old, new, [a, b, c])
    assert not verify_consistency(3, 4, node_hash(d, old), node_hash(d, new), [a, b, c, d])


def test_proofs_longer_than_any_tree_are_refused():
    assert not verify_inclusion(LEAVES[0], 0, 2**62, [EMPTY_ROOT] * 1000, EMPTY_ROOT)
    assert not verify_inclusion(LEAVES[0], 0, 2**64, [EMPTY_ROOT] * 64, EMPTY_ROOT)


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0), (0, 67), (3, -1)])
def test_there_is_no_proof_for_what_is_not_in_the_tree(index: int, size: int):
    with pytest.raises(StopRefusedInput):
        TREE.inclusion_proof(index, size)


@pytest.mark.parametrize(("old", "size"), [(6, 5), (-1, 5), (1, 67)])
def test_there_is_no_consistency_proof_backwards_or_beyond(old: int, size: int):
    with pytest.raises(StopRefusedInput):
        TREE.consistency_proof(old, size)


def test_the_difference_of_two_trees_names_what_went_and_what_came():
    a, b, c, d = LEAVES[:4]
    difference = leaf_difference([a, b, b, c], [b, d, a, d])
    assert (difference.kept, difference.removed, difference.added) == (2, (b, c), (d, d))


def test_pymerkle_agrees_on_roots_and_proofs_both_ways():
    theirs = pymerkle.InmemoryTree(algorithm="sha256")
    for record in RECORDS:
        theirs.append_entry(record)
    for size in (1, 2, 3, 7, 8, 33, 65, 66):
        root = TREE.root(size)
        assert theirs.get_root(size) == root
        for index in range(size):
            proof = theirs.prove_inclusion(index + 1, size)
            assert verify_inclusion(LEAVES[index], index, size, proof.path[1:], root)
            proof.path = [LEAVES[index], *TREE.inclusion_proof(index, size)]
            pymerkle.verify_inclusion(LEAVES[index], root, proof, index=index + 1, size=size)


def test_pymerkle_proves_growth_between_our_roots():
    """Its consistency proofs are laid out otherwise, so only the roots can be handed over."""
    theirs = pymerkle.InmemoryTree(algorithm="sha256")
    for record in RECORDS:
        theirs.append_entry(record)
    for old in range(1, 66):
        proof = theirs.prove_consistency(old, 66)
        pymerkle.verify_consistency(TREE.root(old), TREE.root(66), proof)
        with pytest.raises(pymerkle.InvalidProof):
            pymerkle.verify_consistency(TREE.root(old), TREE.root(65), proof)
