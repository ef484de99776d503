"""`cutter init`: make a deployment, or bring one up to date."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from cutter_agent.cli.output import Output, seen, speaks

if TYPE_CHECKING:
    from cutter_agent.bootstrap.founding import Founded
    from cutter_agent.evidence.canonical import Json


@click.command()
@click.option("--operator", metavar="NAME", help="Who starts runs here; may never approve one.")
@click.option(
    "--execution-enabled/--execution-disabled",
    default=None,
    help="The first lock of live work. Default: as it is; of a new deployment, disabled.",
)
@click.option("--demo", is_flag=True, help="Mend a demo's deployment; it stays a demo's.")
@click.option(
    "--new-passwords",
    is_flag=True,
    help="Give our roles new passwords on a server that has them for another deployment.",
)
@speaks()
def command(
    *,
    operator: str | None,
    execution_enabled: bool | None,
    demo: bool,
    new_passwords: bool,
    out: Output,
) -> None:
    """Make a deployment.

    Makes what is missing in CUTTER_HOME and in the database: schema, roles with passwords in files,
    machine keys, a key for backups, settings, folders. What is there stays; to run it again changes
    nothing. With CUTTER_DATABASE_URL set, the database is that one, and no server is started.

    Example: cutter init --operator carol
    """
    from cutter_agent.bootstrap import home_of
    from cutter_agent.bootstrap.founding import Founding, found

    wanted = Founding(
        operator=operator,
        execution_enabled=execution_enabled,
        demo=demo,
        new_passwords=new_passwords,
    )
    founded = found(home_of(os.environ), os.environ, wanted, on_progress=out.say)
    out.data(_document(founded), lambda: _lines(founded))


def _document(founded: Founded) -> dict[str, Json]:
    settings = founded.settings
    return {
        "schema": "cutter.init/1",
        "home": str(founded.home.root),
        "operator": settings.operator,
        "execution_enabled": settings.execution_enabled,
        "candidate_cap": settings.candidate_cap,
        "demo": settings.demo,
        "database": {"server": settings.database.server.value, "name": settings.database.name},
        "done": [
            {"what": each.what, "where": each.where, "new": each.new} for each in founded.done
        ],
        "next": list(_next(founded)),
    }


def _lines(founded: Founded) -> list[str]:
    settings = founded.settings
    lines = [f"Deployment in {seen(str(founded.home.root))}"]
    for each in founded.done:
        glyph = "made " if each.new else "there"
        lines.append(f"  {glyph}  {each.what:<12}  {seen(each.where)}")
    enabled = "enabled" if settings.execution_enabled else "disabled"
    lines += [f"Operator {settings.operator}; live execution is {enabled} in the settings.", ""]
    return lines + [
        f"{'Next' if n == 0 else '':<6} {line}" for n, line in enumerate(_next(founded))
    ]


def _next(founded: Founded) -> tuple[str, ...]:
    if founded.home.policy.exists():
        return ("cutter source add FILE --code CODE", "cutter doctor")
    return (
        "cutter keys new PERSON            (for each person who will approve)",
        "cutter policy propose --person NAME=PUBKEYFILE ...",
        "cutter policy sign --person NAME  (by each of them)",
        "cutter source add FILE --code CODE",
    )
