"""LiveReadOnlyDiscoverer: the facts of a database, read through one injected callable (Contract 8).

The callable runs one read-only SELECT and returns its rows as mappings. Nothing here trusts their
types: a driver may give text or objects for ids and dates, and bytes or views for bytea.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from functools import lru_cache
from typing import Final, NoReturn, TypeAlias

from cutter_agent.document.cutplan import InForceUnit
from cutter_agent.errors import StopDocumentUnknown, StopEvidenceMismatch
from cutter_agent.orchestrator import queries
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

Row: TypeAlias = Mapping[str, object]
Select: TypeAlias = Callable[[str, Mapping[str, object]], Sequence[Row]]
"""Runs one SELECT whose parameters are written %(name)s."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


_GRANT: Final = tuple(field.name for field in fields(GrantEntry))
"""The columns of the grant matrix, which are the fields of its entries."""


class LiveReadOnlyDiscoverer:
    """The look-ups, each one SELECT of `queries` and nothing else."""

    def __init__(self, select_callable: Select) -> None:
        """Bind the callable; nothing is read before it is asked for."""
        self._select = select_callable

    def find_source_document(self, document_id: str) -> SourceDocument | None:
        """Return the document with this code, or None."""
        row = self._one_or_none(queries.SOURCE_DOCUMENT, document_id=document_id)
        if row is None:
            return None
        return SourceDocument(_text(row, "document_id"), _text(row, "title"))

    def latest_source_version(self, document_id: str) -> SourceVersion | None:
        """Return the newest source version of the document, or None."""
        row = self._one_or_none(queries.LATEST_SOURCE_VERSION, document_id=document_id)
        if row is None:
            return None
        return SourceVersion(
            source_version_id=_uuid(row, "source_version_id"),
            document_id=_text(row, "document_id"),
            version_no=_count(row, "version_no"),
            sha256=_sha256(row, "sha256"),
            byte_len=_count(row, "byte_len"),
            media_type=_text(row, "media_type"),
            effective_date=_date_or_none(row, "effective_date"),
            profile_name=_text(row, "profile_name"),
            profile_sha256=_sha256(row, "profile_sha256"),
            profile_toml=_bytes(row, "profile_toml"),
        )

    def source_bytes(self, source_version_id: str) -> bytes:
        """Return the exact bytes of a source version.

        Raises:
            StopDocumentUnknown: the database has no such version.
        """
        row = self._one_or_none(queries.SOURCE_BYTES, source_version_id=source_version_id)
        if row is None:
            raise StopDocumentUnknown(f"there is no source version {source_version_id}")
        return _bytes(row, "body")

    def vocab_snapshot(self) -> VocabSnapshot:
        """Return the kinds of units that the database knows."""
        row = self._one(queries.VOCAB)
        return VocabSnapshot(_texts(row, "kinds"), _sha256(row, "sha256"))

    def function_fingerprints(self) -> Sequence[FunctionFingerprint]:
        """Return a fingerprint of every function of our schemas."""
        return tuple(
            FunctionFingerprint(
                _text(row, "signature"), _sha256(row, "sha256"), _text(row, "prosrc_md5")
            )
            for row in self._select(queries.FUNCTIONS, {})
        )

    def grant_matrix(self) -> Sequence[GrantEntry]:
        """Return who may do what in our schemas, roles' properties included."""
        rows = self._select(queries.GRANT_MATRIX, {})
        read = tuple(tuple(_value(row, name) for name in _GRANT) for row in rows)
        try:
            return _grant_entries(read)
        except TypeError:
            # Something in it cannot even be looked up: it is no text, which is said by its column.
            return _grant_entries.__wrapped__(read)

    def census(self, document_id: str) -> Census:
        """Return how many units of the document the database holds."""
        row = self._one(queries.CENSUS, document_id=document_id)
        return Census(
            total=_count(row, "total"),
            draft=_count(row, "draft"),
            enacted=_count(row, "enacted"),
            versions_enacted=_count(row, "versions_enacted"),
            lifecycle_rows=_count(row, "lifecycle_rows"),
        )

    def in_force(self, document_id: str) -> Sequence[InForceUnit]:
        """Return the units in force that a plan compares with, ordered by address."""
        rows = self._select(queries.IN_FORCE, {"document_id": document_id})
        units = (_in_force_unit(row) for row in rows)
        return tuple(sorted(units, key=lambda unit: unit.address))

    def database_identity(self) -> DatabaseIdentity:
        """Return which database this is."""
        row = self._one(queries.DATABASE_IDENTITY)
        return DatabaseIdentity(
            system_identifier=_text(row, "system_identifier"),
            database_oid=_text(row, "database_oid"),
            name=_text(row, "name"),
            server_version=_text(row, "server_version"),
        )

    def mutation_reading(self) -> MutationReading:
        """Return what a read-only witness sees now."""
        row = self._one(queries.MUTATION_READING)
        return MutationReading(
            own_xid=_text_or_none(row, "own_xid"),
            snapshot_xmax=_text(row, "snapshot_xmax"),
            content_sha256=_sha256(row, "content_sha256"),
            role_read_only=_truth(row, "role_read_only"),
        )

    def enacting_run(self, source_version_id: str) -> str | None:
        """Return the run that enacted this very source version, if it is the one in force."""
        row = self._one_or_none(queries.ENACTING_RUN, source_version_id=source_version_id)
        return None if row is None else _text(row, "run_id")

    def document_rows_sha256(self, document_id: str) -> str:
        """Return the digest of all rows of this document as they are now."""
        return _sha256(self._one(queries.DOCUMENT_ROWS_SHA256, document_id=document_id), "sha256")

    def _one_or_none(self, sql: str, **parameters: object) -> Row | None:
        rows = self._select(sql, parameters)
        if len(rows) > 1:
            raise StopEvidenceMismatch(f"a look-up gave {len(rows)} rows", expected="at most one")
        return rows[0] if rows else None

    def _one(self, sql: str, **parameters: object) -> Row:
        row = self._one_or_none(sql, **parameters)
        if row is None:
            raise StopEvidenceMismatch("a look-up gave no row", expected="exactly one")
        return row


