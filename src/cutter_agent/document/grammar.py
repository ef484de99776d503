"""A text profile: which lines of a kind of document begin a unit, and what that unit is called.

Profiles are data: TOML, linted before use, named by the digest of their bytes. All forms of all
rules compile to one alternation that is anchored at a literal newline.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cutter_agent.document.matcher import Arm, Matcher
from cutter_agent.document.numbering import NUMBERINGS, Numbering
from cutter_agent.document.pattern import first_characters, lint_pattern, one_of
from cutter_agent.document.scripts import ORDINAL_WORD_PATTERN
from cutter_agent.document.toml_fields import Fields
from cutter_agent.document.units import KINDS
from cutter_agent.errors import StopRefusedInput

SCHEMA: Final = "cutter.profile/1"
RULES_MAX: Final = 64
SPECIFICITY_MAX: Final = 100
PROFILE_BYTES_MAX: Final = 262_144
ROLES: Final = ("unit", "group", "zone", "contents")
"""unit: a unit of the text; group: a header that only groups; zone: no content from here on;
contents: a table of contents up to the first number that comes again.
"""
HEADINGS: Final = ("line", "next", "none")
"""Where the heading stands: on the rest of the line, there or on the next line, nowhere."""
CHAINS: Final = ("document", "parent", "auto", "none")
"""Numbers run on through the document, restart in each parent, do what the text does, or neither."""
GAPS: Final = ("rare", "usual", "any")
"""Missing numbers: they speak against a sequence, they are nothing special, there is none."""
REGIONS: Final = ("", "all", "nothing")
"""A mark that begins a new region: its numbers start anew, or nothing in it is a unit."""
PLACES: Final = ("anywhere", "behind", "before", "alone", "above")
"""Where it may stand: anywhere, behind the last word mark, before the first one, only where the text
has no articles by any word, or only close above articles.
"""
SPINE_LEVEL_MAX: Final = 99
"""Levels of rules; bare numbers get the levels behind it, in the order in which they nest."""
SCOPES: Final = ("enacted_only", "all")
_TOKEN_RE: Final = re.compile(r"[^\W_](?:[\w-]{0,30}[^\W_])?")
PROFILE_NAME_RE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_SEPARATOR: Final = r"(?:[*_]{0,3}[.:)][*_]{0,3}|[*_]{0,3}(?![\w.]))"
_END: Final = r"(?:[.:)．：।۔։။](?![0-9])|[ \t]?[—–-](?![0-9])|(?![\w.]))[.]?[*_]{0,3}"
_LEAD_HEADED: Final = r"\n[ \t]{0,3}(#{1,6}[ \t]{1,4})"
_LEAD_MARKDOWN: Final = (
    r"\n[ \t]{0,60}(?:[-•·'’`ˆ^~_.,°]{1,3}[ \t]{1,2})?(#{1,6}[ \t]{1,4})?[*_]{0,3}"
)
_LEAD_PLAIN: Final = r"\n[ \t]{0,60}(#{1,6}[ \t]{1,4})?"
_LEAD_INLINE: Final = r"[ \t]{0,2}(?:[-–—―][ \t]{0,2})?"
_QUOTE: Final = "([\"'“”„«»‘’『「]{0,2})"
_ORDINAL: Final = "<ordinal>"


@dataclass(frozen=True, slots=True)
class Rule:
    """One way in which a unit can begin.

    Attributes:
        name: what findings and `cutter profile test` call it.
        kind: one of the closed core of kinds.
        alias: what the law calls this kind.
        token: how the address names it, or "" for a heading's own words.
        level: nesting depth; a smaller one stands above.
        role: one of ROLES.
        heading: one of HEADINGS.
        chain: one of CHAINS.
        depth: True if Markdown's number signs, where present, give the level.
        headed: True if only a Markdown heading can begin it.
        dotted: True if each dot of its number puts it one level deeper.
        inline: True if it may also begin right behind another mark on the same line.
        keyword: True if a word marks it (Điều, Section, §), not a bare number.
        gaps: one of GAPS.
        region: one of REGIONS.
        place: one of PLACES.
        numbering: how it counts.
        forms: the patterns of its marks, words filled in.
    """

    name: str
    kind: str
    alias: str
    token: str
    level: int
    role: str
    heading: str
    chain: str
    depth: bool
    headed: bool
    dotted: bool
    inline: bool
    keyword: bool
    gaps: str
    region: str
    place: str
    numbering: Numbering
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusRules:
    """How a status is told and which units count.

    Attributes:
        scope: enacted_only or all.
        default: status of a document that says nothing.
        keys: names of a status field, in lower case (front matter, or a line below a heading).
        words: status by what the text may call it, in lower case.
    """

    scope: str = "all"
    default: str = ""
    keys: tuple[str, ...] = ()
    words: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile, parsed, linted and compiled.

    Attributes:
        name: its name.
        toml_sha256: digest of its TOML bytes; pinned with the source.
        title: one line that says for which texts it is.
        languages: the languages of those texts (BCP 47).
        markdown: True if Markdown's marks are understood (number signs, bold, fences).
        rules: its rules, in order of precedence.
        status: its status cascade.
        specificity: percent; how much a match says that the text is of this kind (detect.py).
        hints: words that texts of this kind often hold.
        quotes: pairs of marks that open and close quoted text.
        labels: finds the forms at the beginnings of lines.
        inline: the alternation over the forms that may follow another mark on its line, if any.
        inline_arms: for each alternative of `inline`: its rule and whether it holds a number.
        readings: for each rule, the rules whose marks look the same and count otherwise.
    """

    name: str
    toml_sha256: str
    title: str
    languages: tuple[str, ...]
    markdown: bool
    rules: tuple[Rule, ...]
    status: StatusRules
    specificity: int
    hints: tuple[str, ...]
    quotes: tuple[tuple[str, str], ...]
    labels: Matcher
    inline: re.Pattern[str] | None
    inline_arms: dict[int, tuple[int, bool]]
    readings: tuple[tuple[int, ...], ...]


