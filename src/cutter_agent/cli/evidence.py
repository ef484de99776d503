"""`cutter evidence`: a run's evidence as one file, and the check of such a file without a database."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cutter_agent.cli.main import SuggestingGroup
from cutter_agent.cli.names import run_argument
from cutter_agent.cli.output import Output, seen, speaks, wrapped
from cutter_agent.cli.run_view import DONE, FAILED
from cutter_agent.errors import EXIT_DONE, StopEvidenceMismatch, StopRefusedInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cutter_agent.evidence.bundle import BundleContents
    from cutter_agent.evidence.bundle_check import BundleCheck, KnownKeys
    from cutter_agent.evidence.canonical import Json

KNOWN_BYTES_MAX: Final = 64 * 1024
_KNOWN: Final = re.compile(r"(executor|verifier|policy) ([0-9a-f]{64})|(log) (\S+)")
_SELF_TRUST: Final = (
    "Trusted: nothing from elsewhere. The keys in the bundle agree with themselves, and whoever makes "
    "keys can make a bundle: compare the ids, or name --known FILE or --policy FILE."
)


@click.group(cls=SuggestingGroup)
def command() -> None:
    """Export a run's evidence, and check it."""


@command.command()
@run_argument()
@click.option(
    "-o", "--output", "file", type=click.Path(path_type=Path), required=True, help="The file."
)
@speaks()
def export(run: str, *, file: Path, out: Output) -> None:
    """Write a run's evidence to one file.

    Everything a stranger needs to check a run that is closed out, in one ZIP: requests and their
    signatures, both machines' statements, all documents, plan, units, trust policy, public keys, and a
    README with the commands of ssh-keygen, openssl and sha256sum. The same run gives the same bytes.

    Example: cutter evidence export RUN -o run.zip
    """
    from cutter_agent.bootstrap.evidence import export_run
    from cutter_agent.bootstrap.standing import context_of
    from cutter_agent.cli.session import opened
    from cutter_agent.cli.written import write_whole
    from cutter_agent.evidence.bundle import read_bundle
    from cutter_agent.evidence.canonical import sha256_hex

    with opened(out) as desk:
        data = export_run(desk, context_of(desk, run))
    write_whole(file, data)
    contents = read_bundle(data)
    document: dict[str, Json] = {
        "schema": "cutter.evidence-export/1",
        "run_id": contents.run_id,
        "document_id": contents.document_id,
        "simulated": contents.simulated,
        "file": str(file),
        "bytes": len(data),
        "sha256": sha256_hex(data),
        "keys": _keys(contents),
    }
    out.data(
        document,
        lambda: [
            f"{contents.run_id}  {seen(contents.document_id)}{_simulated(contents)}",
            f"  {seen(str(file))}  {len(data)} bytes",
            f"  sha256 {sha256_hex(data)}",
            *_key_lines(contents),
            f"Next   cutter evidence verify {seen(str(file))} --offline",
        ],
    )


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Use the file alone; this is always so.")
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    help="A trust policy that you trust: the run's must be this one.",
)
@click.option(
    "--known",
    type=click.Path(path_type=Path),
    help="Keys that you trust, as `cutter evidence keys` writes them.",
)
@speaks()
def verify(
    file: Path, *, offline: bool, policy: Path | None, known: Path | None, out: Output
) -> int:
    """Check a bundle without any database.

    Reads the file and nothing else: no deployment, no database, no network. Exits with 16 if a check
    does not hold. By itself a bundle can only agree with itself; --policy and --known compare it with
    what you got from elsewhere.

    Example: cutter evidence verify run.zip --offline --known keys.txt
    """
    del offline
    from cutter_agent.bootstrap.evidence import check_bundle
    from cutter_agent.cli.source_file import read_file
    from cutter_agent.evidence.archive import ARCHIVE_BYTES_MAX
    from cutter_agent.evidence.bundle import read_bundle

    data = read_file(file, ARCHIVE_BYTES_MAX, remedy="ls -l FILE")
    trusted = _trusted(policy, known)
    checks = check_bundle(data, trusted)
    ok = all(check.held for check in checks)
    contents = read_bundle(data) if checks[0].held else None
    document: dict[str, Json] = {
        "schema": "cutter.evidence-check/1",
        "ok": ok,
        "checks": [{"id": c.id, "held": c.held, "because": c.because} for c in checks],
        "run_id": None if contents is None else contents.run_id,
        "document_id": None if contents is None else contents.document_id,
        "simulated": None if contents is None else contents.simulated,
        "keys": {} if contents is None else _keys(contents),
        "trusted": _trust(trusted),
        "exit_status": EXIT_DONE if ok else StopEvidenceMismatch.exit_status,
    }
    out.data(document, lambda: _lines(checks, contents, trusted, out))
    return EXIT_DONE if ok else StopEvidenceMismatch.exit_status


