"""The table of commands: what there is, in which order help shows it, and where it lives.

Help reads this table alone, so that asking for help imports no command. A command's own short help
is held equal to its row here by a test.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Row(NamedTuple):
    """One command: its name, `module:attribute` below this package, and its line of help."""

    name: str
    place: str
    sentence: str


class Section(NamedTuple):
    """Commands that a reader looks for together."""

    title: str
    rows: tuple[Row, ...]


SECTIONS: Final[tuple[Section, ...]] = (
    Section(
        "Begin",
        (
            Row("demo", "demo:command", "Cut the sample charter, dry and live."),
            Row("selftest", "selftest:selftest", "Check this installation."),
            Row("doctor", "doctor:command", "Check the deployment."),
            Row("init", "init:command", "Make a deployment."),
            Row("source", "source:command", "Add, list and show sources."),
            Row("completion", "completion:completion", "Write a shell's completion script."),
        ),
    ),
    Section(
        "Cut",
        (
            Row("mark", "mark:mark", "Show the units of a file."),
            Row("profile", "profile:command", "List, show and try text profiles."),
            Row("export", "export:export", "Write a document's units for other programs."),
            Row("cut", "cut:cut", "Begin a run of a document."),
            Row("run", "rehearse:run", "Rehearse a whole run."),
            Row("resume", "resume:resume", "Go on with a run."),
            Row("batch", "batch:command", "Take many documents along the line."),
            Row("worker", "worker:worker", "Drive live runs for others."),
            Row("orchestrate", "orchestrate:orchestrate", "Older names of cut and resume."),
        ),
    ),
    Section(
        "Decide",
        (
            Row("approve", "approve:approve", "Sign what a run asks for."),
            Row("reject", "approve:reject", "Sign a refusal."),
            Row("why", "why:why", "Say why a run stands still."),
            Row("runs", "runs:runs", "List, show, watch and end runs."),
            Row("inbox", "inbox:inbox", "Show what waits, and for whom."),
            Row("serve", "serve:serve", "Serve the console and the API."),
        ),
    ),
    Section(
        "Check",
        (
            Row("verify", "verify:verify", "Read a run's units back."),
            Row("drift", "drift:drift", "Compare facts, then and now."),
            Row("evidence", "evidence:command", "Export a run's evidence, and check it."),
            Row("cite", "cite:cite", "Cite a unit, with its proof."),
            Row("verify-quote", "verify_quote:verify_quote", "Look for a quote in a unit."),
            Row("torture", "torture:command", "Crash and starve runs, and count."),
        ),
    ),
    Section(
        "Govern",
        (
            Row("keys", "keys:command", "Make and show keys."),
            Row("policy", "policy:command", "Say who may approve."),
            Row("switch", "switch:command", "Arm or disarm live writing."),
        ),
    ),
)

ROWS: Final[dict[str, Row]] = {row.name: row for section in SECTIONS for row in section.rows}
"""Every command by its name, in the order of help."""