def parse_profile(toml: bytes) -> Profile:
    """The profile that these bytes describe.

    Raises:
        StopRefusedInput: it is no profile, or a rule of it is wrong; the sentence says which.
    """
    if len(toml) > PROFILE_BYTES_MAX:
        raise _refuse(f"the profile is longer than {PROFILE_BYTES_MAX} bytes")
    try:
        text = unicodedata.normalize("NFC", toml.decode("utf-8"))
        data = tomllib.loads(text)
    except RecursionError as error:
        raise _refuse("the profile nests too deeply") from error
    except ValueError as error:  # bytes that are not UTF-8, no TOML, a number of a thousand digits
        raise _refuse(f"the profile is not TOML: {error}") from error
    fields = Fields(data, "profile")
    schema = fields.text("schema")
    if schema != SCHEMA:
        raise _refuse(f"the profile says schema {schema!r}, expected {SCHEMA!r}")
    name = fields.text("name")
    if not PROFILE_NAME_RE.fullmatch(name):
        raise _refuse(f"the profile's name {name!r} is not lower-case letters, digits and dashes")
    markdown = fields.flag("markdown", default=False)
    rules = tuple(_rule(item) for item in fields.tables("rule"))
    _check_rules(rules)
    status = _status(fields.table("status"))
    quotes = tuple(_pair(item) for item in fields.texts("quotes"))
    title = fields.text("title")
    specificity = fields.number("specificity", default=100)
    if not 0 < specificity <= SPECIFICITY_MAX:
        raise _refuse(f"the profile's specificity is {specificity}, expected 1 to 100")
    hints = fields.texts("hints", default=())
    languages = fields.texts("languages")
    fields.finish()
    lead = _LEAD_MARKDOWN if markdown else _LEAD_PLAIN
    if all(rule.headed for rule in rules):
        lead = _LEAD_HEADED
    inline, inline_arms = _beside(rules)
    return Profile(
        name=name,
        toml_sha256=hashlib.sha256(toml).hexdigest(),
        title=title,
        languages=languages,
        markdown=markdown,
        rules=rules,
        status=status,
        specificity=specificity,
        hints=hints,
        quotes=quotes,
        labels=Matcher(lead + _QUOTE, _arms(rules)),
        inline=inline,
        inline_arms=inline_arms,
        readings=_readings(rules),
    )


