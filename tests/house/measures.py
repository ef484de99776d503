"""The rules of the house, each a function from a file to what it finds wrong there.

A rule knows nothing of the tree; `test_tree.py` applies it to every file and `test_measures.py` shows each
one firing. Forbidden words are written so that no pattern here matches its own source.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final, TypeAlias

Rule: TypeAlias = Callable[[str, str], list[str]]
"""From the file's path in the tree and its text to one sentence a breach."""

MODULE_LINES_MAX: Final = 400
CASES_LINES_MAX: Final = 600
"""Outside the package a file may be longer: tables of cases are searched, not read through."""
FUNCTION_LINES_MAX: Final = 70
PURE: Final = ("document", "evidence", "orchestrator")

EMPTY_NAMES: Final = re.compile(
    r"(?:^|_)(?:utils?|helpers?|managers?|common|misc|basic|simple|v\d+)(?:_|$)"
)
CAMEL_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

AMBIENT_CALLS: Final = frozenset(
    {
        "datetime.now",
        "datetime.today",
        "datetime.utcnow",
        "date.today",
        "uuid.uuid1",
        "uuid.uuid4",
        "uuid1",
        "uuid4",
        "open",
        "input",
        "print",
        "__import__",
        "eval",
        "exec",
    }
)
"""Calls by which the pure packages would fetch a clock, an id or bytes that must come in as values."""

BARE_ERRORS: Final = frozenset({"Exception", "BaseException", "RuntimeError"})
"""Errors that tell a reader nothing: a refused input raises a Stop, a broken rule of ours an AssertionError."""

