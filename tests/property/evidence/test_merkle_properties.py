"""Trees of any size: proofs verify, growth is provable, and nothing else is."""

from hypothesis import given
from hypothesis import strategies as st

from cutter_agent.evidence.merkle import (
    Tree,
    leaf_difference,
    leaf_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

records = st.lists(st.binary(max_size=8), min_size=1, max_size=300)


@given(records, st.data())
def test_every_leaf_has_a_proof_that_verifies(entries: list[bytes], data: st.DataObject):
    leaves = [leaf_hash(entry) for entry in entries]
    tree = Tree(leaves)
    size = data.draw(st.integers(1, len(leaves)))
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion_proof(index, size)
    assert len(proof) <= (size - 1).bit_length()
    assert tree.root(size) == tree_root(leaves[:size])
    assert verify_inclusion(leaves[index], index, size, proof, tree.root(size))


@given(records, st.data())
def test_growth_is_provable_between_any_two_sizes(entries: list[bytes], data: st.DataObject):
    tree = Tree([leaf_hash(entry) for entry in entries])
    old = data.draw(st.integers(1, len(tree)))
    size = data.draw(st.integers(old, len(tree)))
    proof = tree.consistency_proof(old, size)
    assert verify_consistency(old, size, tree.root(old), tree.root(size), proof)


@given(records, st.data())
def test_no_proof_joins_a_tree_to_an_edited_one(entries: list[bytes], data: st.DataObject):
    leaves = [leaf_hash(entry) for entry in entries]
    old = data.draw(st.integers(1, len(leaves)))
    place = data.draw(st.integers(0, old - 1))
    edited = Tree([*leaves[:place], leaf_hash(b"edited afterwards"), *leaves[place + 1 :]])
    proof = edited.consistency_proof(old)
    assert not verify_consistency(old, len(leaves), tree_root(leaves[:old]), edited.root(), proof)


@given(
    st.binary(min_size=32, max_size=32),
    st.integers(-1, 70),
    st.integers(-1, 70),
    st.lists(st.binary(min_size=30, max_size=34), max_size=8),
)
def test_invented_proofs_are_refused_without_an_error(
    leaf: bytes, index: int, size: int, proof: list[bytes]
):
    root = tree_root([leaf_hash(b"somebody else's")])
    assert verify_inclusion(leaf, index, size, proof, root) is False
    assert verify_consistency(index, size, root, leaf, proof) is False


@given(records, records)
def test_a_difference_accounts_for_every_leaf(
    before_entries: list[bytes], after_entries: list[bytes]
):
    before = [leaf_hash(entry) for entry in before_entries]
    after = [leaf_hash(entry) for entry in after_entries]
    difference = leaf_difference(before, after)
    assert difference.kept + len(difference.removed) == len(before)
    assert difference.kept + len(difference.added) == len(after)
    assert not set(difference.removed) & set(difference.added)