def _refuse(fact: str) -> StopRefusedInput:
    return StopRefusedInput(
        fact, expected="a linted text profile", remedy="cutter profile test FILE PROFILE"
    )


def _pair(text: str) -> tuple[str, str]:
    if len(text) != 2:  # noqa: PLR2004 -- a pair is two
        raise _refuse(f"quotes holds {text!r}, expected an opening and a closing mark")
    return text[0], text[1]


def _choice(value: str, allowed: tuple[str, ...], what: str) -> str:
    if value not in allowed:
        raise _refuse(f"{what} is {value!r}, expected one of {', '.join(allowed)}")
    return value


def _rule(fields: Fields) -> Rule:
    name = fields.text("name")
    where = f"rule {name!r}"
    kind = fields.text("kind")
    if kind not in KINDS:
        raise _refuse(f"{where} names the kind {kind!r}, which is not one of {len(KINDS)} kinds")
    numbering_name = fields.text("numbering", default="none")
    if numbering_name not in NUMBERINGS:
        raise _refuse(f"{where} counts in {numbering_name!r}; known: {', '.join(NUMBERINGS)}")
    numbering = NUMBERINGS[numbering_name]
    words = fields.texts("words", default=())
    token = fields.text("token", default="")
    if token and not _TOKEN_RE.fullmatch(token):
        raise _refuse(f"{where} has the token {token!r}: letters, digits and dashes only")
    level = fields.number("level")
    if not 0 < level <= SPINE_LEVEL_MAX:
        raise _refuse(f"{where} has level {level}, expected 1 to {SPINE_LEVEL_MAX}")
    rule = Rule(
        name=name,
        kind=kind,
        alias=fields.text("alias", default=token or name),
        token=token,
        level=level,
        role=_choice(fields.text("role", default="unit"), ROLES, f"role of {where}"),
        heading=_choice(fields.text("heading", default="line"), HEADINGS, f"heading of {where}"),
        chain=_choice(fields.text("chain", default="parent"), CHAINS, f"chain of {where}"),
        depth=fields.flag("depth", default=False),
        headed=fields.flag("headed", default=False),
        dotted=fields.flag("dotted", default=False),
        inline=fields.flag("inline", default=False),
        keyword=fields.flag("keyword", default=bool(words)),
        gaps=_choice(fields.text("gaps", default="rare"), GAPS, f"gaps of {where}"),
        region=_choice(fields.text("region", default=""), REGIONS, f"region of {where}"),
        place=_choice(fields.text("place", default="anywhere"), PLACES, f"place of {where}"),
        numbering=numbering,
        forms=tuple(_form(form, words, numbering, where) for form in fields.texts("forms")),
    )
    fields.finish()
    if not rule.forms:
        raise _refuse(f"{where} has no forms")
    return rule


