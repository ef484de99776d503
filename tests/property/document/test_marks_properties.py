"""Whatever the text: its units tile it, twice alike, or it is refused by name."""

import hashlib

from hypothesis import example, given
from hypothesis import strategies as st

from cutter_agent.document.cutplan import body_of, plan_cut
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped, shipped_names
from cutter_agent.errors import StopOverSize, StopSourceUnreadable

PROFILES = [parse_profile(shipped(name)) for name in shipped_names()]
LINES = st.sampled_from(
    [
        "# Tên", "## Phần I [DRAFT]", "### NT-1. Một", "### NT-2. Hai [ENACTED]", "#### DIEU-3",
        "KT-A. Lớp", "## Lịch sử thay đổi", "Điều 1. Một", "Điều 2. Hai", "Ðiều 3. Ba",
        "“Điều 4. Trích", '"Điều 5. Trích', "hết.”;", 'hết".', "Chương I", "Chương II", "Mục 1",
        "1. Một", "2. Hai", "a) A", "b) B", "đ) Đ", "```", "~~~", "<!--", "-->", "---", "",
        "status: draft", "| AC-1 | x |", "2.1 Clause", "Điều\u00a06. Sáu", "\u200bĐiều 7.",
        "\ufeffĐiều 8.", "Article 1", "§ 2", "(a) x", "(1) y", "第一条", "Section 3.",
        "e\u0302\u0300", "\u202e", "\x0c", "\r", "Đ" * 50, "Điều １.",
    ]
)  # fmt: skip
TEXTS = st.lists(st.one_of(LINES, st.text(max_size=20)), min_size=1, max_size=30).map("\n".join)


def check(source: bytes, which: int) -> None:
    profile = PROFILES[which % len(PROFILES)]
    try:
        marked = mark_text(source, profile, code="DOC")
    except (StopOverSize, StopSourceUnreadable):
        return
    spans = sorted(span for unit in marked.units for span in unit.own_spans)
    assert b"".join(source[start:end] for start, end in spans) == source
    assert all(start < end for start, end in spans)
    coverage = marked.coverage
    assert coverage.unaccounted_bytes == 0
    assert marked.candidates or marked.excluded
    for unit in marked.units:
        body = body_of(source, unit.own_spans)
        assert hashlib.sha256(body).hexdigest() == unit.text_sha256
        assert unit.start <= unit.own_spans[0][0] <= unit.own_spans[-1][1] <= unit.end
        body.decode()
    content = [unit.address for unit in marked.units if unit.is_content]
    aside = {unit.address for unit in marked.units if not unit.is_content}
    assert not aside.intersection(content)
    assert len(aside) + len(content) == len(marked.units)
    duplicates = len(content) - len(set(content))
    assert duplicates <= sum(f.code == "ADDRESS_DUPLICATE" for f in marked.findings)
    included = {unit.address for unit in marked.candidates}
    assert all(unit.parent is None or unit.parent in included for unit in marked.units)
    assert mark_text(source, profile, code="DOC") == marked
    plan = plan_cut(marked, source, document_id="DOC", source_version_id="v", in_force=())
    assert len(plan.units) == len(marked.candidates)


@given(TEXTS, st.integers(0, 1000))
@example("Điều 1. Một\r\n1. x\r\na) y\r\n", 4)
def test_texts_like_laws_are_tiled_or_refused(text: str, which: int) -> None:
    check(text.encode("utf-8", "surrogatepass"), which)


@given(st.binary(max_size=200), st.integers(0, 1000))
def test_any_bytes_are_tiled_or_refused(source: bytes, which: int) -> None:
    check(source, which)
