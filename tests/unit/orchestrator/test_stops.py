"""Where a run stops, why, and how it gets on: drift, time, faults, refused input, escalation."""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.runs import CHARTER, CODE, charter_facts, dry_runner, unsigned_approval

from cutter_agent.document.profiles import shipped
from cutter_agent.errors import (
    ProductionExecutionNotAuthorized,
    StopApprovalExpired,
    StopApprovalInvalid,
    StopApprovalRequired,
    StopClock,
    StopDatabaseAway,
    StopDocumentUnknown,
    StopDrift,
    StopGrantDelta,
    StopInvariantFailed,
    StopKbUploadFailed,
    StopLockBusy,
    StopOverSize,
    StopOverTime,
    StopRefusedInput,
    StopRunUnknown,
    StopSourceUnreadable,
    StopUnexpected,
)
from cutter_agent.orchestrator import (
    DryRunReporter,
    InMemoryDiscoverer,
    Mode,
    OrchestratorRunner,
    OrchestratorState,
    StateStore,
)
from cutter_agent.orchestrator.facts import MutationReading, VocabSnapshot
from cutter_agent.orchestrator.policy import USER_REFUSED_ARGS
from cutter_agent.orchestrator.runner import Deployment
from cutter_agent.orchestrator.states import GATE_TTL_S, Gate, Terminal

OWN_PROFILE = shipped("vn-charter").replace(b'"vn-charter"', b'"own-charter"') + b"# changed\n"
"""A profile of the deployment's own, as it stands after somebody changed the file."""

Change = Callable[[InMemoryDiscoverer], None]

DRIFTS: dict[str, tuple[Change, type[StopDrift | StopGrantDelta], str]] = {
    "a newer source version": (
        lambda facts: facts.add_version(CODE, CHARTER + b"\nend\n") and None,
        StopDrift,
        "source_version_id",
    ),
    "other source bytes": (
        lambda facts: facts.replace_source(CODE, CHARTER + b" ", keep_checksum=True),
        StopDrift,
        "source_sha256",
    ),
    "another profile for the same bytes": (
        lambda facts: facts.add_version(CODE, CHARTER, profile_toml=OWN_PROFILE) and None,
        StopDrift,
        "profile_sha256",
    ),
    "another title": (lambda facts: facts.rename_document(CODE, "New"), StopDrift, "document"),
    "no document": (lambda facts: facts.remove_document(CODE), StopDrift, "document"),
    "a function's text": (
        lambda facts: facts.replace_function("iu.fn_iu_enact", "other"),
        StopDrift,
        "functions_sha256",
    ),
    "a function less": (
        lambda facts: facts.drop_function("iu.fn_iu_enact"),
        StopDrift,
        "functions_sha256",
    ),
    "the vocabulary": (lambda facts: facts.replace_vocab(["article"]), StopDrift, "vocab_sha256"),
    "a grant more": (
        lambda facts: facts.grant("cutter_exec", "INSERT", "iu.unit_version", kind="relation"),
        StopGrantDelta,
        "grants_sha256",
    ),
    "a grant less": (
        lambda facts: facts.revoke("cutter_exec", "EXECUTE", "iu.fn_iu_enact"),
        StopGrantDelta,
        "grants_sha256",
    ),
}


@pytest.mark.parametrize("gate", [Gate.SG_1, Gate.SG_2])
@pytest.mark.parametrize("name", DRIFTS)
def test_a_fact_that_changes_at_a_pause_stops_the_run(
    name: str, gate: Gate, tmp_path: Path
) -> None:
    change, kind, fact = DRIFTS[name]
    facts = charter_facts()
    runner = dry_runner(tmp_path, facts)
    run_id = runner.cut(document_id=CODE).run_id
    if gate is Gate.SG_2:
        runner.resume(run_id, unsigned_approval(tmp_path, run_id, Gate.SG_1))
    change(facts)
    result = runner.resume(run_id, unsigned_approval(tmp_path, run_id, gate))
    assert (result.stop_code, result.exit_status) == (kind.code, kind.exit_status)
    stop = result.context.stop
    assert stop is not None
    then_now = {name: (then, now) for name, then, now in stop.differences}
    assert fact in then_now
    assert then_now[fact][0] != then_now[fact][1]
    text = next((tmp_path / run_id).glob(f"STOP-{kind.code}-*")).read_text("utf-8")
    assert "## Then and now" in text
    assert runner.resume(run_id).stop_code == kind.code


