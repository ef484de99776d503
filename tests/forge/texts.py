"""Texts that could be laws and texts that attack whoever cuts them; each must be tiled or be a stop.

Lines are made from the words, numbers and quotes of the shipped profiles, then bent: cut, joined,
repeated, decomposed, given hostile code points and bytes that are no UTF-8. Run as a program it counts
what becomes of any number of them:

    PYTHONPATH=src:tests python -m forge.texts --inputs 1000000 --seed 1 --processes 2
"""

import argparse
import hashlib
import multiprocessing
import random
import sys
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache

from cutter_agent.document.cutplan import body_of, plan_cut
from cutter_agent.document.grammar import Profile, parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped, shipped_names
from cutter_agent.document.units import MarkedText
from cutter_agent.errors import Stop

AGAIN_EVERY = 40
PLANNED_EVERY = 20
SHARE = 5_000
LINES_MAX = 24
OWN_WORDS = 0.85
FREE = 0.35
HOSTILE = (
    "\u200b", "\u200d", "\ufeff", "\u2060", "\u00ad", "\u202e", "\u202d", "\u2066", "\u2069", "\u200f",
    "\u00a0", "\u2007", "\u3000", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1b", "\x00", "\x7f",
    "\u0300", "\u0323", "\u0302\u0301", "\u20dd", "\ufe0f", "\u0391", "\u0410", "\u00d0", "\u0189",
    "\uff11", "\u0661", "\u0967", "\U0001d7ce", "\u2160", "\u3220", "\u2460", "\u4e00", "\U0001f600",
    "\U000e0041", "\ufffd", "\uffff", "\U0010ffff",
)  # fmt: skip
NO_UTF8 = (
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe1\xbb",
    b"\x80",
    b"\xfe",
)
NUMBERS = (
    "1", "2", "3", "12", "12a", "12bis", "1.1", "2.3.4", "I", "II", "IV", "XIV", "A", "B", "AA", "a", "b",
    "đ", "dd", "ii", "一", "十二", "第三", "1º", "2°", "0", "00", "999999999999", "9" * 60, "1-A", "63Z1",
    "First", "nhất", "Erster", "premier", "-1", "", "1/2", "٣", "１",
)  # fmt: skip
BEHIND = (
    ".",
    ")",
    ":",
    " -",
    ".-",
    "—",
    "",
    "、",
    ". ",
    ".)",
    "]",
    "º.",
    " bis.",
    "/",
    ".\u00a0",
    "\t",
)
QUOTES = ("“", "”", '"', "«", "»", "„", "‘", "’", "「", "」", "''", "'", "”;", '".', "hết”.")
BLOCKS = (
    "```", "~~~", "<!--", "-->", "---", "***", "| a | b |", "|---|---|", "| HP-01 | x |", "> quoted", "- item",
    "* item", "    code", "\t", "", "", "", "===", "status: draft", "title: x", "[ENACTED]", "[DRAFT]",
    "<table>", "</table>", "&nbsp;", "[^1]: note", "![x](y)", "Mục lục", "Contents", "Phụ lục", "ANNEX",
    "SCHEDULE", "Nơi nhận:", "\x0c",
)  # fmt: skip
LAWS = {
    "vn-law": "Chương I|QUY ĐỊNH CHUNG|Điều 1. Một|1. Khoản|a) Điểm|đ) Điểm|2. Khoản|Điều 2. Hai|x|Điều 3. Ba|1. y",
    "vn-charter": "# Hiến chương|## Phần I [ENACTED]|### NT-1. Một|x|### NT-2. Hai|### KT-A. Lớp|#### DIEU-1. Điều|y",
    "vn-constitution": "CHƯƠNG I|CHẾ ĐỘ|Điều 1|x|Điều 2|1. y|2. z|Điều 3|CHƯƠNG II|QUYỀN|Điều 4|x",
    "en-common": "PART I|GENERAL|Article 1. Scope|(1) x|(a) y|(b) z|(2) x|Article 2. Terms|Section 3. More|(1) x",
    "us": "TITLE I—GENERAL|SEC. 101. SHORT TITLE.|(a) In General.—x|(1) y|(A) z|(2) y|(b) x|SEC. 102. TERMS.|(a) x",
    "us-constitution": "ARTICLE I.|SECTION 1.|x|SECTION 2.|y|ARTICLE II.|SECTION 1.|z|ARTICLE III.|SECTION 1.|z",
    "uk": "PART 1|General|1 Scope|(1) x|(a) y|(i) z|(b) y|(2) x|2 Terms|(1) x|3 Extent|SCHEDULE 1|1 x",
    "eu": "(1) Whereas x|(2) Whereas y|CHAPTER I|General|Article 1|Scope|1. x|(a) y|2. x|Article 2|Terms|ANNEX I|x",
    "de": "# Gesetz|## Abschnitt 1|### § 1 Zweck|(1) x|1. y|a) z|(2) x|### § 2 Wort|### § 3a Mehr|(1) x",
    "fr": "TITRE Ier|DISPOSITIONS|Chapitre 1er|Article 1er|x|Article 2|1° y|a) z|2° y|Article L. 3-1|x",
    "ch": "1. Kapitel: Zweck|Art. 1 Zweck|1 x|2 y|a. z|b. z|Art. 2 Wort|1 x|2. Abschnitt: Mehr|Art. 3 Mehr|x",
    "md-policy": "# Policy|## 1. Scope|x|### 1.1 Who|y|## 2. Terms|| HP-01 | x ||- a|### 2.1 More|z",
    "markdown": "# One|x|## Two|y|### Three|```|# no|```|## Four|Setext|------|z",
    "rfc": "1.  Introduction||   x||1.1.  Scope||   y||2.  Terms||   z||2.1.  More||   x||Appendix A.  Notes||   y",
    "nist": "AC-1 POLICY|a. x|1. y|(a) z|b. x|AC-2 ACCOUNTS|a. x|AC-2(1) MORE|x|AU-1 POLICY|a. x",
    "intl": "Título I|Artículo 1º.- Uno|x|Artículo 2º.- Dos|1) y|a) z|第一条　一|第二条　二|Artykuł 3. x|Статья 4. x",
}
"""A small law for each profile; those without one live on their words alone."""
PLAIN = (
    "this act applies to",
    "of the",
    "theo quy định tại",
    "gilt",
    "de la loi",
    "shall",
    "的",
    "a" * 300,
)


