"""Statutes of any size, made from a seed: chapters, articles, clauses and points of ordinary length."""

import random
from collections.abc import Iterator

ENGLISH = [
    "the",
    "authority",
    "officer",
    "holder",
    "permit",
    "notice",
    "record",
    "register",
    "public",
    "person",
    "office",
    "service",
    "fee",
    "day",
    "period",
    "decision",
    "request",
    "document",
    "ground",
    "measure",
    "duty",
    "right",
    "land",
    "water",
    "road",
    "school",
    "health",
    "market",
    "worker",
    "owner",
    "tenant",
    "council",
    "board",
    "report",
    "inspection",
    "appeal",
    "shall",
    "may",
    "must",
    "not",
    "under",
    "within",
    "after",
    "before",
    "and",
    "or",
    "of",
    "to",
    "in",
    "for",
    "by",
    "with",
    "any",
    "each",
    "such",
    "other",
    "where",
    "unless",
    "except",
]
VIETNAMESE = [
    "cơ",
    "quan",
    "người",
    "được",
    "giấy",
    "phép",
    "thông",
    "báo",
    "hồ",
    "sơ",
    "đăng",
    "ký",
    "công",
    "cộng",
    "văn",
    "phòng",
    "dịch",
    "vụ",
    "phí",
    "ngày",
    "thời",
    "hạn",
    "quyết",
    "định",
    "yêu",
    "cầu",
    "tài",
    "liệu",
    "căn",
    "cứ",
    "biện",
    "pháp",
    "quyền",
    "nghĩa",
    "vụ",
    "đất",
    "nước",
    "đường",
    "trường",
    "sức",
    "khỏe",
    "chợ",
    "lao",
    "động",
    "chủ",
    "thuê",
    "hội",
    "đồng",
    "báo",
    "cáo",
    "kiểm",
    "tra",
    "khiếu",
    "nại",
    "phải",
    "không",
    "dưới",
    "trong",
    "sau",
    "trước",
    "và",
    "hoặc",
    "của",
    "để",
    "cho",
    "với",
    "bởi",
    "mỗi",
    "khác",
    "khi",
    "trừ",
    "trường",
    "hợp",
]
LANGUAGES = {
    "English": (ENGLISH, "A statute", "Chapter", "Article", "({})"),
    "Vietnamese": (VIETNAMESE, "Một đạo luật", "Chương", "Điều", "{})"),
}
SENTENCE_WORDS = (12, 24)
SENTENCES = (5, 7)
ARTICLES_A_CHAPTER = 12


def statute(size: int, seed: int = 1, language: str = "English") -> str:
    """Markdown of at least so many bytes; its units have 500 bytes and more each, and follow from the seed."""
    lines: list[str] = []
    written = 0
    for line in _lines(random.Random(seed), language):  # noqa: S311 -- the same text again
        lines.append(line)
        written += len(line.encode()) + 2
        if written >= size:
            break
    return "\n\n".join(lines) + "\n"


def headings(count: int) -> str:
    """So many articles, each hardly more than its heading."""
    return "# A statute\n\n" + "".join(
        f"### Article {n}. Title\n\nx.\n\n" for n in range(1, count + 1)
    )


def _lines(chance: random.Random, language: str) -> Iterator[str]:
    """The paragraphs of a statute without end."""
    words, title, chapter, article, point = LANGUAGES[language]
    yield f"# {title}"
    number = 0
    while True:
        if number % ARTICLES_A_CHAPTER == 0:
            yield f"## {chapter} {_roman(number // ARTICLES_A_CHAPTER + 1)}. {_title(chance, words)}"
        number += 1
        yield f"### {article} {number}. {_title(chance, words)}"
        for clause in range(1, chance.randint(2, 5)):
            yield f"{clause}. {_paragraph(chance, words)}"
            if chance.random() < 0.3:
                for letter in "abcd"[: chance.randint(2, 4)]:
                    yield f"{point.format(letter)} {_paragraph(chance, words)}"


def _title(chance: random.Random, words: list[str]) -> str:
    return " ".join(chance.choices(words, k=4)).capitalize()


def _paragraph(chance: random.Random, words: list[str]) -> str:
    sentences = (
        " ".join(chance.choices(words, k=chance.randint(*SENTENCE_WORDS))).capitalize() + "."
        for _ in range(chance.randint(*SENTENCES))
    )
    return " ".join(sentences)


def _roman(number: int) -> str:
    text = ""
    for value, letters in (
        *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC")),
        *((50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
    ):
        times, number = divmod(number, value)
        text += letters * times
    return text
