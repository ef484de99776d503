"""Files in one archive whose bytes follow from their names and contents alone.

The archive is a ZIP that every unzip opens: stored, not compressed, because compressors differ;
sorted by name; one fixed time; no extra fields. Source: APPNOTE.TXT of PKWARE, sections 4.3 and 4.4.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Final

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput

ARCHIVE_BYTES_MAX: Final = 1024 * 1024 * 1024
FILES_MAX: Final = 50_000

_NAME: Final = re.compile(r"[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*(/[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*)*")
_NAME_CHARS_MAX: Final = 200
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 20
_UNIX: Final = 3 << 8 | _VERSION
_STORED: Final = 0
_TIME: Final = 0
_DATE: Final = 1 << 5 | 1
"""The first day that the format knows."""
_PLAIN_FILE: Final = 0o100644 << 16


def pack(files: Mapping[str, bytes], *, size_bytes_max: int = ARCHIVE_BYTES_MAX) -> bytes:
    """The one archive that holds these files.

    Raises:
        StopRefusedInput: a name that an unzip could misread, or more than the limits.
    """
    if len(files) > FILES_MAX or sum(map(len, files.values())) > size_bytes_max:
        raise StopRefusedInput(f"an archive of {len(files)} files is over its limits")
    body, directory = bytearray(), bytearray()
    for name in sorted(files):
        if not _NAME.fullmatch(name) or len(name) > _NAME_CHARS_MAX:
            raise StopRefusedInput(f"the file name {name[:80]!a} does not go into an archive")
        data, raw_name = files[name], name.encode("ascii")
        common = (_STORED, _TIME, _DATE, zlib.crc32(data), len(data), len(data), len(raw_name), 0)
        directory += _CENTRAL.pack(
            b"PK\x01\x02", _UNIX, _VERSION, 0, *common, 0, 0, 0, _PLAIN_FILE, len(body)
        )
        directory += raw_name
        body += _LOCAL.pack(b"PK\x03\x04", _VERSION, 0, *common) + raw_name + data
    count = len(files)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory + end)


def unpack(data: bytes, *, size_bytes_max: int = ARCHIVE_BYTES_MAX) -> dict[str, bytes]:
    """The files of an archive that `pack` made; every byte of it is accounted for.

    Raises:
        StopEvidenceMismatch: it is no such archive.
    """
    if len(data) > size_bytes_max:
        raise StopEvidenceMismatch(f"an archive of {len(data)} bytes is over its limit")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if any(each.compress_type for each in entries):
                raise StopEvidenceMismatch("the archive is compressed")
            files = {each.filename: archive.read(each) for each in entries}
        canonical = pack(files) == data
    except (
        zipfile.BadZipFile,
        StopRefusedInput,
        ArithmeticError,
        EOFError,
        LookupError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:
        raise StopEvidenceMismatch(f"the archive cannot be read: {error}") from error
    if not canonical:
        raise StopEvidenceMismatch("the archive has other bytes than its files give")
    return files
