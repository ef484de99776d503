"""What the orchestrator needs from outside, in its own words; adapters implement these.

A phase names the ports it needs as parameter types; the runner hands them over. No port returns
driver objects, and every failure of a port is a Stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from cutter_agent.document.cutplan import InForceUnit
from cutter_agent.evidence.canonical import Json
from cutter_agent.orchestrator.facts import (
    Census,
    DatabaseIdentity,
    FunctionFingerprint,
    GrantEntry,
    MutationReading,
    SourceDocument,
    SourceVersion,
    VocabSnapshot,
)
from cutter_agent.orchestrator.history import RunDocument, RunEvent, RunHeader, RunHistory
from cutter_agent.orchestrator.orders import (
    ChangeSet,
    Consumption,
    Draft,
    EnactOrder,
    EnactReceipt,
    Manifest,
    ManifestBlock,
    ManifestReceipt,
    OfferedSignature,
    Refusal,
    StoredUnit,
    VerifyRecord,
)
from cutter_agent.orchestrator.states import Mode, Role
from cutter_agent.orchestrator.vault import KeptBackup
from cutter_agent.orchestrator.warrant import LiveWarrant, RehearsalWarrant
from cutter_agent.orchestrator.world import Moment


class Discoverer(Protocol):
    """The seven read-only look-ups behind a run (Contract 8)."""

    def find_source_document(self, document_id: str) -> SourceDocument | None:
        """Return the document with this code, or None."""

    def latest_source_version(self, document_id: str) -> SourceVersion | None:
        """Return the newest source version of the document, or None."""

    def source_bytes(self, source_version_id: str) -> bytes:
        """Return the exact bytes of a source version."""

    def vocab_snapshot(self) -> VocabSnapshot:
        """Return the kinds of units that the database knows."""

    def function_fingerprints(self) -> Sequence[FunctionFingerprint]:
        """Return a fingerprint of every function of our schemas."""

    def grant_matrix(self) -> Sequence[GrantEntry]:
        """Return who may do what in our schemas, roles' properties included."""

    def census(self, document_id: str) -> Census:
        """Return how many units of the document the database holds."""


class Facts(Discoverer, Protocol):
    """The look-ups, and the three readings that a whole run needs besides."""

    def in_force(self, document_id: str) -> Sequence[InForceUnit]:
        """Return the units in force that a plan compares with, ordered by address."""

    def database_identity(self) -> DatabaseIdentity:
        """Return which database this is."""

    def mutation_reading(self) -> MutationReading:
        """Return what a read-only witness sees now."""


class RehearsalDiscoverer(Facts, Protocol):
    """Facts that carry a rehearsal world beside them: all that a dry run may touch."""

    def rehearsal(self, run: RunHeader) -> Rehearsal:
        """Return a fresh world in memory that starts from these facts."""


class Ledger(Protocol):
    """Reads back what a change set wrote, inside or outside the writing transaction."""

    def drafts(self, change_set_id: str) -> Sequence[StoredUnit]:
        """Return every version that the change set wrote, ordered by address."""


class Writer(Protocol):
    """The only way to change units; a live one needs a LiveWarrant, a rehearsing one its own."""

    @property
    def warrant(self) -> LiveWarrant | RehearsalWarrant:
        """What entitles this writer to write."""

    def mint_change_set(self, change_set: ChangeSet) -> None:
        """Make sure that exactly this change set exists.

        Raises:
            StopReplayConflict: another change set lies under this id.
        """

    def create_drafts(self, change_set: ChangeSet, drafts: Iterable[Draft]) -> int:
        """Write every draft, all or none, and return how many versions the set holds now.

        Raises:
            StopReplayConflict: a version under one of these ids holds something else.
        """

    def record_manifest(
        self, manifest: Manifest, blocks: Iterable[ManifestBlock]
    ) -> ManifestReceipt:
        """Record envelope, blocks, affected rows and the executor's signature, once."""

    def enact(self, order: EnactOrder) -> EnactReceipt:
        """Enact every draft of the change set; supersede and retire in the same transaction."""


class Verifier(Protocol):
    """The second pair of eyes: another role on another connection."""

    @property
    def role(self) -> str:
        """The database role that this verifier reads and records as."""

    @property
    def reach(self) -> tuple[str, ...]:
        """All that this role may do besides reading, as the database itself says, sorted."""

    def source_bytes(self, source_version_id: str) -> bytes:
        """Return the source bytes as the verifier's own connection reads them."""

    def manifest_leaves(self, envelope_id: str) -> Sequence[bytes]:
        """Return the leaf hashes, in order, computed in the database from the stored rows."""

    def results(self, envelope_id: str) -> int:
        """Return how many results the database holds for the manifest."""

    def record(self, result: VerifyRecord) -> None:
        """Record the result; the database takes one a manifest.

        Raises:
            StopReplayConflict: another result is recorded for this manifest.
        """


class Signer(Protocol):
    """A machine's signing key."""

    @property
    def key_id(self) -> str:
        """`SHA256:` fingerprint of the public key."""

    @property
    def public_raw(self) -> bytes:
        """The 32 bytes of the ed25519 public key."""

    @property
    def simulated(self) -> bool:
        """True for a key that proves nothing: a rehearsal's."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the ed25519 signature."""


class ExecutorSigner(Signer, Protocol):
    """The executor's key."""