def test_an_unknown_document_is_a_result_with_a_stop_document(tmp_path: Path) -> None:
    result = dry_runner(tmp_path).cut(document_id="ICX-NONE")
    assert result.stop_code == StopDocumentUnknown.code
    assert result.exit_status == 17
    assert list((tmp_path / result.run_id).glob("STOP-STOP_DOCUMENT_UNKNOWN-1-*"))
    assert result.context.over


@pytest.mark.parametrize(
    "code",
    [
        "",
        "no code",
        "a/b",
        "../x",
        "A\x00B",
        "A\nB: c",
        "\ud800",
        "Điều",
        "A" * 300,
        "| x | `y`",
        "%s",
    ],
    ids=map(str, range(11)),
)
def test_a_text_that_is_no_code_is_an_unknown_document_too(tmp_path: Path, code: str) -> None:
    runner = dry_runner(tmp_path)
    result = runner.cut(document_id=code)
    assert (result.stop_code, result.exit_status) == ("STOP_DOCUMENT_UNKNOWN", 17)
    assert list((tmp_path / result.run_id).glob("STOP-STOP_DOCUMENT_UNKNOWN-1-*"))
    assert runner.show(result.run_id).stop_code == "STOP_DOCUMENT_UNKNOWN"
    assert result.document_id.startswith("?")
    with pytest.raises(StopRefusedInput):
        runner.cut(document_id=code, manifest_path="x")


class Blind(InMemoryDiscoverer):
    """Facts whose witness cannot say anything the first time it is asked."""

    asked = 0

    def mutation_reading(self) -> MutationReading:
        self.asked += 1
        if self.asked == 1:
            raise self.fault
        return super().mutation_reading()

    fault: Exception = StopDatabaseAway("the server went away")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (StopDatabaseAway("the server went away"), "STOP_DATABASE_AWAY"),
        (LookupError("no row"), "STOP_UNEXPECTED"),
    ],
)
def test_a_witness_that_fails_is_a_stop_of_its_run(
    tmp_path: Path, fault: Exception, code: str
) -> None:
    facts = Blind.from_text(CODE, CHARTER, profile="vn-charter")
    facts.fault = fault
    runner = dry_runner(tmp_path, facts)
    result = runner.cut(document_id=CODE)
    assert (result.stop_code, result.state) == (code, OrchestratorState.PENDING)
    assert list((tmp_path / result.run_id).glob(f"STOP-{code}-1-*"))


def test_resume_takes_a_run_and_an_approval_and_nothing_else(tmp_path: Path) -> None:
    runner = dry_runner(tmp_path)
    run_id = runner.cut(document_id=CODE).run_id
    for name in ("out_dir", "approval", "mode"):
        with pytest.raises(StopRefusedInput, match=name):
            runner.resume(run_id, **{name: "x"})


def test_an_unknown_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StopRunUnknown):
        dry_runner(tmp_path).resume("ictr-20260101T000000Z-00000000")


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (b"", StopSourceUnreadable),
        (b"# A\x00B\n", StopSourceUnreadable),
        (b"\xff\xfe# A\n", StopSourceUnreadable),
        (b"# \xed\xa0\x80 A\n", StopSourceUnreadable),
        (b"no heading at all\n", StopOverSize),
        (b"# A\n\nx\n" * 3, StopInvariantFailed),
    ],
)
def test_a_source_that_cannot_be_cut_ends_in_its_own_stop(
    source: bytes, kind: type[StopSourceUnreadable], tmp_path: Path
) -> None:
    facts = InMemoryDiscoverer.from_text(CODE, b"# A\n\nx\n", profile="markdown")
    facts.replace_source(CODE, source)
    result = dry_runner(tmp_path, facts).cut(document_id=CODE)
    assert (result.stop_code, result.exit_status) == (kind.code, kind.exit_status)
    assert list((tmp_path / result.run_id).glob("STOP-*"))


