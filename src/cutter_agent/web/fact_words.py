"""Facts and the lines of a request in words: what each is, what it means that it changed, a value to read."""

from __future__ import annotations

import json
import re
from typing import Final

from markupsafe import Markup

from cutter_agent.orchestrator.factsheet import ABSENT
from cutter_agent.web.drawn import isolated, short

FACTS: Final[dict[str, tuple[str, str]]] = {
    "document": ("Title of the document", "The document has another title now."),
    "source_version_id": (
        "Newest source version",
        "A newer source was added; this plan is for the older one.",
    ),
    "source_sha256": ("Text of the source", "The source holds other bytes now."),
    "profile_sha256": ("Text profile", "The text would be cut by other rules now."),
    "vocab_sha256": ("Vocabulary of kinds", "The database knows other kinds of unit now."),
    "functions_sha256": (
        "Writing functions",
        "The functions that write were replaced; ask the database administrator.",
    ),
    "grants_sha256": (
        "Rights in the database",
        "Somebody has other rights in the database now; ask its administrator.",
    ),
    "in_force_sha256": (
        "Units in force",
        "Other units are in force now than the plan was compared with.",
    ),
    "policy_sha256": (
        "Trust policy",
        "Another trust policy counts now, with other persons or keys.",
    ),
    "database": ("The database itself", "This is another database than the one that was read."),
}
"""For each fact of the sheet its label, and what it means that it changed."""

REQUEST_LINES: Final[dict[str, str]] = {
    "schema": "Form of the request",
    "gate": "Gate",
    "run_id": "Run",
    "mode": "Mode",
    "document_id": "Document",
    "allowance": "What is allowed",
    "nonce": "Number used once",
    "issued_utc": "Asked at",
    "expires_utc": "Counts until",
    "plan_sha256": "Digest of the plan",
    "manifest_root": "Root of the units",
    "tree_size": "Units under the root",
    "unit_count": "Units of the plan",
    "facts_sha256": "Digest of the facts",
    "policy_sha256": "Digest of the trust policy",
    "backup_sha256": "Digest of the backup",
    "rehearsal_root": "Root that the rehearsal gave",
    "rehearsal_counts": "Rows that the rehearsal wrote",
    "database": "The database itself",
    "log_checkpoint": "Head of the log",
    "starter": "Started by",
    "scope": "Scope",
    "review_decision_id": "Decision about coming into force",
    "decision": "Decision about the failed run",
}
"""For each line of a request's header its label (Contract 6)."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def fact_label(name: str) -> str:
    """What the fact is, in words; its own name where it has none."""
    return FACTS.get(name, (name, ""))[0]


def fact_meaning(name: str) -> str:
    """What it means that the fact changed."""
    return FACTS.get(name, ("", "It is not what it was."))[1]


def line_label(name: str) -> str:
    """What a line of a request is, in words; its own name where it has none."""
    return REQUEST_LINES.get(name, name)


def readable(value: str) -> Markup:
    """The value for a reader: a digest by its first digits, a time to the second, anything else as it is."""
    if value in {ABSENT, "none", ""}:
        return Markup('<span class="aside">–</span>')
    if _DIGEST.fullmatch(value):
        return Markup('<code title="{}">{}</code>').format(value, short(value))
    if value.startswith("{"):
        return _pairs(value)
    if _TIME.fullmatch(value):
        return Markup('<time datetime="{}">{} {} UTC</time>').format(
            value, value[:10], value[11:19]
        )
    return isolated(value)


def _pairs(value: str) -> Markup:
    """A JSON object as `name: value` pairs; whatever is none as it is."""
    try:
        found = json.loads(value)
    except ValueError:
        return isolated(value)
    if not isinstance(found, dict):
        return isolated(value)
    return Markup(", ").join(isolated(f"{name}: {each}") for name, each in found.items())