@cache
def profile_of(name: str) -> Profile:
    """The shipped profile."""
    return parse_profile(shipped(name))


@cache
def words(name: str = "") -> tuple[str, ...]:
    """Every word that begins a unit in this profile, or in any."""
    found: set[str] = set()
    for each in (name,) if name else shipped_names():
        for rule in tomllib.loads(shipped(each).decode())["rule"]:
            found.update(rule.get("words", ()))
            found.add(str(rule.get("token", "")))
    return tuple(sorted(found))


class Texts:
    """Draws inputs; the same seed draws the same ones."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same texts again
        self.words = words()

    def inputs(self, count: int) -> Iterator[tuple[str, bytes]]:
        """Pairs of a profile's name and a text."""
        names = shipped_names()
        for _ in range(count):
            name = self.chance.choice(names)
            self.words = words(name if self.chance.random() < OWN_WORDS else "")
            yield name, self.text(name)

    def text(self, name: str) -> bytes:
        """One input for this profile."""
        chance = self.chance
        law = LAWS.get(name)
        if law is None or chance.random() < FREE:
            lines = [self.line() for _ in range(chance.randint(1, LINES_MAX))]
        else:
            lines = law.split("|") * chance.choice((1, 1, 1, 2))
            for _ in range(chance.choice((0, 1, 1, 2, 4, 8))):
                self.change(lines)
        if chance.random() < 0.3:
            lines += self.sequence()
        if chance.random() < 0.15:
            at = chance.randrange(len(lines))
            lines += lines[at : at + chance.randint(1, 8)] * chance.randint(1, 3)
        joined = chance.choice(("\n", "\n", "\n", "\n\n", "\r\n", "\r")).join(lines)
        for _ in range(chance.choice((0, 0, 0, 0, 1, 1, 3))):
            joined = self.bent(joined)
        source = joined.encode("utf-8", "surrogatepass")
        if chance.random() < 0.03:
            source = self.broken(source)
        return source

    def change(self, lines: list[str]) -> None:
        """One line is put in, left out, wrapped, quoted, or moved."""
        chance = self.chance
        at = chance.randrange(len(lines))
        kind = chance.randrange(6)
        if kind < 2 or len(lines) < 3:
            lines.insert(at, self.line())
        elif kind == 2:
            lines.append(lines.pop(at))
        elif kind == 3:
            lines[at] = chance.choice(QUOTES) + lines[at] + chance.choice(("", *QUOTES))
        elif kind == 4:
            lines[at] = lines[at].replace(" ", chance.choice(("\n", "\u00a0", "  ", "\t", "")), 1)
        else:
            lines[at] += " " + chance.choice(PLAIN)

    def line(self) -> str:
        """A line that could begin a unit, or be in the way of one."""
        chance = self.chance
        kind = chance.random()
        if kind < 0.2:
            return chance.choice(BLOCKS)
        if kind < 0.35:
            return " ".join(chance.choices(PLAIN, k=chance.randint(1, 4)))
        number = chance.choice(NUMBERS)
        head = f"{number}{chance.choice(BEHIND)}"
        if kind < 0.75:
            word = chance.choice(self.words)
            word = chance.choice((word, word, word.upper(), word.lower()))
            head = word + chance.choice((" ", " ", "", "\u00a0", "-")) + head
        elif kind < 0.8:
            head = f"({number})"
        before = chance.choice(
            ("", "", "", "", "# ", "## ", "#### ", "**", "  ", "> ", "- ", *QUOTES)
        )
        tail = chance.choice(
            ("", "Title", " of the", "…… 12", chance.choice(PLAIN), chance.choice(QUOTES))
        )
        return f"{before}{head} {tail}{chance.choice(('', '', '', '**', chance.choice(QUOTES)))}"

    def sequence(self) -> list[str]:
        """Lines that count, with a gap, a jump back or one that counts twice."""
        chance = self.chance
        word = chance.choice(self.words)
        first = chance.randint(1, 30)
        first = chance.choice((1, first))
        numbers = list(range(first, first + chance.randint(2, 14)))
        if chance.random() < 0.4:
            numbers.insert(chance.randrange(len(numbers)), chance.randint(1, 99))
        if chance.random() < 0.3:
            del numbers[chance.randrange(len(numbers))]
        before = chance.choice(("", "", "## ", "### ", "**"))
        behind = chance.choice((".", "", ":", ")", " -"))
        return [f"{before}{word} {number}{behind} {chance.choice(PLAIN)}" for number in numbers]

    def bent(self, text: str) -> str:
        """The text with one thing done to it."""
        chance = self.chance
        at = chance.randint(0, len(text))
        hostile = chance.choice(HOSTILE)
        kind = chance.randrange(4)
        if kind == 0:
            return unicodedata.normalize(chance.choice(("NFD", "NFKD", "NFKC")), text)
        if kind == 1:
            return text.replace(" ", hostile, chance.randint(1, 5))
        if kind == 2:
            end = min(len(text), at + chance.randint(1, 40))
            return chance.choice((text[:at] + text[end:], text[at:] + text[:at]))
        put = (
            hostile * chance.randint(1, 3),
            chr(chance.choice((0xD800, 0xDFFF, 0x110, 0x1EA1))),
            "".join(chance.choices(HOSTILE + QUOTES + NUMBERS, k=6)),
            chance.choice(("\n", "\n\n", "\r")),
        )
        return text[:at] + chance.choice(put) + text[at:]

    def broken(self, source: bytes) -> bytes:
        """The bytes with something among them that is no UTF-8."""
        at = self.chance.randint(0, len(source))
        if self.chance.random() < 0.5:
            return source[:at] + self.chance.choice(NO_UTF8) + source[at:]
        return source[:at] + self.chance.randbytes(self.chance.randint(1, 8)) + source[at:]


