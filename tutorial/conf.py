"""How Sphinx makes the site of the tutorial: `make docs`."""

import re

from sphinx.application import Sphinx

project = "A machine-learning API, from one file to many machines"
extensions = ["myst_parser"]
exclude_patterns = ["README.md", "code", "run"]
root_doc = "index"

html_theme = "furo"
html_title = "Machine-learning API"
html_static_path = ["static"]
html_css_files = ["prompt.css"]
html_show_search_summary = False  # it would fetch pages, which browsers forbid in a folder
html_copy_source = False
html_show_copyright = False

myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]  # outputs within console blocks

# The order of the pages in the site. In index.md itself it would be seen on a repository's page.
ORDER = """
```{toctree}
:hidden:
:glob:

[0-9][0-9]-*
choosing
CONTRIBUTING
```
"""


def adapt(_: Sphinx, name: str, source: list[str]) -> None:
    """Add the order; pages of the repository that are not of the site become downloads."""
    source[0] = re.sub(r"\]\((\.\./[^)#]+\.md)\)", r"](path:\1)", source[0])
    if name == root_doc:
        source[0] += ORDER


def setup(app: Sphinx) -> None:
    app.connect("source-read", adapt)
