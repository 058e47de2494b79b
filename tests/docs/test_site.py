"""The site builds without a warning."""

import subprocess
import sys
from pathlib import Path

from tests.docs.pages import PAGES
from tests.places import HOUSE


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    options = ["--fail-on-warning", "--keep-going", "--nitpicky", "--fresh-env", "-q"]
    command = [sys.executable, "-m", "sphinx", *options, "-d", "trees", "-c", str(HOUSE / "docs"), str(HOUSE), "site"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    assert 'url=docs/index.html"' in (site / "index.html").read_text()
    built = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    expected = {path.relative_to(HOUSE).with_suffix("").as_posix() for path in PAGES} - {"README"}
    assert expected <= built
    assert "http" not in "".join(
        line
        for line in (site / "docs" / "index.html").read_text().splitlines()
        if "<script" in line or "stylesheet" in line
    )