def faults(source: bytes, marked: MarkedText) -> list[str]:
    """What is not as every cut must be."""
    found = [*untiled(source, marked), *unnamed(marked)]
    for unit in marked.units:
        body = body_of(source, unit.own_spans)
        if hashlib.sha256(body).hexdigest() != unit.text_sha256:
            found.append(f"the digest of {unit.address} is not the one of its bytes")
        if not unit.start <= unit.own_spans[0][0] <= unit.own_spans[-1][1] <= unit.end:
            found.append(f"{unit.address} reaches beyond itself")
        try:
            body.decode()
        except UnicodeDecodeError:
            found.append(f"{unit.address} begins or ends inside of a character")
    return found


def untiled(source: bytes, marked: MarkedText) -> Iterator[str]:
    """Where the units' own spans are not the source, or its bytes are not accounted for."""
    at = 0
    for start, end in sorted(span for unit in marked.units for span in unit.own_spans):
        if start != at or end <= start:
            yield f"the spans do not tile at byte {at}"
            return
        at = end
    if at != len(source):
        yield f"the spans end at byte {at} of {len(source)}"
    cover = marked.coverage
    known = cover.candidate_bytes + cover.excluded_bytes + cover.non_content_bytes
    if cover.unaccounted_bytes != 0 or known + cover.residue_bytes != len(source):
        yield f"the coverage is not closed: {cover}"


