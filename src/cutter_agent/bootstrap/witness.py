"""What an approver saw of the log last, kept in their own folder: a log that was rewritten is found out.

The folder is `cutter` in the XDG state folder of the account that signs, outside of the deployment: who
runs the deployment does not keep it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.log import origin_of
from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.bundle_check import request_header
from cutter_agent.evidence.checkpoint import head_text
from cutter_agent.evidence.merkle import Tree, verify_consistency
from cutter_agent.orchestrator.grants import ROLE_READER

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.files.durable import Folder

HEAD_BYTES_MAX: Final = 200
_HEAD: Final = re.compile(r"(0|[1-9][0-9]{0,17}):([0-9a-f]{64})")


def witness(desk: Desk, request: bytes, person: str, environ: Mapping[str, str]) -> str | None:
    """The log's newest head, which extends what this person saw last and what the request names.

    None for a dry run's request: it names no head.

    Raises:
        StopEvidenceMismatch: the log was rewritten or cut since, or the request names another log.
    """
    from cutter_agent.postgres.deployment import log_leaves

    named = request_header(request).get("log_checkpoint", "none")
    if named == "none":
        return None
    tree = Tree(log_leaves(desk.access.login(ROLE_READER)))
    _extends(tree, named, "that the request names")
    seen = _folder(environ).read(_name(desk, person), size_bytes_max=HEAD_BYTES_MAX)
    if seen is not None:
        _extends(tree, seen.decode("ascii", "replace").strip(), f"that {person} saw last")
    return head_text(len(tree), tree.root())


def remember(desk: Desk, head: str | None, person: str, environ: Mapping[str, str]) -> None:
    """The head is what this person saw last.

    Raises:
        StopStorage: it could not be written.
    """
    if head is None:
        return
    folder, name = _folder(environ), _name(desk, person)
    with folder.writing(name):
        folder.replace(name, f"{head}\n".encode("ascii"))


def _extends(tree: Tree, head: str, whose: str) -> None:
    """Refuse a log that does not extend the head, by the proof that any outsider would be given."""
    found = _HEAD.fullmatch(head)
    size = int(found[1]) if found else -1
    held = size == 0
    if found and 0 < size <= len(tree):
        root, proof = bytes.fromhex(found[2]), tree.consistency_proof(size)
        held = verify_consistency(size, len(tree), root, tree.root(), proof)
    if not held:
        raise StopEvidenceMismatch(
            f"the log of the database does not extend the one {whose}",
            expected=f"a log that grew from {head[:80]}",
            remedy="sign nothing; compare the log with the other approvers",
        )


def _name(desk: Desk, person: str) -> str:
    log = hashlib.sha256(origin_of(desk).encode()).hexdigest()[:16]
    return f"{log}.{person}.head"


def _folder(environ: Mapping[str, str]) -> Folder:
    from cutter_agent.files.durable import Folder

    base = environ.get("XDG_STATE_HOME", "")
    # The XDG rule: a relative path counts as none.
    state = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return Folder(state / "cutter" / "log-heads")