class VerifierSigner(Signer, Protocol):
    """The verifier's key, never the executor's."""


class BackupVault(Protocol):
    """Takes the backup before any write, and answers whether it still fits."""

    def take(self, run: RunHeader, moment: Moment) -> AbstractContextManager[KeptBackup]:
        """Keep the governed tables sealed, and open the restored copy; without a clock, as of now.

        Raises:
            StopBackupFailed: any step of it did not work.
        """

    def document_rows_sha256(self, document_id: str) -> str:
        """Return the digest of all rows of this document as they are now."""


class KBReporter(Protocol):
    """The folder where a run's documents lie (`kb`: knowledge base)."""

    def put(self, run_id: str, name: str, text: str) -> None:
        """Make sure that the document lies in the run's folder, durably, with exactly this text.

        Raises:
            StopKbUploadFailed: it could not be written.
        """

    def holds(self, run_id: str, name: str, sha256: str) -> bool:
        """Say whether the folder holds the document with this digest."""

    def append_index(self, run_id: str, line: str) -> None:
        """Make sure that the runs index has exactly one line of this run, and it is this one."""

    def index_has(self, run_id: str) -> bool:
        """Say whether the runs index names the run."""

    def location(self, run_id: str) -> str:
        """Return where the run's documents lie, for people."""

    def fetch_text(self, reference: str) -> bytes | None:
        """Return the bytes of the file that `reference` names, or None if there is none."""

    def signatures(self, run_id: str, request_name: str) -> Sequence[OfferedSignature]:
        """Return every signature that lies beside the request, ordered by file name."""


class Step(Protocol):
    """One open transaction of a run: effect, evidence, document and consumption, all or none."""

    @property
    def ports(self) -> Mapping[type, object]:
        """The effect ports that are bound to this transaction, by their Protocol."""

    @property
    def facts(self) -> Facts:
        """The facts as this transaction sees them."""

    def consume(self, consumption: Consumption) -> None:
        """Spend the approval.

        Raises:
            ApprovalConsumedAlready: it was spent before, by whatever run.
            StopEvidenceMismatch: the log does not extend the head that the request names.
        """

    def refuse(self, refusal: Refusal) -> None:
        """Keep a person's signed no, with the request that it is an answer to."""

    def append(self, event: RunEvent, documents: Sequence[RunDocument]) -> None:
        """Append one event and its documents to the run's history.

        Raises:
            StopLockBusy: another process has taken the run over meanwhile (the fence moved).
        """

    def close(self) -> None:
        """Record, with the step, that the run is over and well: its document is free again."""


class Claim(Protocol):
    """The right to drive one run, held by one process at a time."""

    @property
    def run_id(self) -> str:
        """The run that is claimed."""

    @property
    def fence(self) -> int:
        """A number that grows with each claim of the run; older claims can commit nothing."""


class Site(Protocol):
    """Where a run happens: its history, its facts and its effects. One for each mode."""

    @property
    def mode(self) -> Mode:
        """The mode whose runs happen here."""

    @property
    def facts(self) -> Facts:
        """Read-only facts, outside any step."""

    @property
    def replays_effects(self) -> bool:
        """True if effects live in memory and must be repeated when a run is loaded."""

    def ports(self, run: RunHeader, warrant: RehearsalWarrant | None) -> Mapping[type, object]:
        """Return the ports that need no transaction."""

    def now_utc(self) -> datetime:
        """Return the time that decides: the database's clock in live mode."""

    def nonce(self) -> str:
        """Return 32 fresh hexadecimal digits."""

    def log_head(self) -> str:
        """Return the head of the log as requests name it, `<size>:<root>`, or none without a log."""

    def open_run(self, header: RunHeader, event: RunEvent) -> str | None:
        """Create the run and its first event; return the run that holds the document instead."""

    def load(self, run_id: str) -> RunHistory:
        """Return the run's history.

        Raises:
            StopRunUnknown: there is no such run here.
        """

    def knows(self, run_id: str) -> bool:
        """Say whether this site has a run with this id."""

    def holder(self, document_id: str, run_id: str) -> str | None:
        """Try to hold the document for the run; return the run that holds it if another does."""

    def enacted_by(self, source_version_id: str) -> str | None:
        """Return the run that enacted this very source version, if it is the one in force."""

    def consumed_by(self, request_sha256: str) -> str | None:
        """Return the run that spent this approval, or None."""

    def claim(self, run_id: str) -> AbstractContextManager[Claim]:
        """Hold the run while the context lasts.

        Raises:
            StopLockBusy: another process drives it now.
        """

    def step(
        self, claim: Claim, acts_as: Role, warrant: LiveWarrant | RehearsalWarrant | None
    ) -> AbstractContextManager[Step]:
        """Open a transaction; it commits when the context ends well and rolls back otherwise."""

    def end(
        self,
        claim: Claim,
        event: RunEvent,
        documents: Sequence[RunDocument],
        consumption: Consumption | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        """Record that the run is over, with the approval or the refusal that ends it, in one transaction.

        Its drafts are withdrawn and its document is free again.
        """

    def project(self, history: RunHistory, view: Json) -> None:
        """Write the sidecar: the derived view of the run, for people and tools."""


class Rehearsal(Protocol):
    """A world in memory: every effect port of a dry run."""

    def ports(self, warrant: RehearsalWarrant) -> Mapping[type, object]:
        """Return the effect ports, by their Protocol."""