@lru_cache(maxsize=4)
def _grant_entries(rows: tuple[tuple[object, ...], ...]) -> tuple[GrantEntry, ...]:
    """Return the entries of these rows. A run reads some twenty times what hardly ever changes."""
    return tuple(
        GrantEntry(*(_text(dict(zip(_GRANT, row, strict=True)), name) for name in _GRANT))
        for row in rows
    )


def _in_force_unit(row: Row) -> InForceUnit:
    return InForceUnit(
        unit_id=_uuid(row, "unit_id"),
        version_id=_uuid(row, "version_id"),
        version_no=_count(row, "version_no"),
        address=_text(row, "address"),
        kind=_text(row, "kind"),
        parent=_text_or_none(row, "parent"),
        body_sha256=_sha256(row, "body_sha256"),
        attributes=tuple((name, _text(row, name)) for name in ("alias", "heading", "num")),
    )


def _refuse(name: str, value: object, expected: str) -> NoReturn:
    raise StopEvidenceMismatch(
        f"column {name} of a look-up holds a {type(value).__name__}", expected=expected
    )


def _value(row: Row, name: str) -> object:
    if name not in row:
        raise StopEvidenceMismatch(f"a look-up gave no column {name}")
    return row[name]


def _text(row: Row, name: str) -> str:
    value = _value(row, name)
    return value if isinstance(value, str) else _refuse(name, value, "text")


def _text_or_none(row: Row, name: str) -> str | None:
    return None if _value(row, name) is None else _text(row, name)


def _texts(row: Row, name: str) -> tuple[str, ...]:
    value = _value(row, name)
    if isinstance(value, str) or not isinstance(value, Sequence):
        _refuse(name, value, "an array of texts")
    if not all(isinstance(item, str) for item in value):
        _refuse(name, value, "an array of texts")
    return tuple(str(item) for item in value)


def _count(row: Row, name: str) -> int:
    value = _value(row, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        _refuse(name, value, "a whole number, 0 or more")
    return value


def _truth(row: Row, name: str) -> bool:
    value = _value(row, name)
    return value if isinstance(value, bool) else _refuse(name, value, "true or false")


def _bytes(row: Row, name: str) -> bytes:
    value = _value(row, name)
    if not isinstance(value, bytes | bytearray | memoryview):
        _refuse(name, value, "bytes")
    return bytes(value)


def _sha256(row: Row, name: str) -> str:
    """Return a digest as 64 lower-case hexadecimal digits, whether it came as text or as 32 bytes."""
    value = _value(row, name)
    text = value if isinstance(value, str) else _bytes(row, name).hex()
    return text if _SHA256.fullmatch(text) else _refuse(name, value, "a SHA-256 digest")


def _uuid(row: Row, name: str) -> str:
    value = _value(row, name)
    if isinstance(value, uuid.UUID):
        return str(value)
    try:
        return str(uuid.UUID(_text(row, name)))
    except ValueError:
        _refuse(name, value, "a UUID")


def _date_or_none(row: Row, name: str) -> str | None:
    value = _value(row, name)
    if value is None:
        return None
    if type(value) is date:
        return value.isoformat()
    try:
        return date.fromisoformat(_text(row, name)).isoformat()
    except ValueError:
        _refuse(name, value, "a date")
