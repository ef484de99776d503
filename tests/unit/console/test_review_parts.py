"""What a review is made of: stretches of two texts, lit lines of a source, a record's way to the root."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutter_agent.bootstrap.console.differ import Fate, Piece, pieces
from cutter_agent.bootstrap.console.merkle_path import merkle_path
from cutter_agent.bootstrap.console.paging import page_of, part
from cutter_agent.bootstrap.console.source import SHOWN_BYTES_MAX, source_view
from cutter_agent.evidence.merkle import Tree, leaf_hashes


def joined(found: tuple[Piece, ...], *fates: Fate) -> str:
    return "".join(piece.text for piece in found if piece.fate in fates)


@given(st.text(alphabet="ab \n.ệ"), st.text(alphabet="ab \n.ệ"))
def test_pieces_hold_both_texts(before: str, after: str) -> None:
    found = pieces(before, after)
    assert joined(found, Fate.SAME, Fate.GONE) == before
    assert joined(found, Fate.SAME, Fate.CAME) == after


def test_one_word_is_one_difference() -> None:
    assert pieces("giữ ít nhất mười năm.", "giữ ít nhất hai năm.") == (
        Piece(Fate.SAME, "giữ ít nhất "),
        Piece(Fate.GONE, "mười"),
        Piece(Fate.CAME, "hai"),
        Piece(Fate.SAME, " năm."),
    )


def test_endless_texts_are_compared_by_lines_and_then_not_at_all() -> None:
    words = "a b\n" * 3000
    assert pieces(words, words + "c") == (Piece(Fate.SAME, words), Piece(Fate.CAME, "c"))
    long, other = "x\n" * 9000, "y\n" * 9000
    assert pieces(long, other) == (Piece(Fate.GONE, long), Piece(Fate.CAME, other))


@given(st.text(alphabet="aệ\n", min_size=1, max_size=200), st.data())
def test_a_source_is_shown_whole_with_the_unit_lit(text: str, data: st.DataObject) -> None:
    source = text.encode()
    cuts = [len(text[:place].encode()) for place in range(len(text) + 1)]
    start, end = sorted(
        data.draw(st.lists(st.sampled_from(cuts), min_size=2, max_size=2, unique=True))
    )
    view = source_view(source, [(start, end)])
    lines = ["".join(stretch.text for stretch in line.stretches) for line in view.lines]
    assert "\n".join(lines) == text.removesuffix("\n")
    lit = "".join(s.text for line in view.lines for s in line.stretches if s.lit)
    assert lit == source[start:end].decode().replace("\n", "")
    assert [line.number for line in view.lines] == list(range(1, len(lines) + 1))
    assert view.whole


def test_the_window_of_a_long_source_begins_and_ends_at_characters() -> None:
    source = "ệ".encode() * 100_000
    view = source_view(source, [(90_000, 290_000)])
    assert not view.whole
    assert view.end - view.start <= SHOWN_BYTES_MAX + 3
    assert "\ufffd" not in "".join(s.text for line in view.lines for s in line.stretches)


def test_line_numbers_count_from_the_source_s_first_line() -> None:
    source = b"line\n" * 2000
    view = source_view(source, [(5000, 5005)])
    assert [line.number for line in view.lines if line.lit] == [1001]
    assert view.lines[0].number == view.start // 5 + 1 > 1


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 60, 61])
def test_the_drawn_way_leads_to_the_root(size: int) -> None:
    records = [f"record {n}".encode() for n in range(size)]
    tree = Tree(leaf_hashes(records))
    for index, record in enumerate(records):
        way = merkle_path(record, index, size, tree.inclusion_proof(index))
        assert way.root == tree.root().hex()
        assert way.steps == len(tree.inclusion_proof(index))
        assert all(0 <= box.x <= way.width - way.box_width for box in way.boxes)
        assert all(0 <= box.y <= way.height - way.box_height for box in way.boxes)
        assert sum(box.way for box in way.boxes) == way.steps + 1
        tops = {(line.x2, line.y2) for line in way.lines}
        centres = {(box.x + way.box_width // 2, box.y + way.box_height) for box in way.boxes}
        assert tops <= centres, "every line ends at a box"


def test_pages_hold_every_row_once() -> None:
    rows = list(range(95))
    found = [row for number in range(1, 6) for row in part(rows, number, 20).rows]
    assert found == rows
    assert (part(rows, 9, 20).number, part(rows, 0, 20).number) == (5, 1)
    assert (part([], 3, 20).count, part([], 3, 20).first) == (1, 0)
    assert [page_of(place, 20) for place in (0, 19, 20)] == [1, 1, 2]
