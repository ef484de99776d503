"""`cutter profile`: the text profiles there are, one of them in full, and one tried on a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cutter_agent.cli.main import SuggestingGroup
from cutter_agent.cli.output import Output, aligned, clipped, seen, speaks, wrapped
from cutter_agent.errors import StopRefusedInput

if TYPE_CHECKING:
    from cutter_agent.cli.source_file import Chosen
    from cutter_agent.document.grammar import Profile, Rule
    from cutter_agent.document.shelf import Shelf
    from cutter_agent.document.trial import Match, Trial
    from cutter_agent.evidence.canonical import Json

SHOWN: Final = 12
"""Matches of one rule that a person sees unless more are asked for."""


@click.group(cls=SuggestingGroup)
def command() -> None:
    """List, show and try text profiles."""


@command.command("list")
@speaks()
def list_(*, out: Output) -> None:
    """List the text profiles.

    Those that ship, and the deployment's own: the .toml files in the folder profiles of its home. One
    that is not sound is listed with what is wrong with it.

    Example: cutter profile list
    """
    from cutter_agent.bootstrap.profiles import open_shelf

    shelf = open_shelf(os.environ)
    rows = [_listed(shelf, name) for name in shelf.names]
    head = ("profile", "origin", "rules", "languages", "title")
    lines = [
        tuple(seen(str(row[key])) for key in ("name", "origin", "rules", "languages_", "title"))
        for row in rows
    ]
    document: dict[str, Json] = {
        "schema": "cutter.profiles/1",
        "profiles": [
            {key: value for key, value in row.items() if not key.endswith("_")} for row in rows
        ],
    }
    out.data(
        document,
        lambda: [*aligned(head, lines, out.columns), "", "Next   cutter profile show NAME"],
    )


def _listed(shelf: Shelf, name: str) -> dict[str, Json]:
    row: dict[str, Json] = {"name": name, "origin": shelf.origin(name), "sound": True}
    try:
        profile = shelf.profile(name)
    except StopRefusedInput as stop:
        return row | {
            "sound": False,
            "rules": 0,
            "languages": [],
            "languages_": "",
            "title": f"NOT SOUND: {stop.fact}",
            "sha256": None,
        }
    return row | {
        "rules": len(profile.rules),
        "languages": list(profile.languages),
        "languages_": " ".join(profile.languages),
        "title": profile.title,
        "sha256": profile.toml_sha256,
    }


@command.command()
@click.argument("name")
@click.option("--toml", is_flag=True, help="Write the file itself: a pattern for one of your own.")
@speaks()
def show(name: str, *, toml: bool, out: Output) -> None:
    """Show a profile.

    NAME is a shipped profile, one of the deployment's own, or a .toml file.

    Example: cutter profile show vn-law
    """
    from cutter_agent.cli.source_file import choose_profile

    chosen = choose_profile(b"", _named(name))
    if toml:
        sys.stdout.flush()
        sys.stdout.buffer.write(chosen.toml)
        sys.stdout.buffer.flush()
        return
    out.data(_profile_json(chosen), lambda: _profile_lines(chosen.profile, out))


def _named(name: str) -> str:
    """The name, if it is one; here nothing can be detected.

    Raises:
        StopRefusedInput: it asks for detection.
    """
    if name == "auto":
        raise StopRefusedInput(
            "auto is no profile", expected="the name of one", remedy="cutter profile list"
        )
    return name


def _profile_json(chosen: Chosen) -> dict[str, Json]:
    profile = chosen.profile
    return {
        "schema": "cutter.profile-shown/1",
        "name": profile.name,
        "title": profile.title,
        "sha256": profile.toml_sha256,
        "languages": list(profile.languages),
        "markdown": profile.markdown,
        "specificity": profile.specificity,
        "hints": list(profile.hints),
        "quotes": ["".join(pair) for pair in profile.quotes],
        "rules": [_rule_json(rule) for rule in profile.rules],
        "status": {
            "scope": profile.status.scope,
            "default": profile.status.default,
            "keys": list(profile.status.keys),
            "words": dict(profile.status.words),
        },
    }


def _rule_json(rule: Rule) -> dict[str, Json]:
    return {
        "name": rule.name,
        "kind": rule.kind,
        "alias": rule.alias,
        "token": rule.token,
        "level": rule.level,
        "role": rule.role,
        "numbering": rule.numbering.name,
        "chain": rule.chain,
        "gaps": rule.gaps,
        "heading": rule.heading,
        "place": rule.place,
        "region": rule.region,
        "keyword": rule.keyword,
        "inline": rule.inline,
        "forms": list(rule.forms),
    }


def _profile_lines(profile: Profile, out: Output) -> list[str]:
    rows = [
        (
            seen(rule.name),
            rule.kind,
            str(rule.level),
            rule.role,
            rule.numbering.name,
            rule.chain,
            seen(rule.token) or "-",
        )
        for rule in profile.rules
    ]
    head = ("rule", "kind", "level", "role", "numbering", "chain", "token")
    return [
        *wrapped(f"{profile.name}: {seen(profile.title)}", out.columns),
        f"  sha256:{profile.toml_sha256}",
        *wrapped(f"  languages {seen(' '.join(profile.languages)) or '-'}", out.columns),
        *wrapped(
            f"  quotes {seen(' '.join(map(''.join, profile.quotes))) or '-'}, scope"
            f" {profile.status.scope}, {'Markdown' if profile.markdown else 'plain text'}",
            out.columns,
            first="",
        ),
        "",
        *aligned(head, rows, out.columns),
        "",
        f"Next   cutter profile show {profile.name} --toml",
    ]


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("profile")
@click.option("--rule", help="Only this rule.")
@click.option("--all", "all_", is_flag=True, help=f"Every match, not {SHOWN} of each rule.")
@speaks()
def test(file: Path, profile: str, *, rule: str | None, all_: bool, out: Output) -> None:
    """Try a profile on a file.

    Shows for each rule every place that it matched, what was taken, and why the rest was refused; then
    findings and coverage. FILE may be of any format that `cutter mark` reads; PROFILE is a name, a
    .toml file, or auto. Offsets are bytes of the text.

    Example: cutter profile test examples/vn-law-sample.md vn-law
    """
    from cutter_agent.cli.document_file import read_document
    from cutter_agent.cli.source_file import choose_profile, code_of
    from cutter_agent.document.trial import try_profile

    _, source, extracted = read_document(file)
    chosen = choose_profile(source, profile)
    names = [each.name for each in chosen.profile.rules]
    if rule is not None and rule not in names:
        raise StopRefusedInput(
            f"the profile {chosen.profile.name} has no rule {rule[:60]!a}",
            expected=", ".join(names),
            remedy=f"cutter profile show {chosen.profile.name}",
        )
    code = "".join(letter if letter not in "/~ \t\n" else "-" for letter in code_of(file))
    trial = try_profile(source, chosen.profile, code=code or "FILE")
    out.data(
        _trial_json(trial, chosen, rule), lambda: _trial_lines(file, trial, chosen, rule, all_, out)
    )
    if extracted is not None:
        out.say(f"The text was read from {extracted.media_type} (trust: {extracted.trust})")


def _trial_json(trial: Trial, chosen: Chosen, only: str | None) -> dict[str, Json]:
    from cutter_agent.cli.mark import detection_json

    document: dict[str, Json] = {
        "schema": "cutter.profile-test/1",
        "profile": chosen.profile.name,
        "profile_sha256": chosen.profile.toml_sha256,
        "detection": [dict(each) for each in detection_json(chosen)],
        "rules": [
            {
                "rule": each.rule,
                "kind": each.kind,
                "matched": each.matched,
                "taken": each.taken,
                "refused": [{"reason": why, "count": count} for why, count in each.refused],
            }
            for each in trial.rules
            if only in (None, each.rule)
        ],
        "matches": [
            {
                "rule": each.rule,
                "line": each.line,
                "start": each.start,
                "num": each.num,
                "text": each.text,
                "taken_as": each.taken_as or None,
                "reason": each.reason or None,
            }
            for each in trial.matches
            if only in (None, each.rule)
        ],
        "units": None,
        "why_none": trial.why_none or None,
        "findings": [],
        "coverage": None,
    }
    if trial.marked is not None:
        coverage = trial.marked.coverage
        document["units"] = len(trial.marked.candidates)
        document["findings"] = [
            {"code": f.code, "severity": f.severity, "start": f.start, "sentence": f.sentence}
            for f in trial.marked.findings
        ]
        document["coverage"] = {
            "candidate_bytes": coverage.candidate_bytes,
            "excluded_bytes": coverage.excluded_bytes,
            "non_content_bytes": coverage.non_content_bytes,
            "residue_bytes": coverage.residue_bytes,
            "unaccounted_bytes": coverage.unaccounted_bytes,
        }
    return document


def _trial_lines(
    file: Path,
    trial: Trial,
    chosen: Chosen,
    only: str | None,
    all_: bool,  # noqa: FBT001 -- the option as it was given
    out: Output,
) -> list[str]:
    """What a person reads: each rule with its places, then findings and coverage."""
    from cutter_agent.cli.mark import detection_lines

    lines = wrapped(f"{seen(str(file))}, tried with {chosen.profile.name}", out.columns)
    lines += detection_lines(chosen, out.columns)
    by_rule: dict[str, list[Match]] = {}
    for match in trial.matches:
        by_rule.setdefault(match.rule, []).append(match)
    silent = []
    for each in trial.rules:
        if only not in (None, each.rule):
            continue
        found = by_rule.get(each.rule, [])
        if not found and not each.taken:
            silent.append(each.rule)
            continue
        lines += ["", f"{each.rule} ({each.kind}): matched {each.matched}, taken {each.taken}"]
        shown = found if all_ else found[:SHOWN]
        lines += [line for match in shown for line in _match_lines(match, out)]
        if len(shown) < len(found):
            lines.append(f"  … {len(found) - len(shown)} more: cutter profile test … --all")
    if silent:
        lines += ["", *wrapped(f"matched nothing: {', '.join(silent)}", out.columns)]
    return [*lines, "", *_outcome(trial, out)]


def _match_lines(match: Match, out: Output) -> list[str]:
    sign = "+" if match.taken_as else "-"
    head = f"  {sign} line {match.line}, byte {match.start}: {seen(match.text)}"
    lines = [clipped(head, out.columns)]
    if match.reason:
        lines.append(clipped(f"      refused: {match.reason}", out.columns))
    elif match.taken_as != match.rule:
        lines.append(clipped(f"      taken as {match.taken_as}", out.columns))
    return lines


def _outcome(trial: Trial, out: Output) -> list[str]:
    marked = trial.marked
    if marked is None:
        return wrapped(f"No units: {trial.why_none}", out.columns)
    coverage = marked.coverage
    lines = wrapped(
        f"{len(marked.candidates)} units, {len(marked.excluded)} excluded; of {marked.byte_len} bytes"
        f" {coverage.candidate_bytes} in units, {coverage.excluded_bytes} excluded,"
        f" {coverage.non_content_bytes} no content, {coverage.residue_bytes} residue,"
        f" {coverage.unaccounted_bytes} unaccounted",
        out.columns,
    )
    if marked.findings:
        rows = [(f.severity, f.code, str(f.start), seen(f.sentence)) for f in marked.findings]
        lines += ["", *aligned(("severity", "code", "byte", "finding"), rows, out.columns)]
    return lines
