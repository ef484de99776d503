"""Which armoured texts are approvals: the accept and reject tables, written from the protocol."""

import struct
from dataclasses import replace

import pytest

from cutter_agent.errors import StopApprovalInvalid, StopRefusedInput
from cutter_agent.evidence.sshsig import (
    APPROVAL_NAMESPACE,
    REJECT_NAMESPACE,
    Signature,
    armor,
    parse_armor,
    parse_public_key,
    signed_data,
    verify,
)
from forge.approvals import (
    FILE_TYPE,
    TOKEN_TYPE,
    Fields,
    FileKey,
    Forger,
    TokenKey,
    armored,
    malleated,
    string,
    to_sign,
)

MESSAGE = b"gate: SG_1_cut_authz\nrun_id: ictr-20260101T000000Z-00000001\n\nsheet\n"
KEY = FileKey()
TOKEN = TokenKey()
GOOD = KEY.sign(MESSAGE)
GOOD_TOKEN = TOKEN.sign(MESSAGE)
TEXT = GOOD.armor
LOW_ORDER = b"\x01" + bytes(31)


def approve(text: bytes, message: bytes = MESSAGE) -> Signature:
    return verify(text, message, namespace=APPROVAL_NAMESPACE)


def test_a_signature_of_a_key_in_a_file_verifies():
    signature = approve(TEXT)
    assert signature.public_key.line == KEY.line
    assert (signature.namespace, signature.hash_algorithm) == (APPROVAL_NAMESPACE, "sha512")
    assert (signature.flags, signature.counter) == (None, None)
    assert not signature.user_present
    assert not signature.user_verified


def test_a_message_of_any_length_verifies():
    for message in (b"", b"\x00", b"\r\n" * 3, b"x" * 1_000_000):
        assert approve(KEY.sign(message).armor, message)


def test_a_sha256_signature_verifies_and_says_so():
    fields = KEY.sign(MESSAGE, hash_name="sha256")
    assert approve(fields.armor).hash_algorithm == "sha256"


@pytest.mark.parametrize(
    ("flags", "present", "verified"),
    [(0, False, False), (1, True, False), (4, False, True), (5, True, True), (0x85, True, True)],
)
def test_a_tokens_flags_are_shown_for_the_policy_to_judge(
    flags: int, present: bool, verified: bool
):
    signature = approve(TOKEN.sign(MESSAGE, flags=flags, counter=2**32 - 1).armor)
    assert signature.public_key.hardware
    assert (signature.flags, signature.counter) == (flags, 2**32 - 1)
    assert (signature.user_present, signature.user_verified) == (present, verified)


def test_a_tokens_flags_cannot_be_raised_afterwards():
    untouched = TOKEN.sign(MESSAGE, flags=0)
    raised = replace(untouched, inner_tail=struct.pack(">BI", 5, 7))
    assert approve(untouched.armor).flags == 0
    with pytest.raises(StopApprovalInvalid, match="does not fit"):
        approve(raised.armor)


def test_a_token_signs_for_its_own_application_only():
    elsewhere = TokenKey(b"ssh:elsewhere").sign(MESSAGE)
    moved = string(TOKEN_TYPE) + string(TOKEN.raw) + string(b"ssh:elsewhere")
    assert approve(elsewhere.armor)
    with pytest.raises(StopApprovalInvalid):
        approve(replace(GOOD_TOKEN, key=moved).armor)


