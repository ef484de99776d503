"""Every way this program can stop: a code, a sentence, the fact, the expected fact, the next command.

One class a stop code. The table `STOPS` is what the exit codes, the reference pages and the house
tests read; nothing else repeats it (Contract 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

EXIT_DONE: Final = 0
EXIT_USAGE: Final = 2
EXIT_DIFFERENCES: Final = 20
EXIT_BATCH_QUARANTINED: Final = 21
EXIT_INTERRUPTED: Final = 130


class Category(StrEnum):
    """What a stop leaves of its run (Contract 2, exits)."""

    PAUSE = "pause"
    """The run waits; `cutter resume` goes on."""
    FAILED = "failed"
    """A gate did not hold; a signed decision (SG_3) retries or voids the run."""
    ENDED = "ended"
    """The run is over; cut anew."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that was pinned with one value and is now read with another."""

    name: str
    then: str
    now: str


class Stop(Exception):
    """The work cannot go on, and here is what is true, what was expected and what to do next.

    Attributes:
        fact: what was found, in words.
        expected: what would have let the work go on, in words.
        run_id: the run that stopped, or None before a run exists.
        document_id: the document that the work was about, if it is known.
        differences: the facts that changed, pinned against read.
        findings: further sentences, one a check that did not hold.
    """

    code: ClassVar[str]
    exit_status: ClassVar[int]
    category: ClassVar[Category]
    summary: ClassVar[str]
    """One sentence that says what this stop means, whatever its fact."""
    next_command: ClassVar[str]
    """The command to run next; may name {run} and {document}."""

    def __init__(
        self,
        fact: str = "",
        *,
        expected: str = "",
        run_id: str | None = None,
        document_id: str | None = None,
        differences: Sequence[Difference] = (),
        findings: Sequence[str] = (),
        remedy: str | None = None,
    ) -> None:
        super().__init__(fact)
        self.fact = fact
        self.expected = expected
        self.run_id = run_id
        self.document_id = document_id
        self.differences = tuple(differences)
        self.findings = tuple(findings)
        self._remedy = remedy

    @property
    def sentence(self) -> str:
        """The stop in one sentence: its meaning, then its fact."""
        return f"{self.summary.rstrip('.')}: {self.fact}" if self.fact else self.summary

    @property
    def remedy(self) -> str:
        """The exact next command, with this run and document filled in."""
        template = self.next_command if self._remedy is None else self._remedy
        return template.replace("{run}", self.run_id or "RUN").replace(
            "{document}", self.document_id or "CODE"
        )

    def use_remedy(self, template: str) -> None:
        """Name another next command; it may hold {run} and {document}."""
        self._remedy = template

    def __str__(self) -> str:
        """Code, sentence, expectation and remedy on one line."""
        expected = f" (expected: {self.expected})" if self.expected else ""
        return f"{self.code}: {self.sentence}{expected} Next: {self.remedy}"


class StopApprovalRequired(Stop):
    """The next step is a human's, and nobody has answered yet."""

    code = "STOP_APPROVAL_REQUIRED"
    exit_status = 10
    category = Category.PAUSE
    summary = "The run waits for a signed approval."
    next_command = "cutter approve {run}"


class StopApprovalInvalid(Stop):
    """An approval was offered that does not approve this request."""

    code = "STOP_APPROVAL_INVALID"
    exit_status = 11
    category = Category.PAUSE
    summary = "The approval is not valid for this request."
    next_command = "cutter approve {run}"


class StopApprovalExpired(Stop):
    """The approval or its request is older than its life."""

    code = "STOP_APPROVAL_EXPIRED"
    exit_status = 11
    category = Category.PAUSE
    summary = "The approval came after the end of its life."
    next_command = "cutter resume {run}"


class ApprovalConsumedAlready(Stop):
    """An approval counts once; this one was used before."""

    code = "STOP_APPROVAL_CONSUMED"
    exit_status = 11
    category = Category.PAUSE
    summary = "The approval was consumed already."
    next_command = "cutter why {run}"


class StopDrift(Stop):
    """A pinned fact changed between the pin and the write."""

    code = "STOP_DRIFT"
    exit_status = 12
    category = Category.ENDED
    summary = "A fact that was pinned and approved has changed since."
    next_command = "cutter cut {document}"


class StopReplayConflict(Stop):
    """What a repeated write finds is not what it wrote."""

    code = "STOP_REPLAY_CONFLICT"
    exit_status = 12
    category = Category.FAILED
    summary = "The database holds something else under a key of this run."
    next_command = "cutter why {run}"


class StopInvariantFailed(Stop):
    """A gate's invariant did not hold, or could not be checked."""

    code = "STOP_INVARIANT_FAILED"
    exit_status = 13
    category = Category.FAILED
    summary = "A gate did not hold."
    next_command = "cutter why {run}"


class StopLockBusy(Stop):
    """Another run holds the document."""

    code = "STOP_LOCK_BUSY"
    exit_status = 14
    category = Category.PAUSE
    summary = "Another run is in flight for this document."
    next_command = "cutter runs list"


class ProductionExecutionNotAuthorized(Stop):
    """Live work was asked for while one of its three locks is closed."""

    code = "STOP_EXECUTION_NOT_AUTHORIZED"
    exit_status = 15
    category = Category.PAUSE
    summary = "Live execution is not authorized."
    next_command = "cutter switch show"