def test_a_document_over_the_cap_stops_and_one_at_the_cap_does_not(tmp_path: Path) -> None:
    for cap, expected in ((59, StopOverSize.code), (60, StopApprovalRequired.code)):
        runner = dry_runner(tmp_path / str(cap), deployment=Deployment(candidate_cap=cap))
        assert runner.cut(document_id=CODE).stop_code == expected


@pytest.mark.parametrize("name", USER_REFUSED_ARGS)
def test_no_refused_argument_passes_the_api(name: str, tmp_path: Path) -> None:
    arguments: dict[str, object] = {name: "x"}
    with pytest.raises(StopRefusedInput, match=name):
        dry_runner(tmp_path).cut(CODE, Mode.DRYRUN, **arguments)
    assert StateStore(tmp_path).run_ids() == ()


def test_an_argument_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StopRefusedInput, match="colour"):
        dry_runner(tmp_path).cut(CODE, colour="red")


def test_live_is_refused_while_the_switch_is_off_and_where_there_is_no_live_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = dry_runner(tmp_path)
    with pytest.raises(ProductionExecutionNotAuthorized, match="settings"):
        runner.cut(CODE, Mode.LIVE)
    monkeypatch.setattr("cutter_agent.orchestrator.__execution_enabled__", True)
    with pytest.raises(ProductionExecutionNotAuthorized, match="disarmed"):
        runner.cut(CODE, Mode.LIVE)
    armed = dry_runner(tmp_path, deployment=Deployment(switch_armed=lambda: True))
    with pytest.raises(ProductionExecutionNotAuthorized, match="no live site"):
        armed.cut(CODE, Mode.LIVE)


def test_a_second_run_of_a_document_in_flight_waits(tmp_path: Path) -> None:
    runner = dry_runner(tmp_path)
    first = runner.cut(document_id=CODE).run_id
    second = runner.cut(document_id=CODE)
    assert second.stop_code == StopLockBusy.code
    assert first in second.sentence
    assert second.remedy == f"cutter why {first}"
    runner.escalate(first, "void")
    assert runner.resume(second.run_id).state is OrchestratorState.AWAITING_CUT_AUTHORIZATION


def test_a_closed_out_run_stays_as_it_is(tmp_path: Path) -> None:
    runner = dry_runner(tmp_path)
    run_id = runner.cut(document_id=CODE).run_id
    for gate in (Gate.SG_1, Gate.SG_2):
        runner.resume(run_id, unsigned_approval(tmp_path, run_id, gate))
    before = (tmp_path / f"{run_id}.json").read_bytes()
    again = runner.resume(run_id, approval_kb_id=tmp_path / "anything")
    assert (again.state, again.stop_code) == (OrchestratorState.CLOSEOUT_REPORTED, None)
    assert (tmp_path / f"{run_id}.json").read_bytes() == before


class ShiftedStore(StateStore):
    """A store whose clock a test sets."""

    shift = timedelta()

    def now_utc(self) -> datetime:
        """Return the machine's time, shifted."""
        return super().now_utc() + self.shift


def shifted_runner(folder: Path) -> tuple[ShiftedStore, OrchestratorRunner]:
    store = ShiftedStore(folder)
    runner = OrchestratorRunner(store=store, kb=DryRunReporter(folder), discoverer=charter_facts())
    return store, runner


