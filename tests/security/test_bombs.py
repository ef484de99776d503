"""Inputs that grow when they are read: each is refused by name, at once, and takes no memory with it."""

import tracemalloc
from pathlib import Path

import pytest

from cutter_agent.errors import Stop
from cutter_agent.evidence.canonical import parse_canonical
from cutter_agent.files.queue_file import read_queue
from cutter_agent.orchestrator.policy import parse_policy

MEMORY_BYTES_MAX = 64 * 1024 * 1024
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)
YAML = {
    "a billion laughs": LAUGHS,
    "a list in itself": "items: &a [*a]\n",
    "a merge of a merge": "a: &a {<<: *a}\n",
    "an object of Python": "!!python/object/apply:os.system ['true']\n",
    "nesting": "items: " + "[" * 20_000 + "]" * 20_000 + "\n",
    "a long number": f"schema_version: {'9' * 100_000}\n",
    "two documents": "schema_version: 1\n---\nschema_version: 1\n",
}
JSON = {
    "nesting": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a long number": b"9" * 100_000,
    "an exponent": b"1e999999999",
    "a float": b"1.5",
    "not a number": b"NaN",
    "a lone surrogate": b'"\\ud800"',
    "a doubled key": b'{"a":1,"a":2}',
    "two values": b"1 2",
}


@pytest.fixture(autouse=True)
def measured() -> object:
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY_BYTES_MAX


@pytest.mark.parametrize("name", YAML)
def test_a_queue_that_is_a_bomb_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "queue.yaml"
    path.write_text(YAML[name])
    with pytest.raises(Stop) as refused:
        read_queue(path)
    assert refused.value.code == "STOP_REFUSED_INPUT"


@pytest.mark.parametrize("name", JSON)
def test_json_that_is_a_bomb_is_refused(name: str) -> None:
    for read in (parse_canonical, parse_policy):
        with pytest.raises(Stop):
            read(JSON[name])
