"""A cluster that takes over another's identity, as a restored machine has it: same system, same database."""

import struct
from pathlib import Path

SEGMENT_NAME_CHARS = 24
SYSTEM_AT_IN_SEGMENT = 24
"""Where the first page of a log segment names its system: after the page header's 24 bytes."""
CASTAGNOLI = 0x82F63B78
TABLE = []
for _number in range(256):
    for _ in range(8):
        _number = _number >> 1 ^ (CASTAGNOLI if _number & 1 else 0)
    TABLE.append(_number)


def crc32c(data: bytes) -> int:
    """The checksum that PostgreSQL keeps in its control file (CRC-32C)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def take_identity(data: Path, system_identifier: int) -> None:
    """The stopped cluster in this data folder is the system of that identifier."""
    control = data / "global" / "pg_control"
    raw = bytearray(control.read_bytes())
    # The checksum stands behind the last field, and where that is differs from version to version.
    end = next(
        at for at in range(64, 1024, 4) if crc32c(raw[:at]) == struct.unpack_from("=I", raw, at)[0]
    )
    struct.pack_into("=Q", raw, 0, system_identifier)
    struct.pack_into("=I", raw, end, crc32c(raw[:end]))
    write_over(control, bytes(raw))
    for segment in sorted((data / "pg_wal").iterdir()):
        if segment.is_file() and len(segment.name) == SEGMENT_NAME_CHARS:
            with segment.open("r+b") as file:
                file.seek(SYSTEM_AT_IN_SEGMENT)
                file.write(struct.pack("=Q", system_identifier))


def write_over(path: Path, data: bytes) -> None:
    """The file, whoever owns it, holds these bytes."""
    with path.open("r+b") as file:
        file.write(data)
