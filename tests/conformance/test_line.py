"""The same scenarios in memory, dry on PostgreSQL and live on PostgreSQL give the same evidence."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.audit import audit
from tests.runs import CHARTER, CHARTER_2, CODE

from clusters.fixtures import fresh_database
from conformance.places import Live, Memory, OnPostgres, Place, expired_at_once
from cutter_agent.evidence.canonical import Json
from cutter_agent.evidence.codec import to_json
from cutter_agent.orchestrator import OrchestratorState
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Gate
from cutter_agent.postgres.embedded import Server

EXAMPLES = Path(__file__).parents[2] / "examples"

Act = tuple[str, ...]
"""A verb; for `add` also the file, and the profile."""

ADD_V1: Act = ("add", "icx-const-v1.md", "vn-charter")
ADD_V2: Act = ("add", "icx-const-v2.md", "vn-charter")
TO_THE_END: tuple[Act, ...] = (("cut",), ("approve",), ("approve",))

SCENARIOS: dict[str, tuple[Act, ...]] = {
    "the charter": (ADD_V1, *TO_THE_END),
    "its next version": (ADD_V1, ("enact",), ADD_V2, *TO_THE_END),
    "an English policy": (("add", "access-policy.md", "markdown"), *TO_THE_END),
    "a Vietnamese law": (("add", "vn-law-sample.md", "vn-law"), *TO_THE_END),
    "refused at SG_1": (ADD_V1, ("cut",), ("reject",), ("resume",), *TO_THE_END),
    "refused at SG_2": (ADD_V1, ("cut",), ("approve",), ("reject",), *TO_THE_END),
    "voided after leg A": (ADD_V1, ("cut",), ("approve",), ("void",), *TO_THE_END),
    "edits voided after leg A": (
        *(ADD_V1, ("enact",), ADD_V2),
        *(("cut",), ("approve",), ("void",), *TO_THE_END),
    ),
    "voided before anything was written": (ADD_V1, ("cut",), ("void",), *TO_THE_END),
    "expired at SG_1": (ADD_V1, ("cut expired SG_1",), ("approve",), ("approve",), ("approve",)),
    "expired at SG_2": (
        *(ADD_V1, ("cut",), ("approve expired SG_2",)),
        *(("resume",), ("approve",)),
    ),
    "a failed backup, tried again": (
        *(ADD_V1, ("backup fails",), ("cut",), ("resume",), ("retry",), ("resume",)),
        *(("approve",), ("approve",)),
    ),
    "a failed backup, given up": (ADD_V1, ("backup fails",), ("cut",), ("void",), *TO_THE_END),
}

OF_THE_RUN = ("change_set_id", "change_set_expected_id", "manifest_envelope_id", "verify_result_id")
OF_THE_SOURCE_ROW = ("source_version_id", "plan_sha256", "plan_again_sha256")
OF_TIME = ("judged_utc", "consumed_utc", "issued_utc", "expires_utc", "nonce")
OF_THE_REQUEST = ("request_sha256", "review_decision_id", "facts_sha256", "policy_sha256")
OF_MACHINE_KEYS = (
    *("executor_key_id", "executor_public_hex", "verifier_key_id", "envelope_sha256"),
    *("executor_envelope_sha256", "verifier_envelope_sha256", "verifier_public_hex"),
    *("simulated", "mode"),
)
OF_THE_CATALOGUE = ("grants_sha256", "functions_sha256", "entries", "functions", "verifier_role")
OF_THE_ROWS = (
    "document_rows_sha256",
    "tally",
    "digests",
    "non_mutation",
    "lifecycle_rows",
    "units_total",
)
MAY_DIFFER = frozenset(
    (
        *(*OF_THE_RUN, *OF_THE_SOURCE_ROW, *OF_TIME, *OF_THE_REQUEST),
        *(*OF_MACHINE_KEYS, *OF_THE_CATALOGUE, *OF_THE_ROWS, "run_id"),
    )
)
"""Ids and times; keys and signatures and digests that contain them; the database's own facts."""
OF_THE_FACTS = frozenset(("database", "in_force_sha256", *MAY_DIFFER))
OF_ONE_PLACE = frozenset({"BackupTaken", "EscalationRequested", "EscalationApproved"})
"""A backup's receipt is its vault's; a dry run's decision is simulated, so nothing is requested."""
DATED = re.compile(r"-\d{4}-\d{2}-\d{2}")


