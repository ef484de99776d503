"""Writes the reference pages from the code's own tables: `make docs`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Final

import click

from cutter_agent.bootstrap.console.desks import Desks
from cutter_agent.cli.commands import SECTIONS
from cutter_agent.cli.main import HELP_COLUMNS, cutter
from cutter_agent.errors import STOPS
from cutter_agent.orchestrator.approval import ApprovalRequest, header_names
from cutter_agent.orchestrator.grants import CANONICAL_FUNCTIONS
from cutter_agent.orchestrator.line import LINE, PHASES, Pause, Phase
from cutter_agent.orchestrator.phases.structural_verify import StructuralProbe
from cutter_agent.orchestrator.policy import SECRET_KEYS, USER_REFUSED_ARGS
from cutter_agent.orchestrator.states import (
    CANDIDATE_CAP,
    CUT_LEG_A_SOFT_CAP_S,
    GATE_TTL_S,
    PHASE_SOFT_CAP_S,
    RUN_HARD_CAP_S,
    OrchestratorState,
)
from cutter_agent.web.app import create_app

HERE = Path(__file__).parent
REFERENCE = HERE / "reference"
SQL = HERE.parent / "src" / "cutter_agent" / "postgres"
_INTRO = """# Contract

The names and numbers that users, tests and other tools rely on. The tables on this page are written
from the code by `make docs`; a test holds the two equal. Docstrings cite its sections as "Contract 3".
"""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(item.replace("|", "\\|") for item in row) + " |"
    yield ""


def _line() -> Iterator[str]:
    yield "## 2. The line\n"
    rows = [("1", "`pending`", "the run is created", "", "", "")]
    for number, step in enumerate(LINE, 2):
        if isinstance(step, Phase):
            kind, by = step.acts_as.value, f"phase `{step.name}`"
        else:
            kind, by = "a person", f"pause {step.name}"
        rows.append(
            (str(number), f"`{step.reaches}`", by, kind, step.yields.__name__, step.document)
        )
    yield from _table(("#", "state", "reached by", "as", "evidence", "document"), rows)
    yield (
        f"{len(OrchestratorState)} states, {len(LINE)} edges, {len(PHASES)} phases, "
        f"{sum(isinstance(step, Pause) for step in LINE)} pauses. Soft cap of a phase: "
        f"{PHASE_SOFT_CAP_S // 60} minutes, of cut_leg_a {CUT_LEG_A_SOFT_CAP_S // 60}; crossing one "
        f"is a note. Hard cap of a run: {RUN_HARD_CAP_S // 60} minutes of working time.\n"
    )


def _gates() -> Iterator[str]:
    yield "## 3. Gates and invariants\n"
    rows = [
        (step.gate, f"`{invariant.name}`", invariant.sentence, invariant.stop.code)
        for step in PHASES
        for invariant in step.yields.invariants
    ]
    yield from _table(("gate", "invariant", "sentence", "stop"), rows)
    yield "A gate runs every invariant and reports every finding. Anything but `True` is not held.\n"
    probe = ", ".join(f"`{field.name}`" for field in fields(StructuralProbe))
    yield f"The structural probe answers: {probe}.\n"


def _stops() -> Iterator[str]:
    yield "## 4. Stops and exit codes\n"
    rows = [
        (str(s.exit_status), f"`{s.code}`", s.__name__, s.category.value, s.summary, s.next_command)
        for s in STOPS
    ]
    yield from _table(("exit", "code", "class", "leaves", "sentence", "next command"), rows)
    yield (
        "Also 0: done, or nothing to do. 2: wrong usage. 20: differences found. 21: a batch finished "
        "with quarantined items. 130: interrupted, resumable.\n"
    )


def _policy() -> Iterator[str]:
    yield "## 5. Policy\n"
    yield "Refused wherever they appear: " + ", ".join(f"`{n}`" for n in USER_REFUSED_ARGS) + ".\n"
    yield "Never pinned, never serialised: " + ", ".join(f"`{n}`" for n in sorted(SECRET_KEYS))
    yield f"\nA document may have {CANDIDATE_CAP} candidate units unless the settings say otherwise.\n"
    rows = [(f"`{name}`", ", ".join(roles)) for name, roles in CANONICAL_FUNCTIONS.items()]
    yield from _table(("function", "roles that may execute it"), rows)


def _approvals() -> Iterator[str]:
    yield "## 6. Approvals\n"
    rows = [
        (gate.value, f"{ttl_s // 3600} h", ", ".join(header_names(gate)[22:]) or "–")
        for gate, ttl_s in GATE_TTL_S.items()
    ]
    yield from _table(("gate", "life", "lines beside the common ones"), rows)
    common = [f.name for f in fields(ApprovalRequest)][:22]
    yield "Header lines of every request, in order: " + ", ".join(f"`{n}`" for n in common) + ".\n"


def contract() -> str:
    """Return the contract page."""
    parts = [_INTRO, "## 1. Names\n"]
    parts.append(
        "Distribution `iu-cutter`, import package `cutter_agent`, command `cutter`. "
        "IU: information unit.\n"
    )
    for section in (_line, _gates, _stops, _policy, _approvals):
        parts.extend(section())
    prose = (HERE / "reference" / "contract_prose.md").read_text(encoding="utf-8")
    return "\n".join(parts) + "\n" + prose


def _helped(command: click.Command, words: str) -> Iterator[str]:
    context = click.Context(command, info_name=words, terminal_width=HELP_COLUMNS - 2)
    context.help_option_names = ["-h", "--help"]
    yield f"### {words}\n"
    yield "```"
    yield command.get_help(context).strip()
    yield "```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            part = command.get_command(context, name)
            if part is None:
                raise LookupError(f"{words} {name}")
            yield from _helped(part, f"{words} {name}")


def cli() -> str:
    """Return the page of every command, as its own help tells it."""
    parts = [
        "# Commands\n",
        "Every command as `--help` shows it. Data goes to stdout and talk to stderr; `--json` writes one",
        "document, `--ndjson` one event a line. What the exit codes mean: [Contract](contract.md).\n",
    ]
    root = click.Context(cutter, info_name="cutter")
    for section in SECTIONS:
        parts.append(f"## {section.title}\n")
        for row in section.rows:
            command = cutter.get_command(root, row.name)
            if command is None:
                raise LookupError(row.name)
            parts.extend(_helped(command, f"cutter {row.name}"))
    return "\n".join(parts)


_COMMENT: Final = re.compile(
    r"^COMMENT ON (SCHEMA|DOMAIN|TYPE|TABLE|VIEW|COLUMN|FUNCTION) ([^\n]+?)\s+IS\s+'((?:[^']|'')*)';",
    re.MULTILINE,
)


def tables() -> str:
    """Return the page of everything that the database's own comments describe."""
    files = (
        *sorted((SQL / "migrations").glob("*.sql")),
        *sorted((SQL / "functions").glob("*.sql")),
    )
    said: dict[tuple[str, str], str] = {}
    for file in files:
        for kind, name, text in _COMMENT.findall(file.read_text(encoding="utf-8")):
            said[kind, name] = " ".join(text.replace("''", "'").split())
    parts = [
        "# Tables and functions\n",
        "What the database says of itself: the same sentences that `\\d+` and `\\df+` show in psql. Programs write",
        "through the functions alone; no role that logs in may write a table.\n",
    ]
    for title, kind in (("Schemas", "SCHEMA"), ("Domains", "DOMAIN"), ("Types", "TYPE")):
        rows = [(f"`{name}`", text) for (k, name), text in said.items() if k == kind]
        parts += [f"## {title}\n", *_table(("name", "what it is"), rows)]
    parts.append("## Tables and views\n")
    for (kind, name), text in sorted(said.items(), key=lambda row: row[0][1]):
        if kind in {"TABLE", "VIEW"}:
            columns = [
                (f"`{column.removeprefix(name + '.')}`", about)
                for (k, column), about in said.items()
                if k == "COLUMN" and column.startswith(name + ".")
            ]
            parts += [f"### {name}\n", text + "\n", *_table(("column", "what it holds"), columns)]
    functions = [(f"`{name}`", text) for (k, name), text in said.items() if k == "FUNCTION"]
    parts += ["## Functions\n", *_table(("function", "what is true of it"), sorted(functions))]
    return "\n".join(parts)


