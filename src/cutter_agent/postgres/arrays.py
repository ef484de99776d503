"""Array parameters, packed in PostgreSQL's binary form by one pass over the values.

The driver's own list dumper asks a dumper object for every element; a cut of 100,000 units has over
a million of them. The form is that of array_send: dimensions, null flag, element type, length and
lower bound, then each element behind its length.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from psycopg.adapt import Dumper

    from cutter_agent.postgres.connect import Connection

_LENGTH: Final = struct.Struct(">i")
_NULL: Final = _LENGTH.pack(-1)


@dataclass(frozen=True, slots=True)
class PackedArray:
    """An array's bytes as the server takes them; each type of element has a class of its own."""

    data: bytes


class ByteaArray(PackedArray):
    """A bytea[]."""


class BigintArray(PackedArray):
    """A bigint[]."""


class IntegerArray(PackedArray):
    """An integer[]."""


class TextArray(PackedArray):
    """A text[]."""


class UuidArray(PackedArray):
    """A uuid[]."""


_OIDS: Final[dict[type[PackedArray], tuple[int, int]]] = {
    ByteaArray: (17, 1001),
    BigintArray: (20, 1016),
    IntegerArray: (23, 1007),
    TextArray: (25, 1009),
    UuidArray: (2950, 2951),
}
"""Element type and array type of each class (pg_type.dat; these never change)."""

Packed = TypeVar("Packed", bound=PackedArray)


def _packed(kind: type[Packed], count: int, elements: bytes, *, nulls: bool = False) -> Packed:
    element_oid, _ = _OIDS[kind]
    if count == 0:
        return kind(struct.pack(">iii", 0, 0, element_oid))
    return kind(struct.pack(">iiiii", 1, int(nulls), element_oid, count, 1) + elements)


def byte_strings(values: Sequence[bytes]) -> PackedArray:
    """The values as bytea[]."""
    pack = _LENGTH.pack
    return _packed(ByteaArray, len(values), b"".join([pack(len(v)) + v for v in values]))


def texts(values: Iterable[str | None]) -> PackedArray:
    """The values as text[]; None becomes null.

    Raises:
        UnicodeEncodeError: a value holds a lone surrogate.
    """
    encoded = [None if value is None else value.encode() for value in values]
    return encoded_texts(encoded)


def encoded_texts(values: Sequence[bytes | None]) -> PackedArray:
    """The values, which are UTF-8 already, as text[]; None becomes null."""
    pack = _LENGTH.pack
    parts = [_NULL if v is None else pack(len(v)) + v for v in values]
    return _packed(TextArray, len(parts), b"".join(parts), nulls=None in values)


def uuids(values: Iterable[str]) -> PackedArray:
    """The values, UUIDs as text, as uuid[]."""
    length = _LENGTH.pack(16)
    parts = [length + uuid.UUID(value).bytes for value in values]
    return _packed(UuidArray, len(parts), b"".join(parts))


def integers(values: Sequence[int]) -> PackedArray:
    """The values as integer[]."""
    flat = [4] * (2 * len(values))
    flat[1::2] = values
    return _packed(IntegerArray, len(values), struct.pack(f">{len(flat)}i", *flat))


def long_integers(values: Sequence[int]) -> PackedArray:
    """The values as bigint[]."""
    form = struct.Struct(">iq")
    return _packed(BigintArray, len(values), b"".join([form.pack(8, value) for value in values]))


def teach(connection: Connection) -> None:
    """The connection takes packed arrays as parameters."""
    for kind, dumper in _dumpers().items():
        connection.adapters.register_dumper(kind, dumper)


@cache
def _dumpers() -> dict[type[PackedArray], type[Dumper]]:
    from psycopg import pq
    from psycopg.adapt import Dumper

    class Handed(Dumper):
        """Hands the bytes over as they are."""

        format = pq.Format.BINARY

        def dump(self, obj: PackedArray) -> bytes:
            return obj.data

    return {
        kind: type(f"{kind.__name__}Dumper", (Handed,), {"oid": array_oid})
        for kind, (_, array_oid) in _OIDS.items()
    }
