"""LiveDryRunDiscoverer: dry runs on the facts of a real database, which they only read (Contract 2, 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cutter_agent.document.cutplan import InForceUnit
from cutter_agent.orchestrator.effects import Hook, no_effect
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
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.ports import Facts
from cutter_agent.rehearsal.world import RehearsalWorld

DOC_PREFIX = "ICX-CONST"


class LiveFacts(Facts, Protocol):
    """Facts of a database that can also say which run enacted a source version."""

    def enacting_run(self, source_version_id: str) -> str | None:
        """Return the run that enacted this very source version, if it is the one in force."""
        ...


class LiveDryRunDiscoverer:
    """Hands every look-up through on every call, so that a change in the database is seen at once."""

    def __init__(
        self, live: LiveFacts, *, doc_prefix: str = DOC_PREFIX, on_effect: Hook = no_effect
    ) -> None:
        """Bind the live facts; documents whose code begins otherwise do not exist here."""
        self._live = live
        self._doc_prefix = doc_prefix
        self._on_effect = on_effect

    @classmethod
    def from_live(
        cls, live: LiveFacts, doc_prefix: str = DOC_PREFIX, *, on_effect: Hook = no_effect
    ) -> LiveDryRunDiscoverer:
        """A discoverer of dry runs over these facts, for documents of this prefix."""
        return cls(live, doc_prefix=doc_prefix, on_effect=on_effect)

    def find_source_document(self, document_id: str) -> SourceDocument | None:
        return self._live.find_source_document(document_id) if self._is_ours(document_id) else None

    def latest_source_version(self, document_id: str) -> SourceVersion | None:
        return self._live.latest_source_version(document_id) if self._is_ours(document_id) else None

    def source_bytes(self, source_version_id: str) -> bytes:
        return self._live.source_bytes(source_version_id)

    def vocab_snapshot(self) -> VocabSnapshot:
        return self._live.vocab_snapshot()

    def function_fingerprints(self) -> Sequence[FunctionFingerprint]:
        return self._live.function_fingerprints()

    def grant_matrix(self) -> Sequence[GrantEntry]:
        return self._live.grant_matrix()

    def census(self, document_id: str) -> Census:
        return self._live.census(document_id)

    def in_force(self, document_id: str) -> Sequence[InForceUnit]:
        """The units in force; none where the newest source version is the one in force.

        Its units are set aside then, so that the rehearsal reaches the counts that the cut had.
        """
        version = self.latest_source_version(document_id)
        if version is None or self._live.enacting_run(version.source_version_id) is not None:
            return ()
        return self._live.in_force(document_id)

    def database_identity(self) -> DatabaseIdentity:
        return self._live.database_identity()

    def mutation_reading(self) -> MutationReading:
        return self._live.mutation_reading()

    def rehearsal(self, run: RunHeader) -> RehearsalWorld:
        return RehearsalWorld(run, self, on_effect=self._on_effect)

    def _is_ours(self, document_id: str) -> bool:
        return document_id.startswith(self._doc_prefix)