def comparable(context: RunContext) -> dict[str, Json]:
    """Every field of every record and finding of a run that must be the same everywhere."""
    told: dict[str, Json] = {}
    for event in context.history.events:
        if event.kind is EventKind.PHASE:
            told[f"{event.body['phase']}: findings"] = event.body["findings"]
    for record in context.all_records:
        kind = type(record).__name__
        if kind in OF_ONE_PLACE:
            continue
        for name, value in flat(to_json(record), MAY_DIFFER):
            told[f"{kind}.{name}"] = DATED.sub("", value) if isinstance(value, str) else value
    told["state"], told["terminal"] = str(context.state), str(context.terminal)
    return told


def flat(value: Json, skipped: frozenset[str]) -> Iterator[tuple[str, Json]]:
    """Every field that may not differ, those of the fact sheet one by one."""
    assert isinstance(value, Mapping)
    for name, held in value.items():
        if name == "facts":
            yield from ((f"facts.{n}", v) for n, v in flat(held, OF_THE_FACTS))
        elif name in {"documents", "document"}:
            yield name, DATED.sub("", str(held))
        elif name not in skipped:
            yield name, held


def differences(places: list[Place]) -> list[str]:
    """One readable line for everything that is not the same in all places."""
    lines = []
    for number, told in enumerate(zip(*(p.said for p in places), strict=True), start=1):
        if len(set(told)) > 1:
            lines.append(f"act {number}: {told}")
    for number in range(max(len(place.run_ids) for place in places)):
        runs = [comparable(place.context(place.run_ids[number])) for place in places]
        for name in sorted({name for run in runs for name in run}):
            values = [run.get(name, "nothing") for run in runs]
            if any(value != values[0] for value in values):
                shown = " | ".join(
                    f"{type(p).__name__} {str(v)[:120]}"
                    for p, v in zip(places, values, strict=True)
                )
                lines.append(f"run {number + 1}: {name}: {shown}")
    return lines


def play(place: Place, acts: tuple[Act, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenario happens at this place."""
    for verb, *rest in acts:
        if verb == "add":
            place.add((EXAMPLES / rest[0]).read_bytes(), CODE, rest[1])
        elif verb == "enact":
            place.enact(CODE)
        elif verb == "backup fails":
            place.backup_fails = True
        elif " expired " in verb:
            done, gate = verb.split(" expired ")
            expired_at_once(monkeypatch, Gate[gate], lambda done=done: place.do(done, CODE))
        else:
            place.do(verb, CODE)


@pytest.fixture
def places(cluster: Server, tmp_path: Path) -> Iterator[list[Place]]:
    with ExitStack() as stack:
        yield three_places(cluster, tmp_path, stack)


def three_places(server: Server, folder: Path, stack: ExitStack) -> list[Place]:
    """The three places, each with folders and databases of its own."""
    on_postgres = [
        kind(stack.enter_context(fresh_database(server)), folder / kind.__name__)
        for kind in (OnPostgres, Live)
    ]
    for place in on_postgres:
        stack.callback(place.close)
    return [Memory(folder), *on_postgres]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_gives_the_same_evidence_everywhere(
    places: list[Place], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in places:
        play(place, SCENARIOS[name], monkeypatch)
    lines = differences(places)
    assert not lines, "\n".join(lines)
    assert places[0].said[-1][1] == OrchestratorState.CLOSEOUT_REPORTED
    live = places[-1]
    assert isinstance(live, Live)
    if CHARTER_2 in live_sources(name):
        audit(live.deployed, CHARTER_2)
    elif CHARTER in live_sources(name):
        audit(live.deployed, CHARTER)


def live_sources(name: str) -> list[bytes]:
    """The sources of a scenario, the one that is in force at its end last."""
    return [(EXAMPLES / act[1]).read_bytes() for act in SCENARIOS[name] if act[0] == "add"]
