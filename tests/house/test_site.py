"""The pages build into a site: every one is reachable, every link leads somewhere."""

import re
import subprocess
import sys
from pathlib import Path

from house import tree
from house.tree import PROJECT

NAV = PROJECT / "mkdocs.yml"
LEFT_OUT = {"docs/reference/contract_prose.md"}


def test_every_page_has_its_place_in_the_site() -> None:
    named = set(re.findall(r"^ +- ([a-z0-9/_-]+\.md)$", NAV.read_text("utf-8"), re.MULTILINE))
    pages = {path for path in tree.paths() if path.startswith("docs/") and path.endswith(".md")}
    assert {f"docs/{page}" for page in named} == pages - LEFT_OUT


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stderr[-3_000:]
    start = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "tutorial.html" in start
    elsewhere = re.findall(r'(?:src|href)="(https?://[^"]+)"', start)
    assert [link for link in elsewhere if "squidfunk.github.io" not in link] == []