def test_an_expired_request_is_replaced_and_its_answer_refused(tmp_path: Path) -> None:
    store, runner = shifted_runner(tmp_path)
    run_id = runner.cut(document_id=CODE).run_id
    request = tmp_path / run_id / next((tmp_path / run_id).glob("SG1-*")).name
    store.shift = timedelta(seconds=GATE_TTL_S[Gate.SG_1] + 1)
    with pytest.raises(StopApprovalRequired):
        runner.resume(run_id)
    names = sorted(path.name for path in (tmp_path / run_id).glob("SG1-*"))
    assert len(names) == 2
    assert "request-2-" in "".join(names)
    with pytest.raises(StopApprovalExpired, match="replaced by request 2"):
        runner.resume(run_id, approval_kb_id=f"sha256:{_digest(request)}")
    assert len(list((tmp_path / run_id).glob("04-pre-write-backup-*"))) == 2
    signed = store.now_utc()
    for gate in (Gate.SG_1, Gate.SG_2):
        approval = unsigned_approval(tmp_path, run_id, gate, signed=signed)
        result = runner.resume(run_id, approval_kb_id=approval)
    assert result.state is OrchestratorState.CLOSEOUT_REPORTED


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def test_a_clock_that_went_back_stops_the_run(tmp_path: Path) -> None:
    store, runner = shifted_runner(tmp_path)
    run_id = runner.cut(document_id=CODE).run_id
    store.shift = timedelta(hours=-2)
    result = runner.resume(run_id, unsigned_approval(tmp_path, run_id, Gate.SG_1))
    assert result.stop_code == StopClock.code


def test_a_run_over_its_working_time_stops_and_may_go_on(tmp_path: Path) -> None:
    store = ShiftedStore(tmp_path)
    facts = SlowFacts.from_text(CODE, CHARTER)
    facts.store = store
    slow = OrchestratorRunner(store=store, kb=DryRunReporter(tmp_path), discoverer=facts)
    result = slow.cut(document_id=CODE)
    assert result.stop_code == StopOverTime.code
    facts.store = None
    assert slow.resume(result.run_id).stop_code == StopApprovalRequired.code


class SlowFacts(InMemoryDiscoverer):
    """Facts that take an hour over the vocabulary while they hold a store."""

    store: ShiftedStore | None = None

    def vocab_snapshot(self) -> VocabSnapshot:
        """Return the vocabulary, after a while."""
        if self.store is not None:
            self.store.shift += timedelta(minutes=61)
        return super().vocab_snapshot()


class BrokenFacts(InMemoryDiscoverer):
    """Facts whose vocabulary look-up has a bug while `broken` is set."""

    broken = True

    def vocab_snapshot(self) -> VocabSnapshot:
        """Raise what no adapter translated."""
        if type(self).broken:
            raise ZeroDivisionError("a bug")
        return super().vocab_snapshot()


def test_a_bug_ends_as_a_stop_with_a_document_and_a_way_out(tmp_path: Path) -> None:
    BrokenFacts.broken = True
    runner = dry_runner(tmp_path, BrokenFacts.from_text(CODE, CHARTER))
    result = runner.cut(document_id=CODE)
    assert (result.stop_code, result.exit_status) == (StopUnexpected.code, 1)
    assert result.terminal is Terminal.FAILED
    assert "ZeroDivisionError" in result.sentence
    BrokenFacts.broken = False
    assert runner.resume(result.run_id).remedy == f"cutter runs retry {result.run_id}"
    runner.escalate(result.run_id, "retry")
    again = runner.resume(result.run_id)
    assert again.state is OrchestratorState.AWAITING_CUT_AUTHORIZATION


def test_a_voided_run_is_over_and_frees_its_document(tmp_path: Path) -> None:
    runner = dry_runner(tmp_path)
    run_id = runner.cut(document_id=CODE).run_id
    voided = runner.escalate(run_id, "void")
    assert voided.terminal is Terminal.VOIDED
    assert runner.resume(run_id).terminal is Terminal.VOIDED
    assert runner.cut(document_id=CODE).stop_code == StopApprovalRequired.code
    with pytest.raises(StopRefusedInput):
        runner.escalate(run_id, "retry")


