"""queue.yaml: what is a queue, and every way in which a file is none."""

import json
from pathlib import Path

import pytest

from cutter_agent.errors import StopRefusedInput, StopStorage
from cutter_agent.files.queue_file import (
    QUEUE_BYTES_MAX,
    parse_queue_file,
    plain_values,
    read_queue,
)
from cutter_agent.orchestrator import Queue, QueueItem
from cutter_agent.orchestrator.policy import USER_REFUSED_ARGS

HEAD = """\
schema_version: 1
batch_id: night-1
created_by: carol
created_utc: 2026-01-31T12:00:00Z
default_scope: enacted_only
default_actor: carol
"""
GOOD = (
    HEAD + "items:\n  - document_id: ICX-CONST\n    source_uri: null\n  - {document_id: ICX-LAW}\n"
)


def refusal(text: str | bytes) -> str:
    """What is said of a file that is refused."""
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(StopRefusedInput) as refused:
        parse_queue_file(data)
    return " ".join([refused.value.fact, *refused.value.findings])


def test_a_sound_queue_is_read_field_by_field(tmp_path: Path) -> None:
    path = tmp_path / "queue.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert read_queue(path) == Queue(
        batch_id="night-1",
        created_by="carol",
        created_utc="2026-01-31T12:00:00Z",
        default_scope="enacted_only",
        default_actor="carol",
        items=(QueueItem("ICX-CONST"), QueueItem("ICX-LAW")),
    )


def test_json_is_yaml_too() -> None:
    table = {**json.loads(json.dumps(plain_values(HEAD.encode()))), "items": [{"document_id": "A"}]}
    assert parse_queue_file(json.dumps(table).encode()).document_ids == ("A",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a table"),
        ("- 1\n", "not a table"),
        (GOOD.replace("schema_version: 1", "schema_version: 2"), "schema_version is 1"),
        (GOOD.replace("schema_version: 1", 'schema_version: "1"'), "schema_version is 1"),
        (GOOD.replace("batch_id: night-1", "batch_id: ../night"), "batch_id is a name"),
        (GOOD.replace("created_by: carol\n", ""), "created_by is a printable text"),
        (GOOD.replace("2026-01-31T12:00:00Z", "yesterday"), "created_utc is a UTC time"),
        (GOOD.replace("default_actor: carol", "default_actor: ~"), "default_actor is a printable"),
        (GOOD + "colour: red\n", "'colour' is not a key"),
        (GOOD + "  - {document_id: B, colour: red}\n", "item 3: 'colour' is not a key"),
        (GOOD + "  - B\n", "item 3: it is not a table"),
        (GOOD + "  - {document_id: 12}\n", "item 3: document_id is the code"),
        (GOOD + "  - {source_uri: null}\n", "item 3: document_id is the code"),
        (GOOD + "  - {document_id: B, source_uri: 'https://me:word@x/y'}\n", "without a password"),
        (GOOD + "  - {document_id: ICX-LAW}\n", "ICX-LAW is named more than once"),
        (GOOD + "  - {document_id: icx-law}\n", "ICX-LAW, icx-law have one address prefix"),
        (GOOD + "  - {document_id: ICX-LAW/DIEU-1}\n", "have one address prefix, ICX-LAW"),
        (HEAD + "items: []\n", "at least one document"),
        (HEAD + "items: many\n", "items is a list"),
        (GOOD + "batch_id: other\n", "has the key 'batch_id' again"),
        (GOOD + "  - {document_id: B, document_id: C}\n", "has the key 'document_id' again"),
        (GOOD + "  - &one {document_id: B}\n  - *one\n", "an anchor or an alias"),
        (GOOD + "  - !!map {document_id: B}\n", "has a tag"),
        (GOOD + "  - !!python/object:os.system {document_id: B}\n", "has a tag"),
        ("%YAML 1.1\n---\n" + GOOD, "a directive"),
        (GOOD + "---\n" + GOOD, "more than one document"),
        (GOOD + "  - [[[[[[[[[[[1]]]]]]]]]]]\n", "nested too deeply"),
        (GOOD + "? [a, b]\n: c\n", "a key that is no text"),
        (HEAD + "items: [\n", "not YAML in line"),
        (GOOD.encode() + b"\xff", "not UTF-8 at byte"),
        (GOOD + "\x00", "not YAML"),
        (GOOD + "#" * QUEUE_BYTES_MAX, f"over {QUEUE_BYTES_MAX} bytes"),
    ],
)
def test_whatever_is_no_sound_queue_is_refused_and_says_why(text: str | bytes, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize("name", USER_REFUSED_ARGS)
def test_no_fact_of_the_programs_can_be_given_in_a_queue(name: str) -> None:
    assert name in refusal(f"{name}: x\n" + GOOD)
    assert name in refusal(GOOD + f"  - {{document_id: B, {name.replace('_', '-')}: x}}\n")


def test_a_queue_names_no_more_documents_than_the_settings_say() -> None:
    text = HEAD + "items:\n" + "".join(f"  - document_id: D-{n}\n" for n in range(101))
    assert "101 documents, over 100" in refusal(text)
    assert len(parse_queue_file(text.encode(), documents_max=101).items) == 101


def test_a_file_that_is_not_there_and_a_link_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StopRefusedInput, match="there is no file"):
        read_queue(tmp_path / "queue.yaml")
    (tmp_path / "queue.yaml").symlink_to(tmp_path / "other")
    with pytest.raises(StopStorage, match="symbolic link"):
        read_queue(tmp_path / "queue.yaml")


def test_words_stay_words() -> None:
    text = b"a: NO\nb: 2026-01-31\nc: 010\nd: 1e3\ne: 'null'\nf: 7\ng: ~\n"
    assert plain_values(text) == {
        "a": "NO",
        "b": "2026-01-31",
        "c": "010",
        "d": "1e3",
        "e": "null",
        "f": 7,
        "g": None,
    }