# Every row: what is wrong, the text, a word of the reason.
REFUSED_FIELDS: list[tuple[str, Fields, str]] = [
    ("magic", replace(GOOD, magic=b"SSHSIH"), "no SSHSIG"),
    ("version 0", replace(GOOD, version=0), "version 0"),
    ("version 2", replace(GOOD, version=2), "version 2"),
    ("namespace swapped", replace(GOOD, namespace=b"reject@iu-cutter.v1"), "namespace"),
    ("namespace empty", replace(GOOD, namespace=b""), "namespace"),
    ("namespace longer", replace(GOOD, namespace=GOOD.namespace + b"\x00"), "namespace"),
    ("namespace not ASCII", replace(GOOD, namespace=b"\xff"), "not ASCII"),
    ("signed elsewhere", KEY.sign(MESSAGE, namespace="file"), "namespace"),
    ("signed as a refusal", KEY.sign(MESSAGE, namespace=REJECT_NAMESPACE), "namespace"),
    ("reserved filled", replace(GOOD, reserved=b"x"), "reserved"),
    ("hash swapped", replace(GOOD, hash_name=b"sha256"), "does not fit"),
    ("hash unknown", replace(GOOD, hash_name=b"sha1"), "hash algorithm"),
    ("hash upper case", replace(GOOD, hash_name=b"SHA512"), "hash algorithm"),
    ("malleated", replace(GOOD, raw=malleated(GOOD.raw)), "does not fit"),
    ("malleated token", replace(GOOD_TOKEN, raw=malleated(GOOD_TOKEN.raw)), "does not fit"),
    ("raw short", replace(GOOD, raw=GOOD.raw[:-1]), "63 bytes"),
    ("raw long", replace(GOOD, raw=GOOD.raw + b"\x00"), "65 bytes"),
    ("inner type", replace(GOOD, inner_type=TOKEN_TYPE), "differs from its key's"),
    ("inner tail", replace(GOOD, inner_tail=b"\x00"), "after the signature"),
    ("token tail on a file key", replace(GOOD, inner_tail=bytes(5)), "after the signature"),
    ("token without tail", replace(GOOD_TOKEN, inner_tail=b""), "0 bytes after"),
    ("token tail long", replace(GOOD_TOKEN, inner_tail=bytes(6)), "6 bytes after"),
    ("trailing bytes", replace(GOOD, tail=b"\x00"), "after the signature"),
    ("key of a stranger", replace(GOOD, key=FileKey().blob), "does not fit"),
    ("key cut", replace(GOOD, key=KEY.blob[:-1]), "cut off"),
    ("key with more", replace(GOOD, key=KEY.blob + b"\x00"), "after the public key"),
    ("key of low order", replace(GOOD, key=string(FILE_TYPE) + string(LOW_ORDER)), "low order"),
    ("key empty", replace(GOOD, key=b""), "cut off"),
    ("key not ASCII", replace(GOOD, key=string(b"\xff") + string(KEY.raw)), "not ASCII"),
    (
        "another algorithm",
        replace(GOOD, key=string(b"ssh-rsa") + string(b"\x03") + string(b"\x01")),
        "key type",
    ),
    (
        "a low-order key that fits every message",
        replace(GOOD, key=string(FILE_TYPE) + string(LOW_ORDER), raw=b"\x01" + bytes(63)),
        "low order",
    ),
]

# Other types of keys that OpenSSH knows, certificates of ours, and points of low order that are keys of nobody.
REFUSED_FIELDS += [
    (name, replace(GOOD, key=string(name.encode()) + string(KEY.raw)), "key type")
    for name in (
        "ssh-dss",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-ed25519-cert-v01@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com",
        "rsa-sha2-512",
        "SSH-ED25519",
    )
]
REFUSED_FIELDS += [
    (
        f"low order {y.hex()[:8]}",
        replace(GOOD, key=string(FILE_TYPE) + string(y), raw=b"\x01" + bytes(63)),
        "low order",
    )
    for y in (
        bytes(32),
        b"\xec" + b"\xff" * 30 + b"\x7f",
        b"\xed" + b"\xff" * 30 + b"\x7f",
        b"\xee" + b"\xff" * 30 + b"\xff",
    )
]

REFUSED_TEXTS: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "not exactly one"),
    ("no end of line", TEXT[:-1], "not exactly one"),
    ("blank line after", TEXT + b"\n", "not exactly one"),
    ("blank line before", b"\n" + TEXT, "not exactly one"),
    ("text before", b"I approve.\n" + TEXT, "not exactly one"),
    ("text after", TEXT + b"I approve.\n", "not exactly one"),
    ("byte order mark", b"\xef\xbb\xbf" + TEXT, "not ASCII"),
    ("NUL after", TEXT + b"\x00", "not exactly one"),
    ("two armours", TEXT + TEXT, "not base64"),
    ("CRLF", TEXT.replace(b"\n", b"\r\n"), "not exactly one"),
    ("CRLF inside", TEXT.replace(b"\n", b"\r\n").replace(b"E-----\r", b"E-----"), "not base64"),
    ("76 columns", armored(GOOD.blob, 76), "one form"),
    ("one row", armored(GOOD.blob, 10_000), "one form"),
    ("empty row", TEXT.replace(b"\nU1NI", b"\n\nU1NI"), "one form"),
    ("blank inside", TEXT.replace(b"U1NI", b"U1 NI"), "not base64"),
    ("no base64", TEXT.replace(b"U1NI", b"U1N!"), "not base64"),
    ("padding missing", TEXT.replace(b"=", b""), "not base64"),
    ("another armour", TEXT.replace(b"SSH SIGNATURE", b"PGP SIGNATURE"), "not exactly one"),
    ("too long", TEXT + b" " * 8192, "limit 8192"),
    ("empty armour", armored(b""), "no SSHSIG"),
    ("cut blob", armored(GOOD.blob[:40]), "cut off"),
]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [row[1:] for row in REFUSED_FIELDS],
    ids=[row[0] for row in REFUSED_FIELDS],
)
def test_a_wrong_field_is_refused(fields: Fields, reason: str):
    with pytest.raises(StopApprovalInvalid) as stop:
        approve(fields.armor)
    assert reason in stop.value.fact


