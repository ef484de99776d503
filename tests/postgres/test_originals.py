"""A source that was read from another format is kept twice: the file, and its text with the way back."""

from dataclasses import replace

import pytest
from psycopg import errors

from clusters.databases import Database
from cutter_agent.files.readers.extracted import parse_map
from cutter_agent.files.readers.html import read_html
from cutter_agent.postgres.deployment import NewSource, Original, add_source, original_of
from postgres.acts import CODE, PROFILE, login, one, session

PAGE = b"<h1>One</h1><p>body</p>"
COLUMNS = "original_sha256, original_body, original_media_type, text_trust, map_sha256, map_body"


def offered(page: bytes = PAGE, *, version: int = 1) -> NewSource:
    read = read_html(page)
    return NewSource(
        document_id=CODE,
        title="One",
        source_version_id=f"00000000-0000-4000-8000-{version:012}",
        body=read.text,
        media_type="text/markdown",
        effective_date=None,
        profile_name="plain",
        profile_toml=PROFILE,
        original=Original(
            body=page,
            media_type=read.media_type,
            text_trust=read.trust,
            map_body=read.spans.encoded(),
        ),
    )


def test_file_text_and_map_are_kept_together(database: Database) -> None:
    source = offered()
    added = add_source(login(database, "cutter_admin"), source)
    assert original_of(login(database, "cutter_reader"), added.source_version_id) == source.original
    with session(database) as connection:
        text = one(connection, "SELECT body FROM iu.source_version")
        kept = one(connection, "SELECT map_body FROM iu.source_version")
    assert bytes(text) == source.body
    place = parse_map(bytes(kept)).place_of(source.body.index(b"body"))
    assert place == "/html[1]/body[1]/p[1]"


def test_the_same_file_changes_nothing_and_another_one_of_the_same_text_is_a_version(
    database: Database,
) -> None:
    admin = login(database, "cutter_admin")
    assert add_source(admin, offered()).created
    assert not add_source(admin, offered(version=2)).created
    changed = add_source(admin, offered(PAGE.replace(b"<p>", b"<p class=x>"), version=2))
    assert (changed.created, changed.version_no) == (True, 2)
    plain = add_source(admin, replace(offered(version=3), original=None))
    assert (plain.created, plain.version_no) == (True, 3)
    assert original_of(login(database, "cutter_reader"), plain.source_version_id) is None


@pytest.mark.parametrize(
    "values",
    [
        "sha256('x'), 'y', 'text/html', 'derived', sha256('m'), 'm'",
        "sha256('y'), 'y', 'text/html', 'derived', sha256('x'), 'm'",
        "sha256('y'), 'y', 'text/html', 'sure', sha256('m'), 'm'",
        "sha256('y'), 'y', 'a page', 'derived', sha256('m'), 'm'",
        "sha256('y'), 'y', 'text/html', 'derived', NULL, NULL",
        "NULL, NULL, 'text/html', NULL, NULL, NULL",
    ],
)
def test_the_table_refuses_what_is_not_whole_or_not_true(database: Database, values: str) -> None:
    add_source(login(database, "cutter_admin"), offered())
    with session(database) as connection, pytest.raises(errors.CheckViolation):
        connection.execute(
            "INSERT INTO iu.source_version (document_id, source_version_id, version_no, sha256, body,"
            f" media_type, profile_name, profile_sha256, {COLUMNS}) SELECT document_id,"
            f" gen_random_uuid(), 9, sha256, body, media_type, profile_name, profile_sha256, {values}"
            " FROM iu.source_version"
        )
