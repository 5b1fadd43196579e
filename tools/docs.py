#!/usr/bin/env python3
"""The documentation, and the outputs that readers on GitHub see.

docs.py [site] [FOLDER] [--quick] [--jobs N]   build the site (default folder: _docs)
docs.py outputs [NAME ...] [--check]           run notebooks and put their outputs into the repository; --check only says
                                               which are missing, older than their code, or not fit to be seen

Every notebook becomes a page. Library notebooks and guides are run as the tests run them, experiments with the preset
`smoke`; what came out is kept under _proc/, so that a second build runs only what changed. `--quick` runs nothing: it shows
committed outputs, and kept ones. No network is needed, for building or for reading: contents, search and pictures are in the
folder. Ends with the number of pages; exit code 1 when a notebook fails or a link leads nowhere.
"""
import argparse
import base64
import html
import io
import json
import re
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path

import nbformat
from nbconvert.filters import markdown2html
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import executed  # noqa: E402

NBS = ROOT / "nbs"
GROUPS = {"Start": "", "Guides": "guides", "Experiments": "experiments", "Results": "results", "Behaviour": "behavior",
          "Sensors": "sensors", "Grounding": "grounding", "Anomaly": "anomaly", "Pretrain": "worldmodel/pretrain",
          "Caption": "worldmodel/caption", "Agent": "worldmodel/agent", "Core": "core", "Launch": "launch",
          "Benchmarks": "benchmarks"}
SHOWN_AS_THEY_ARE = ("", "benchmarks", "results")  # not run for the site
ASSETS = Path(__file__).resolve().parent / "docs_assets"


# --- what there is

@cache
def title(path: Path) -> str:
    "The first heading of a notebook."
    cells = executed.read(path)["cells"]
    lines = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown").splitlines()
    return next((line[2:].strip() for line in lines if line.startswith("# ")), path.stem)


@cache
def notebooks() -> dict[str, list[Path]]:
    "Notebooks by group, in order."
    found = {group: sorted((NBS / folder).glob("[!._]*.ipynb")) for group, folder in GROUPS.items()}
    return {group: paths for group, paths in found.items() if paths}


def address(path: Path) -> str:
    "Where a notebook's page lies."
    return path.relative_to(NBS).with_suffix(".html").as_posix()


def short_title(path: Path, group: str) -> str:
    "A title for a list under its group's name: `Behaviour: settings` and `Agent settings` are `Settings` there."
    short = re.sub(rf"^{group.removesuffix('s')}s?:? (?=\w)", "", title(path))
    return short[:1].upper() + short[1:]


# --- from a notebook to a page

def is_imports(source: str) -> bool:
    "Whether a cell does nothing but import: it is folded."
    lines = [line for line in source.splitlines() if line.strip() and not line.startswith("#")]
    return bool(lines) and bool(re.match(r"(from|import|try:)\b", lines[0])) and not re.search(r"^(def|class|@)", source, re.M)


