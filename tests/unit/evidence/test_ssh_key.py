"""Which public keys may be enrolled."""

import base64

import pytest

from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.ssh_key import (
    ED25519,
    KEY_LINE_CHARS_MAX,
    SK_ED25519,
    PublicKey,
    ed25519_public_key,
    parse_public_key,
    public_key_from_blob,
    take_string,
)
from forge.approvals import FILE_TYPE, TOKEN_TYPE, FileKey, TokenKey, string

FILE_KEY = FileKey()
TOKEN_KEY = TokenKey(b"ssh:office")
ENCODED = base64.b64encode(FILE_KEY.blob).decode()


def line_of(blob: bytes, name: bytes = FILE_TYPE) -> str:
    return f"{name.decode()} {base64.b64encode(blob).decode()}"


@pytest.mark.parametrize("ending", ["", "\n", " anna@office", " a comment of words\n", " "])
def test_a_key_in_a_file_is_read_from_its_line(ending: str):
    key = parse_public_key(FILE_KEY.line + ending)
    assert (key.algorithm, key.blob, key.raw) == (ED25519, FILE_KEY.blob, FILE_KEY.raw)
    assert (key.hardware, key.application, key.line) == (False, "", FILE_KEY.line)
    assert key == ed25519_public_key(FILE_KEY.raw) == public_key_from_blob(FILE_KEY.blob)


def test_a_key_in_a_token_is_read_from_its_line():
    key = parse_public_key(TOKEN_KEY.line + " token")
    assert (key.algorithm, key.raw) == (SK_ED25519, TOKEN_KEY.raw)
    assert (key.hardware, key.application) == (True, "ssh:office")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        ENCODED,
        f"cert-authority {FILE_KEY.line}",
        f'namespaces="*" {FILE_KEY.line}',
        f" {FILE_KEY.line}",
        FILE_KEY.line.replace(" ", "  "),
        FILE_KEY.line.replace(" ", "\t"),
        f"{FILE_KEY.line}\r\n",
        f"{FILE_KEY.line}\n\n",
        f"{FILE_KEY.line}\n{FILE_KEY.line}\n",
        f"{FILE_KEY.line} comment\x00",
        f"{FILE_KEY.line} right-to-left\u202e",
        FILE_KEY.line + "=",
        FILE_KEY.line[:-1],
        f"ssh-rsa {ENCODED}",
        f"{SK_ED25519} {ENCODED}",
        line_of(TOKEN_KEY.blob),
        line_of(string(b"ssh-rsa") + string(b"\x03") + string(b"\x00" * 128), b"ssh-rsa"),
        line_of(string(b"ssh-ed25519-cert-v01@openssh.com") + string(FILE_KEY.raw)),
        line_of(FILE_KEY.blob + b"\x00"),
        line_of(FILE_KEY.blob[:-1]),
        line_of(FILE_KEY.blob[:3]),
        line_of(string(FILE_TYPE) + string(FILE_KEY.raw[:31])),
        line_of(string(FILE_TYPE) + string(b"\x01" + bytes(31))),
        line_of(string(TOKEN_TYPE) + string(FILE_KEY.raw), TOKEN_TYPE),
        line_of(string(TOKEN_TYPE) + string(FILE_KEY.raw) + string(b"web:"), TOKEN_TYPE),
        line_of(string(TOKEN_TYPE) + string(FILE_KEY.raw) + string(b"ssh:\xff"), TOKEN_TYPE),
        line_of(string(TOKEN_TYPE) + string(bytes(32)) + string(b"ssh:"), TOKEN_TYPE),
        line_of(string(TOKEN_TYPE) + string(FILE_KEY.raw) + string(b"ssh:" * 65), TOKEN_TYPE),
        f"{FILE_KEY.line[:-1]}é",
    ],
)
def test_any_other_line_is_refused(line: str):
    with pytest.raises(StopRefusedInput):
        parse_public_key(line)


def test_a_line_and_an_application_are_as_long_as_their_limits_and_no_longer():
    filled = f"{FILE_KEY.line} ".ljust(KEY_LINE_CHARS_MAX, "c")
    assert parse_public_key(filled + "\n").blob == FILE_KEY.blob
    with pytest.raises(StopRefusedInput, match="at most 4096"):
        parse_public_key(filled + "c")
    longest = b"ssh:".ljust(256, b"a")
    assert parse_public_key(TokenKey(longest).line).application == longest.decode()
    with pytest.raises(StopRefusedInput, match="257 characters"):
        parse_public_key(TokenKey(longest + b"a").line)


def test_fields_are_taken_whole_or_not_at_all():
    assert take_string(string(b"") + b"rest") == (b"", b"rest")
    assert take_string(string(b"")) == (b"", b"")
    for cut in (b"", b"\x00\x00\x00", b"\x00\x00\x00\x01", string(b"abc")[:-1]):
        with pytest.raises(StopRefusedInput, match="cut off"):
            take_string(cut)


def test_base64_with_spare_bits_set_is_refused():
    """The 51 bytes of a file key leave no spare bits; a token key of another length does."""
    token = TokenKey(b"ssh:ab")
    encoded = token.line
    assert encoded.endswith("=")
    place = encoded.index("=") - 1
    spare = chr(ord(encoded[place]) + 1)
    other = encoded[:place] + spare + encoded[place + 1 :]
    assert base64.b64decode(other.split()[1]) == token.blob
    assert parse_public_key(encoded).blob == token.blob
    with pytest.raises(StopRefusedInput, match="canonical"):
        parse_public_key(other)


def test_a_key_cannot_be_made_of_another_types_blob():
    with pytest.raises(StopRefusedInput):
        PublicKey(SK_ED25519, FILE_KEY.blob)
    with pytest.raises(StopRefusedInput):
        PublicKey("ssh-dss", FILE_KEY.blob)
