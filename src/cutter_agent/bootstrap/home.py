"""The home of a deployment: one private folder, and the one place where its file names are written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutter_agent.errors import StopRefusedInput

HOME_VARIABLE: Final = "CUTTER_HOME"
DATABASE_VARIABLE: Final = "CUTTER_DATABASE_URL"
SETTINGS: Final = "settings.toml"
POLICY: Final = "policy.json"
PROPOSAL: Final = "policy.proposed.json"
PERSON_KEY: Final = "id_ed25519"


@dataclass(frozen=True, slots=True)
class Home:
    """The paths of one deployment; nothing is made by naming them."""

    root: Path

    @property
    def settings(self) -> Path:
        """What the deployment's people decided: settings.toml."""
        return self.root / SETTINGS

    @property
    def secrets(self) -> Path:
        """The passwords of the database roles, one file a role."""
        return self.root / "secrets"

    def password(self, role: str) -> Path:
        """The file that holds this role's password and nothing else."""
        return self.secrets / f"{role}.pass"

    @property
    def keys(self) -> Path:
        """The keys of machines, and whom backups are encrypted to."""
        return self.root / "keys"

    @property
    def executor_key(self) -> Path:
        """The key that seals manifests."""
        return self.keys / "executor.key"

    @property
    def verifier_key(self) -> Path:
        """The key that seals verify results; never the executor's."""
        return self.keys / "verifier.key"

    @property
    def log_key(self) -> Path:
        """The key that signs the heads of the database's log."""
        return self.keys / "log.key"

    @property
    def backup_recipients(self) -> Path:
        """The age recipients of every backup, one a line."""
        return self.keys / "backup-recipients.txt"

    @property
    def backup_identity(self) -> Path:
        """The private half of the recipient that `cutter init` made; better kept offline."""
        return self.keys / "backup-identity.txt"

    @property
    def backups(self) -> Path:
        """The encrypted backups."""
        return self.root / "backups"

    @property
    def runs(self) -> Path:
        """Sidecars, documents and the index of runs (Contract 7)."""
        return self.root / "runs"

    @property
    def trust(self) -> Path:
        """The trust policy, its proposal, and their signatures."""
        return self.root / "trust"

    @property
    def policy(self) -> Path:
        """The trust policy that the database accepted last, as canonical bytes."""
        return self.trust / POLICY

    @property
    def proposal(self) -> Path:
        """The trust policy that waits for its signatures."""
        return self.trust / PROPOSAL

    @property
    def persons(self) -> Path:
        """The keys that `cutter keys new` made, one folder a person."""
        return self.root / "persons"

    @property
    def profiles(self) -> Path:
        """The deployment's own text profiles; made by whoever adds one."""
        return self.root / "profiles"

    def person_key(self, name: str) -> Path:
        """The file of the private key that was made here for this person."""
        return self.persons / name / PERSON_KEY

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder that a deployment has, for its owner alone."""
        return (
            self.secrets,
            self.keys,
            self.backups,
            self.runs,
            self.trust,
            self.persons,
            self.profiles,
        )

    @property
    def exists(self) -> bool:
        """True once there is a deployment here."""
        return os.path.lexists(self.settings)


def home_of(environ: Mapping[str, str]) -> Home:
    """The home that the environment names: CUTTER_HOME, else `cutter` in the XDG data folder.

    Raises:
        StopRefusedInput: the environment names no folder that can be one.
    """
    named = environ.get(HOME_VARIABLE, "")
    if not named:
        base = environ.get("XDG_DATA_HOME", "")
        # The XDG rule: a relative path counts as none.
        if not base.startswith("/"):
            owner = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - never raises
            base = os.path.join(owner, ".local", "share")  # noqa: PTH118 - text until it is checked
        named = f"{base}/cutter"
    if "\0" in named or not named.isprintable():
        raise StopRefusedInput(
            f"the path {named[:80]!a} cannot be a home",
            expected=f"a printable path in {HOME_VARIABLE}",
            remedy=f"{HOME_VARIABLE}=FOLDER cutter doctor",
        )
    # With no link in it: folders below refuse to be reached through one.
    return Home(Path(os.path.realpath(named)))
