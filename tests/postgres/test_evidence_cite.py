"""Units cited from a real database: their proof, their past, and quotes that are looked for in them."""

import io
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.live import Deployed, cut_live, deploy, finish, sql_as_owner

from clusters.databases import Database
from cutter_agent.bootstrap import sources
from cutter_agent.bootstrap.console.documents import document_list, document_view, unit_view
from cutter_agent.document.profiles import shipped
from cutter_agent.evidence.canonical import canonical_bytes
from cutter_agent.evidence.citation import Citation, parse_citation, verify_citation
from deployments import Deployment
from runs import CHARTER, CHARTER_2, CODE

ADDRESS = f"{CODE}/DIEU-7"
BODY = f"(SELECT v.body_sha256 FROM iu.unit_version AS v WHERE v.address = '{ADDRESS}')"


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    made = deploy(database, tmp_path)
    add(made, CHARTER, "2026-01-01")
    return made


@pytest.fixture
def at(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Deployment:
    for name, value in deployed.environ.items():
        monkeypatch.setenv(name, value)
    return Deployment(deployed.home, deployed.environ, capsys)


def add(deployed: Deployed, body: bytes, date: str) -> None:
    """The document's newest source version is this one, and counts from this day."""
    offer = sources.Offer(
        code=CODE, body=body, profile_toml=shipped("vn-charter"), effective_date=date
    )
    with deployed.desk() as desk:
        sources.add_source(desk, offer)


def read(document: dict[str, Any]) -> Citation:
    return parse_citation(canonical_bytes(document))


def changed_address(deployed: Deployed) -> str:
    """The address of a unit whose text the second version of the charter changes."""
    with deployed.desk() as desk:
        rows = desk.select("cutter_reader")(
            "SELECT f.address FROM iu.unit_in_force AS f WHERE f.ended_at IS NULL AND EXISTS ("
            "SELECT FROM iu.unit_in_force AS o WHERE o.unit_id = f.unit_id AND o.ended_at IS NOT NULL)"
            " ORDER BY f.address",
            {},
        )
    return str(rows[0]["address"])


def test_a_citation_of_a_unit_in_force_holds_and_so_does_its_quote(
    at: Deployment, deployed: Deployed, tmp_path: Path
) -> None:
    run = cut_live(deployed).run_id
    page, file = tmp_path / "citation.html", tmp_path / "citation.json"
    document = at.json("cite", ADDRESS, "--html", str(page))
    citation = read(document)
    assert [check.held for check in verify_citation(citation)] == [True] * 4
    assert (citation.run_id, citation.address, citation.proof.tree_size) == (run, ADDRESS, 60)
    assert citation.in_force.from_date == "2026-01-01"
    assert citation.text.encode() in CHARTER
    assert "everything holds" in page.read_text()
    said = at.cutter("cite", ADDRESS)
    assert citation.root in said.out
    file.write_text(json.dumps(document))
    assert at.json("verify-quote", ADDRESS, str(file))["exact"] is True
    other = at.cutter("verify-quote", f"{CODE}/DIEU-6", str(file), "--json")
    assert (other.status, other.document["cited_address"]) == (20, ADDRESS)
    file.write_text(json.dumps(document | {"run_id": "ictr-20300101T000000Z-00000001"}))
    forged = at.cutter("verify-quote", ADDRESS, str(file), "--json")
    assert forged.status == 20
    assert {c["id"] for c in forged.document["checks"] if not c["held"]} == {"executor", "verifier"}
    file.write_text(json.dumps({"schema": "cutter.citation/1"}))
    assert at.cutter("verify-quote", ADDRESS, str(file)).status == 16


def test_a_quote_is_exact_or_it_is_not(
    at: Deployment, deployed: Deployed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cut_live(deployed)
    text = read(at.json("cite", ADDRESS)).text
    words = text.strip().splitlines()[-1]
    quote = tmp_path / "quote.txt"

    def look(data: bytes) -> tuple[int, bool, bool]:
        quote.write_bytes(data)
        answered = at.cutter("verify-quote", ADDRESS, str(quote), "--json")
        return answered.status, answered.document["exact"], answered.document["nearly"]

    assert look(f"\n{words}\n".encode()) == (0, True, False)
    assert look(words.upper().encode()) == (20, False, True)
    assert look(words.replace(" ", "  ", 1).encode()) == (20, False, True)
    assert look(f"{words}x".encode()) == (20, False, False)
    quote.write_bytes(b"\n")
    assert at.cutter("verify-quote", ADDRESS, str(quote)).status == 22
    quote.write_bytes(b"\xff")
    assert at.cutter("verify-quote", ADDRESS, str(quote)).status == 22
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(words.encode())))
    assert at.json("verify-quote", ADDRESS)["exact"] is True


