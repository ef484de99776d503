"""A citation holds as it was made, and fails in the right check for every letter that is changed."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cutter_agent.document.cutplan import leaf_record
from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.citation import (
    CITATION_SCHEMA,
    Citation,
    InForce,
    Sealed,
    TreePlace,
    citation_bytes,
    citation_html,
    parse_citation,
    verify_citation,
)
from cutter_agent.evidence.merkle import Tree, leaf_hash
from forge.bundles import CLAIM, EXECUTOR, STRANGER, VERIFIER, Machine, executed, verified

TEXT = "#### DIEU-7. Điều bảy\n\nHai dòng; <b>và</b> \u202e\u200bkết.\r\n"
HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
    "<!-- ]]> \u202eevil\u202c \u2028 \x0b & \" ' ${1} \\u003cscript\\u003e"
)
ADDRESS = "ICX-CONST/DIEU-7"


def record_of(text: str, address: str = ADDRESS) -> bytes:
    return leaf_record(
        address=address,
        kind="article",
        parent=None,
        ordinal=4,
        body_sha256=sha256_hex(text.encode()),
        attributes=(("alias", "DIEU"), ("heading", "Điều bảy"), ("num", "7")),
    )


def cited(
    text: str = TEXT,
    index: int = 3,
    size: int = 7,
    *,
    executor: Machine = EXECUTOR,
    verifier: Machine = VERIFIER,
    simulated: bool = False,
    **verdict: object,
) -> Citation:
    """A citation of leaf `index` of `size`, sealed by these machines."""
    records = [record_of(f"text {number}", f"{ADDRESS}{number}") for number in range(size)]
    records[index] = record_of(text)
    tree = Tree([leaf_hash(record) for record in records])
    root = tree.root().hex()
    claim = replace(CLAIM, manifest_root=root, tree_size=size)
    envelope = executed(claim, simulated=simulated, by=executor)
    found = {"root_from_source": root, "root_from_database": root, "tree_size": size} | verdict
    sealed = verified(envelope, simulated=simulated, by=verifier, **found)
    return Citation(
        schema=CITATION_SCHEMA,
        address=ADDRESS,
        document_id=claim.document_id,
        run_id=claim.run_id,
        source_version_id=claim.source_version_id,
        in_force=InForce("2030-01-01", None),
        text=text,
        record=records[index].decode(),
        proof=TreePlace(index, size, tuple(h.hex() for h in tree.inclusion_proof(index))),
        root=root,
        executor=Sealed(envelope.decode(), executor.public_raw.hex()),
        verifier=Sealed(sealed.decode(), verifier.public_raw.hex()),
    )


GOOD = cited()


def failed(citation: Citation) -> set[str]:
    return {check.id for check in verify_citation(citation) if not check.held}


def flipped(text: str, place: int) -> str:
    """The text with one character changed."""
    return text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]


CHEATS: list[tuple[str, Citation, set[str]]] = [
    ("a letter of the text", replace(GOOD, text=GOOD.text.replace("bảy", "bẩy")), {"text"}),
    ("a line end of the text", replace(GOOD, text=GOOD.text.replace("\r", "")), {"text"}),
    ("another address", replace(GOOD, address="ICX-CONST/DIEU-8"), {"text"}),
    (
        "another document",
        replace(GOOD, document_id="OTHER"),
        {"text", "executor", "verifier"},
    ),
    ("another run", replace(GOOD, run_id="ictr-x"), {"executor", "verifier"}),
    ("another source", replace(GOOD, source_version_id="sv-2"), {"executor"}),
    (
        "text and record changed together",
        replace(GOOD, text="other", record=record_of("other").decode()),
        {"place"},
    ),
    ("no record", replace(GOOD, record="{}"), {"text", "place"}),
    ("another place", replace(GOOD, proof=replace(GOOD.proof, index=2)), {"place"}),
    (
        "another size",
        replace(GOOD, proof=replace(GOOD.proof, tree_size=9)),
        {"place", "executor", "verifier"},
    ),
    ("a sibling less", replace(GOOD, proof=replace(GOOD.proof, hashes=())), {"place"}),
    ("another root", replace(GOOD, root="ab" * 32), {"place", "executor", "verifier"}),
    (
        "a whole other manifest under the same seals",
        replace(cited("other"), executor=GOOD.executor, verifier=GOOD.verifier),
        {"executor", "verifier"},
    ),
    (
        "a stranger's key",
        replace(GOOD, executor=replace(GOOD.executor, public_key=STRANGER.public_raw.hex())),
        {"executor"},
    ),
    ("a dry run", cited(simulated=True), {"executor", "verifier"}),
    ("one key for both", cited(verifier=EXECUTOR), {"verifier"}),
    ("the seals exchanged", replace(GOOD, verifier=GOOD.executor), {"verifier"}),
    (
        "a verifier of another envelope",
        replace(GOOD, verifier=cited(executor=STRANGER).verifier),
        {"verifier"},
    ),
    ("a verifier who saw another root", cited(root_from_source="cd" * 32), {"verifier"}),
]

IDS = [row[0] for row in CHEATS]


@pytest.mark.parametrize(
    ("index", "size"), [(0, 1), (0, 2), (6, 7), (63, 64), (64, 65), (999, 1000)]
)
def test_a_citation_holds_as_it_was_made(index: int, size: int):
    citation = cited(index=index, size=size)
    assert failed(citation) == set()
    assert parse_citation(citation_bytes(citation)) == citation


@pytest.mark.parametrize(("citation", "expected"), [row[1:] for row in CHEATS], ids=IDS)
def test_a_changed_citation_fails_in_the_check_that_is_for_it(
    citation: Citation, expected: set[str]
):
    assert failed(citation) == expected


def test_no_letter_of_a_seal_or_a_proof_can_be_changed():
    for place in range(0, len(GOOD.executor.envelope), 29):
        changed = replace(GOOD.executor, envelope=flipped(GOOD.executor.envelope, place))
        assert {"executor", "verifier"} == failed(replace(GOOD, executor=changed))
    for place in range(0, len(GOOD.verifier.envelope), 29):
        changed = replace(GOOD.verifier, envelope=flipped(GOOD.verifier.envelope, place))
        assert failed(replace(GOOD, verifier=changed)) == {"verifier"}
    for place in range(64):
        hashes = (flipped(GOOD.proof.hashes[0], place), *GOOD.proof.hashes[1:])
        assert failed(replace(GOOD, proof=replace(GOOD.proof, hashes=hashes))) == {"place"}


def test_what_is_no_citation_is_refused():
    data = citation_bytes(GOOD)
    for odd in (data[:-1], data + b" ", data.replace(b"citation/1", b"citation/2"), b"{}"):
        with pytest.raises((StopRefusedInput, StopEvidenceMismatch)):
            parse_citation(odd)


def embedded(page: str) -> str:
    """The JSON that a page carries."""
    return page.partition('<script type="application/json" id="citation">')[2].partition(
        "</script>"
    )[0]


@pytest.mark.parametrize("text", [TEXT, HOSTILE, "\U0001f600 \ud7ff\ue000 \x00\x1b[31m"])
def test_a_page_carries_its_citation_and_no_text_of_it_is_markup(text: str):
    citation = cited(text)
    page = citation_html(citation)
    assert parse_citation_json(embedded(page)) == citation
    assert page.count("<script") == page.count("</script>") == 2
    assert page.count("<!--") == 0
    assert "onerror=" not in page.replace(embedded(page), "")
    assert not set("<>&\u202e\u200b\u2028\r\x00\x1b") & set(embedded(page))
    for outside in ("http://", "src=", "href=", "@import", "url("):
        assert outside not in page.replace(embedded(page), "").replace("https://iu-cutter", "")
    assert page == citation_html(citation)


def parse_citation_json(text: str) -> Citation:
    from cutter_agent.evidence.canonical import canonical_bytes  # noqa: PLC0415 - only here

    return parse_citation(canonical_bytes(json.loads(text)))


PRELUDE = """
const seen = {};
const node = (id) => (seen[id] ??= {
  id, rows: [], append(row) { this.rows.push(row); }, textContent: "", className: "",
});
globalThis.document = {
  getElementById: node, createElement: () => ({}), documentElement: { className: "" },
};
node("citation").textContent = require("fs").readFileSync(0, "utf8");
"""
EPILOGUE = """
;setTimeout(() => {}, 0); process.on("exit", () => console.log(JSON.stringify({
  verdict: document.documentElement.className, text: node("text").textContent,
  failed: node("checks").rows.filter((r) => r.className === "failed").map((r) => r.textContent),
})));
"""


@pytest.fixture(scope="module")
def in_node() -> Callable[[Citation], dict[str, object]]:
    """Runs the page's own script in node, on the page's own data."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")

    def run(citation: Citation) -> dict[str, object]:
        page = citation_html(citation)
        script = page.rpartition("<script>")[2].partition("</script>")[0]
        done = subprocess.run(
            ["node", "--no-warnings", "-e", PRELUDE + script + EPILOGUE],
            input=embedded(page),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    return run


def test_the_page_s_script_agrees_with_us_on_every_cheat(
    in_node: Callable[[Citation], dict[str, object]],
):
    for index, size in ((0, 1), (6, 7), (64, 65)):
        assert in_node(cited(index=index, size=size))["verdict"] == "held"
    for name, citation, expected in CHEATS:
        answer = in_node(citation)
        assert answer["verdict"] == "failed", name
        said = {str(row).split(":")[0].removeprefix("✗ ") for row in answer["failed"]}
        assert said == expected, name


CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --disable-background-networking "
    "--disable-component-update --disable-sync --no-first-run --virtual-time-budget=5000 --dump-dom"
).split()