class StopEvidenceMismatch(Stop):
    """What is stored differs from what its digest or signature says."""

    code = "STOP_EVIDENCE_MISMATCH"
    exit_status = 16
    category = Category.FAILED
    summary = "Stored evidence does not match what it claims."
    next_command = "cutter verify {run}"


class StopDocumentUnknown(Stop):
    """No source document has this code."""

    code = "STOP_DOCUMENT_UNKNOWN"
    exit_status = 17
    category = Category.ENDED
    summary = "No source document has this code."
    next_command = "cutter source list"


class StopRunUnknown(Stop):
    """No run has this id."""

    code = "STOP_RUN_UNKNOWN"
    exit_status = 17
    category = Category.ENDED
    summary = "No run has this id."
    next_command = "cutter runs list"


class StopGrantDelta(Stop):
    """The database's grants are not the ones that the run pinned or needs."""

    code = "STOP_GRANT_DELTA"
    exit_status = 18
    category = Category.FAILED
    summary = "The grants in the database are not the expected ones."
    next_command = "cutter doctor"


class StopRejected(Stop):
    """A sovereign said no."""

    code = "STOP_REJECTED"
    exit_status = 19
    category = Category.ENDED
    summary = "The run was refused by a signed decision."
    next_command = "cutter runs show {run}"


class StopRefusedInput(Stop):
    """Something was given that nobody may give."""

    code = "STOP_REFUSED_INPUT"
    exit_status = 22
    category = Category.ENDED
    summary = "This input is refused."
    next_command = "cutter cut {document}"


class StopSourceUnreadable(Stop):
    """The source bytes cannot be read as the text of a document."""

    code = "STOP_SOURCE_UNREADABLE"
    exit_status = 22
    category = Category.ENDED
    summary = "The source cannot be read as a document."
    next_command = "cutter mark FILE"


class StopOverSize(Stop):
    """The document has more of something than a limit allows, or nothing at all."""

    code = "STOP_OVER_SIZE"
    exit_status = 22
    category = Category.ENDED
    summary = "The document is outside the limits of size."
    next_command = "cutter mark FILE"


class StopBackupFailed(Stop):
    """No backup that counts could be taken, so nothing was written."""

    code = "STOP_BACKUP_FAILED"
    exit_status = 23
    category = Category.FAILED
    summary = "No backup that counts could be taken."
    next_command = "cutter why {run}"


class StopKbUploadFailed(Stop):
    """A document of the run could not be put into its folder."""

    code = "STOP_KB_UPLOAD_FAILED"
    exit_status = 23
    category = Category.PAUSE
    summary = "A document of the run could not be put into its folder."
    next_command = "cutter resume {run}"


class StopStorage(Stop):
    """A file could not be written durably."""

    code = "STOP_STORAGE"
    exit_status = 23
    category = Category.PAUSE
    summary = "A file could not be written durably."
    next_command = "cutter resume {run}"


class StopOverTime(Stop):
    """The run has used up its working time."""

    code = "STOP_OVER_TIME"
    exit_status = 24
    category = Category.PAUSE
    summary = "The run is over its working time."
    next_command = "cutter resume {run}"


class StopClock(Stop):
    """The clock says something that cannot be."""

    code = "STOP_CLOCK"
    exit_status = 24
    category = Category.PAUSE
    summary = "The clock cannot be trusted."
    next_command = "cutter doctor"


class StopDatabaseAway(Stop):
    """The database does not answer; to try again is safe."""

    code = "STOP_DATABASE_AWAY"
    exit_status = 75
    category = Category.PAUSE
    summary = "The database does not answer."
    next_command = "cutter resume {run}"


class StopProcessLost(Stop):
    """A process that worked for the run died over it; to try again is safe."""

    code = "STOP_PROCESS_LOST"
    exit_status = 75
    category = Category.PAUSE
    summary = "A process that worked for the run was lost."
    next_command = "cutter resume {run}"


class StopUnexpected(StopInvariantFailed):
    """A bug: an exception that no adapter translated. Made in the runner and at the CLI's edge."""

    code = "STOP_UNEXPECTED"
    exit_status = 1
    category = Category.FAILED
    summary = "Something happened that the program did not expect."
    next_command = "cutter why {run}"


STOPS: Final[tuple[type[Stop], ...]] = (
    StopApprovalRequired,
    StopApprovalInvalid,
    StopApprovalExpired,
    ApprovalConsumedAlready,
    StopDrift,
    StopReplayConflict,
    StopInvariantFailed,
    StopLockBusy,
    ProductionExecutionNotAuthorized,
    StopEvidenceMismatch,
    StopDocumentUnknown,
    StopRunUnknown,
    StopGrantDelta,
    StopRejected,
    StopRefusedInput,
    StopSourceUnreadable,
    StopOverSize,
    StopBackupFailed,
    StopKbUploadFailed,
    StopStorage,
    StopOverTime,
    StopClock,
    StopDatabaseAway,
    StopProcessLost,
    StopUnexpected,
)
"""Every stop, in the order of Contract 4."""

STOP_BY_CODE: Final[dict[str, type[Stop]]] = {stop.code: stop for stop in STOPS}