UNFINISHED: Final = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HAC[K])\b")
MACHINE_PATHS: Final = re.compile(
    r"(?<![\w.:/-])/(?:wor[k]|far[m])/|(?<![\w.])/(?:home|Users)/\w|/tmp/(?:bash_job[s]|tea[m]\b)"
)
CORPUS_LOOKUPS: Final = ("tests/conftest.py", "benchmarks/accuracy.py")
"""The two files that know where a corpus lies when CUTTER_CORPUS does not say."""
OUTSIDE_FOLDER: Final = re.compile(r"\.\./share[d]")
SESSION_WORDS: Final = re.compile(
    r"\b(?:anthropi[c]|clau[d]e|chatgp[t]|copilo[t]|sub-?agen[t]s?|language mode[l]s?|tool librar[y]"
    r"|working sessio[n]s?|issue #?\d+\b|prototype[s]? (?:folder|sketch))",
    re.IGNORECASE,
)
REGISTRY_ADDRESSES: Final = re.compile(
    r"https?://[^\s\"'<>)]*(?:pyp[i]\.|pythonhosted|registr[y]\.|/simpl[e]/|npmj[s])"
    r"|--(?:extra-)?inde[x]-url[ =]\S*/|--find-link[s][ =]",
    re.IGNORECASE,
)
SECRETS: Final = {
    "a private key": re.compile(
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*(?:\\n)?[\"']?\s*[A-Za-z0-9+/]{40}"
    ),
    "an age identity": re.compile(r"AGE-SECRET-KEY-1[0-9A-Z]{50}"),
    "a cloud key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a hosting token": re.compile(r"\b(?:ghp|gho|ghs|glpat|github_pat|pypi)[_-][A-Za-z0-9_-]{30,}"),
    "a password in an address": re.compile(
        r"\b[a-z]{4,12}://[^\s/:@{}<>$%\"']+:[^\s/:@{}<>$%\"']{6,}@[\w.-]+"
    ),
}

LOCK_LINE: Final = re.compile(
    r"[a-z0-9][a-z0-9.-]*==[A-Za-z0-9.+!]+(?: ; [a-zA-Z_ '\"=!<>.*0-9()]+)? \\"
    r"|    --hash=sha256:[0-9a-f]{64}(?: \\)?"
    r"|    # via(?: [\w. ():-]+)?"
    r"|    #   (?:-c requirements/)?[\w. ():\[\]-]+"
    r"|"
)


@cache
def syntax(text: str) -> ast.Module:
    """The syntax tree of a module; read once however many rules ask."""
    return ast.parse(text)


def module_length(path: str, text: str) -> list[str]:
    """A module fits into one reading."""
    lines, limit = text.count("\n"), MODULE_LINES_MAX
    if not path.startswith("src/"):
        limit = CASES_LINES_MAX
    return [f"{path}: {lines} lines, limit {limit}"] if lines > limit else []


def function_length(path: str, text: str) -> list[str]:
    """A function fits onto one screen."""
    return [
        f"{path}:{node.lineno}: {node.name} has {lines} lines, limit {FUNCTION_LINES_MAX}"
        for node in ast.walk(syntax(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def documented(path: str, text: str) -> list[str]:
    """Every public module, class and function of the package says what is true afterwards.

    An adapter's method may leave that to the port it fulfils; a property setter, an overload and a
    function inside a function are told by what is around them.
    """
    tree = syntax(text)
    adapter = bool(re.match(r"src/cutter_agent/(?:postgres|files|rehearsal|crypto)/", path))
    found = [] if ast.get_docstring(tree) else [f"{path}: no module docstring"]
    for node, inside_class in _public_definitions(tree):
        if adapter and inside_class and not isinstance(node, ast.ClassDef):
            continue
        if not ast.get_docstring(node):
            found.append(f"{path}:{node.lineno}: {node.name} has no docstring")
    return found


_Definition: TypeAlias = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public_definitions(
    node: ast.Module | ast.ClassDef, *, inside_class: bool = False
) -> Iterator[tuple[_Definition, bool]]:
    for child in node.body:
        if not isinstance(child, _Definition) or child.name.startswith("_"):
            continue
        if {"overload", "setter"} & {_last_name(mark) for mark in child.decorator_list}:
            continue
        yield child, inside_class
        if isinstance(child, ast.ClassDef):
            yield from _public_definitions(child, inside_class=True)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def telling_names(path: str, text: str) -> list[str]:
    """No module, class or function is named by a word that fits anything."""
    stems = [re.sub(r"\.\w+$", "", part) for part in path.split("/")]
    found = [f"{path}: the name {stem} fits anything" for stem in stems if EMPTY_NAMES.search(stem)]
    for node in ast.walk(syntax(text)):
        if isinstance(node, _Definition):
            snake = CAMEL_HUMP.sub("_", node.name).lower()
            if EMPTY_NAMES.search(snake):
                found.append(f"{path}:{node.lineno}: the name {node.name} fits anything")
    return found


def values_come_in(path: str, text: str) -> list[str]:
    """The pure packages fetch no clock, id or bytes by themselves."""
    if not re.match(rf"src/cutter_agent/(?:{'|'.join(PURE)})/", path):
        return []
    return [
        f"{path}:{node.lineno}: {name}() in a pure package; hand the value in"
        for node in ast.walk(syntax(text))
        if isinstance(node, ast.Call) and (name := _call_tail(node.func)) in AMBIENT_CALLS
    ]


def _call_tail(function: ast.expr) -> str:
    """The last two names of what is called: `datetime.now` of `datetime.datetime.now()`."""
    return ".".join(ast.unparse(function).split(".")[-2:])


def no_bare_errors(path: str, text: str) -> list[str]:
    """Nothing in the package raises an error that has no meaning, and nothing swallows every error unseen."""
    found = []
    for node in ast.walk(syntax(text)):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if _last_name(raised) in BARE_ERRORS:
                found.append(f"{path}:{node.lineno}: raises a bare {_last_name(raised)}")
        if isinstance(node, ast.ExceptHandler) and all(
            isinstance(inner, ast.Pass) for inner in node.body
        ):
            caught = "everything" if node.type is None else ast.unparse(node.type)
            if caught in {"everything", "Exception", "BaseException"}:
                found.append(f"{path}:{node.lineno}: swallows {caught}")
    return found


def comments_without_dates(path: str, text: str) -> list[str]:
    """A comment says why; when, the history knows."""
    day = re.compile(r"\b20\d\d-\d\d-\d\d\b")
    return [
        f"{path}:{token.start[0]}: a date in a comment"
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT and day.search(token.string)
    ]


def _matching_lines(path: str, text: str, pattern: re.Pattern[str], meaning: str) -> list[str]:
    return [
        f"{path}:{number}: {meaning}: {match.group()}"
        for number, line in enumerate(text.splitlines(), start=1)
        if (match := pattern.search(line))
    ]


def nothing_unfinished(path: str, text: str) -> list[str]:
    """No mark of unfinished work: what is missing is said in the documents, or done."""
    return _matching_lines(path, text, UNFINISHED, "mark of unfinished work")


def no_machine_paths(path: str, text: str) -> list[str]:
    """No path of the machine that it was written on."""
    return _matching_lines(path, text, MACHINE_PATHS, "path of one machine")


def stands_alone(path: str, text: str) -> list[str]:
    """The project speaks of itself alone; only the corpus look-ups know a folder outside."""
    found = _matching_lines(path, text, SESSION_WORDS, "speaks of how it was made")
    if path not in CORPUS_LOOKUPS:
        found += _matching_lines(path, text, OUTSIDE_FOLDER, "names a folder outside the project")
    return found


def no_registry_address(path: str, text: str) -> list[str]:
    """Where packages come from is the installer's setting, never the project's."""
    return _matching_lines(path, text, REGISTRY_ADDRESSES, "registry address")


def no_secret(path: str, text: str) -> list[str]:
    """No file holds what would open something."""
    return [f"{path}: {name}" for name, pattern in SECRETS.items() if pattern.search(text)]


def lock_lines(path: str, text: str) -> list[str]:
    """A lock file holds names, exact versions, sha256 digests and who asked, nothing else."""
    found = [
        f"{path}:{number}: not a line of a lock file: {line}"
        for number, line in enumerate(text.splitlines(), start=1)
        if not LOCK_LINE.fullmatch(line)
    ]
    found += [
        f"{path}: no digest for {entry.splitlines()[0] if entry else 'anything'}"
        for entry in re.split(r"\n(?=[a-z0-9])", text.strip())
        if "--hash=sha256:" not in entry
    ]
    return found


PACKAGE_RULES: Final[tuple[Rule, ...]] = (
    module_length,
    function_length,
    documented,
    telling_names,
    values_come_in,
    no_bare_errors,
    comments_without_dates,
)
"""What holds for every module of src/."""

TEST_RULES: Final[tuple[Rule, ...]] = (module_length, function_length, telling_names)
"""What holds for every Python file of tests/ and benchmarks/ too."""

TEXT_RULES: Final[tuple[Rule, ...]] = (
    nothing_unfinished,
    no_machine_paths,
    stands_alone,
    no_registry_address,
    no_secret,
)
"""What holds for every text file of the tree."""
