"""Whatever stands in a bundle, its checks end in findings: every JSON member and every line is spoilt once."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from cutter_agent.bootstrap.evidence import check_bundle
from cutter_agent.errors import Stop
from cutter_agent.evidence.archive import pack, unpack
from cutter_agent.evidence.bundle import DIGESTS, INDEX, README, UNITS, write_bundle
from cutter_agent.evidence.bundle_check import CHECK_NOT_MADE, check_result
from cutter_agent.evidence.bundle_readme import bundle_readme
from cutter_agent.evidence.canonical import Json, canonical_bytes, parse_canonical, sha256_hex
from cutter_agent.evidence.dsse import IN_TOTO_PAYLOAD_TYPE, pae, seal
from forge.bundles import EXECUTOR, RUN, VERIFIER, Machine
from forge.whole import REQUESTS, WHOLE, bundle

FILES = unpack(write_bundle(WHOLE))
PARTIES = {"executor": EXECUTOR, "verifier": VERIFIER}
MACHINES: Mapping[str, Machine] = {
    f"statements/{party}.json": machine for party, machine in PARTIES.items()
}
DERIVED = {README, DIGESTS, *(f"statements/{each}.pae" for each in PARTIES)}
SPOILT: tuple[Json, ...] = (None, True, "\u0111", [[]], {"": None})


def is_json(name: str) -> bool:
    try:
        parse_canonical(FILES[name])
    except Stop:
        return False
    return True


JSON_FILES = sorted(name for name in FILES if is_json(name))
TEXT_FILES = sorted({*FILES} - {*JSON_FILES} - DERIVED)


def spoilt(value: Json) -> Iterator[Json]:
    """The value with each of its members, at any depth, spoilt in each way; one at a time."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            rest = {other: kept for other, kept in value.items() if other != name}
            yield rest
            for bad in SPOILT:
                yield {**rest, name: bad}
            for deeper in spoilt(inner):
                yield {**rest, name: deeper}
        yield {**value, "unknown": 1}
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            before, after = value[:place], value[place + 1 :]
            yield [*before, *after]
            for bad in SPOILT:
                yield [*before, bad, *after]
            for deeper in spoilt(inner):
                yield [*before, deeper, *after]


def sealed_again(changed: dict[str, bytes]) -> bytes:
    """The archive as somebody makes it who has the machines' keys and hides what was changed."""
    files = {**FILES, **changed}
    for name, machine in MACHINES.items():
        stem = name.removesuffix(".json")
        if name in changed:
            envelope = seal(IN_TOTO_PAYLOAD_TYPE, files[name], [machine])
            files[f"{stem}.dsse.json"] = envelope.encode()
            files[f"{stem}.pae"] = pae(IN_TOTO_PAYLOAD_TYPE, files[name])
            files[f"{stem}.sig"] = envelope.signatures[0].signature
    del files[DIGESTS], files[README]
    files[README] = bundle_readme(files, simulated=False).encode()
    lines = [f"{sha256_hex(files[name])}  {name}\n" for name in sorted(files)]
    return pack({**files, DIGESTS: "".join(lines).encode()})


def judged(data: bytes, *, resigned: bool = False) -> None:
    """Every check was made, and some does not hold: unless a machine may well have said just this."""
    checks = check_bundle(data)
    assert resigned or not all(check.held for check in checks)
    assert [check for check in checks if check.because.startswith(CHECK_NOT_MADE)] == []


def test_the_bundle_that_is_spoilt_is_a_good_one() -> None:
    assert [check for check in check_bundle(sealed_again({})) if not check.held] == []
    assert {INDEX, "trust/policy.json", *MACHINES} <= {*JSON_FILES}
    assert sum(name.endswith(".record") for name in JSON_FILES) > 1


@pytest.mark.parametrize("name", JSON_FILES)
def test_every_member_of_every_json_file_may_be_anything(name: str) -> None:
    original = parse_canonical(FILES[name])
    for value in spoilt(original):
        if value != original or type(value) is not type(original):
            judged(sealed_again({name: canonical_bytes(value)}), resigned=name in MACHINES)


def removed(lines: list[bytes], place: int) -> list[bytes]:
    return lines[:place] + lines[place + 1 :]


def replaced_by(word: bytes) -> Callable[[list[bytes], int], list[bytes]]:
    return lambda lines, place: [*lines[:place], word, *lines[place + 1 :]]


WORDS = (removed, *map(replaced_by, (b"x", b"\xff", b"9" * 30)))


@pytest.mark.parametrize("name", TEXT_FILES)
def test_every_line_of_every_other_file_may_be_anything(name: str) -> None:
    lines = FILES[name].split(b"\n")
    for place in range(len(lines)):
        for spoil in WORDS:
            body = b"\n".join(spoil(lines, place))
            if body != FILES[name] and not (name.startswith("documents/")):
                judged(sealed_again({name: body}))


def test_an_entry_of_the_log_may_name_anything_as_its_request() -> None:
    odd: dict[str, Json] = {"kind": "refusal", "run_id": RUN, "request_sha256": [{}]}
    judged(write_bundle(bundle(REQUESTS, more=(odd,))))


def test_a_check_that_breaks_has_not_held() -> None:
    found = check_result("any", lambda: str(1 // 0))
    assert (found.held, found.because.startswith(CHECK_NOT_MADE)) == (False, True)


def test_every_member_of_every_unit_may_be_anything() -> None:
    first, *rest = FILES[UNITS].splitlines(keepends=True)
    for value in spoilt(parse_canonical(first.removesuffix(b"\n"))):
        judged(sealed_again({UNITS: canonical_bytes(value) + b"\n" + b"".join(rest)}))