def unnamed(marked: MarkedText) -> Iterator[str]:
    """Where two units share an address in silence, or a unit hangs below nothing."""
    addresses = Counter(unit.address for unit in marked.units)
    doubled = sum(count - 1 for count in addresses.values())
    if doubled > sum(finding.code == "ADDRESS_DUPLICATE" for finding in marked.errors):
        yield "two units share an address and the gate would not fail"
    if any(unit.is_content == unit.address.startswith("DOC/~") for unit in marked.units):
        yield "content and what is none have addresses of one kind"
    included = {unit.address for unit in marked.candidates}
    if not all(unit.parent is None or unit.parent in included for unit in marked.units):
        yield "the parent of a unit is no candidate"
    if not marked.candidates and not marked.excluded:
        yield "no unit, and no stop"


def verdict(name: str, source: bytes, number: int) -> tuple[str, list[str]]:
    """What becomes of an input, in a word, and what is wrong with that."""
    try:
        marked = mark_text(source, profile_of(name), code="DOC")
    except Stop as stop:
        return stop.code, []
    except Exception as error:  # noqa: BLE001 - whatever is raised is the finding
        return "raised", [f"{type(error).__name__}: {error}"]
    wrong = faults(source, marked)
    if number % AGAIN_EVERY == 0 and mark_text(source, profile_of(name), code="DOC") != marked:
        wrong.append("not the same twice")
    if number % PLANNED_EVERY == 0:
        plan = plan_cut(marked, source, document_id="DOC", source_version_id="v", in_force=())
        if len(plan.units) != len(marked.candidates):
            wrong.append("the plan has other units than the marks")
    return "tiled, with an error" if marked.errors else "tiled", wrong


def share(seed: int, count: int) -> tuple[Counter[str], list[tuple[str, bytes, list[str]]]]:
    """What became of so many inputs, and the ones with which something is wrong."""
    told: Counter[str] = Counter()
    bad: list[tuple[str, bytes, list[str]]] = []
    for number, (name, source) in enumerate(Texts(seed).inputs(count)):
        word, wrong = verdict(name, source, number)
        told[word] += 1
        if wrong:
            bad.append((name, source, wrong))
    return told, bad


def main() -> int:
    """Every input drawn and judged; the status is 1 if something was wrong with one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    shares = [
        (given.seed * 1_000_003 + start, min(SHARE, given.inputs - start))
        for start in range(0, given.inputs, SHARE)
    ]
    told: Counter[str] = Counter()
    bad: list[tuple[str, bytes, list[str]]] = []
    with multiprocessing.Pool(given.processes) as pool:
        for counts, wrong in pool.starmap(share, shares, chunksize=1):
            told += counts
            bad += wrong
    say = sys.stdout.write
    say(f"seed {given.seed}: {told.total()} inputs, {len(shipped_names())} profiles\n")
    for word, count in told.most_common():
        say(f"  {count:>9}  {word}\n")
    say(f"{len(bad)} neither tiled nor stopped as they must be\n")
    for name, source, wrong in bad[:20]:
        say(f"  {name} {source!r}\n    {'; '.join(wrong[:3])}\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
