"""Pages of the site that live elsewhere in the repository: the README, the specification and the like.

MkDocs loads this file as a hook. Links of these pages are relative to where they are in the repository. On the site
they lead to the page of the same file; where there is none, their text is left.
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
    "spec/vectors/README.md": "spec/vectors/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
"""Pages of the site, and the files of the repository that they are made from."""

LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)#]*)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in ``docs/``."""
    for page, source in PAGES.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, page, content=_relinked(text, page, source, files)))
    return files


def on_page_markdown(markdown: str, page: object, config: MkDocsConfig, files: Files) -> str:
    """Let pages in ``docs/`` link to files of the repository."""
    source = page.file.src_uri  # type: ignore[attr-defined]
    return markdown if source in PAGES else _relinked(markdown, source, f"docs/{source}", files)


def _relinked(text: str, page: str, source: str, files: Files) -> str:
    """A page's text with its links as the site has them."""
    places = {f"docs/{file.src_uri}": file.src_uri for file in files} | {of: there for there, of in PAGES.items()}

    def link(match: re.Match[str]) -> str:
        image, words, target, anchor = match.groups()
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if meant not in places:
            return match[0] if image else words
        there = posixpath.relpath(places[meant], posixpath.dirname(page) or ".")
        return f"{image}[{words}]({there}{anchor or ''})"

    return LINK.sub(link, text)
