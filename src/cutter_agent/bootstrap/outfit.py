"""Homes for workers on other machines: what driving a run takes, and no secret more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.home import SETTINGS, Home
from cutter_agent.bootstrap.settings import ServerKind, write_settings
from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator.grants import ROLE_EXEC, ROLE_READER, ROLE_VERIFY

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk

ROLES: Final = (ROLE_READER, ROLE_EXEC, ROLE_VERIFY)
"""The logins that driving takes. Who adds sources, arms the switch or brings signatures stays at home."""


def outfit(desk: Desk, folder: Path) -> tuple[str, ...]:
    """The folder is a home for a worker elsewhere; returns the files in it.

    It holds the settings, the passwords of the roles that drive, the keys that seal, the recipients of
    backups and the trust policy. It holds no person's key, no administrator's password, no private
    half of the backups, and not the log's key: whoever takes it can write what was approved, and approve
    nothing.

    Args:
        desk: the deployment that the worker is to work for.
        folder: a folder that does not exist, or an empty one.

    Raises:
        StopRefusedInput: the deployment's server is for this machine only, or the folder is in use.
        StopStorage: a file could not be written.
    """
    from cutter_agent.crypto.private_file import new_private_file
    from cutter_agent.files.durable import make_folder

    if desk.settings.database.server is not ServerKind.OUTSIDE:
        raise StopRefusedInput(
            "the server of this deployment listens to this machine only",
            expected="a deployment on a server that other machines reach (CUTTER_DATABASE_URL)",
            remedy="cutter worker",
        )
    target = Home(Path(os.path.realpath(folder)))
    if target.root.exists() and any(target.root.iterdir()):
        raise StopRefusedInput(
            f"the folder {target.root} is not empty",
            expected="a new folder",
            remedy="cutter worker --outfit ANOTHER_FOLDER",
        )
    for each in (target.root, *target.folders):
        make_folder(each)
    home = desk.home
    wanted = [home.executor_key, home.verifier_key, home.backup_recipients, home.policy]
    names = [str(path.relative_to(home.root)) for path in (*map(home.password, ROLES), *wanted)]
    for name in names:
        with new_private_file(target.root / name) as file:
            file.write((home.root / name).read_bytes())
    write_settings(target, desk.settings)
    return (*names, SETTINGS)
