"""`cutter`: read the words, find the command, and turn whatever happens into an exit status.

Nothing heavy is imported here: `cutter --version` costs what an empty command costs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import click

from cutter_agent.cli.commands import ROWS, SECTIONS

VERSION: Final = "0.1.0"
HELP_COLUMNS: Final = 80
_HELP: Final = (
    "Cut laws, charters and policies into numbered information units that anyone can check.\n\n"
    "A dry run changes nothing. A live cut waits twice for signed approvals. Every command has "
    "--help with an example, and --json."
)
_EARLY: Final = frozenset({"--version", "--help", "-h"})
"""Words that, alone, are answered without importing anything more."""


class SuggestingGroup(click.Group):
    """A group that names the nearest command when it is asked for one it does not have."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command and the words left for it.

        Raises:
            click.UsageError: there is no such command; the sentence names near ones.
        """
        name = args[0]
        if name.startswith("-") or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        from difflib import get_close_matches

        near = get_close_matches(name, self.list_commands(ctx), n=2)
        did_you_mean = f" Did you mean {' or '.join(near)}?" if near else ""
        raise click.UsageError(f"There is no command {name[:40]!a}.{did_you_mean}", ctx)


class CommandTable(SuggestingGroup):
    """The group of all commands; one is imported when it is called, none for the list of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return list(ROWS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command that the table names."""
        del ctx
        row = ROWS.get(cmd_name)
        if row is None:
            return None
        from importlib import import_module

        module, _, attribute = row.place.partition(":")
        command = getattr(import_module(f"cutter_agent.cli.{module}"), attribute)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table's sections."""
        del ctx
        for section in SECTIONS:
            with formatter.section(section.title):
                formatter.write_dl([(row.name, row.sentence) for row in section.rows])


@click.group(
    cls=CommandTable,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": HELP_COLUMNS},
)
@click.version_option(VERSION, prog_name="cutter", message="%(prog)s %(version)s")
def cutter() -> None:
    """The one entry point; the commands do the work."""


def help_text() -> str:
    """Return what `cutter --help` prints on a terminal of 80 columns."""
    columns = HELP_COLUMNS - 2  # as click lays help out on a terminal of that width
    context = click.Context(
        cutter, info_name="cutter", terminal_width=columns, **cutter.context_settings
    )
    return cutter.get_help(context) + "\n"


def run(words: Sequence[str]) -> int:
    """Run one command line and return its exit status; nothing is raised.

    Args:
        words: the arguments, without the program's name.
    """
    try:
        if not _is_early(words):
            from cutter_agent.cli.refusals import check_words

            check_words(words)
        status = cutter.main(list(words), prog_name="cutter", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the one edge of the program
        from cutter_agent.cli.edge import settle

        return settle(error, words)
    return status if isinstance(status, int) else 0


def main() -> None:
    """The process ends with the exit status of its command line."""
    if not _is_early(sys.argv[1:]):
        from cutter_agent.cli.refusals import speak_safely

        speak_safely()
    sys.exit(run(sys.argv[1:]))


def _is_early(words: Sequence[str]) -> bool:
    return len(words) == 1 and words[0] in _EARLY
