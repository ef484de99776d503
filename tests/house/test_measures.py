"""Each rule of the house fires on the smallest file that breaks it, and leaves a clean one alone."""

import pytest

from house import measures

PURE_FILE = "src/cutter_agent/document/text.py"
KEY_BODY = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gt"
LONG_FUNCTION = "def cut():\n" + "    step()\n" * 70
DIGEST = "0" * 64
CLEAN = '''"""What this module holds."""


def marked(text: str) -> str:
    """The text, marked."""
    return text
'''

BREACHES: list[tuple[measures.Rule, str, str]] = [
    (measures.module_length, PURE_FILE, "x = 1\n" * 401),
    (measures.module_length, "tests/unit/test_text.py", "x = 1\n" * 601),
    (measures.function_length, PURE_FILE, LONG_FUNCTION),
    (measures.function_length, PURE_FILE, "async " + LONG_FUNCTION),
    (measures.documented, PURE_FILE, "x = 1\n"),
    (measures.documented, PURE_FILE, '"""A module."""\ndef mark(): ...\n'),
    (measures.documented, PURE_FILE, '"""A module."""\nclass Unit: ...\n'),
    (measures.documented, PURE_FILE, '"""A."""\nclass U:\n    """B."""\n    def f(self): ...\n'),
    (measures.documented, "src/cutter_agent/files/kb.py", '"""A."""\nclass Folder: ...\n'),
    (measures.documented, "src/cutter_agent/files/kb.py", '"""A."""\ndef put(): ...\n'),
    (measures.telling_names, "src/cutter_agent/files/" + "utils.py", ""),
    (measures.telling_names, "src/cutter_agent/" + "common/clock.py", ""),
    (measures.telling_names, PURE_FILE, "class Run" + "Manager: ...\n"),
    (measures.telling_names, PURE_FILE, "def parse_" + "v1(): ...\n"),
    (measures.values_come_in, PURE_FILE, "import datetime\nt = datetime.datetime.now()\n"),
    (measures.values_come_in, PURE_FILE, "from uuid import uuid4\ni = uuid4()\n"),
    (measures.values_come_in, PURE_FILE, "b = open('x').read()\n"),
    (measures.no_bare_errors, PURE_FILE, "raise RuntimeError('no')\n"),
    (measures.no_bare_errors, PURE_FILE, "raise Exception\n"),
    (measures.no_bare_errors, PURE_FILE, "try:\n    f()\nexcept Exception:\n    pass\n"),
    (measures.no_bare_errors, PURE_FILE, "try:\n    f()\nexcept:\n    pass\n"),
    (measures.comments_without_dates, PURE_FILE, "x = 1  # since 2026-01-31\n"),
    (measures.nothing_unfinished, "README.md", "TO" + "DO: the rest"),
    (measures.nothing_unfinished, "README.md", "# FIX" + "ME"),
    (measures.no_machine_paths, "Makefile", "cp /wo" + "rk/main/x ."),
    (measures.no_machine_paths, "Makefile", "cd '/ho" + "me/someone'"),
    (measures.stands_alone, "README.md", "see ../sha" + "red/design"),
    (measures.stands_alone, "README.md", "a sub" + "agent wrote it"),
    (measures.no_registry_address, "Makefile", "https://py" + "pi.org/simple"),
    (measures.no_registry_address, "requirements/runtime.txt", "--find-" + "links /opt/wheels"),
    (measures.no_secret, "tests/key", "-----BEGIN OPENSSH PRIVATE" + f" KEY-----\n{KEY_BODY}"),
    (measures.no_secret, "tests/key", "AGE-SECRET-" + "KEY-1" + "Q" * 58),
    (measures.no_secret, "tests/key", "AK" + "IA" + "A" * 16),
    (measures.no_secret, "tests/key", "gh" + "p_" + "a1" * 18),
    (measures.no_secret, "README.md", "postgresql:/" + "/cutter:s3cret-word@db.example"),
    (measures.lock_lines, "r.txt", "click>=8\n"),
    (measures.lock_lines, "r.txt", "click==8.1 \\\n    # via rich-click\n"),
    (measures.lock_lines, "r.txt", f"--index x\nclick==8.1 \\\n    --hash=sha256:{DIGEST}\n"),
    (measures.lock_lines, "r.txt", f"click @ file:/x \\\n    --hash=sha256:{DIGEST}\n"),
    (measures.lock_lines, "r.txt", ""),
]


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    BREACHES,
    ids=[f"{rule.__name__}-{number}" for number, (rule, _, _) in enumerate(BREACHES)],
)
def test_a_rule_fires_on_what_breaks_it(rule: measures.Rule, path: str, text: str) -> None:
    assert rule(path, text)


@pytest.mark.parametrize("rule", [*measures.PACKAGE_RULES, *measures.TEXT_RULES])
def test_a_rule_leaves_a_clean_module_alone(rule: measures.Rule) -> None:
    assert rule(PURE_FILE, CLEAN) == []


def test_every_rule_has_its_breach() -> None:
    rules = {*measures.PACKAGE_RULES, *measures.TEST_RULES, *measures.TEXT_RULES}
    assert rules <= {rule for rule, _, _ in BREACHES}


def test_limits_are_reached_but_not_crossed() -> None:
    assert measures.module_length(PURE_FILE, "x = 1\n" * 400) == []
    assert measures.module_length("tests/unit/test_text.py", "x = 1\n" * 600) == []
    assert measures.function_length(PURE_FILE, "def cut():\n" + "    step()\n" * 69) == []


def test_an_adapters_method_is_documented_at_its_port() -> None:
    text = '"""A module."""\nclass Folder:\n    """A folder."""\n    def put(self): ...\n'
    assert measures.documented("src/cutter_agent/files/kb.py", text) == []


def test_an_adapter_may_read_the_clock() -> None:
    assert measures.values_come_in("src/cutter_agent/files/x.py", "datetime.now()\n") == []


def test_the_corpus_lookup_alone_names_a_folder_outside() -> None:
    assert measures.stands_alone("tests/conftest.py", "../sha" + "red/corpus") == []


def test_a_lock_entry_with_its_digest_is_clean() -> None:
    text = f"click==8.5.1 \\\n    --hash=sha256:{DIGEST} \\\n    --hash=sha256:{DIGEST}\n    # via\n    #   rich-click\n"
    assert measures.lock_lines("r.txt", text) == []