@command.command()
@speaks()
def keys(*, out: Output) -> None:
    """Show what a reader may trust.

    The ids of this deployment's machine keys and the digest of its newest trust policy, in the form
    that `cutter evidence verify --known FILE` reads. Give it to readers by another way than bundles.

    Example: cutter evidence keys > keys.txt
    """
    from cutter_agent.bootstrap.evidence import known_here
    from cutter_agent.cli.session import opened

    with opened(out) as desk:
        here = known_here(desk)
    document: dict[str, Json] = {"schema": "cutter.evidence-keys/1", **_trust(here)}
    out.data(document, lambda: [f"{name} {value}" for name, value in _trust(here).items()])


def _trusted(policy: Path | None, known: Path | None) -> KnownKeys | None:
    """Return what the reader trusts, or None where nothing was named."""
    from cutter_agent.cli.source_file import read_file
    from cutter_agent.evidence.bundle_check import KnownKeys
    from cutter_agent.evidence.canonical import sha256_hex

    if policy is None and known is None:
        return None
    named = {} if known is None else _read_known(known)
    if policy is not None:
        digest = sha256_hex(read_file(policy, KNOWN_BYTES_MAX * 16, remedy="ls -l FILE"))
        if named.setdefault("policy", digest) != digest:
            raise StopRefusedInput(
                "--policy and --known name two trust policies",
                expected="one of them, or both for the same policy",
                remedy="cutter evidence verify --help",
            )
    return KnownKeys(
        executor_key_id=named.get("executor"),
        verifier_key_id=named.get("verifier"),
        policy_sha256=named.get("policy"),
        log_key=named.get("log"),
    )


def _read_known(path: Path) -> dict[str, str]:
    """Return the named keys of a file: `executor ID`, `verifier ID`, `policy DIGEST`, `log KEY`.

    Raises:
        StopRefusedInput: a line of another form, a name twice, or nothing at all.
    """
    from cutter_agent.cli.source_file import read_file

    named: dict[str, str] = {}
    text = read_file(path, KNOWN_BYTES_MAX, remedy="ls -l FILE").decode("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _KNOWN.fullmatch(line.strip())
        name = "" if found is None else found[1] or found[3]
        if found is None or name in named:
            raise StopRefusedInput(
                f"line {number} of the known keys is {line[:60]!a}",
                expected="executor ID, verifier ID, policy DIGEST or log KEY, each at most once",
                remedy="cutter evidence keys > keys.txt",
            )
        named[name] = found[2] or found[4]
    if not named:
        raise StopRefusedInput(
            "the file of known keys names none",
            expected="lines as `cutter evidence keys` writes them",
            remedy="cutter evidence keys > keys.txt",
        )
    return named


def _trust(trusted: KnownKeys | None) -> dict[str, Json]:
    if trusted is None:
        return {}
    named = {
        "executor": trusted.executor_key_id,
        "verifier": trusted.verifier_key_id,
        "policy": trusted.policy_sha256,
        "log": trusted.log_key,
    }
    return {name: value for name, value in named.items() if value is not None}


def _keys(contents: BundleContents) -> dict[str, Json]:
    from cutter_agent.evidence.canonical import sha256_hex
    from cutter_agent.evidence.ed25519 import key_id

    ids: dict[str, Json] = {
        "executor": key_id(contents.executor_key),
        "verifier": key_id(contents.verifier_key),
        "policy": sha256_hex(contents.policy),
    }
    return ids if contents.log_key is None else {**ids, "log": contents.log_key.line}


def _key_lines(contents: BundleContents) -> list[str]:
    persons = sorted({f"{one.person} {one.key.fingerprint}" for one in contents.signers})
    machines = [f"  {name:<8}  {value}" for name, value in _keys(contents).items()]
    return [*machines, *(f"  person    {person}" for person in persons)]


def _lines(
    checks: Sequence[BundleCheck],
    contents: BundleContents | None,
    trusted: KnownKeys | None,
    out: Output,
) -> list[str]:
    lines = []
    if contents is not None:
        lines.append(f"{contents.run_id}  {seen(contents.document_id)}{_simulated(contents)}")
    for check in checks:
        mark = out.styled(DONE, "green") if check.held else out.styled(FAILED, "red")
        lines += wrapped(f"{mark} {check.id}: {seen(check.because)}", out.columns, later="  ")
    if contents is not None:
        lines += _key_lines(contents)
    named = ", ".join(_trust(trusted))
    said = f"Trusted, as you named it: {named}." if named else _SELF_TRUST
    lines += wrapped(said, out.columns)
    failed = [check.id for check in checks if not check.held]
    if failed:
        lines += wrapped(f"{StopEvidenceMismatch.code}: {', '.join(failed)}", out.columns)
    return lines


def _simulated(contents: BundleContents) -> str:
    return "  SIMULATED: nothing of it was written to a database" if contents.simulated else ""
