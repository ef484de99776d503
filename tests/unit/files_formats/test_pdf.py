"""PDF pages become paragraphs, with low trust and a way back to page and line."""

import io
import zlib

import pypdf
import pytest

from cutter_agent.errors import StopOverSize, StopSourceUnreadable
from cutter_agent.files.readers import pdf as reader
from cutter_agent.files.readers.pdf import read_pdf
from cutter_agent.files.readers.reading import read_apart
from forge.pages import assembled, pdf_of, stream


def test_wrapped_lines_are_joined_and_numbered_ones_begin_anew() -> None:
    page = [
        "Điều 1. Phạm vi điều chỉnh",
        "1. Nghị định này quy định chi tiết một số điều của luật về",
        "quản lý thuế và các văn bản có liên quan đến việc thi hành",
        "luật.",
        "2. Nghị định này không áp dụng cho các trường hợp sau đây:",
        "a) Một.",
    ]
    assert read_pdf(pdf_of([page])).text.decode().split("\n") == [
        page[0],
        " ".join(page[1:4]),
        page[4],
        page[5],
        "",
    ]


def test_running_heads_and_page_numbers_are_left_out_and_counted() -> None:
    pages = [
        [
            "Official Gazette 12",
            f"Article {n}. Title",
            f"The body of article {n} is this.",
            f"- {n} -",
        ]
        for n in range(1, 6)
    ]
    read = read_pdf(pdf_of(pages))
    text = read.text.decode()
    assert "Gazette" not in text
    assert "- 3 -" not in text
    assert text.count("Article") == 5
    assert dict(read.left_out) == {"running head or foot": 10}
    assert read.trust == "low"
    assert read.spans.place_of(read.text.index(b"Article 3")) == "page 3 line 2"


def test_a_number_alone_on_the_only_page_stays() -> None:
    assert "7" in read_pdf(pdf_of([["Text of the law.", "7"]])).text.decode().split()


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("the whole of the information, and every single infor-", "mation", "information"),
        ("the whole of the agreement that was made by a third-", "party", "third-party"),
    ],
)
def test_a_divided_word_is_joined_only_if_the_text_knows_it(
    first: str, second: str, joined: str
) -> None:
    text = read_pdf(pdf_of([[first, second + " is meant."]])).text.decode()
    assert text == f"{first.rsplit(' ', 1)[0]} {joined} is meant.\n"


def test_a_page_without_text_is_counted_and_a_file_without_any_refused() -> None:
    assert dict(read_pdf(pdf_of([["text"], []])).left_out) == {"page without text": 1}
    with pytest.raises(StopSourceUnreadable, match="pictures"):
        read_pdf(pdf_of([[]]))


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.7", b"%PDF-1.7\n" + b"x" * 1000, pdf_of([["a"]])[:300]]
)
def test_broken_files_are_refused(data: bytes) -> None:
    with pytest.raises(StopSourceUnreadable):
        read_pdf(data)


def encrypted(password: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf_of([["Article 1. Text."]])))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def test_a_file_with_a_password_is_refused_and_one_with_an_empty_one_read() -> None:
    with pytest.raises(StopSourceUnreadable, match="encrypted"):
        read_pdf(encrypted("secret"))
    assert read_pdf(encrypted("")).text == b"Article 1. Text.\n"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_cut_short_is_a_stop_or_its_pages(share: float) -> None:
    data = pdf_of([["Article 1. One."], ["Article 2. Two."]])
    try:
        read = read_pdf(data[: int(share * len(data))])
    except StopSourceUnreadable:
        return
    assert read.text.startswith(b"Article 1.")


@pytest.mark.parametrize("nest", [b"[" * 100_000, b"<< /A " * 100_000, b"(" * 100_000])
def test_objects_that_nest_a_hundred_thousand_deep_are_refused(nest: bytes) -> None:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids " + nest + b" /Count 1 >>",
    ]
    with pytest.raises((StopSourceUnreadable, StopOverSize)):
        read_apart("pdf", assembled(objects))


def test_pages_that_hold_each_other_are_refused() -> None:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>",
    ]
    with pytest.raises((StopSourceUnreadable, StopOverSize)):
        read_apart("pdf", assembled(objects))


def test_a_stream_that_inflates_without_end_is_refused() -> None:
    bomb = zlib.compress(b" " * 90_000_000, 9)
    for_page = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        stream(bomb, "/Filter /FlateDecode"),
    ]
    with pytest.raises(StopSourceUnreadable):
        read_pdf(assembled(for_page))


def test_the_limits_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pdf_of([["a"], ["b"]])
    monkeypatch.setattr(reader, "PAGES_MAX", 2)
    monkeypatch.setattr(reader, "PDF_BYTES_MAX", len(data))
    assert read_pdf(data).text.split() == [b"a", b"b"]
    monkeypatch.setattr(reader, "PAGES_MAX", 1)
    with pytest.raises(StopOverSize):
        read_pdf(data)
    monkeypatch.setattr(reader, "PAGES_MAX", 2)
    monkeypatch.setattr(reader, "PDF_BYTES_MAX", len(data) - 1)
    with pytest.raises(StopOverSize):
        read_pdf(data)
