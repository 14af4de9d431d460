"""Configuration of the documentation: Sphinx with MyST Markdown, built without a network.

sphinx-build -W --keep-going -b dirhtml docs docs/_build

The pages of the API reference and the table of recipe keys are generated from the code into `_generated/`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import generate

import nlpseq

project = "nlpseq"
author = "the nlpseq developers"
copyright = "the nlpseq developers"
version = release = nlpseq.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "results", "_generated/keys.md"]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

highlight_language = "text"
suppress_warnings = ["ref.python"]  # attributes of one name in several classes
autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"nlpseq {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True


def setup(app):
    """Write the generated pages, and read docstrings as the Markdown that they are."""
    generate.pages(Path(__file__).parent / "_generated")
    app.connect("autodoc-process-docstring", generate.docstring, priority=100)
    app.connect("autodoc-skip-member", generate.skip)
