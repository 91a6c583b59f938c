"""How Sphinx makes the site: ``make docs``."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "moe_ipi"
author = "moe_ipi developers"
copyright = author
version = release = version_of("moe-ipi")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    # docs/_ext
    "generated",
    "included_links",
    "mathml",
]
exclude_patterns = ["_build", "_ext"]

# Formulas between dollars; headings can be linked to; options of directives.
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
# Pages have one title, and included files keep theirs, whatever their level.
suppress_warnings = ["myst.header"]

# Dashes only: quotes are quoted values as often as speech.
smartquotes_action = "D"

# Blocks without a language are shell commands, trees and formulas.
highlight_language = "none"
pygments_style = "friendly"
pygments_dark_style = "monokai"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "BoolArray", "FloatArray", "Hamiltonian")}
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"moe_ipi {release}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
copybutton_exclude = ".linenos, .gp, .go"