@pytest.mark.parametrize(
    ("text", "reason"), [row[1:] for row in REFUSED_TEXTS], ids=[row[0] for row in REFUSED_TEXTS]
)
def test_a_text_that_is_not_exactly_one_armour_is_refused(text: bytes, reason: str):
    with pytest.raises(StopApprovalInvalid) as stop:
        approve(text)
    assert reason in stop.value.fact


def test_a_text_is_read_up_to_its_limit_and_no_further():
    for length, reason in ((8192, "not exactly one"), (8193, "limit 8192")):
        with pytest.raises(StopApprovalInvalid, match=reason):
            approve(b" " * length)


def test_spare_bits_of_the_base64_are_refused():
    """A blob whose length leaves spare bits can be written in several ways; only one counts."""
    texts = [TokenKey(b"ssh:" + b"a" * more).sign(MESSAGE).armor for more in range(3)]
    text = next(text for text in texts if b"=\n" in text)
    place = text.index(b"=") - 1
    spare = text[:place] + bytes([text[place] + 1]) + text[place + 1 :]
    assert approve(text)
    with pytest.raises(StopApprovalInvalid, match="one form"):
        approve(spare)


def test_the_request_cannot_be_changed_by_one_bit():
    for place in range(len(MESSAGE)):
        changed = MESSAGE[:place] + bytes([MESSAGE[place] ^ 1]) + MESSAGE[place + 1 :]
        with pytest.raises(StopApprovalInvalid, match="does not fit"):
            approve(TEXT, changed)


def test_signed_data_is_the_protocols():
    assert signed_data(MESSAGE, APPROVAL_NAMESPACE) == to_sign(MESSAGE)
    assert signed_data(b"", "file", "sha256") == to_sign(b"", "file", "sha256")


@pytest.mark.parametrize("namespace", ["", "a b", "a\n", "é", 'a"', "a,b"])
def test_no_data_is_made_for_an_odd_namespace(namespace: str):
    with pytest.raises(StopRefusedInput):
        signed_data(MESSAGE, namespace)


def test_no_data_is_made_for_another_hash():
    with pytest.raises(StopRefusedInput):
        signed_data(MESSAGE, APPROVAL_NAMESPACE, "sha1")


def test_armour_is_written_as_the_protocol_says():
    key = parse_public_key(KEY.line)
    raw = KEY.private.sign(signed_data(MESSAGE, APPROVAL_NAMESPACE))
    assert armor(key, raw, APPROVAL_NAMESPACE).encode() == TEXT
    token = parse_public_key(TOKEN.line)
    tailed = GOOD_TOKEN.raw + GOOD_TOKEN.inner_tail
    assert armor(token, tailed, APPROVAL_NAMESPACE).encode() == GOOD_TOKEN.armor


@pytest.mark.parametrize(
    ("line", "length"), [(KEY.line, 63), (KEY.line, 69), (TOKEN.line, 64), (TOKEN.line, 70)]
)
def test_no_armour_is_written_for_a_signature_of_the_wrong_length(line: str, length: int):
    with pytest.raises(StopRefusedInput):
        armor(parse_public_key(line), bytes(length), APPROVAL_NAMESPACE)


def test_a_signature_holds_flags_exactly_when_its_key_is_a_token():
    file_key, token_key = parse_public_key(KEY.line), parse_public_key(TOKEN.line)
    assert parse_armor(TEXT) == Signature(file_key, APPROVAL_NAMESPACE, "sha512", GOOD.raw)
    for key, flags, counter in ((file_key, 5, 7), (file_key, None, 7), (token_key, 5, None)):
        with pytest.raises(StopRefusedInput):
            Signature(key, APPROVAL_NAMESPACE, "sha512", GOOD.raw, flags, counter)
    with pytest.raises(StopRefusedInput):
        Signature(file_key, APPROVAL_NAMESPACE, "sha512", GOOD.raw[:-1])


def test_no_mutant_of_a_good_approval_is_accepted():
    forger = Forger(seed=20)
    accepted = [
        (kind, text)
        for kind, text, message in forger.mutants(3000)
        if forger.accepts(text, message)
    ]
    assert accepted == []


def test_the_forger_would_find_a_reader_that_is_only_a_little_lenient():
    """The same mutants against the same verifier behind a reader that mends line ends and blanks."""
    forger = Forger(seed=20)
    accepted = sum(
        forger.accepts(text.replace(b"\r\n", b"\n").strip() + b"\n", message)
        for _, text, message in forger.mutants(3000)
    )
    assert accepted > 10