def api() -> str:
    """The API's reference, from its OpenAPI document."""
    described = create_app(Desks({})).openapi()
    parts = [
        "# API\n",
        f"{described['info']['description']} The whole description, with every field, is at",
        "`/api/v1/openapi.json` of a running server. Lists take `number` (the page, from 1) and `size`.\n",
    ]
    for path, operations in described["paths"].items():
        for method, told in operations.items():
            parts += [f"## {method.upper()} {path}\n", told["description"] + "\n"]
            asked = [
                (f"`{each['name']}`", each["in"], each.get("description", ""))
                for each in told.get("parameters", ())
            ]
            if "requestBody" in told:
                schema = told["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                model = described["components"]["schemas"][schema.rpartition("/")[2]]
                asked += [
                    (f"`{name}`", "body", field.get("description", ""))
                    for name, field in model["properties"].items()
                ]
            if asked:
                parts += _table(("field", "in", "what it is"), asked)
            answers = ", ".join(f"`{status}`" for status in sorted(told["responses"]))
            parts.append(f"Answers {answers}.\n")
    return "\n".join(parts)


PAGES: Final[dict[str, Callable[[], str]]] = {
    "contract.md": contract,
    "cli.md": cli,
    "api.md": api,
    "tables.md": tables,
}
"""Every generated page below docs/reference, and what writes it."""


def main() -> int:
    """Write every generated page; with --check only say which are stale."""
    stale = []
    for name, written in PAGES.items():
        page, text = REFERENCE / name, written()
        if page.exists() and page.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv[1:]:
            page.write_text(text, encoding="utf-8")
    if "--check" in sys.argv[1:]:
        print(f"stale: {', '.join(stale)}; run make docs" if stale else "the reference is fresh")  # noqa: T201
        return 1 if stale else 0
    print(f"wrote {', '.join(stale) or 'nothing, all is fresh'}")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
