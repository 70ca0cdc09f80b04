"""Add the README, the specification and other pages that are not in ``docs/`` to the site.

MkDocs loads this file as a hook. In the repository, links on these pages are relative to the file. On the site they
lead to the page made from the linked file; a link to a file without a page becomes plain text.

If `make docs-kotlin` has built the API reference of the Kotlin libraries, the site includes it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).parent.parent

PAGES: Final = {
    "index.md": "README.md",
    "spec/format.md": "spec/format.md",
    "spec/template.md": "spec/template.md",
    "spec/vectors/README.md": "spec/vectors/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
"""Maps each page of the site to its source file in the repository."""

KOTLIN: Final = "kotlin.md"
"""The page that leads to the API reference of the Kotlin libraries."""

DOKKA: Final = ROOT / "android-decoder" / "reference" / "target" / "dokka"
"""The folder that Dokka writes that reference to."""

REFERENCE: Final = "kotlin/api"
"""The reference's folder on the site."""

LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)#]*)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in ``docs/``."""
    for page, source in PAGES.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, page, content=_relinked(text, page, source, files)))
    for path in sorted(DOKKA.rglob("*")):
        if path.is_file():
            place = f"{REFERENCE}/{path.relative_to(DOKKA).as_posix()}"
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: object, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links from pages in ``docs/`` to files of the repository, and link to the Kotlin reference."""
    source = page.file.src_uri  # type: ignore[attr-defined]
    if source == KOTLIN and files.get_file_from_path(f"{REFERENCE}/index.html"):
        markdown += f"\n[Browse the API reference]({REFERENCE}/index.html){{ .md-button }}\n"
        return markdown
    return markdown if source in PAGES else _relinked(markdown, source, f"docs/{source}", files)


def _relinked(text: str, page: str, source: str, files: Files) -> str:
    """Return a page's text with its links rewritten for the site."""
    places = {f"docs/{file.src_uri}": file.src_uri for file in files} | {of: there for there, of in PAGES.items()}

    def link(match: re.Match[str]) -> str:
        image, words, target, anchor = match.groups()
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if meant not in places:
            return match[0] if image else words
        there = posixpath.relpath(places[meant], posixpath.dirname(page) or ".")
        return f"{image}[{words}]({there}{anchor or ''})"

    return LINK.sub(link, text)
