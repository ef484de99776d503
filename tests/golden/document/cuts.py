"""The cuts of the examples as one digest; run by any Python that has the language and nothing else."""

import hashlib
import sys
from pathlib import Path

from cutter_agent.document.cutplan import unit_leaf
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.evidence.merkle import leaf_hash, tree_root

PROJECT = Path(__file__).parents[3]
EXAMPLES = {
    "icx-const-v1.md": "vn-charter",
    "vn-law-sample.md": "vn-law",
    "access-policy.md": "md-policy",
}


def cuts() -> str:
    """A digest of everything that the cuts of the examples say."""
    digest = hashlib.sha256()
    for name, profile in EXAMPLES.items():
        source = (PROJECT / "examples" / name).read_bytes()
        marked = mark_text(source, parse_profile(shipped(profile)), code="DOC")
        leaves = [leaf_hash(unit_leaf(unit)) for unit in marked.candidates]
        digest.update(repr(marked).encode() + tree_root(leaves))
    return digest.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(cuts())
