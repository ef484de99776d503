"""InMemoryDiscoverer: a database's facts without a database, for dry runs of a text and for tests."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cutter_agent.document.cutplan import InForceUnit
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.profiles import shipped
from cutter_agent.document.units import KINDS
from cutter_agent.errors import StopDocumentUnknown, StopSourceUnreadable
from cutter_agent.evidence.canonical import Json, canonical_bytes, sha256_hex
from cutter_agent.evidence.codec import to_json
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
from cutter_agent.rehearsal.catalogue import (
    DETAIL,
    fingerprint,
    healthy_functions,
    healthy_grants,
    vocab_of,
)
from cutter_agent.rehearsal.world import RehearsalWorld

MEDIA_TYPE = "text/markdown"
IDENTITY = DatabaseIdentity("memory", "0", "memory", "0")


@dataclass(slots=True)
class _Document:
    """One document with its versions, oldest first, and what of it is in force."""

    title: str
    versions: list[tuple[SourceVersion, bytes]]
    in_force: tuple[InForceUnit, ...] = ()


class InMemoryDiscoverer:
    """Facts that a test can change, and a fresh rehearsal world for every run."""

    def __init__(self, *, on_effect: Hook = no_effect) -> None:
        """Begin with a healthy catalogue and no document."""
        self._documents: dict[str, _Document] = {}
        self._kinds = frozenset(KINDS)
        self._functions = {each.signature: each for each in healthy_functions()}
        self._grants = set(healthy_grants())
        self._enacted_by: dict[str, str] = {}
        self.on_effect = on_effect
        """Told of every effect in every rehearsal world that is made from now on."""

    @classmethod
    def from_text(
        cls,
        document_id: str,
        text: str | bytes,
        profile: str = "vn-charter",
        version: int = 1,
        *,
        title: str | None = None,
        effective_date: str | None = None,
        profile_toml: bytes | None = None,
        in_force: Iterable[InForceUnit] = (),
    ) -> InMemoryDiscoverer:
        """Facts with one document whose newest source is this text.

        Args:
            document_id: the document's code.
            text: the source; text is written as UTF-8.
            profile: the name of a shipped profile, unless `profile_toml` is given.
            version: the number of the source version.
            title: the document's title; its code if none is given.
            effective_date: the day from which the text is in force, YYYY-MM-DD.
            profile_toml: a profile of the caller's own.
            in_force: the units of the document that are in force already.

        Raises:
            StopRefusedInput: there is no such profile, or it is none.
            StopSourceUnreadable: the text cannot be written as UTF-8.
        """
        made = cls()
        made.add_version(
            document_id,
            text,
            profile,
            version_no=version,
            title=title,
            effective_date=effective_date,
            profile_toml=profile_toml,
        )
        made.put_in_force(document_id, in_force)
        return made

    def find_source_document(self, document_id: str) -> SourceDocument | None:
        held = self._documents.get(document_id)
        return None if held is None else SourceDocument(document_id, held.title)

    def latest_source_version(self, document_id: str) -> SourceVersion | None:
        held = self._documents.get(document_id)
        return held.versions[-1][0] if held is not None and held.versions else None

    def source_bytes(self, source_version_id: str) -> bytes:
        for held in self._documents.values():
            for version, source in held.versions:
                if version.source_version_id == source_version_id:
                    return source
        raise StopDocumentUnknown(f"there is no source version {source_version_id}")

    def vocab_snapshot(self) -> VocabSnapshot:
        return vocab_of(self._kinds)

    def function_fingerprints(self) -> Sequence[FunctionFingerprint]:
        return tuple(sorted(self._functions.values()))

    def grant_matrix(self) -> Sequence[GrantEntry]:
        return tuple(sorted(self._grants))

    def census(self, document_id: str) -> Census:
        count = len(self.in_force(document_id))
        return Census(
            total=count, draft=0, enacted=count, versions_enacted=count, lifecycle_rows=2 * count
        )

    def in_force(self, document_id: str) -> Sequence[InForceUnit]:
        held = self._documents.get(document_id)
        return () if held is None else held.in_force

    def database_identity(self) -> DatabaseIdentity:
        return IDENTITY

    def mutation_reading(self) -> MutationReading:
        rows: list[Json] = [
            [
                code,
                held.title,
                [[v.source_version_id, sha256_hex(source)] for v, source in held.versions],
                [to_json(unit) for unit in held.in_force],
            ]
            for code, held in sorted(self._documents.items())
        ]
        content = sha256_hex(canonical_bytes([rows, sorted(self._kinds)]))
        return MutationReading(None, "", content, role_read_only=True)

    def enacting_run(self, source_version_id: str) -> str | None:
        """The run that enacted this very source version, if it is the one in force."""
        return self._enacted_by.get(source_version_id)

    def rehearsal(self, run: RunHeader) -> RehearsalWorld:
        return RehearsalWorld(run, self, on_effect=self.on_effect)

    def add_version(
        self,
        document_id: str,
        text: str | bytes,
        profile: str = "vn-charter",
        *,
        version_no: int | None = None,
        title: str | None = None,
        effective_date: str | None = None,
        profile_toml: bytes | None = None,
    ) -> SourceVersion:
        """The document has a newer source version, and exists if it did not."""
        source = _source_of(text)
        held = self._documents.setdefault(document_id, _Document(title or document_id, []))
        number = version_no or 1 + max((v.version_no for v, _ in held.versions), default=0)
        toml = shipped(profile) if profile_toml is None else profile_toml
        version = SourceVersion(
            source_version_id=_version_id(document_id, number, source),
            document_id=document_id,
            version_no=number,
            sha256=sha256_hex(source),
            byte_len=len(source),
            media_type=MEDIA_TYPE,
            effective_date=effective_date,
            profile_name=parse_profile(toml).name,
            profile_sha256=sha256_hex(toml),
            profile_toml=toml,
        )
        held.versions.append((version, source))
        held.title = title or held.title
        return version

    def replace_source(
        self, document_id: str, text: str | bytes, *, keep_checksum: bool = False
    ) -> None:
        """The newest source version holds other bytes; its row agrees unless the checksum is kept."""
        source = _source_of(text)
        held = self._documents[document_id]
        version, _ = held.versions[-1]
        if not keep_checksum:
            version = replace(version, sha256=sha256_hex(source), byte_len=len(source))
        held.versions[-1] = (version, source)

    def rename_document(self, document_id: str, title: str) -> None:
        """The document has another title."""
        self._documents[document_id].title = title

    def remove_document(self, document_id: str) -> None:
        """The document is gone."""
        del self._documents[document_id]

    def put_in_force(
        self, document_id: str, units: Iterable[InForceUnit], *, by_run: str | None = None
    ) -> None:
        """Exactly these units are in force; `by_run` enacted the newest source version."""
        held = self._documents[document_id]
        held.in_force = tuple(sorted(units, key=lambda unit: unit.address))
        if by_run is not None:
            self._enacted_by[held.versions[-1][0].source_version_id] = by_run

    def replace_vocab(self, kinds: Iterable[str]) -> None:
        """The database knows exactly these kinds."""
        self._kinds = frozenset(kinds)

    def replace_function(self, name: str, text: str) -> None:
        """The function has another definition, owner or search path, as `text` says."""
        self._functions[f"{name}()"] = fingerprint(name, text)

    def drop_function(self, name: str) -> None:
        """The function is gone."""
        del self._functions[f"{name}()"]

    def grant(
        self,
        grantee: str,
        privilege: str,
        name: str,
        *,
        kind: str = "function",
        detail: str = DETAIL,
    ) -> None:
        """The role, or PUBLIC, holds the privilege."""
        self._grants.add(GrantEntry(kind, _object(kind, name), grantee, privilege, detail))

    def revoke(self, grantee: str, privilege: str, name: str, *, kind: str = "function") -> None:
        """The role holds the privilege no longer."""
        gone = (kind, _object(kind, name), grantee, privilege)
        self._grants = {
            e for e in self._grants if (e.kind, e.object, e.grantee, e.privilege) != gone
        }


def _object(kind: str, name: str) -> str:
    return f"{name}()" if kind == "function" else name


def _source_of(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise StopSourceUnreadable(
            f"the text has a lone surrogate at character {error.start}"
        ) from error


def _version_id(document_id: str, number: int, source: bytes) -> str:
    """Return a UUID of version 8 that follows from the version's content (RFC 9562 §5.8)."""
    seed = f"{document_id}\x1f{number}\x1f".encode() + hashlib.sha256(source).digest()
    raw = bytearray(hashlib.sha256(seed).digest()[:16])
    raw[6] = 0x80 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return str(uuid.UUID(bytes=bytes(raw)))
