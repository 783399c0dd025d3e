#!/usr/bin/env python3
"""Cut PostgreSQL's manual into passages.

    passages.py FOLDER > passages.tsv

FOLDER holds the manual's HTML pages. Each output line is a passage in the
text format of COPY: number, page (the file's name), title (of the section it
stands in) and body. A passage is one or more paragraphs of one section, about
WORDS words together.
"""

import html.parser
import pathlib
import sys

WORDS = 90

# Pages that hold lists of links or repeat others
SKIPPED_PAGES = {"bookindex.html", "index.html", "biblio.html", "legalnotice.html"}
SKIPPED_CLASSES = {"navheader", "navfooter", "toc", "list-of-tables", "list-of-figures"}
BLOCKS = {"p", "pre", "li", "dt", "dd", "tr", "table", "div", "h1", "h2", "h3", "h4", "h5"}
TITLES = {"h1", "h2", "h3", "h4", "h5"}
# Headings of boxes, not of sections
BOXES = {"Note", "Tip", "Important", "Caution", "Warning"}


class Page(html.parser.HTMLParser):
    """The text blocks of a page: a list of (title, text)."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.blocks = []
        self.page_title = ""
        self.title = ""
        self.text = []
        self.skipped_depth = 0      # open div elements inside a skipped one
        self.in_title = False
        self.in_head = False
        self.in_mark = False        # the sign beside a heading that links to it

    def end_block(self):
        text = " ".join("".join(self.text).split())
        self.text = []
        if self.in_title:
            if text and text not in BOXES:
                self.title = self.full_title(text)
        elif text:
            self.blocks.append((self.title, text))

    def full_title(self, text):
        """Numbered headings say where they stand; others need the page's name."""
        if text[:1].isdigit() or text == self.page_title:
            return text
        return f"{self.page_title}: {text}"

    def handle_starttag(self, tag, attributes):
        classes = set((dict(attributes).get("class") or "").split())
        if tag == "head":
            self.in_head = True
        if tag == "a" and "id_link" in classes:
            self.in_mark = True
        if self.skipped_depth:
            self.skipped_depth += tag == "div"
            return
        if tag == "div" and classes & SKIPPED_CLASSES:
            self.end_block()
            self.skipped_depth = 1
            return
        if tag in BLOCKS:
            self.end_block()
            self.in_title = tag in TITLES
        elif tag in ("td", "th", "br"):
            self.text.append(" ")

    def handle_endtag(self, tag):
        if tag == "head":
            self.in_head = False
            self.page_title = self.title = " ".join("".join(self.text).split())
            self.text = []
        if tag == "a":
            self.in_mark = False
        if self.skipped_depth:
            self.skipped_depth -= tag == "div"
            return
        if tag in BLOCKS:
            self.end_block()
            self.in_title = False

    def handle_data(self, data):
        if not self.skipped_depth and not self.in_mark:
            self.text.append(data)


def split_long(blocks):
    """Cut blocks that are longer than a passage may be."""
    for title, text in blocks:
        words = text.split()
        for start in range(0, len(words), int(1.5 * WORDS)):
            yield title, " ".join(words[start:start + int(1.5 * WORDS)])


def passages(blocks):
    """Join the blocks of each section to passages."""
    title, texts, words = None, [], 0
    for block_title, text in split_long(blocks):
        n = len(text.split())
        if texts and (block_title != title or words + n > 1.5 * WORDS):
            yield title, " ".join(texts)
            texts, words = [], 0
        title = block_title
        texts.append(text)
        words += n
        if words >= WORDS:
            yield title, " ".join(texts)
            texts, words = [], 0
    if texts:
        yield title, " ".join(texts)


def escape(text):
    """Text in the form of COPY."""
    return text.replace("\\", "\\\\").replace("\t", " ").replace("\n", " ").replace("\r", " ")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    number = 0
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.html")):
        if path.name in SKIPPED_PAGES:
            continue
        page = Page()
        page.feed(path.read_text(encoding="utf-8", errors="replace"))
        page.end_block()
        for title, body in passages(page.blocks):
            if len(body.split()) < 8:
                continue
            number += 1
            print(number, path.name, escape(title), escape(body), sep="\t")
    if number == 0:
        sys.exit(f"passages.py: no passages found in {sys.argv[1]}")


if __name__ == "__main__":
    main()
