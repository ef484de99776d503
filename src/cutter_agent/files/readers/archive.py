"""Parts of a ZIP file, inflated only as far as a limit allows."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Final

from cutter_agent.errors import StopOverSize, StopSourceUnreadable

PART_BYTES_MAX: Final = 64 * 1024 * 1024
PARTS_MAX: Final = 10_000
RATIO_MAX: Final = 300
RATIO_FREE_BYTES: Final = 1024 * 1024
"""A small part may be packed as tightly as it likes."""
_ENCRYPTED: Final = 0x1


class Archive:
    """A ZIP file whose parts are read one by one, each within the limits."""

    def __init__(self, source: bytes) -> None:
        try:
            self._file = zipfile.ZipFile(io.BytesIO(source))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise StopSourceUnreadable(
                f"the ZIP file is broken: {error}", expected="a whole DOCX file"
            ) from error
        self._parts = {part.filename: part for part in self._file.infolist()}
        if len(self._parts) > PARTS_MAX:
            raise StopOverSize(
                f"a ZIP file of {len(self._parts)} parts", expected=f"at most {PARTS_MAX} parts"
            )

    def read(self, name: str) -> bytes | None:
        """Return the part's bytes, or None if there is no such part.

        Raises:
            StopOverSize: it is larger, or packed more tightly, than a document's part can be.
            StopSourceUnreadable: it is encrypted or broken.
        """
        part = self._parts.get(name)
        if part is None:
            return None
        if part.flag_bits & _ENCRYPTED:
            raise StopSourceUnreadable("the file is encrypted", expected="a file without password")
        tight = part.file_size > max(RATIO_FREE_BYTES, RATIO_MAX * part.compress_size)
        if part.file_size > PART_BYTES_MAX or tight:
            raise StopOverSize(
                f"{name[:80]!a} inflates from {part.compress_size} to {part.file_size} bytes",
                expected=f"at most {PART_BYTES_MAX} bytes, and {RATIO_MAX} times its packed size",
            )
        try:
            with self._file.open(part) as stream:
                data = stream.read(part.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise StopSourceUnreadable(
                f"{name[:80]!a} is broken: {error}", expected="a whole DOCX file"
            ) from error
        if len(data) > part.file_size:
            raise StopOverSize(f"{name[:80]!a} is larger than it says", expected="a sound ZIP file")
        return data
