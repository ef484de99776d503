"""The file of allowed signers: written so that ssh-keygen cannot misread it, and read as strictly."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.allowed_signers import (
    LINES_MAX,
    AllowedSigner,
    allowed_signers_line,
    allowed_signers_text,
    parse_allowed_signers,
)
from cutter_agent.evidence.ssh_key import parse_public_key
from forge.approvals import FileKey, TokenKey

FILE_KEY = FileKey()
SIGNERS = (
    AllowedSigner("anna@office", parse_public_key(FILE_KEY.line), ("a@b", "c@d")),
    AllowedSigner(
        "binh",
        parse_public_key(TokenKey().line),
        ("a@b",),
        datetime(2030, 1, 1, tzinfo=UTC),
        datetime(2031, 1, 1, tzinfo=UTC),
    ),
)
TEXT = allowed_signers_text(SIGNERS)


def test_a_file_reads_back_as_its_signers():
    assert parse_allowed_signers(TEXT) == SIGNERS
    assert parse_allowed_signers("") == ()
    assert TEXT.count("\n") == 2


@pytest.mark.parametrize(
    "text",
    [
        "\n",
        TEXT + "\n",
        TEXT[:-1],
        "# comment\n" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("anna@office", "*@office"),
        TEXT.replace("anna@office", "anna,binh"),
        TEXT.replace('namespaces="a@b,c@d" ', ""),
        TEXT.replace("namespaces=", "cert-authority,namespaces="),
        TEXT.replace("a@b,c@d", "a@b,"),
        TEXT.replace("a@b,c@d", "*"),
        TEXT.replace("20310101000000Z", "20310101000000"),
        TEXT.replace("20310101000000Z", "20310101"),
        TEXT.replace("20310101000000Z", "20311301000000Z"),
        TEXT.replace("ssh-ed25519 ", "ssh-ed25519  "),
        TEXT.replace(FILE_KEY.line, FILE_KEY.line + " comment"),
        TEXT.replace(FILE_KEY.line, FILE_KEY.line[:-1]),
        TEXT.replace('"a@b",valid-after="20300101000000Z"', 'valid-after="20300101000000Z",x="y"'),
    ],
)
def test_any_other_file_is_refused(text: str):
    with pytest.raises(StopRefusedInput):
        parse_allowed_signers(text)


def test_a_file_has_at_most_a_thousand_lines():
    line = SIGNERS[0].line + "\n"
    assert len(parse_allowed_signers(line * LINES_MAX)) == LINES_MAX == 1000
    with pytest.raises(StopRefusedInput, match="limit 1000"):
        parse_allowed_signers(line * (LINES_MAX + 1))


def test_a_key_is_good_from_its_first_second_until_before_its_last():
    begins, ends = datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
    signer, second = SIGNERS[1], timedelta(seconds=1)
    assert not signer.may_sign("a@b", begins - second)
    assert signer.may_sign("a@b", begins)
    assert signer.may_sign("a@b", ends - second)
    assert not signer.may_sign("a@b", ends)
    assert not signer.may_sign("c@d", begins)
    assert SIGNERS[0].may_sign("c@d", ends)


def test_a_line_for_allowed_signers_has_namespaces_and_utc_times():
    key = parse_public_key(FILE_KEY.line)
    hanoi = timezone(timedelta(hours=7))
    line = allowed_signers_line(
        "anna@office",
        key,
        ["approval@iu-cutter.v1", "reject@iu-cutter.v1"],
        valid_after=datetime(2030, 1, 2, 3, 4, 5, 1, tzinfo=UTC),
        valid_before=datetime(2031, 1, 1, 6, 59, 59, 999_999, tzinfo=hanoi),
    )
    assert line == (
        'anna@office namespaces="approval@iu-cutter.v1,reject@iu-cutter.v1",'
        'valid-after="20300102030406Z",valid-before="20301231235959Z" ' + FILE_KEY.line
    )


def test_a_line_without_times_has_no_times():
    key = parse_public_key(FILE_KEY.line)
    for person in ("anna", "_anna", "Anna.B+1@office-2"):
        line = allowed_signers_line(person, key, ["a@b"])
        assert line == f'{person} namespaces="a@b" {FILE_KEY.line}'


@pytest.mark.parametrize(
    "person",
    [
        "",
        "*",
        "an*",
        "a,b",
        "!anna",
        "anna b",
        'an"na',
        "#anna",
        "-a",
        "+a",
        "@a",
        ".a",
        "ánna",
        "a" * 129,
    ],
)
def test_a_person_that_the_file_could_misread_is_refused(person: str):
    with pytest.raises(StopRefusedInput, match="person"):
        allowed_signers_line(person, parse_public_key(FILE_KEY.line), ["a@b"])


@pytest.mark.parametrize("namespaces", [[], [""], ["*"], ["a b"], ["a,b"], ['a"'], ["a@b", "é"]])
def test_a_namespace_that_the_file_could_misread_is_refused(namespaces: list[str]):
    with pytest.raises(StopRefusedInput, match="namespace"):
        allowed_signers_line("anna", parse_public_key(FILE_KEY.line), namespaces)


def test_a_time_without_a_zone_is_refused():
    key = parse_public_key(FILE_KEY.line)
    naive = datetime(2030, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(StopRefusedInput, match="time zone"):
        allowed_signers_line("anna", key, ["a@b"], valid_before=naive)