class FullFolder(DryRunReporter):
    """A folder that takes no more documents while `full` is set."""

    full: str | None = "02-mark"

    def put(self, run_id: str, name: str, text: str) -> None:
        """Refuse the document that does not fit any more."""
        if self.full is not None and name.startswith(self.full):
            raise StopKbUploadFailed(f"{name} does not fit", run_id=run_id)
        super().put(run_id, name, text)


@pytest.mark.parametrize("document", ["02-mark", "SG1-", "11-final"])
def test_no_step_goes_on_without_the_document_before_it(document: str, tmp_path: Path) -> None:
    folder = FullFolder(tmp_path)
    folder.full = document
    runner = OrchestratorRunner(store=StateStore(tmp_path), kb=folder, discoverer=charter_facts())
    result = runner.cut(document_id=CODE)
    run_id = result.run_id
    for gate in (Gate.SG_1, Gate.SG_2):
        if result.stop_code == StopKbUploadFailed.code:
            break
        result = runner.resume(run_id, unsigned_approval(tmp_path, run_id, gate))
    assert result.stop_code == StopKbUploadFailed.code
    folder.full = None
    for gate in (None, Gate.SG_1, Gate.SG_2):
        try:
            approval = None if gate is None else unsigned_approval(tmp_path, run_id, gate)
            result = runner.resume(run_id, approval)
        except StopApprovalRequired:
            continue
    assert result.state is OrchestratorState.CLOSEOUT_REPORTED


@pytest.mark.parametrize("offered", [None, 7, b"x"])
def test_what_is_no_text_never_becomes_a_run(offered: Any, tmp_path: Path) -> None:
    with pytest.raises(StopDocumentUnknown):
        dry_runner(tmp_path).cut(document_id=offered)
    assert StateStore(tmp_path).run_ids() == ()


@pytest.mark.parametrize("offered", [None, 7, b"x"])
def test_what_is_no_run_s_id_is_no_run(offered: Any, tmp_path: Path) -> None:
    with pytest.raises(StopRunUnknown):
        dry_runner(tmp_path).resume(offered)


def test_what_is_no_mode_is_refused(tmp_path: Path) -> None:
    mode: Any = "bogus"
    with pytest.raises(StopRefusedInput, match="no mode"):
        dry_runner(tmp_path).cut(CODE, mode)


def test_nothing_that_is_only_offered_ends_a_run(tmp_path: Path) -> None:
    runner = dry_runner(tmp_path)
    run_id = runner.cut(document_id=CODE).run_id
    secret = unsigned_approval(tmp_path, run_id, Gate.SG_1, token="x")
    for offered in ("/dev/zero", str(tmp_path), str(secret)):
        with pytest.raises((StopApprovalInvalid, StopApprovalRequired)):
            runner.resume(run_id, approval_kb_id=offered)
    for decision in ("bogus", "retry"):
        with pytest.raises(StopRefusedInput):
            runner.escalate(run_id, decision)
    assert not runner.show(run_id).context.over
    approval = unsigned_approval(tmp_path, run_id, Gate.SG_1)
    assert runner.resume(run_id, approval).state is (
        OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION
    )


def test_a_damaged_sidecar_of_another_run_stops_no_cut(tmp_path: Path) -> None:
    runner = dry_runner(tmp_path)
    first = runner.cut(document_id=CODE).run_id
    (tmp_path / f"{first}.json").write_text("torn")
    second = runner.cut(document_id=CODE)
    assert second.stop_code == StopApprovalRequired.code
    approval = unsigned_approval(tmp_path, second.run_id, Gate.SG_1)
    refused = runner.resume(second.run_id, approval)
    assert refused.stop_code == "STOP_EVIDENCE_MISMATCH"
    assert first in refused.sentence
