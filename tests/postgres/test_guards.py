"""What every writer asks first: fence, switch, approval, login, order. Each guard refuses alone."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pytest
from psycopg import errors

from clusters.databases import Database
from cutter_agent.errors import (
    ApprovalConsumedAlready,
    ProductionExecutionNotAuthorized,
    Stop,
    StopApprovalExpired,
    StopApprovalInvalid,
    StopDrift,
    StopEvidenceMismatch,
    StopGrantDelta,
    StopInvariantFailed,
    StopLockBusy,
    StopReplayConflict,
    StopRunUnknown,
)
from cutter_agent.orchestrator.history import EventKind, RunDocument, RunEvent
from cutter_agent.orchestrator.states import Gate
from cutter_agent.orchestrator.warrant import RehearsalWarrant
from cutter_agent.postgres import history
from cutter_agent.postgres.connect import Connection, stop_of
from cutter_agent.postgres.deployment import PolicySignature, accept_policy
from cutter_agent.postgres.write import LiveWriter
from postgres.acts import (
    LINES,
    PLAN,
    STARTER,
    Cut,
    add_source,
    line,
    login,
    one,
    open_cut,
    session,
    turn_switch,
)

STOP_EVENT = RunEvent(2, EventKind.STOP, "2026-01-01T00:00:00Z", {"code": "STOP_DRIFT"})


@pytest.fixture
def cut(database: Database) -> Cut:
    """A claimed run that may write once it is approved."""
    return open_cut(database, LINES)


def mint(cut: Cut) -> None:
    with cut.writing() as (_, writer):
        writer.mint_change_set(cut.change_set())


def test_nothing_is_written_without_the_approval_of_the_cut(cut: Cut):
    with pytest.raises(StopApprovalInvalid, match="SG_1"):
        mint(cut)
    cut.approve(Gate.SG_1)
    mint(cut)


def test_nothing_is_enacted_without_the_approval_of_the_lifecycle(cut: Cut):
    cut.draft()
    cut.seal()
    cut.verify()
    with pytest.raises(StopApprovalInvalid, match="SG_2"), cut.writing() as (_, writer):
        writer.enact(cut.order())


def test_nothing_is_enacted_that_nobody_verified(cut: Cut):
    cut.draft()
    cut.seal()
    with pytest.raises(StopInvariantFailed, match="verified"):
        cut.enact()


@pytest.mark.parametrize("act", ["mint", "draft", "seal", "enact"])
def test_every_writer_asks_the_switch_itself(database: Database, cut: Cut, act: str):
    if act != "mint":
        cut.draft()
    if act == "enact":
        cut.seal()
        cut.verify()
    turn_switch(database, armed=False)
    acts = {"mint": cut.draft, "draft": lambda: create(cut), "seal": cut.seal, "enact": cut.enact}
    with pytest.raises(ProductionExecutionNotAuthorized, match="switch is off"):
        acts[act]()


def create(cut: Cut) -> None:
    with cut.writing() as (_, writer):
        writer.create_drafts(cut.change_set(), cut.drafts())


def test_a_stop_is_recorded_and_a_run_ended_with_the_switch_off(database: Database, cut: Cut):
    cut.draft()
    turn_switch(database, armed=False)
    with session(database, "cutter_exec") as connection, connection.transaction():
        history.append(connection, cut.run_id, cut.fence, STOP_EVENT, [])
        history.end(connection, cut.run_id, cut.fence, "ended")
    with session(database) as connection:
        assert one(connection, "SELECT outcome FROM cutter_governance.run") == "ended"


@pytest.mark.parametrize("act", ["draft", "seal", "verify", "enact", "append", "end"])
def test_whoever_claimed_earlier_changes_nothing_any_more(database: Database, cut: Cut, act: str):
    if act in {"seal", "verify", "enact"}:
        cut.draft()
    if act in {"verify", "enact"}:
        cut.seal()
    if act == "enact":
        cut.verify()
    late = replace(cut)
    cut.claim()

    def append() -> None:
        with session(database, "cutter_exec") as connection:
            history.append(connection, late.run_id, late.fence, STOP_EVENT, [])

    acts = {
        "draft": late.draft,
        "seal": late.seal,
        "verify": late.verify,
        "enact": late.enact,
        "append": append,
        "end": lambda: late.end("ended"),
    }
    with pytest.raises(StopLockBusy, match="fence"):
        acts[act]()


def test_a_run_that_is_over_takes_nothing_more(database: Database, cut: Cut):
    cut.end("ended")
    cut.end("ended")
    with pytest.raises(StopLockBusy, match="over"):
        cut.draft()
    with pytest.raises(StopLockBusy, match="over"):
        cut.end("voided")


def test_a_run_with_open_drafts_cannot_close_as_well(cut: Cut):
    cut.draft()
    with pytest.raises(StopInvariantFailed, match="open change set"):
        cut.end("closed")


@pytest.mark.parametrize(
    ("changes", "stop"),
    [
        ({"run_id": "ictr-20260101T000000Z-ffffffff"}, StopApprovalInvalid),
        ({"gate": Gate.SG_2.value, "review_decision_id": "x"}, StopApprovalInvalid),
        ({"mode": "dryrun"}, StopApprovalInvalid),
        ({"document_id": "ICX-OTHER"}, StopApprovalInvalid),
        ({"database": "1/1"}, StopApprovalInvalid),
        ({"starter": "somebody"}, StopApprovalInvalid),
        ({"schema": "cutter.approval-request/2"}, StopApprovalInvalid),
        ({"issued_utc": "none"}, Stop),
        ({"issued_utc": "2020-01-01T00:00:00Z"}, StopApprovalInvalid),
        ({"issued_utc": "2999-01-01T00:00:00Z"}, StopApprovalInvalid),
        (
            {"issued_utc": "2020-01-01T00:00:00Z", "expires_utc": "2020-01-01T20:00:00Z"},
            StopApprovalExpired,
        ),
    ],
)
def test_an_approval_of_something_else_is_refused_by_the_database(
    cut: Cut, changes: dict[str, str], stop: type[Stop]
):
    with pytest.raises(stop):
        cut.approve(Gate.SG_1, **changes)


def test_the_starters_own_approval_is_refused_by_the_database(database: Database, cut: Cut):
    consumption = cut.consumption(Gate.SG_1, cut.request(Gate.SG_1), person=STARTER)
    with (
        session(database, "cutter_exec") as connection,
        pytest.raises(StopApprovalInvalid, match=STARTER),
    ):
        history.consume(connection, cut.fence, consumption)


def test_an_approval_nobody_signed_is_refused_by_the_database(database: Database, cut: Cut):
    consumption = cut.consumption(Gate.SG_1, cut.request(Gate.SG_1))
    bare = replace(consumption, signatures=(), persons=(), key_ids=())
    with (
        session(database, "cutter_exec") as connection,
        pytest.raises(StopApprovalInvalid, match="at least one"),
    ):
        history.consume(connection, cut.fence, bare)


def test_a_key_that_signed_nothing_is_refused_before_the_database(database: Database, cut: Cut):
    consumption = cut.consumption(Gate.SG_1, cut.request(Gate.SG_1))
    claimed = replace(consumption, key_ids=("SHA256:other",))
    with (
        session(database, "cutter_exec") as connection,
        pytest.raises(StopApprovalInvalid, match="no signature"),
    ):
        history.consume(connection, cut.fence, claimed)


def test_an_approval_is_used_once_in_the_whole_database(database: Database, cut: Cut):
    request = cut.request(Gate.SG_1)
    other = open_cut(database, LINES, code="ICX-OTHER", entropy="00000005")
    for which, stop in (
        (cut, None),
        (cut, ApprovalConsumedAlready),
        (other, ApprovalConsumedAlready),
    ):
        consumption = replace(which.consumption(Gate.SG_1, request), run_id=which.run_id)
        with session(database, "cutter_exec") as connection:
            if stop is None:
                history.consume(connection, which.fence, consumption)
                continue
            with pytest.raises(stop):
                history.consume(connection, which.fence, consumption)


def test_an_approval_is_unspent_when_its_effect_is_undone(database: Database, cut: Cut):
    request = cut.request(Gate.SG_1)
    with session(database, "cutter_exec") as connection:
        with connection.transaction(force_rollback=True):
            history.consume(connection, cut.fence, cut.consumption(Gate.SG_1, request))
        with connection.transaction():
            history.consume(connection, cut.fence, cut.consumption(Gate.SG_1, request))


def test_escalations_may_be_decided_again_and_again(database: Database, cut: Cut):
    for nonce in ("1" * 32, "2" * 32):
        cut.approve(Gate.SG_3, decision="retry", nonce=nonce)
    with session(database) as connection:
        assert one(connection, "SELECT max(n) FROM cutter_governance.approval_use") == 2
    cut.approve(Gate.SG_1, nonce="3" * 32)
    with pytest.raises(ApprovalConsumedAlready):
        cut.approve(Gate.SG_1, nonce="4" * 32)


def test_only_the_verifiers_login_records_a_verification(database: Database, cut: Cut):
    cut.draft()
    cut.seal()
    with pytest.raises(StopGrantDelta):
        cut.verify(role="cutter_exec")
    with pytest.raises(StopEvidenceMismatch):
        cut.verify(role="")  # a superuser may execute it, and is not the verifier
    cut.verify()


@pytest.mark.parametrize(
    ("role", "phase", "kind"),
    [
        ("cutter_exec", "write_verify", EventKind.PHASE),
        ("cutter_verify", "cut_leg_a", EventKind.PHASE),
        ("cutter_verify", "write_verify", EventKind.STOP),
    ],
)
def test_each_login_appends_its_own_phases_only(
    database: Database, cut: Cut, role: str, phase: str, kind: EventKind
):
    event = RunEvent(2, kind, "2026-01-01T00:00:00Z", {"phase": phase})
    with session(database, role) as connection, pytest.raises(StopGrantDelta, match="may not"):
        history.append(connection, cut.run_id, cut.fence, event, [])


def test_a_verifiers_key_is_never_the_executors(cut: Cut):
    cut.draft()
    cut.seal()
    with pytest.raises(StopEvidenceMismatch):
        cut.verify(replace(cut.verify_record(), verifier_key_id="SHA256:executor"))


@pytest.mark.parametrize("field", ["root_from_source_sha256", "root_in_database_sha256"])
def test_a_root_that_is_not_the_rows_is_not_recorded(cut: Cut, field: str):
    cut.draft()
    cut.seal()
    with pytest.raises(StopEvidenceMismatch):
        cut.verify(replace(cut.verify_record(), **{field: "00" * 32}))


def test_a_manifest_is_verified_once(cut: Cut):
    cut.draft()
    cut.seal()
    cut.verify()
    with pytest.raises(StopReplayConflict):
        cut.verify(replace(cut.verify_record(), envelope=b'{"other":1}'))


def test_a_manifest_with_another_root_leaf_or_version_is_refused(database: Database, cut: Cut):
    cut.draft()
    manifest, blocks = cut.manifest(), cut.blocks()
    other_leaf = [replace(blocks[0], leaf_sha256=b"\0" * 32), *blocks[1:]]
    other_unit = [replace(blocks[0], unit_id=blocks[1].unit_id), *blocks[1:]]
    for wrong, its_blocks, stop in (
        (replace(manifest, root_sha256="00" * 32), blocks, StopEvidenceMismatch),
        (manifest, other_leaf, StopEvidenceMismatch),
        (manifest, other_unit, StopEvidenceMismatch),
        (manifest, blocks[1:], StopInvariantFailed),
        (manifest, [*blocks[:-1], blocks[0]], StopReplayConflict),
    ):
        with pytest.raises(stop), cut.writing() as (_, writer):
            writer.record_manifest(wrong, its_blocks)
    with session(database) as connection:
        assert one(connection, "SELECT count(*) FROM cutter_governance.manifest_envelope") == 0


def test_another_manifest_for_the_same_change_set_is_a_conflict(cut: Cut):
    cut.draft()
    cut.seal()
    with pytest.raises(StopReplayConflict), cut.writing() as (_, writer):
        writer.record_manifest(replace(cut.manifest(), executor_key_id="SHA256:x"), cut.blocks())


def test_only_the_newest_source_version_is_cut(database: Database, cut: Cut):
    add_source(database, [*LINES, line(8)])
    with pytest.raises(StopDrift):
        cut.draft()


def test_enactment_takes_the_effective_date_of_the_source(cut: Cut):
    cut.draft()
    cut.seal()
    cut.verify()
    with pytest.raises(StopDrift):
        cut.enact(effective="2030-01-01")


def test_a_change_set_is_minted_once_and_only_as_it_was(cut: Cut):
    cut.draft()
    other = replace(cut.change_set(), kept=1)
    with pytest.raises(StopReplayConflict), cut.writing() as (_, writer):
        writer.mint_change_set(other)


def test_an_edit_must_follow_the_version_in_force(database: Database, cut: Cut):
    cut.draft()
    drafts = [replace(cut.drafts()[0], version_no=2)]
    with pytest.raises(Stop), cut.writing() as (_, writer):
        writer.create_drafts(cut.change_set(), drafts)
    with session(database) as connection:
        assert one(connection, "SELECT max(version_no) FROM iu.unit_version") == 1


def test_fewer_drafts_than_minted_are_not_enacted(database: Database, cut: Cut):
    with cut.writing() as (connection, writer):
        history.consume(connection, cut.fence, cut.consumption(Gate.SG_1, cut.request(Gate.SG_1)))
        writer.mint_change_set(cut.change_set())
        writer.create_drafts(cut.change_set(), cut.drafts()[1:])
    with pytest.raises(Stop):
        cut.seal()


@pytest.mark.parametrize("change", ["plan_sha256", "manifest_root", "tree_size"])
def test_only_the_approved_plan_root_and_size_are_written(cut: Cut, change: str):
    cut.approve(Gate.SG_1, **{change: "8" if change == "tree_size" else "00" * 32})
    with pytest.raises(StopApprovalInvalid, match=f"{change} is"):
        _drafted_and_sealed(cut)


@pytest.mark.parametrize("decision", [None, "retry"])
def test_a_run_is_voided_by_a_decision_to_void_it_only(cut: Cut, decision: str | None):
    if decision is not None:
        cut.approve(Gate.SG_3, decision=decision)
    with pytest.raises(StopApprovalInvalid, match="SG_3"):
        cut.end("voided")
    cut.approve(Gate.SG_3, nonce="1" * 32)
    cut.end("voided")


def _drafted_and_sealed(cut: Cut) -> None:
    mint(cut)
    create(cut)
    cut.seal()


NULLS = {
    "fn_refusal_record(%(run)s, %(fence)s, %(gate)s, %(request)b, %(names)s, %(names)s, %(armours)s::bytea[])": (
        "run",
        "fence",
        "gate",
        "request",
        "names",
        "armours",
    ),
    "fn_approval_consume(%(run)s, %(fence)s, %(gate)s, %(request)b, %(names)s, %(names)s, %(armours)s::bytea[])": (
        "run",
        "fence",
        "gate",
        "request",
        "names",
        "armours",
    ),
    "fn_run_end(%(run)s, %(fence)s, %(outcome)s)": ("run", "fence", "outcome"),
    "fn_run_append(%(run)s, %(fence)s, %(seq)s, %(kind)s, %(payload)b, '{}', '{}', '{}')": (
        "run",
        "fence",
        "seq",
        "kind",
        "payload",
    ),
    "fn_change_set_mint(%(run)s, %(fence)s, %(set)s::uuid, %(source)s::uuid, %(plan)b, 7, 0, 0, 0)": (
        "run",
        "fence",
        "set",
        "source",
        "plan",
    ),
}


def asked_for(cut: Cut, request: bytes) -> bytes:
    """The run has written this request."""
    with session(cut.database, "cutter_exec") as connection:
        seq = len(history.load(connection, cut.run_id).events) + 1
        text = request.decode()
        document = RunDocument(f"SG3-{seq}.md", hashlib.sha256(request).hexdigest(), text)
        event = RunEvent(seq, EventKind.REQUEST, "2026-01-01T00:00:00Z", {})
        history.append(connection, cut.run_id, cut.fence, event, [document])
    return request


@pytest.mark.parametrize(
    ("call", "null"), [(call, null) for call, names in NULLS.items() for null in names]
)
def test_null_passes_no_guard(database: Database, cut: Cut, call: str, null: str):
    gate = Gate.SG_3
    if "mint" in call:
        cut.approve(Gate.SG_1)
    values = {
        "run": cut.run_id,
        "fence": cut.fence,
        "gate": gate.value,
        "request": cut.request(gate),
        "names": ["alice"],
        "armours": [b"s"],
        "outcome": "ended",
        "seq": 2,
        "kind": "stop",
        "payload": b"{}",
        "set": cut.change_set_id,
        "source": cut.source_version_id,
        "plan": bytes.fromhex(PLAN),
    }
    if "refusal" in call:
        values["request"] = asked_for(cut, values["request"])
    call = f"SELECT cutter_governance.{call} ->> 'status'"
    with session(database, "cutter_exec") as connection:
        assert _status(connection, call, {**values, null: None}) in {"exists_conflict", "refused"}
        assert _status(connection, call, values) == "created"


def _status(connection: Connection, call: str, values: Mapping[str, object]) -> object:
    try:
        row = connection.execute(call.encode(), values).fetchone()
    except errors.DatabaseError:
        return "refused"
    assert row is not None
    return row[0]


@pytest.mark.parametrize("function", ["fn_iu_create_set", "fn_iu_apply_edit_draft"])
@pytest.mark.parametrize("arrays", ["'{}'", "NULL"])
def test_a_set_of_no_stated_size_is_refused(cut: Cut, function: str, arrays: str):
    cut.draft()
    many = ", ".join([arrays] * (13 if function == "fn_iu_create_set" else 14))
    with cut.writing() as (connection, _), pytest.raises(errors.DatabaseError) as refused:
        connection.execute(
            f"SELECT iu.{function}(%s, %s, %s::uuid, NULL, {many})".encode(),
            (cut.run_id, cut.fence, cut.change_set_id),
        )
    assert isinstance(stop_of(refused.value), StopInvariantFailed)


def test_an_enactment_without_a_decision_is_refused(cut: Cut):
    cut.draft()
    cut.seal()
    cut.verify()
    cut.approve(Gate.SG_2)
    with (
        cut.writing() as (connection, _),
        pytest.raises(errors.DatabaseError, match="by a decision"),
    ):
        connection.execute(
            "SELECT iu.fn_iu_enact(%s, %s, %s::uuid, NULL, NULL)",
            (cut.run_id, cut.fence, cut.change_set_id),
        )


@pytest.mark.parametrize("payload", [b"{}", b'{"body":{}}', b'{"body":{"phase":null}}'])
def test_the_verifiers_login_appends_no_event_without_its_phase(
    database: Database, cut: Cut, payload: bytes
):
    with (
        session(database, "cutter_verify") as connection,
        pytest.raises(errors.DatabaseError) as refused,
    ):
        connection.execute(
            "SELECT cutter_governance.fn_run_append(%s, %s, 2, 'phase', %b, '{}', '{}', '{}')",
            (cut.run_id, cut.fence, payload),
        )
    assert isinstance(stop_of(refused.value), StopGrantDelta)


def test_a_set_of_other_size_than_it_says_is_refused(cut: Cut):
    cut.draft()
    with cut.writing() as (connection, _), pytest.raises(errors.DatabaseError) as refused:
        connection.execute(
            "SELECT iu.fn_iu_create_set(%s, %s, %s::uuid, 2, '{}', '{}', '{}', '{}', '{}', '{}', '{}',"
            " '{}', '{}', '{}', '{}', '{}', '{}')",
            (cut.run_id, cut.fence, cut.change_set_id),
        )
    assert isinstance(stop_of(refused.value), StopInvariantFailed)


def test_one_unit_is_a_set_of_one(database: Database, cut: Cut):
    cut.approve(Gate.SG_1)
    mint(cut)
    draft = cut.drafts()[0]
    unit = draft.planned
    attributes = dict(unit.attributes)
    call = (
        "SELECT iu.fn_iu_create(%s, %s, %s::uuid, %s::uuid, %s::uuid, %s, %s, %s, %s, %s, %s, %s,"
        " %s, decode(%s, 'hex'), %s) ->> 'status'"
    )
    values = (
        cut.run_id,
        cut.fence,
        cut.change_set_id,
        draft.version_id,
        draft.unit_id,
        unit.address,
        unit.kind,
        unit.parent,
        unit.ordinal,
        attributes["alias"],
        attributes["heading"],
        attributes["num"],
        list(unit.own_spans[0]),
        unit.body_sha256,
        draft.body.decode(),
    )
    with session(database, "cutter_exec") as connection:
        assert one(connection, call, *values) == "created"
        assert one(connection, call, *values) == "exists_complete"
        changed = [*values[:-1], draft.body.decode()]
        changed[5] += "9"
        assert one(connection, call, *changed) == "exists_conflict"


def test_a_live_writer_takes_no_other_warrant(database: Database, cut: Cut):
    other = open_cut(database, LINES, code="ICX-OTHER", entropy="00000005")
    with session(database, "cutter_exec") as connection:
        for warrant in (None, RehearsalWarrant(cut.run_id), other.warrant()):
            with pytest.raises(ProductionExecutionNotAuthorized):
                LiveWriter(connection, run_id=cut.run_id, fence=1, warrant=warrant)


def test_unknown_runs_are_unknown_everywhere(database: Database):
    ghost = "ictr-20260101T000000Z-00000000"
    with session(database, "cutter_exec") as connection:
        with pytest.raises(StopRunUnknown):
            history.load(connection, ghost)
        with pytest.raises(StopRunUnknown):
            history.append(connection, ghost, 1, STOP_EVENT, [])
        with pytest.raises(StopRunUnknown):
            history.end(connection, ghost, 1, "ended")


def test_a_source_added_again_is_the_same_version(database: Database):
    first = add_source(database, LINES)
    assert add_source(database, LINES) == first
    second = add_source(database, [line(1)])
    assert second != first
    with session(database) as connection:
        numbers = connection.execute(
            "SELECT version_no, sha256 FROM iu.source_version ORDER BY version_no"
        ).fetchall()
    assert numbers == [
        (1, hashlib.sha256(b"".join(LINES)).digest()),
        (2, hashlib.sha256(line(1)).digest()),
    ]


def test_an_approval_under_an_older_policy_is_refused_by_the_database(database: Database, cut: Cut):
    for version in (1, 2):
        body = f'{{"version":{version}}}'.encode()
        signed = [PolicySignature("alice", "SHA256:a", b"armor")]
        accept_policy(
            login(database, "cutter_admin"), version=version, body=body, signatures=signed
        )
    older = hashlib.sha256(b'{"version":1}').hexdigest()
    with pytest.raises(StopDrift, match="trust policy"):
        cut.approve(Gate.SG_1, policy_sha256=older)
    cut.approve(Gate.SG_1)
