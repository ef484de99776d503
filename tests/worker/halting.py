"""A worker that stands still in the middle of one effect until it is told to go on: `halting.py EFFECT`.

It writes a line to stdout when it has come there, and reads one from stdin.
"""

import os
import sys

from cutter_agent.worker.loop import Worker

WANTED = sys.argv[1]


def halt(name: str) -> None:
    """The first time that the effect comes, wait for a word."""
    global WANTED  # noqa: PLW0603 - once in the life of this process
    if name == WANTED:
        WANTED = ""
        os.write(1, f"at {name}\n".encode())
        os.read(0, 1)


Worker(os.environ, 1, lambda kind, fields: None, on_effect=halt).run()