@pytest.fixture
def in_browser(tmp_path: Path) -> Callable[[str], str]:
    """Opens a page in a browser without any network, and returns what it has become."""
    program = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("chromium is not installed")

    def run(page: str) -> str:
        path = tmp_path / "citation.html"
        path.write_bytes(page.encode())
        done = subprocess.run(
            [program, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout

    return run


def test_a_browser_shows_green_and_red_and_acts_on_nothing(in_browser: Callable[[str], str]):
    good = citation_html(GOOD)
    shown = in_browser(good)
    assert '<html lang="en" class="held">' in shown
    assert "everything holds" in shown
    assert "⟦U+202E⟧⟦U+200B⟧kết.⟦U+000D⟧" in shown
    for old, new in (
        ("Điều bảy\\n\\nHai", "Điều bẩy\\n\\nHai"),
        (GOOD.proof.hashes[0], flipped(GOOD.proof.hashes[0], 5)),
        (GOOD.executor.envelope[-80:-70], flipped(GOOD.executor.envelope[-80:-70], 3)),
    ):
        assert good.count(old) == 1
        shown = in_browser(good.replace(old, new))
        assert '<html lang="en" class="failed">' in shown
        assert "CHANGED OR FORGED" in shown
    shown = in_browser(citation_html(cited(HOSTILE)))
    assert "<title>Citation</title>" in shown
    assert "<img" not in shown
    assert '<html lang="en" class="held">' in shown
