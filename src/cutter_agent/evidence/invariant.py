"""What must be true of a phase's evidence, declared next to the fields it speaks of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Concatenate, ParamSpec, TypeVar, get_type_hints

from cutter_agent.errors import Stop, StopInvariantFailed

Earlier = ParamSpec("Earlier")
E = TypeVar("E", bound="Evidence")
Check = Callable[Concatenate[E, Earlier], bool]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One named sentence that a gate holds against a phase's evidence.

    Attributes:
        name: the method's name, as Contract 3 lists it.
        check: the method; its parameters after `self` name earlier evidence types.
        stop: the stop that a gate raises when this invariant does not hold.
    """

    name: str
    check: Callable[..., bool]
    stop: type[Stop]

    @property
    def sentence(self) -> str:
        """The first line of the check's docstring: one text for code, report and docs."""
        return (self.check.__doc__ or "").strip().partition("\n")[0]

    @property
    def reads(self) -> tuple[type[Evidence], ...]:
        """The earlier evidence that the check asks for, in parameter order."""
        hints = get_type_hints(self.check)
        return tuple(hint for name, hint in hints.items() if name != "return")


class Evidence:
    """What one phase observed or did; subclasses are frozen dataclasses with `@invariant` methods.

    Fields hold digests, counts and pins, never the units themselves: at most 64 KiB when encoded
    (Contract 3).
    """

    __slots__ = ()
    invariants: ClassVar[tuple[Invariant, ...]] = ()

    def __init_subclass__(cls) -> None:
        """Collect the invariants in the order in which the class declares them."""
        super().__init_subclass__()
        cls.invariants = tuple(_declared(cls))


def invariant(
    *, stop: type[Stop] = StopInvariantFailed
) -> Callable[[Check[E, Earlier]], Check[E, Earlier]]:
    """Make a method of an evidence class one of its gate's invariants."""

    def declare(check: Check[E, Earlier]) -> Check[E, Earlier]:
        setattr(check, "_invariant_stop", stop)
        return check

    return declare


def _declared(cls: type[Evidence]) -> Iterator[Invariant]:
    for name, check in vars(cls).items():
        stop = getattr(check, "_invariant_stop", None)
        if stop is not None:
            yield Invariant(name, check, stop)
