"""What an administrator does with a deployment's database, and what anybody may look up in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cutter_agent.errors import StopReplayConflict
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.postgres import arrays
from cutter_agent.postgres.connect import Login, Select, connected, select_on, translated
from cutter_agent.postgres.statements import statement
from cutter_agent.postgres.write import accepted

_SOURCE_ADD = """
SELECT iu.fn_source_add(%(document_id)s, %(title)s, %(source_version_id)s::text::uuid, %(body)b, %(media_type)s,
  %(effective_date)s::text::date, %(profile_name)s, %(profile_toml)b, %(original)b, %(original_media_type)s,
  %(text_trust)s, %(map)b)
"""
_POLICY_ACCEPT = """
SELECT cutter_governance.fn_policy_accept(%(version)s, %(body)b, %(persons)s, %(key_ids)s, %(armors)s)
"""
_SWITCH = "SELECT cutter_governance.fn_switch_arm(%(armed)s, %(reason)s, %(actor)s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The file that a source's text was read from, and the map from the text back to it."""

    body: bytes
    media_type: str
    text_trust: str
    map_body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """A source version to be added; its bytes are kept exactly."""

    document_id: str
    title: str
    source_version_id: str
    body: bytes
    media_type: str
    effective_date: str | None
    profile_name: str
    profile_toml: bytes
    original: Original | None = None


@dataclass(frozen=True, slots=True)
class AddedSource:
    """The document's newest source version, and whether it is new."""

    source_version_id: str
    version_no: int
    created: bool


@dataclass(frozen=True, slots=True)
class ListedSource:
    """One source version, for a list."""

    document_id: str
    title: str
    version_no: int
    source_version_id: str
    sha256: str
    byte_len: int
    media_type: str
    effective_date: str | None
    profile_name: str


@dataclass(frozen=True, slots=True)
class SwitchState:
    """How the execution switch stands, and who left it so; empty where nobody ever turned it."""

    armed: bool
    reason: str
    actor: str
    set_utc: str


@dataclass(frozen=True, slots=True)
class AcceptedPolicy:
    """The trust policy that counts."""

    version: int
    body: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class PolicySignature:
    """A person's signature over a trust policy."""

    person: str
    key_id: str
    armor: bytes


def add_source(admin: Login, source: NewSource) -> AddedSource:
    """The document's newest source version has these bytes, this profile and this effective date.

    Raises:
        StopReplayConflict: another source version has this id.
    """
    original = source.original
    parameters = {
        "original": None if original is None else original.body,
        "original_media_type": None if original is None else original.media_type,
        "text_trust": None if original is None else original.text_trust,
        "map": None if original is None else original.map_body,
        "document_id": source.document_id,
        "title": source.title,
        "source_version_id": source.source_version_id,
        "body": source.body,
        "media_type": source.media_type,
        "effective_date": source.effective_date,
        "profile_name": source.profile_name,
        "profile_toml": source.profile_toml,
    }
    with (
        connected(admin, application="cutter source add") as connection,
        translated(document_id=source.document_id),
    ):
        answer = accepted(connection.execute(_SOURCE_ADD.encode(), parameters).fetchone())
    return AddedSource(
        answer["source_version_id"], answer["version_no"], answer["status"] == "created"
    )


def list_sources(reader: Login) -> Sequence[ListedSource]:
    """Return every source version, by document, the newest first."""
    with connected(reader, application="cutter source list") as connection, translated():
        return [ListedSource(*row) for row in connection.execute(statement("sources"), {})]


def original_of(reader: Login, source_version_id: str) -> Original | None:
    """Return the file that the version's text was read from, or None where the text is the file."""
    with connected(reader, application="cutter export") as connection, translated():
        row = connection.execute(
            statement("source_original"), {"source_version_id": source_version_id}
        ).fetchone()
    if row is None or row[0] is None:
        return None
    body, media_type, text_trust, map_body = row
    return Original(
        body=bytes(body), media_type=media_type, text_trust=text_trust, map_body=bytes(map_body)
    )


def turn_switch(admin: Login, *, armed: bool, reason: str, actor: str) -> SwitchState:
    """The execution switch stands as asked, and the turn is on record."""
    with connected(admin, application="cutter switch") as connection, translated():
        parameters = {"armed": armed, "reason": reason, "actor": actor}
        accepted(connection.execute(_SWITCH, parameters).fetchone())
    return switch_state(admin)


def switch_state(reader: Login) -> SwitchState:
    """Return how the execution switch stands."""
    with connected(reader, application="cutter switch") as connection:
        return switch_read(select_on(connection))


def switch_read(select: Select) -> SwitchState:
    """Return how the execution switch stands, as this reader sees it."""
    rows = select(statement("execution_switch").decode(), {})
    if not rows:
        return SwitchState(armed=False, reason="", actor="", set_utc="")
    row: Mapping[str, Any] = rows[0]
    return SwitchState(row["armed"], row["reason"], row["actor"], utc_text(row["set_at"]))


def accept_policy(
    admin: Login, *, version: int, body: bytes, signatures: Sequence[PolicySignature]
) -> None:
    """The newest trust policy is this one.

    Raises:
        StopReplayConflict: the newest one is neither this nor the one before it.
    """
    with connected(admin, application="cutter policy") as connection, translated():
        arrays.teach(connection)
        parameters = {
            "version": version,
            "body": body,
            "persons": arrays.texts(s.person for s in signatures),
            "key_ids": arrays.texts(s.key_id for s in signatures),
            "armors": arrays.byte_strings([s.armor for s in signatures]),
        }
        accepted(connection.execute(_POLICY_ACCEPT.encode(), parameters).fetchone())


def newest_policy(reader: Login) -> AcceptedPolicy | None:
    """Return the trust policy that counts, or None where none was ever accepted.

    Raises:
        StopReplayConflict: its bytes are not those of its digest.
    """
    with connected(reader, application="cutter policy") as connection:
        return policy_read(select_on(connection))


def policy_read(select: Select) -> AcceptedPolicy | None:
    """Return the trust policy that counts, as this reader sees it.

    Raises:
        StopReplayConflict: its bytes are not those of its digest.
    """
    rows = select(statement("trust_policy").decode(), {})
    if not rows:
        return None
    row: Mapping[str, Any] = rows[0]
    policy = AcceptedPolicy(row["version"], bytes(row["body"]), bytes(row["sha256"]).hex())
    if sha256_hex(policy.body) != policy.sha256:
        raise StopReplayConflict(f"trust policy {policy.version} was edited")
    return policy


def run_ids(reader: Login, *, limit: int = 1_000) -> Sequence[str]:
    """Return the ids of live runs, the newest first."""
    with connected(reader, application="cutter runs") as connection, translated():
        return [row[0] for row in connection.execute(statement("runs"), {"limit": limit})]


def log_leaves(reader: Login) -> Sequence[bytes]:
    """Return the leaf hashes of the transparency log, in order."""
    with connected(reader, application="cutter log") as connection, translated():
        return [bytes(row[0]) for row in connection.execute(statement("transparency_leaves"), {})]