def readable(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    "A notebook without what only the tools need; cells of imports and of Colab are marked to be folded."
    hidden = ("#| hide", "#| default_exp")
    notebook.cells = [c for c in notebook.cells if not c.source.lstrip().startswith(hidden) and c.source.strip()]
    for cell in notebook.cells:
        cell.source = re.sub(r"\A(#\| ?\w+.*\n)+", "", cell.source)
        if cell.cell_type == "code" and not cell.outputs and (is_imports(cell.source) or "google.colab" in cell.source):
            cell.metadata["fold"] = "Google Colab" if "google.colab" in cell.source else "imports"
    return together(notebook)


def together(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    "Folded cells that follow each other as one."
    cells = []
    for cell in notebook.cells:
        if cells and cell.metadata.get("fold") and cells[-1].metadata.get("fold"):
            cells[-1].source += "\n\n" + cell.source
        else:
            cells.append(cell)
    notebook.cells = cells
    return notebook


def code_html(source: str) -> str:
    "A cell's code, in colours."
    return highlight(source, PythonLexer(), HtmlFormatter())


def output_html(output: nbformat.NotebookNode) -> str:
    "One output: the richest of its forms."
    if output.output_type == "stream":
        return f"<pre>{html.escape(output.text)}</pre>"
    data = output.get("data", {})
    if "text/html" in data:
        return data["text/html"]
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            width = output.get("metadata", {}).get(kind, {}).get("width", 0)
            return f'<img alt="" {f"width={width:.0f} " if width else ""}src="data:{kind};base64,{"".join(data[kind].split())}">'
    if "text/markdown" in data:
        return markdown2html(data["text/markdown"])
    return f"<pre>{html.escape(data.get('text/plain', ''))}</pre>" if "text/plain" in data else ""


def cell_html(cell: nbformat.NotebookNode) -> str:
    "A cell and what came of it."
    if cell.cell_type == "markdown":
        return with_names(markdown2html(cell.source))
    shown = "".join(f"<div class=output>{output_html(output)}</div>" for output in cell.get("outputs", []))
    if fold := cell.metadata.get("fold"):
        return f"<details class=fold><summary>{fold}</summary>{code_html(cell.source)}</details>"
    return code_html(cell.source) + shown


def body_of(notebook: nbformat.NotebookNode) -> str:
    "A notebook as HTML; what is folded stays one click away."
    return "\n".join(cell_html(cell) for cell in notebook.cells)


def with_links(body: str) -> str:
    "Links to notebooks and to the log lead to their pages; pictures are found from there."
    body = body.replace('src="nbs/', 'src="')      # the front page is the README too
    return re.sub(r'href="(?:nbs/)?([\w./-]+)\.(?:ipynb|md)(#[^"]*)?"', _page_of, body)


def _page_of(link: re.Match) -> str:
    "A link to a notebook, or to the log, leads to its page; other files are there as they are."
    to_page = ".ipynb" in link[0] or re.search(r"(^|/)(LOG|log/[\w-]+)$", link[1])
    return f'href="{link[1]}.html{link[2] or ""}"' if to_page else link[0]


def with_pictures(body: str, folder: Path, where: str) -> str:
    "Pictures as files beside the page, loaded when they come into sight."
    def file_of(found: re.Match) -> str:
        data = base64.b64decode(found[2])
        name = executed.digest(found[2]) + "." + found[1]
        (folder / "pictures").mkdir(exist_ok=True)
        (folder / "pictures" / name).write_bytes(data)
        return f'loading="lazy" src="{"../" * where.count("/")}pictures/{name}"'
    return re.sub(r'src="data:image/(png|jpeg|gif);base64,([A-Za-z0-9+/=\s]{64,})"', file_of, body)


def contents(body: str) -> str:
    "The page's own headings, as links."
    found = re.findall(r'<h([23]) id="([^"]+)">(.*?)</h\1>', body, re.S)
    links = [f'<a class=h{level} href="#{name}">{re.sub("<[^>]+>|¶", "", text).strip()}</a>' for level, name, text in found]
    return f"<aside class=toc><details open><summary>On this page</summary>{''.join(links)}</details></aside>" if links else ""


def navigation(here: str) -> str:
    "Links to all pages, by group."
    up = "../" * here.count("/")
    more = {"Start": [("gallery.html", "Gallery"), ("commands.html", "Commands"), ("LOG.html", "Research log"),
                      ("CONTRIBUTING.html", "Contributing")]}
    parts = []
    for group, paths in notebooks().items():
        links = [(address(path), short_title(path, group)) for path in paths] + more.get(group, [])
        opened = " open" if any(link == here for link, _ in links) or group in ("Start", "Guides", "Experiments") else ""
        parts.append(f"<details{opened}><summary>{group}</summary>" + "".join(
            f'<a href="{up}{link}"{" class=here" if link == here else ""}>{html.escape(name)}</a>' for link, name in links)
            + "</details>")
    return "".join(parts)


def page(folder: Path, where: str, name: str, body: str) -> None:
    "Write one page."
    path, up = folder / where, "../" * where.count("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = {"title": html.escape(name), "up": up, "navigation": navigation(where), "contents": contents(body),
             "body": with_pictures(with_links(body), folder, where)}
    path.write_text(re.sub(r"{{(\w+)}}", lambda found: parts[found[1]], (ASSETS / "page.html").read_text()))


# --- search

def sections(path: Path) -> list[dict[str, str]]:
    "What a search looks through: a notebook's headings, prose, and the names that its cells define."
    found = [{"h": title(path), "a": "", "x": ""}]
    for cell in executed.read(path)["cells"]:
        text = executed.source(cell)
        if cell["cell_type"] == "code":
            names = re.findall(r"^(?:def|class) (\w+)|^    def ([a-z]\w+)", text, re.M) if text.startswith("#| export") else []
            found[-1]["x"] += " " + " ".join(a or b for a, b in names)
            continue
        for line in text.splitlines():
            if heading := re.match(r"#{2,3} (.+)", line):
                plain = re.sub(r"[`*]", "", heading[1])
                found.append({"h": plain, "a": "#" + heading[1].replace("`", "").replace(" ", "-"), "x": ""})
            elif not line.startswith("# "):
                found[-1]["x"] += " " + re.sub(r"\[([^]]*)\]\([^)]*\)|[`*>#|]", r"\1", line)
    return [{**part, "x": " ".join(part["x"].split())} for part in found]


def search_index() -> str:
    "All sections of all notebooks as a script, so that search works where pages are opened as files."
    rows = [{"t": title(path), "g": group, "u": address(path), **part}
            for group, paths in notebooks().items() for path in paths for part in sections(path)]
    return "window.SEARCH = " + json.dumps(rows, ensure_ascii=False, separators=(",", ":")) + ";"


# --- pages that are no notebooks

def commands() -> str:
    "The help of each command."
    from vidbench.launch.cli import main
    def help_of(*words: str) -> str:
        text = io.StringIO()
        with redirect_stdout(text), suppress(SystemExit):
            main([*words, "--help"])
        return text.getvalue()
    first = help_of()
    names = re.findall(r"^    ([a-z]+)(?: |$)", first.split("COMMAND", 2)[-1], re.M)
    parts = [f'<h2 id="{name}">vidbench {name}</h2><pre>{html.escape(help_of(name))}</pre>' for name in dict.fromkeys(names)]
    return f"<h1>Commands</h1><pre>{html.escape(first)}</pre>" + "".join(parts)


def gallery(shown: dict[Path, nbformat.NotebookNode]) -> str:
    "The pictures of the experiments, each under the words that stand above it in its notebook."
    parts = ["<h1>Gallery</h1><p>What each experiment draws with its preset <code>smoke</code>: toy data, a minute or two on a "
             "laptop, too little to learn much. The pages behind the titles show how each picture came about.</p>"]
    for path in notebooks().get("Experiments", []):
        figures, words = [], ""
        for cell in shown[path].cells:
            if cell.cell_type == "markdown":
                words = re.sub(r"^(#|>|\[!).*$", "", cell.source, flags=re.M).strip() or words
                continue
            for output in cell.get("outputs", []):
                for kind in {"image/png", "image/jpeg"} & set(output.get("data", {})):
                    source = "".join(output["data"][kind].split())
                    figures.append(f'<figure><img alt="{html.escape(title(path))}" src="data:{kind};base64,{source}">'
                                   f"<figcaption>{markdown2html(words)}</figcaption></figure>")
                    words = ""
        if figures:
            parts.append(f'<h2 id="{path.stem}"><a href="{address(path)}">{html.escape(title(path))}</a></h2>'
                         f'<div class="gallery">{"".join(figures)}</div>')
    return "".join(parts)


def dead_links(folder: Path) -> list[str]:
    "Links and pictures within the site that are not there, and places in a page that it does not have."
    pages = {path: re.sub(r"<pre.*?</pre>", "", path.read_text(), flags=re.S) for path in folder.rglob("*.html")}  # code has none
    names = {path: set(re.findall(r'id="([^"]+)"', text)) for path, text in pages.items()}
    dead = set()
    for path, text in pages.items():
        for link, place in re.findall(r'(?:href|src)="([^"#]*)(?:#([^"]*))?"', text):
            target = (path.parent / link).resolve() if link else path
            if re.match(r"[a-z]+:|//", link):
                continue
            if not target.exists():
                dead.add(f"{path.relative_to(folder)}: {link}")
            elif place and target in names and html.unescape(place) not in {html.unescape(name) for name in names[target]}:
                dead.add(f"{path.relative_to(folder)}: {link}#{place}")
    return sorted(dead)


# --- the site

def to_run(path: Path) -> bool:
    "Whether the site shows what a notebook does."
    return path.parent.relative_to(NBS).as_posix().removeprefix(".") not in SHOWN_AS_THEY_ARE


def shown_as(path: Path, quick: bool) -> tuple[nbformat.NotebookNode, str]:
    "A notebook as the site shows it, and what went wrong when it was run."
    plain = executed.read(path)
    fresh = plain["metadata"].get("vidbench") == {"code": executed.code_digest(path), "modules": executed.modules_digest(path)}
    wrong = ""
    if to_run(path) and not fresh and (not quick or executed.kept_path(path).exists()):
        began = time.monotonic()
        try:
            plain = executed.executed(path)
            if (seconds := time.monotonic() - began) > 1:
                print(f"{seconds:7.1f} s  {path.relative_to(NBS)}", flush=True)
        except Exception as error:
            wrong = str(error)
    return nbformat.reads(json.dumps(plain), as_version=4), wrong


def build(folder: Path, quick: bool, jobs: int) -> list[str]:
    "Write the site; what is wrong with it."
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    executed.FORKS.set_forkserver_preload(executed.IMPORTED_ONCE)
    paths = [path for group in notebooks().values() for path in group]
    order = sorted(paths, key=lambda p: (p.stem in executed.LOOKING, p.parent != executed.EXPERIMENTS))
    with ThreadPoolExecutor(jobs) as pool:
        last = [p for p in order if p.stem in executed.LOOKING]   # they look at what the others leave
        first = [p for p in order if p not in last]
        found = dict(zip(first, pool.map(lambda p: shown_as(p, quick), first), strict=True))
        found |= dict(zip(last, pool.map(lambda p: shown_as(p, quick), last), strict=True))
    shown = {path: readable(notebook) for path, (notebook, _) in found.items()}
    for path in paths:
        page(folder, address(path), title(path), body_of(shown[path]))
    page(folder, "gallery.html", "Gallery", gallery(shown))
    page(folder, "commands.html", "Commands", commands())
    for source in (NBS / "LOG.md", *(NBS / "log").glob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"):
        where = ("log/" if source.parent.name == "log" else "") + f"{source.stem}.html"
        page(folder, where, source.stem.capitalize(), with_names(markdown2html(source.read_text())))
    for name in ("CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(NBS / "guides/screens", folder / "guides/screens", dirs_exist_ok=True)
    for name in ("site.css", "site.js"):
        shutil.copy(ASSETS / name, folder / name.replace("site.css", "style.css"))
    with (folder / "style.css").open("a") as file:
        file.write(colours())
    (folder / "search-index.js").write_text(search_index())
    return [wrong for _, wrong in found.values() if wrong] + [f"leads nowhere: {line}" for line in dead_links(folder)]


def with_names(body: str) -> str:
    "HTML whose headings can be linked to, as Jupyter names them."
    def named(found: re.Match) -> str:
        text = re.sub(r'<a class="anchor-link".*?</a>', "", found[2], flags=re.S)
        name = html.unescape(re.sub("<[^>]+>", "", text)).strip().replace(" ", "-")
        return f'<h{found[1]} id="{html.escape(name)}">{text}</h{found[1]}>'
    return re.sub(r"<h([1-6])[^>]*>(.*?)</h\1>", named, body, flags=re.S)


def colours() -> str:
    "Highlighting of code, by day and by night."
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    keep = re.compile(r"^\.highlight \.", re.M)
    light, dark = ("\n".join(line for line in text.splitlines() if keep.match(line)) for text in (light, dark))
    return f"\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


# --- outputs in the repository

def outputs(names: list[str], check: bool) -> list[str]:
    "Bring committed outputs up to date, or say what is wrong with them."
    known = {path.stem: path for path in executed.committed()}
    if unknown := set(names) - set(known):
        return [f"{', '.join(sorted(unknown))}: not among the notebooks whose outputs are committed ({', '.join(known)})"]
    wrong = []
    for path in () if check else [known[name] for name in names or known]:
        began = time.monotonic()
        try:
            executed.commit_outputs(path)
        except executed.NotRun as error:
            wrong.append(str(error))
        print(f"{time.monotonic() - began:7.1f} s  {path.relative_to(NBS)}: {path.stat().st_size / 1000:,.0f} kB", flush=True)
    for path in executed.older_modules():
        print(f"note: {path.relative_to(NBS)} was run before a module that it uses was changed")
    return wrong + [line for name in names or known for line in executed.wrong_with(known[name])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="site [FOLDER] | outputs [NAME ...]")
    parser.add_argument("--quick", action="store_true", help="run nothing: show the outputs that there are")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks run at a time")
    parser.add_argument("--check", action="store_true", help="outputs: only say what is wrong")
    args = parser.parse_args()
    what, *rest = args.words or ["site"]
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, executed.end_all)
    if what == "outputs":
        wrong = outputs(rest, args.check)
    else:
        folder = Path(*rest) if what == "site" and rest else Path(what) if what != "site" else ROOT / "_docs"
        began = time.monotonic()
        wrong = build(folder, args.quick, args.jobs)
        print(f"{len(list(folder.rglob('*.html')))} pages in {folder}, {time.monotonic() - began:.0f} s")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
