"""Problems: every refusal of the server as one document, stops with their own codes (RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from cutter_agent.errors import (
    ApprovalConsumedAlready,
    ProductionExecutionNotAuthorized,
    Stop,
    StopApprovalExpired,
    StopApprovalInvalid,
    StopDatabaseAway,
    StopDocumentUnknown,
    StopKbUploadFailed,
    StopOverSize,
    StopRefusedInput,
    StopRunUnknown,
    StopSourceUnreadable,
    StopStorage,
    StopUnexpected,
)

if TYPE_CHECKING:
    from cutter_agent.evidence.canonical import Json

MEDIA_TYPE: Final = "application/problem+json"
_STATUS: Final[dict[type[Stop], HTTPStatus]] = {
    StopApprovalInvalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    StopApprovalExpired: HTTPStatus.GONE,
    ApprovalConsumedAlready: HTTPStatus.CONFLICT,
    ProductionExecutionNotAuthorized: HTTPStatus.FORBIDDEN,
    StopDocumentUnknown: HTTPStatus.NOT_FOUND,
    StopRunUnknown: HTTPStatus.NOT_FOUND,
    StopRefusedInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    StopSourceUnreadable: HTTPStatus.UNPROCESSABLE_ENTITY,
    StopOverSize: HTTPStatus.UNPROCESSABLE_ENTITY,
    StopStorage: HTTPStatus.SERVICE_UNAVAILABLE,
    StopKbUploadFailed: HTTPStatus.SERVICE_UNAVAILABLE,
    StopDatabaseAway: HTTPStatus.SERVICE_UNAVAILABLE,
    StopUnexpected: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class Refused(Exception):
    """The server refuses a request before it comes to the desk; no stop, so it has no exit status."""

    def __init__(self, status: HTTPStatus, code: str, fact: str, *, remedy: str = "") -> None:
        super().__init__(fact)
        self.problem = Problem(int(status), code, status.phrase, fact, "", remedy, None)


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal, with the attributes of a stop."""

    status: int
    code: str
    summary: str
    fact: str
    expected: str
    remedy: str
    exit_status: int | None
    run_id: str | None = None
    document_id: str | None = None
    differences: tuple[object, ...] = ()
    findings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The refusal in one sentence."""
        return f"{self.summary.rstrip('.')}: {self.fact}" if self.fact else self.summary


def status_of(stop: Stop) -> int:
    """The HTTP status that says the same; 409 for whatever the run's own state forbids."""
    return int(_STATUS.get(type(stop), HTTPStatus.CONFLICT))


def problem_of_stop(stop: Stop) -> Problem:
    """The stop as a refusal of this server."""
    return Problem(
        status_of(stop),
        stop.code,
        stop.summary,
        stop.fact,
        stop.expected,
        stop.remedy,
        stop.exit_status,
        stop.run_id,
        stop.document_id,
        stop.differences,
        stop.findings,
    )


def problem_json(problem: Problem) -> dict[str, Json]:
    """The refusal as `application/problem+json`."""
    return {
        "type": f"urn:iu-cutter:{problem.code.lower()}",
        "title": problem.summary,
        "status": problem.status,
        "code": problem.code,
        "sentence": problem.sentence,
        "expected": problem.expected,
        "next": problem.remedy,
        "exit_status": problem.exit_status,
        "run_id": problem.run_id,
        "document_id": problem.document_id,
        "findings": list(problem.findings),
    }
