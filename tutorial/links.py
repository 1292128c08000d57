"""Check the built site: each link within it leads to a file, and to an anchor that is there.

    python tutorial/links.py build/docs

Links to elsewhere are counted, not followed. Nothing that a page loads may come from elsewhere.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src"}


class PageLinks(HTMLParser):
    """The anchors of a page, its links, and what it loads."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.anchors, self.links, self.loads = {""}, set[str](), set[str]()
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found.get("id", ""), found.get("name", "")}
        if tag == "a" and "href" in found:
            self.links.add(found["href"])
        if tag in LOADS and LOADS[tag] in found:
            self.loads.add(found[LOADS[tag]])


def faults(site: Path) -> list[str]:
    """One line for each link that leads nowhere, or load from elsewhere."""
    pages = {file.resolve(): PageLinks(file) for file in site.rglob("*.html")}
    found = []
    for file, page in pages.items():
        name = file.relative_to(site.resolve())
        found += [f"{name} loads {url}" for url in page.loads if urlsplit(url).netloc]
        for url in page.links | page.loads:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.is_file():
                found.append(f"{name}: no file for {url}")
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{name}: no anchor for {url}")
    return sorted(found)


def main() -> int:
    site = Path(sys.argv[1])
    found = faults(site)
    print("\n".join(found) or f"every link within {site} leads somewhere")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
