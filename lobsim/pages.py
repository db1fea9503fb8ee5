"""What every page of results shares: templates with escaping on, figures as safe JSON, files that are whole or not there.

A page is one HTML file that loads nothing from anywhere.  Importing this module loads jinja2 and plotly; a command that should start fast imports it
only when it writes a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import jinja2
import plotly.graph_objects as go
import plotly.io
from markupsafe import Markup

from lobsim.whole_files import whole_file


def page_template(folder: Path, name: str) -> jinja2.Template:
    """A template of a folder; what it names must be given, and text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)


def figures_json(figures: Mapping[str, go.Figure]) -> Markup:
    """All figures as one JSON object that is safe inside a script element, in fixed key order."""
    parts = (f'"{key}":{plotly.io.to_json(figure, engine="json")}' for key, figure in figures.items())
    return Markup(("{" + ",\n".join(parts) + "}").replace("<", "\\u003c"))


def write_page(path: Path, text: str) -> None:
    """Write a page, whole or not at all; makes the folder.  Raises OSError as the disk does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
