"""Effects, one by one: the place where a test stops the world."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

Hook: TypeAlias = Callable[[str], None]
"""Told `before …` and `after …` each effect."""


def no_effect(name: str) -> None:
    """Nothing happens: the hook of every ordinary run."""
    del name


@dataclass(frozen=True, slots=True)
class Effects:
    """Tells a hook of every effect."""

    hook: Hook = no_effect

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        """The hook is told before the block, and after it if it ends well."""
        self.hook(f"before {name}")
        yield
        self.hook(f"after {name}")


UNWATCHED: Final = Effects()
"""Effects that nobody is told of."""
