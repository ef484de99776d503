"""A law that another one quotes whole is content of the quoting article, however long it is."""

import pytest

from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped

VN = parse_profile(shipped("vn-law"))


@pytest.mark.parametrize("articles", [10, 2_000])
def test_no_article_of_a_quoted_law_is_a_unit(articles: int) -> None:
    quoted = "\n\n".join(
        f"Điều {number}. Quy định số {number}\n\n1. Người đọc làm theo quy định số {number}."
        for number in range(1, articles + 1)
    )
    text = (
        "Điều 1. Sửa đổi toàn bộ Quy chế phòng đọc như sau:\n\n"
        f"“{quoted}”.\n\n"
        "Điều 2. Hiệu lực thi hành\n\nQuyết định này có hiệu lực ngay.\n"
    )
    marked = mark_text(text.encode(), VN, code="QD")
    assert [unit.address for unit in marked.candidates] == ["QD/DIEU-1", "QD/DIEU-2"]
