"""Histories that a sidecar can hold, small and of every shape."""

from cutter_agent.evidence.canonical import Json, sha256_hex
from cutter_agent.orchestrator.history import (
    EventKind,
    RunDocument,
    RunEvent,
    RunHeader,
    RunHistory,
)
from cutter_agent.orchestrator.states import Mode

RUN_ID = "ictr-20260102T030405Z-0123abcd"
OTHER_RUN_ID = "ictr-20260102T030406Z-0123abcd"
AT_UTC = "2026-01-02T03:04:05Z"


def header_of(run_id: str = RUN_ID, mode: Mode = Mode.DRYRUN) -> RunHeader:
    """The header of a run of ICX-CONST."""
    return RunHeader(run_id, "ICX-CONST", mode, "operator", AT_UTC, 1_000)


def stop_body(code: str = "STOP_STORAGE") -> dict[str, Json]:
    """What a stop leaves in a history."""
    words: dict[str, Json] = dict.fromkeys(("sentence", "fact", "expected", "remedy"), "…")
    return {**words, "code": code, "phase": None, "differences": [], "findings": []}


def document_of(number: int) -> RunDocument:
    """A document with a text of its own, beyond ASCII."""
    text = f"# Tài liệu {number}\n\nĐiều {number}: “nội dung”.\n"
    return RunDocument(f"{number:02}-document.md", sha256_hex(text.encode()), text)


def history_of(
    events: int = 1, *, run_id: str = RUN_ID, mode: Mode = Mode.DRYRUN, fence: int = 0
) -> RunHistory:
    """A history of so many events: opened, then stops, each with a document."""
    opened = RunEvent(1, EventKind.OPENED, AT_UTC, {})
    stops = tuple(
        RunEvent(seq, EventKind.STOP, AT_UTC, {**stop_body(), "number": seq})
        for seq in range(2, events + 1)
    )
    documents = tuple(document_of(seq) for seq in range(2, events + 1))
    return RunHistory(header_of(run_id, mode), (opened, *stops), documents, fence)
