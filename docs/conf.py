"""How the site is built, for Sphinx: `make docs`.

The source folder is the repository, so a link leads to the same page on the site as among the files. A page a paper is
found by its place, so that adding a paper edits no list.
"""

project = "Reproid"
author = "the authors of Reproid"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "methods/*/README.md",
    "datasets/synthwalk/README.md",
    "reports/evidence/README.md",
    "tests/historic_results/README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
]
exclude_patterns = [".*", "build", "data", "runs", "out", "mlruns", "mlartifacts"]  # never walked through

myst_heading_anchors = 3  # as GitHub names them
myst_enable_extensions = ["colon_fence"]

html_theme = "furo"
html_title = "Reproid"
html_extra_path = ["redirect"]  # index.html, as the start page lies below docs/
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
