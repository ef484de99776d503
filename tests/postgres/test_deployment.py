"""What an administrator does and anybody looks up; and how connections begin and fail."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from clusters.databases import ROLE_PASSWORDS, Database
from cutter_agent.errors import (
    StopDatabaseAway,
    StopEvidenceMismatch,
    StopGrantDelta,
    StopRefusedInput,
    StopReplayConflict,
)
from cutter_agent.evidence.merkle import leaf_hash
from cutter_agent.orchestrator.discover import LiveReadOnlyDiscoverer
from cutter_agent.orchestrator.facts import NonMutationLevel, non_mutation_level
from cutter_agent.postgres.connect import Login, connect, select_read_only
from cutter_agent.postgres.deployment import (
    NewSource,
    PolicySignature,
    accept_policy,
    add_source,
    list_sources,
    log_leaves,
    newest_policy,
    run_ids,
    switch_state,
    turn_switch,
)
from postgres.acts import CODE, LINES, PROFILE, login, open_cut, session, source_version_id

BODY = b"".join(LINES)
SIGNED = [
    PolicySignature("alice", "SHA256:a", b"armor a"),
    PolicySignature("bob", "SHA256:b", b"b"),
]


def new_source(body: bytes = BODY, code: str = CODE) -> NewSource:
    return NewSource(
        document_id=code,
        title="Điều lệ",
        source_version_id=source_version_id(code, body),
        body=body,
        media_type="text/markdown",
        effective_date="2026-02-01",
        profile_name="plain",
        profile_toml=PROFILE,
    )


def policy(version: int, word: str = "") -> bytes:
    return f'{{"version":{version},"word":"{word}"}}'.encode()


def test_a_source_is_kept_byte_for_byte_and_listed(database: Database):
    admin, reader = login(database, "cutter_admin"), login(database, "cutter_reader")
    first = add_source(admin, new_source())
    again = add_source(admin, new_source())
    assert (first.version_no, first.created, again.created) == (1, True, False)
    second = add_source(admin, new_source(BODY + LINES[0]))
    assert second.version_no == 2
    back = add_source(
        admin, replace(new_source(), source_version_id=second.source_version_id[:-1] + "0")
    )
    assert (back.version_no, back.created) == (3, True)
    listed = list_sources(reader)
    assert [(s.document_id, s.version_no, s.byte_len) for s in listed] == [
        (CODE, 3, len(BODY)),
        (CODE, 2, len(BODY + LINES[0])),
        (CODE, 1, len(BODY)),
    ]
    facts = LiveReadOnlyDiscoverer(select_read_only(reader, application="test"))
    assert facts.source_bytes(first.source_version_id) == BODY
    newest = facts.latest_source_version(CODE)
    assert newest is not None
    assert (newest.sha256, newest.effective_date, newest.profile_toml) == (
        hashlib.sha256(BODY).hexdigest(),
        "2026-02-01",
        PROFILE,
    )


def test_only_the_administrator_adds_sources(database: Database):
    for role in ("cutter_exec", "cutter_reader", "cutter_verify", "cutter_review"):
        with pytest.raises(StopGrantDelta):
            add_source(login(database, role), new_source())


@pytest.mark.parametrize(
    ("changes", "stop"),
    [
        ({"document_id": "icx const"}, StopEvidenceMismatch),
        ({"body": b""}, StopEvidenceMismatch),
        ({"title": ""}, StopEvidenceMismatch),
        ({"media_type": "anything"}, StopEvidenceMismatch),
    ],
)
def test_a_source_that_is_none_is_refused(
    database: Database, changes: dict[str, object], stop: type[Exception]
):
    with pytest.raises(stop):
        add_source(login(database, "cutter_admin"), replace(new_source(), **changes))
    assert list_sources(login(database, "cutter_reader")) == []


def test_two_documents_never_share_a_source_versions_id(database: Database):
    admin = login(database, "cutter_admin")
    first = add_source(admin, new_source())
    stolen = replace(new_source(code="ICX-OTHER"), source_version_id=first.source_version_id)
    with pytest.raises(StopReplayConflict):
        add_source(admin, stolen)


def test_the_switch_is_off_until_somebody_arms_it_for_a_reason(database: Database):
    admin, reader = login(database, "cutter_admin"), login(database, "cutter_reader")
    state = switch_state(reader)
    assert (state.armed, state.actor) == (False, "")
    armed = turn_switch(admin, armed=True, reason="the charter is due", actor="nina")
    assert (armed.armed, armed.reason, armed.actor) == (True, "the charter is due", "nina")
    assert switch_state(reader) == armed
    assert turn_switch(admin, armed=True, reason="again", actor="otto") == armed
    assert not turn_switch(admin, armed=False, reason="done", actor="nina").armed
    with pytest.raises(StopEvidenceMismatch):
        turn_switch(admin, armed=True, reason="", actor="nina")
    with pytest.raises(StopGrantDelta):
        turn_switch(login(database, "cutter_exec"), armed=True, reason="x", actor="nina")
    assert not switch_state(reader).armed


def test_policies_follow_one_another_without_a_gap(database: Database):
    admin, reader = login(database, "cutter_admin"), login(database, "cutter_reader")
    assert newest_policy(reader) is None
    for _ in range(2):
        accept_policy(admin, version=1, body=policy(1), signatures=SIGNED)
    for version, body in ((1, policy(1, "other")), (3, policy(3))):
        with pytest.raises(StopReplayConflict):
            accept_policy(admin, version=version, body=body, signatures=SIGNED)
    with pytest.raises(StopRefusedInput):
        accept_policy(admin, version=2, body=policy(3), signatures=SIGNED)
    accept_policy(admin, version=2, body=policy(2), signatures=SIGNED[:1])
    newest = newest_policy(reader)
    assert newest is not None
    assert (newest.version, newest.body) == (2, policy(2))
    assert newest.sha256 == hashlib.sha256(policy(2)).hexdigest()


def test_the_log_holds_what_happened_and_only_grows(database: Database):
    admin, reader = login(database, "cutter_admin"), login(database, "cutter_reader")
    accept_policy(admin, version=1, body=policy(1), signatures=SIGNED)
    digest = hashlib.sha256(policy(1)).hexdigest()
    first = f'{{"kind":"trust_policy","sha256":"{digest}","version":1}}'.encode()
    assert log_leaves(reader) == [leaf_hash(first)]
    cut = open_cut(database, LINES).through()
    assert len(log_leaves(reader)) == 4
    assert log_leaves(reader)[0] == leaf_hash(first)
    with session(database) as connection:
        kinds = connection.execute(
            "SELECT kind FROM cutter_governance.transparency_log ORDER BY seq"
        ).fetchall()
    assert [kind for (kind,) in kinds] == [
        "trust_policy",
        "approval_use",
        "approval_use",
        "enactment",
    ]
    assert run_ids(reader) == [cut.run_id]


def test_reading_everything_proves_that_nothing_was_changed(database: Database):
    open_cut(database, LINES).through()
    facts = LiveReadOnlyDiscoverer(
        select_read_only(login(database, "cutter_reader"), application="test")
    )
    before = facts.mutation_reading()
    facts.grant_matrix()
    facts.census(CODE)
    after = facts.mutation_reading()
    assert before.role_read_only
    assert non_mutation_level(before, after) in {
        NonMutationLevel.OWN_TX_NO_XID_AND_CONTENT_EQUAL,
        NonMutationLevel.CLUSTER_QUIET,
    }
    turn_switch(login(database, "cutter_admin"), armed=False, reason="x", actor="nina")
    later = facts.mutation_reading()
    assert non_mutation_level(before, later) is NonMutationLevel.OWN_TX_NO_XID


@pytest.mark.parametrize("role", ["cutter_exec", "cutter_admin", "cutter_verify", ""])
def test_a_role_that_may_write_is_not_called_read_only(database: Database, role: str):
    select = select_read_only(login(database, role), application="test")
    assert not LiveReadOnlyDiscoverer(select).mutation_reading().role_read_only


def test_a_password_is_read_from_a_file_of_ones_own(database: Database, tmp_path: Path):
    file = tmp_path / "password"
    file.write_text(ROLE_PASSWORDS["cutter_reader"] + "\n", "utf-8")
    file.chmod(0o600)
    bare = database.conninfo("cutter_reader", "wrong")
    own = Login(bare, role="cutter_reader", password_file=file)
    connect(own, application="test").close()
    file.chmod(0o640)
    with pytest.raises(StopRefusedInput, match="others may read"):
        connect(own, application="test")
    with pytest.raises(StopRefusedInput, match="cannot be read"):
        connect(replace(own, password_file=tmp_path / "absent"), application="test")


def test_a_server_that_does_not_let_us_in_is_away(database: Database, tmp_path: Path):
    with pytest.raises(StopDatabaseAway):
        connect(Login(database.conninfo("cutter_reader", "wrong")), application="test")
    with pytest.raises(StopDatabaseAway):
        connect(Login(f"host={tmp_path} dbname=x"), application="test")
    with pytest.raises(StopRefusedInput):
        connect(Login("host='unfinished"), application="test")


def test_no_stop_repeats_the_password(database: Database):
    with pytest.raises(StopDatabaseAway) as stopped:
        connect(Login(database.conninfo("cutter_reader", "s3cret-word")), application="test")
    assert "s3cret-word" not in str(stopped.value)
