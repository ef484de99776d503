"""The checkup of a deployment: everything that it stands on, looked at once, with what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from cutter_agent.bootstrap.access import Tell, open_access, say_nothing
from cutter_agent.bootstrap.desk import Desk
from cutter_agent.bootstrap.home import Home, home_of
from cutter_agent.bootstrap.settings import Settings, read_settings
from cutter_agent.errors import Stop
from cutter_agent.orchestrator.approval import CLOCK_SKEW_S
from cutter_agent.orchestrator.grants import LOGIN_ROLES, ROLE_READER

SKEW_SEEN_S: Final = 5.0
"""From here on a difference between two clocks is worth a word."""
PRIVATE_MASK: Final = 0o077
FOUND_MAX: Final = 8
"""How many things a row names."""


class Level(StrEnum):
    """How a check came out."""

    OK = "ok"
    WEAKER = "weaker"
    """It works; the sentence says what is missing for the full protection."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Row:
    """One check: what was looked at, how it is, and the command that mends it."""

    name: str
    level: Level
    sentence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Checkup:
    """Every check of one deployment."""

    home: Home
    settings: Settings
    rows: tuple[Row, ...]

    @property
    def sound(self) -> bool:
        """True if nothing is broken."""
        return all(row.level is not Level.BROKEN for row in self.rows)


def checkup(environ: Mapping[str, str], *, on_progress: Tell = say_nothing) -> Checkup:
    """Everything that the deployment stands on was looked at; nothing was changed.

    Raises:
        StopRefusedInput: there is no deployment, or its settings say something unknown.
    """
    home = home_of(environ)
    settings = read_settings(home)
    rows = [*_files(home), *_guarded("programs", lambda: _programs(home, settings, environ))]
    try:
        access = open_access(home, settings.database, environ, on_progress=on_progress)
    except Stop as stop:
        rows.append(_of(stop, "database"))
        return Checkup(home, settings, _mending(settings, rows))
    with Desk(home, settings, access) as desk:
        parts: tuple[tuple[str, Callable[[Desk], Iterable[Row]]], ...] = (
            ("logins", _logins),
            ("walls", _walls),
            ("clock", _clock),
            ("locks", _locks),
            ("policy", _policy),
            ("workers", _workers),
        )
        for name, part in parts:
            rows += _guarded(name, lambda part=part: part(desk))  # type: ignore[misc]
    return Checkup(home, settings, _mending(settings, rows))


