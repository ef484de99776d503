"""`cutter keys`: make a person's key, and list the keys of persons and machines that lie here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cutter_agent.cli.main import SuggestingGroup
from cutter_agent.cli.output import Output, aligned, seen, speaks

if TYPE_CHECKING:
    from cutter_agent.bootstrap.home import Home
    from cutter_agent.evidence.canonical import Json


@click.group(cls=SuggestingGroup)
def command() -> None:
    """Make and show keys."""


@command.command()
@click.argument("person")
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help="A file, readable by you alone, whose first line protects the key.",
)
@speaks()
def new(person: str, *, passphrase_file: Path | None, out: Output) -> None:
    """Make a person's key.

    An Ed25519 key in OpenSSH form in the home of the deployment. A key that the person has already,
    in ~/.ssh or in a hardware token, is as good: name its public file to `cutter policy propose`.

    Example: cutter keys new alice
    """
    from cutter_agent.bootstrap import home_of
    from cutter_agent.bootstrap.people import new_key
    from cutter_agent.bootstrap.settings import read_settings

    home = home_of(os.environ)
    read_settings(home)
    key = new_key(home, person, None if passphrase_file is None else _passphrase(passphrase_file))
    path = home.person_key(person)
    document: dict[str, Json] = {
        "schema": "cutter.key/1",
        "person": person,
        "fingerprint": key.fingerprint,
        "public_key": key.line,
        "private_file": str(path),
        "public_file": f"{path}.pub",
        "encrypted": passphrase_file is not None,
    }
    out.data(
        document,
        lambda: [
            f"{person}  {key.fingerprint}",
            f"  private  {seen(str(path))}",
            f"  public   {seen(str(path))}.pub",
            f"Next   cutter policy propose --person {person}={seen(str(path))}.pub",
        ],
    )
    if passphrase_file is None:
        out.say("The key has no passphrase: whoever can read its file can sign.")


@command.command("list")
@speaks()
def list_(*, out: Output) -> None:
    """List the keys that lie in this home.

    Example: cutter keys list
    """
    from cutter_agent.bootstrap import home_of
    from cutter_agent.bootstrap.settings import read_settings

    home = home_of(os.environ)
    read_settings(home)
    rows = [*_persons(home), *_machines(home), *_backups(home)]
    document: dict[str, Json] = {
        "schema": "cutter.keys/1",
        "keys": [
            {"of": of, "owner": owner, "key_id": key_id, "file": path}
            for of, owner, key_id, path in rows
        ],
    }
    head = ("of", "owner", "key")
    table = [(of, seen(owner), seen(key_id)) for of, owner, key_id, _path in rows]
    where = [f"Keys in {seen(str(home.root))}", ""]
    out.data(document, lambda: [*where, *aligned(head, table, out.columns)])


def _passphrase(path: Path) -> bytes:
    from cutter_agent.crypto.private_file import read_private_file

    return read_private_file(path).split(b"\n", 1)[0].rstrip(b"\r")


def _persons(home: Home) -> list[tuple[str, str, str, str]]:
    from cutter_agent.bootstrap.people import key_files

    return [
        (
            "person",
            each.person,
            "no public half" if each.public_key is None else each.public_key.fingerprint,
            str(each.path),
        )
        for each in key_files(home)
    ]


def _machines(home: Home) -> list[tuple[str, str, str, str]]:
    from cutter_agent.crypto.machine_keys import load_machine_key

    return [
        ("machine", path.stem, load_machine_key(path).key_id, str(path))
        for path in (home.executor_key, home.verifier_key, home.log_key)
        if path != home.log_key or path.exists()
    ]


def _backups(home: Home) -> list[tuple[str, str, str, str]]:
    from cutter_agent.bootstrap.live import backup_recipients

    where = str(home.backup_recipients)
    return [("backup", "recipient", each, where) for each in backup_recipients(home)]
