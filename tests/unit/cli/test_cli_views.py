"""What people read about runs: the rail, who acts next, how long it waits, which units differ."""

from pathlib import Path

import pytest

from cutter_agent.bootstrap.standing import Standing, any_of, time_left
from cutter_agent.cli.output import Output, aligned, cells
from cutter_agent.cli.run_view import next_lines, run_lines
from cutter_agent.cli.verify import (
    MISSING,
    NOT_IN_FORCE,
    OTHER,
    SURPLUS,
    UNRECORDED,
    Fault,
    unit_faults,
)
from cutter_agent.files.kb_reporter import DryRunReporter
from cutter_agent.files.state_store import StateStore
from cutter_agent.orchestrator.result import RunResult
from cutter_agent.orchestrator.runner import OrchestratorRunner
from cutter_agent.orchestrator.waiting import waiting_request
from cutter_agent.postgres.read_back import HeldUnit
from cutter_agent.rehearsal import InMemoryDiscoverer

CHARTER = Path(__file__).parents[3] / "examples" / "icx-const-v1.md"
NOTHING = Standing(None, (), (), 0, 0.0)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Output:
    monkeypatch.setenv("COLUMNS", "60")
    return Output()


def begun(tmp_path: Path, code: str = "ICX", text: bytes | None = None) -> RunResult:
    facts = InMemoryDiscoverer.from_text("ICX", text or CHARTER.read_bytes(), "vn-charter")
    runner = OrchestratorRunner(
        store=StateStore(tmp_path / "runs"), kb=DryRunReporter(tmp_path / "runs"), discoverer=facts
    )
    return runner.cut(code)


def test_a_waiting_run_shows_plan_counts_proof_rail_and_next(
    tmp_path: Path, narrow: Output
) -> None:
    result = begun(tmp_path)
    here = Standing(waiting_request(result.context), (), ("alice", "bob", "carol"), 2, 86_280.0)
    lines = run_lines(result, here, narrow)
    text = " ".join(" ".join(lines).split())
    for said in (
        "SIMULATED, nothing is written to a database",
        "ICX v1 → 60 units manifest sha256:",
        "(60 leaves)",
        "+ 60 create ~ 0 change - 0 retire = 0 keep 4 excluded 0 bytes unaccounted",
        "proof CONTENT_EQUAL · 0 findings",
        "✓ source_pin ✓ mark ✓ cutplan ✓ backup ✓ grants ● SG_1 waiting 0/2 expires in 23 h 58 m",
        "State awaiting_cut_authorization",
        f"Next alice, bob or carol run: cutter approve {result.run_id}",
    ):
        assert said in text
    wide = [line for line in lines if cells(line) > 60 and "cutter approve" not in line]
    assert not [line for line in wide if not line.startswith("Files")]


def test_a_run_that_failed_shows_where_and_why(tmp_path: Path, narrow: Output) -> None:
    result = begun(tmp_path, text=b"### NT-1: A\n\na\n\n### NT-1: B\n\nb\n")
    lines = run_lines(result, NOTHING, narrow)
    text = " ".join(" ".join(lines).split())
    assert "✓ source_pin ✗ mark · cutplan" in text
    assert "Stop STOP_INVARIANT_FAILED" in text
    assert "✗ addresses_unique" in text
    assert "(failed)" in text


def test_the_next_command_stays_whole(narrow: Output) -> None:
    command = "cutter approve ictr-20261121T021523Z-8a941203"
    assert next_lines(command, NOTHING, narrow) == [f"Next   {command}"]
    assert next_lines("", NOTHING, narrow) == []


def test_time_left_reads_like_a_clock() -> None:
    assert time_left(86_280) == "expires in 23 h 58 m"
    assert time_left(3_600) == "expires in 1 h 00 m"
    assert time_left(65) == "expires in 1 m 05 s"
    assert time_left(0) == "expired"
    assert any_of(("a",)) == "a"
    assert any_of(("a", "b", "c")) == "a, b or c"


def test_a_wide_last_column_is_wrapped_and_a_narrow_terminal_gets_lists() -> None:
    rows = [("12:00", "phase", "word " * 20), ("12:01", "stop", "short")]
    table = aligned(("at", "kind", "what"), rows, 60)
    assert table[0] == "at     kind   what"
    assert max(map(cells, table)) <= 60
    assert table[2].startswith(" " * 14 + "word")
    assert table[-1] == "12:01  stop   short"
    assert aligned(("at", "kind", "what"), rows, 37)[0].startswith("at    12:00")


LEAF, OTHER_LEAF = "aa" * 32, "bb" * 32


@pytest.mark.parametrize(
    ("unit", "because"),
    [
        (HeldUnit("X/1", LEAF, LEAF, "enacted"), None),
        (HeldUnit("X/1", OTHER_LEAF, LEAF, "enacted"), OTHER),
        (HeldUnit("X/1", LEAF, OTHER_LEAF, "enacted"), UNRECORDED),
        (HeldUnit("X/1", None, LEAF, "enacted"), MISSING),
        (HeldUnit("X/1", LEAF, LEAF, "draft"), NOT_IN_FORCE),
        (HeldUnit("X/1", LEAF, LEAF, "superseded"), None),
    ],
)
def test_each_way_in_which_a_unit_can_differ_is_named(unit: HeldUnit, because: str | None) -> None:
    expected = [] if because is None else [Fault("X/1", because)]
    assert unit_faults({"X/1": LEAF}, (unit,), enacted=True) == expected


def test_units_too_many_and_too_few_are_named() -> None:
    surplus = HeldUnit("X/9", LEAF, LEAF, "enacted")
    gone = HeldUnit(None, None, LEAF, None)
    assert unit_faults({"X/1": LEAF}, (surplus, gone), enacted=True) == [
        Fault("X/9", SURPLUS),
        Fault("unit 1 of the manifest", MISSING),
        Fault("X/1", MISSING),
    ]
    draft = HeldUnit("X/1", LEAF, LEAF, "draft")
    assert unit_faults({"X/1": LEAF}, (draft,), enacted=False) == []
