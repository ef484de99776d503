"""What no command line may say, told before anything reads it: facts, secrets, an older flag."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator.policy import refuse_user_args


def check_words(words: Sequence[str]) -> None:
    """Return only if no option among the words is one that nobody may give (Contract 5).

    Words after a lone `--` are names of things, never options.

    Raises:
        StopRefusedInput: naming what was refused; `--production` points to `--live`.
    """
    options = words[: words.index("--")] if "--" in words else words
    names = [word.partition("=")[0] for word in options if word.startswith("-")]
    refuse_user_args(names)
    if any(name.lstrip("-").lower() == "production" for name in names):
        raise StopRefusedInput(
            "--production does not exist here",
            expected="--live, which needs execution enabled, the switch armed and signed approvals",
            remedy="cutter cut {document} --live",
        )


def speak_safely() -> None:
    """No character that a terminal lacks can crash the process; SIGTERM and a closed terminal end it like Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup keeps what it asked for
        signal.signal(signal.SIGHUP, signal.default_int_handler)
