"""The other process: it reads a text, cuts it, and answers, until nobody asks any more.

Frames go over its standard input and output: a length of eight bytes, then a pickle. Both ends are the
same program of the same account, and the pipe is nobody else's.
"""

from __future__ import annotations

import os
import pickle
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import IO

from cutter_agent.document.cutplan import InForceUnit
from cutter_agent.errors import Stop
from cutter_agent.orchestrator.facts import SourceVersion
from cutter_agent.orchestrator.reading import Parts, Reading

LENGTH_BYTES = 8
_NO_DIGEST_STATE = "[digital envelope routines]"
"""What OpenSSL's error begins with when it gets no memory for the state of a digest."""


class Wanted(StrEnum):
    """What an order asks for."""

    PARTS = "parts"
    PLAN_SHA256 = "plan_sha256"


@dataclass(frozen=True, slots=True)
class CutOrder:
    """One text to be cut, and what of it is asked for."""

    wanted: Wanted
    version: SourceVersion
    source: bytes
    in_force: Sequence[InForceUnit]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutAnswer:
    """What came of an order: one of its fields says it.

    Attributes:
        parts: marks, plan and leaves.
        plan_sha256: the digest of the plan.
        stop: code, fact, expectation and findings of what the text was refused for.
        over_memory: the text did not fit into what this process may use.
        bug: what nobody expected.
    """

    parts: Parts | None = None
    plan_sha256: str = ""
    stop: tuple[str, str, str, tuple[str, ...]] | None = None
    over_memory: bool = False
    bug: str = ""


def cut(order: CutOrder) -> CutAnswer:
    """Cut the text; whatever it comes to is an answer."""
    reading = Reading(version=order.version, source=order.source, in_force=order.in_force)
    try:
        if order.wanted is Wanted.PLAN_SHA256:
            return CutAnswer(plan_sha256=reading.plan.plan_sha256)
        return CutAnswer(parts=reading.parts())
    except Stop as stop:
        return CutAnswer(stop=(stop.code, stop.fact, stop.expected, stop.findings))
    except MemoryError:
        return CutAnswer(over_memory=True)
    except Exception as error:  # noqa: BLE001 - told to the other process, which makes a stop of it
        if isinstance(error, ValueError) and _NO_DIGEST_STATE in str(error):
            return CutAnswer(over_memory=True)
        return CutAnswer(bug=f"{type(error).__name__}: {error}")


def read_frame(pipe: IO[bytes]) -> bytes | None:
    """The next frame, or None where the pipe ends before it is whole."""
    head = pipe.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    size = int.from_bytes(head, "big")
    body = pipe.read(size)
    return body if len(body) == size else None


def write_frame(pipe: IO[bytes], body: bytes) -> None:
    """The frame is on its way."""
    pipe.write(len(body).to_bytes(LENGTH_BYTES, "big"))
    pipe.write(body)
    pipe.flush()


def serve(memory_bytes_max: int) -> None:
    """Answer orders until the pipe ends: nobody is there any more."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes_max, memory_bytes_max))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever prints, prints no answer
    while (body := read_frame(sys.stdin.buffer)) is not None:
        try:
            order = pickle.loads(body)  # noqa: S301 - from our own parent, over a pipe of its own
            assert isinstance(order, CutOrder)
            answer = pickle.dumps(cut(order), pickle.HIGHEST_PROTOCOL)
        except MemoryError:
            answer = pickle.dumps(CutAnswer(over_memory=True))
        write_frame(answers, answer)