def _form(form: str, words: tuple[str, ...], numbering: Numbering, where: str) -> str:
    """One form as a pattern: words, number, separator and spaces filled in, then linted."""
    if _is_numbered(form) != bool(numbering.pattern):
        raise _refuse(f"{where}: <num> in its forms and its numbering must go together")
    if form.count("<num>") + form.count(_ORDINAL) > 1 or ("<word>" in form and not words):
        raise _refuse(f"{where}: one <num> a form at most, and <word> only where words are given")
    both = sorted({case for word in words for case in (word, word.upper())})
    spaced = form.replace("<s>", "[ \\t]{1,4}").replace("<gap>", "[ \\t]{0,4}")
    spaced = spaced.replace("<sep>", _SEPARATOR).replace("<end>", _END)
    counted = spaced.replace("<num>", "(?:0)").replace(_ORDINAL, "(?:0)")
    lint_pattern(counted.replace("<word>", "(?:0)"), where)
    spaced = spaced.replace("<word>", one_of(both))
    if re.match(spaced.replace("<num>", "0").replace(_ORDINAL, "0"), ""):
        raise _refuse(f"{where}: a form matches nothing at all, so every line would begin a unit")
    return spaced


def _check_rules(rules: tuple[Rule, ...]) -> None:
    if not 0 < len(rules) <= RULES_MAX:
        raise _refuse(f"the profile has {len(rules)} rules, expected 1 to {RULES_MAX}")
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _refuse(f"two rules are called {twice[0]!r}")
    if not any(rule.role == "unit" for rule in rules):
        raise _refuse("no rule makes units")


def _status(fields: Fields | None) -> StatusRules:
    if fields is None:
        return StatusRules()
    words = {
        word.casefold(): status
        for status, names in fields.text_lists("words").items()
        for word in (*names, status)
    }
    default = fields.text("default", default="enacted")
    scope = _choice(fields.text("scope", default="all"), SCOPES, "status scope")
    keys = tuple(key.casefold() for key in fields.texts("keys", default=("status",)))
    fields.finish()
    if default not in words.values():
        raise _refuse(f"the default status {default!r} is not among the status words")
    return StatusRules(scope=scope, default=default, keys=keys, words=words)


def _arms(rules: Sequence[Rule]) -> list[Arm]:
    """All forms in the order in which they are tried; those with ordinal words come last."""
    arms = [
        Arm(
            _filled(form, rule),
            index,
            _is_numbered(form),
            rule.headed,
            form.startswith(_ORDINAL),
        )
        for index, rule in enumerate(rules)
        for form in rule.forms
    ]
    worded = [_ORDINAL in form for rule in rules for form in rule.forms]
    last = [arm for arm, word in zip(arms, worded, strict=True) if word]
    return [arm for arm, word in zip(arms, worded, strict=True) if not word] + last


def _filled(form: str, rule: Rule) -> str:
    """The form with the pattern of its number filled in as its one group."""
    counted = form.replace("<num>", f"({rule.numbering.pattern})")
    return counted.replace(_ORDINAL, f"({ORDINAL_WORD_PATTERN})")


def _is_numbered(form: str) -> bool:
    return "<num>" in form or _ORDINAL in form


def _beside(
    rules: Sequence[Rule],
) -> tuple[re.Pattern[str] | None, dict[int, tuple[int, bool]]]:
    """The forms of inline rules as one alternation; for each of its outer groups the rule and number."""
    arms: dict[int, tuple[int, bool]] = {}
    parts: list[str] = []
    firsts: list[str | None] = []
    group = 1
    for index, rule in enumerate(rules):
        for form in rule.forms if rule.inline else ():
            numbered = _is_numbered(form)
            arms[group] = (index, numbered)
            parts.append(f"({_filled(form, rule)})")
            firsts.append(first_characters(parts[-1]))
            group += 2 if numbered else 1
    if not parts:
        return None, arms
    known = [first for first in firsts if first]
    ahead = f"(?=[{''.join(known)}])" if len(known) == len(firsts) else ""
    return re.compile(f"{_LEAD_INLINE}{ahead}(?:{'|'.join(parts)})"), arms


def _readings(rules: tuple[Rule, ...]) -> tuple[tuple[int, ...], ...]:
    """For each rule, the others that share a form with it."""
    return tuple(
        tuple(
            index
            for index, other in enumerate(rules)
            if other is not rule and set(other.forms).intersection(rule.forms)
        )
        for rule in rules
    )
