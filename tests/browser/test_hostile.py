"""Hostile text: on a page it is text, whatever it looks like to a browser."""

from collections import Counter

import pytest
from tests.browser.conftest import Console
from tests.live import deploy

from clusters.fixtures import fresh_database
from cutter_agent.orchestrator import Mode
from cutter_agent.postgres.embedded import Server
from visitors import served

SHELL = """---
status: enacted
---

# A charter

## PART

### NT-1. {heading}

{first}

### NT-2. Second

{second}
"""
HARMLESS = SHELL.format(heading="A quiet heading", first="One line.", second="Another\u200bline.")
HOSTILE = SHELL.format(
    heading="<img src=x onerror=alert(1)> {{ 7*7 }} </title><script>alert(1)</script>",
    first="</span></li></ol><style>*{display:none}</style><a href=javascript:alert(1)>one</a>",
    second='"><form action=//evil><input name=csrf>\u200b<!-- ]]> &lt;b&gt; ${x} \\u003cb\\u003e',
)
BIDI = SHELL.format(
    heading="A \u202equiet\u202c heading",
    first="One\u00ad line\u2066.",
    second="Another\u200bline.",
)
TEXTS = {"CALM": HARMLESS, "EVIL": HOSTILE, "BIDI": BIDI}
NODES = """() => [...document.querySelectorAll('*')].filter(e => !e.matches('.hid')).map(
  e => e.tagName + ' ' + [...e.attributes].map(a => a.name).sort().join(','))"""


def test_hostile_text_gives_the_nodes_of_harmless_text(
    console: Console, cluster: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    seen: dict[str, list[Counter[str]]] = {}
    with fresh_database(cluster) as database:
        deployed = deploy(database, tmp_path_factory.mktemp("hostile"))
        with served(deployed.environ) as server:
            here = Console(deployed, server, console.browser, "", "", "")
            with here.visit("alice") as visit, deployed.runner() as runner:
                for name, text in TEXTS.items():
                    deployed.add(text.encode(), name, title="A charter")
                    run_id = runner.cut(document_id=name, mode=Mode.DRYRUN).run_id
                    for path in ("plan", f"plan?unit={name}/NT-2", "approve", "evidence", ""):
                        page = visit.to(f"/runs/{run_id}/{path}".rstrip("/"))
                        seen.setdefault(name, []).append(Counter(page.evaluate(NODES)))
                        assert page.evaluate("window.violations") == [], path
                        raw = page.evaluate("document.body.innerText")
                        assert "⟦U+200B⟧" in raw or path in {"", "evidence"}, path
                        assert not set("\u200b\u202e\u202c\u00ad\u2066") & set(raw), path
                assert not visit.complaints
    calm, evil, bidi = (seen[name] for name in TEXTS)
    for place, harmless in enumerate(calm):
        assert evil[place] == harmless, (evil[place] - harmless, harmless - evil[place])
    # Another kind of hidden character is one more finding; whatever it hides adds no other kind of node.
    for place, harmless in enumerate(calm):
        assert set(bidi[place]) == set(harmless)