def _mending(settings: Settings, rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows with remedies that work here: on a demo's deployment `cutter init` must be told so."""
    if not settings.demo:
        return tuple(rows)
    command = "cutter init"
    return tuple(
        replace(row, remedy=row.remedy.replace(command, f"{command} --demo")) for row in rows
    )


def _guarded(name: str, look: Callable[[], Iterable[Row]]) -> list[Row]:
    """The rows of a look, or the one that says why it could not be taken."""
    rows: list[Row] = []
    try:
        rows.extend(look())
    except Stop as stop:
        rows.append(_of(stop, name))
    return rows


def _of(stop: Stop, name: str) -> Row:
    remedy = "" if "{" in stop.remedy or stop.remedy == "cutter doctor" else stop.remedy
    findings = "".join(f"\n{finding}" for finding in stop.findings)
    return Row(name, Level.BROKEN, f"{stop.sentence}{findings}", remedy)


def _files(home: Home) -> Iterator[Row]:
    open_paths = [path for path in _private_paths(home) if path.stat().st_mode & PRIVATE_MASK]
    if open_paths:
        yield Row(
            "private_files",
            Level.BROKEN,
            f"others may read or enter {', '.join(map(str, open_paths))}",
            f"chmod -R go= {' '.join(map(str, open_paths))}",
        )
    else:
        yield Row("private_files", Level.OK, "settings, passwords and keys are their owner's alone")
    yield from _guarded("machine_keys", lambda: _machine_keys(home))
    yield from _guarded("backup_key", lambda: _backup_key(home))


def _private_paths(home: Home) -> Iterator[Path]:
    """What nobody else may read: signatures and public halves are for everybody."""
    for path in (home.settings, *home.folders):
        if path.exists():
            yield path
    for folder in (home.secrets, home.keys):
        if folder.is_dir():
            yield from (path for path in sorted(folder.iterdir()) if path.is_file())
    if home.persons.is_dir():
        yield from sorted(home.persons.glob("*/id_ed25519"))


def _machine_keys(home: Home) -> Iterator[Row]:
    from cutter_agent.crypto.machine_keys import load_machine_key

    executor, verifier = load_machine_key(home.executor_key), load_machine_key(home.verifier_key)
    if executor.key_id == verifier.key_id:
        yield Row(
            "machine_keys",
            Level.BROKEN,
            "executor and verifier have the same key, so neither watches the other",
            f"rm {home.verifier_key}; cutter init",
        )
    else:
        yield Row("machine_keys", Level.OK, "executor and verifier each have a key of their own")


def _backup_key(home: Home) -> Iterator[Row]:
    from cutter_agent.bootstrap.live import backup_recipients

    count = len(backup_recipients(home))
    if home.backup_identity.exists():
        yield Row(
            "backup_key",
            Level.WEAKER,
            f"{count} recipients of backups; the key that opens them lies on this machine",
            f"mv {home.backup_identity} TO_AN_OFFLINE_PLACE",
        )
    else:
        yield Row("backup_key", Level.OK, f"{count} recipients of backups, no key that opens them")


def _programs(home: Home, settings: Settings, environ: Mapping[str, str]) -> Iterator[Row]:
    from cutter_agent.bootstrap.live import dump_program
    from cutter_agent.bootstrap.settings import ServerKind
    from cutter_agent.postgres.binaries import find_binaries
    from cutter_agent.postgres.cluster import ClusterFiles, cluster_root

    bin_dir = None
    if settings.database.server is ServerKind.EMBEDDED:
        major = ClusterFiles(cluster_root(home.root)).data_major
        found = find_binaries(environ, major=major)
        bin_dir = found.bin_dir
        version = ".".join(map(str, found.version))
        yield Row("server_programs", Level.OK, f"PostgreSQL {version} in {found.bin_dir}")
    yield Row("dump_program", Level.OK, f"{dump_program(bin_dir)}")


def _logins(desk: Desk) -> Iterator[Row]:
    from cutter_agent.postgres.connect import connected

    for role in LOGIN_ROLES:
        with connected(desk.access.login(role), application="cutter doctor"):
            pass
    yield Row("logins", Level.OK, f"all {len(LOGIN_ROLES)} roles log in with their own passwords")


def _walls(desk: Desk) -> Iterator[Row]:
    from cutter_agent.postgres.doctor import examine

    for wall in examine(desk.access.login(ROLE_READER)):
        if wall.stands:
            yield Row(wall.name, Level.OK, wall.sentence)
            continue
        level = Level.BROKEN if wall.required else Level.WEAKER
        remedy = "cutter init" if wall.required else "cutter init (as a superuser of the server)"
        lines = wall.found.splitlines()
        more = [f"and {len(lines) - FOUND_MAX} more"] if len(lines) > FOUND_MAX else []
        found = "\n".join(["Not true: " + wall.sentence, *lines[:FOUND_MAX], *more])
        yield Row(wall.name, level, found, remedy)


def _workers(desk: Desk) -> Iterator[Row]:
    from cutter_agent.bootstrap.working import engine_installed, engine_name
    from cutter_agent.postgres.work import queue_version, worker_count

    select = desk.select(ROLE_READER)
    found, looking = queue_version(select), worker_count(select)
    told = f"{looking} look for work now"
    if not engine_installed():
        yield Row(
            "workers", Level.OK, f"{told}; none can be started here without the extra `worker`"
        )
    elif found != engine_name():
        sentence = f"{told}; the database has no queue of {engine_name()} to tell them of runs"
        yield Row("workers", Level.WEAKER, sentence, "cutter init")
    else:
        yield Row("workers", Level.OK, f"{told}, told of runs by {found}")


def _clock(desk: Desk) -> Iterator[Row]:
    skew_s = abs((datetime.now(UTC) - desk.now_utc()).total_seconds())
    sentence = f"machine and database differ by {skew_s:.1f} s"
    if skew_s > CLOCK_SKEW_S:
        yield Row("clock", Level.BROKEN, sentence, "timedatectl status")
    elif skew_s > SKEW_SEEN_S:
        yield Row("clock", Level.WEAKER, sentence, "timedatectl status")
    else:
        yield Row("clock", Level.OK, sentence)


def _locks(desk: Desk) -> Iterator[Row]:
    enabled, armed = desk.settings.execution_enabled, desk.switch_armed()
    setting = "enabled" if enabled else "disabled"
    switch = "armed" if armed else "disarmed"
    live = "live runs may write, with signatures" if enabled and armed else "nothing writes live"
    yield Row("execution_locks", Level.OK, f"settings {setting}, switch {switch}: {live}")


def _policy(desk: Desk) -> Iterator[Row]:
    from cutter_agent.bootstrap.trust import proposal
    from cutter_agent.orchestrator.policy_explain import deciders

    policy = desk.policy()
    waiting = proposal(desk)
    if waiting is not None:
        yield Row(
            "policy_proposed",
            Level.OK,
            f"version {waiting.policy.version} waits: {'; '.join(waiting.verdict.missing)}",
            "cutter policy sign --person NAME",
        )
    if policy is None:
        yield Row(
            "policy",
            Level.WEAKER,
            "there is no trust policy, so nobody can approve a live run",
            "cutter policy propose --person NAME=PUBKEYFILE",
        )
        return
    yield Row("policy", Level.OK, f"version {policy.version}, sha256:{policy.sha256}")
    for rule in policy.gates:
        found = deciders(policy, rule.gate, desk.settings.operator, desk.now_utc())
        if len(found.may) < found.threshold:
            yield Row(
                f"policy_{rule.gate.name.lower()}",
                Level.WEAKER,
                f"{rule.gate} needs {found.threshold}, and {len(found.may)} could decide"
                f" in a run that {desk.settings.operator} starts",
                f"cutter policy explain {rule.gate.name}",
            )
