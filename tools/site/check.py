"""Check a built site as its reader gets it: ``python tools/site/check.py build/site``.

Every link and picture leads to a file of the site, and to an element of it where the link has an anchor. No page loads
anything from elsewhere, and each has the content security policy that keeps the browser from doing so. Every page can
be found by the search. Prints what is wrong, one line each, and ends with 1; otherwise prints what was checked.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"img": ("src",), "script": ("src",), "iframe": ("src",), "source": ("src",), "link": ("href",)}
"""Attributes that make a browser load something when it shows the page."""

FOLLOWED_RELATIONS = {"canonical", "next", "prev", "edit", "alternate"}
"""Relations of ``<link>`` that name a page and load nothing."""


@dataclass
class Page:
    """What one page contains.

    Attributes:
        links: Targets of ``<a>``, as written.
        loads: What the browser loads, as written.
        anchors: Identifiers that a link can lead to.
        policy: The content security policy; empty when the page has none.
    """

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    policy: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.page.anchors.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.page.links.append(values["href"])
        if tag == "meta" and values.get("http-equiv", "").lower() == "content-security-policy":
            self.page.policy = values["content"]
        if tag != "link" or not FOLLOWED_RELATIONS & set(values.get("rel", "").split()):
            self.page.loads += [values[name] for name in LOADED.get(tag, ()) if name in values]


def read(path: Path) -> Page:
    """Read one HTML file."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page


def problems(site: Path) -> list[str]:
    """Everything that is wrong with the pages below ``site``, as lines that name the page."""
    pages = {path: read(path) for path in sorted(site.rglob("*.html"))}
    found = [] if pages else [f"{site}: no pages"]
    for path, page in pages.items():
        name = path.relative_to(site)
        if "default-src 'self'" not in page.policy:
            found.append(f"{name}: no content security policy")
        found += [f"{name}: loads {target} from elsewhere" for target in page.loads if _is_external(target)]
        # The page for a missing address is shown at any address, so its links are absolute.
        if path.name == "404.html":
            continue
        for target in [*page.links, *page.loads]:
            if not _is_external(target) and not _exists(target, path, pages):
                found.append(f"{name}: leads to {target}, which does not exist")
    return found + _not_searchable(site, pages)


def _is_external(target: str) -> bool:
    parts = urlsplit(target)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def _exists(target: str, path: Path, pages: dict[Path, Page]) -> bool:
    parts = urlsplit(target)
    if parts.scheme == "data":
        return True
    file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    file = file / "index.html" if file.is_dir() else file
    if not file.is_file():
        return False
    anchor = unquote(parts.fragment)
    return not anchor or file not in pages or anchor in pages[file].anchors


def _not_searchable(site: Path, pages: dict[Path, Page]) -> list[str]:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    indexed = {entry["location"].partition("#")[0] for entry in index["docs"]}
    locations = {path: path.relative_to(site).as_posix().removesuffix("index.html") for path in pages}
    return [f"{name}: not in the search index" for name in locations.values() if name not in {*indexed, "404.html"}]


def main(site: Path) -> int:
    """Check the site and print the outcome; 1 when something is wrong."""
    site = site.resolve()
    found = problems(site)
    for line in found:
        print(line)
    if not found:
        print(f"{sum(1 for _ in site.rglob('*.html'))} pages checked")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