def test_an_earlier_version_is_cited_by_its_day_and_no_longer_quoted(
    at: Deployment, deployed: Deployed, tmp_path: Path
) -> None:
    first = cut_live(deployed).run_id
    add(deployed, CHARTER_2, "2026-06-01")
    second = finish(deployed).run_id
    address = changed_address(deployed)
    now, then = at.json("cite", address), at.json("cite", address, "--as-of", "2026-05-31")
    assert (now["run_id"], then["run_id"]) == (second, first)
    assert then["in_force"] == {"from_date": "2026-01-01", "until_date": "2026-06-01"}
    assert now["in_force"] == {"from_date": "2026-06-01", "until_date": None}
    assert now["text"] != then["text"]
    assert at.json("cite", address, "--as-of", "2026-06-01") == now
    quote = tmp_path / "then.json"
    quote.write_text(json.dumps(then))
    old = at.cutter("verify-quote", address, str(quote), "--json")
    assert old.status == 20
    assert [v["in_force"] for v in old.document["found_in"]] == [False]
    assert old.document["found_in"][0]["until"] == "2026-06-01"
    kept = at.json("cite", ADDRESS)
    assert kept == at.json("cite", ADDRESS, "--as-of", "2026-02-01")


def test_what_is_enacted_for_a_later_day_is_not_in_force_before_it(
    at: Deployment, deployed: Deployed, tmp_path: Path
) -> None:
    """Today is the database's day: what begins later is enacted, and the law is still the old one."""
    first = cut_live(deployed).run_id
    with deployed.desk() as desk:
        later = (desk.now_utc() + timedelta(days=30)).date().isoformat()
    add(deployed, CHARTER_2, later)
    second = finish(deployed).run_id
    address = changed_address(deployed)
    now, then = at.json("cite", address), at.json("cite", address, "--as-of", later)
    assert (now["run_id"], then["run_id"]) == (first, second)
    assert now["in_force"] == {"from_date": "2026-01-01", "until_date": later}
    quote = tmp_path / "now.json"
    quote.write_text(json.dumps(now))
    assert at.json("verify-quote", address, str(quote))["exact"] is True
    with deployed.desk() as desk:
        listed = document_view(desk, CODE, 1)
        unit = unit_view(desk, address)
        addresses = {row.address: row.version_no for row in listed.units.rows}
        (row,) = document_list(desk, 1).rows
    assert [(each.run_id, each.in_force) for each in unit.versions] == [
        (second, False),
        (first, True),
    ]
    assert addresses[address] == 1
    assert row.in_force == listed.units.total == 60


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ((f"{CODE}/NOWHERE",), 22, "STOP_REFUSED_INPUT"),
        ((CODE,), 22, "STOP_REFUSED_INPUT"),
        (("/x",), 22, "STOP_REFUSED_INPUT"),
        (("NOBODY/DIEU-1",), 17, "STOP_DOCUMENT_UNKNOWN"),
        ((ADDRESS, "--as-of", "2025-12-31"), 22, "STOP_REFUSED_INPUT"),
        ((ADDRESS, "--as-of", "yesterday"), 22, "STOP_REFUSED_INPUT"),
    ],
)
def test_what_is_not_in_force_is_not_cited(
    at: Deployment, deployed: Deployed, words: tuple[str, ...], status: int, code: str
) -> None:
    cut_live(deployed)
    answered = at.cutter("cite", *words, "--json")
    assert (answered.status, answered.document["code"]) == (status, code)


def test_a_unit_that_was_only_rehearsed_is_not_in_force(at: Deployment) -> None:
    assert at.cutter("run", CODE).status == 0
    assert at.cutter("cite", ADDRESS).status == 22


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("iu.text_blob", f"UPDATE {{}} SET body = body || ' ' WHERE sha256 = {BODY}"),
        ("iu.unit_version", f"UPDATE {{}} SET heading = 'x' WHERE address = '{ADDRESS}'"),
        (
            "cutter_governance.manifest_unit_block",
            "UPDATE {} SET leaf_sha256 = sha256('x') WHERE position = 3",
        ),
    ],
)
def test_an_edited_unit_is_not_cited(
    at: Deployment, deployed: Deployed, table: str, change: str
) -> None:
    cut_live(deployed)
    name = table.split(".")[1]
    sql_as_owner(
        deployed.database,
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}_digest_is_true",
        change.format(table),
    )
    answered = at.cutter("cite", ADDRESS, "--json")
    assert (answered.status, answered.document["code"]) == (16, "STOP_EVIDENCE_MISMATCH")
