#!/usr/bin/env python3
"""Build the documentation: docs.py [FOLDER] [--execute] [--outputs FOLDER]

Every notebook becomes a page (nbconvert), the research log too, and the command reference is written from the command's own
help. No network is needed, for building or for reading: all that a page needs is in it. Experiments are shown as they were
last executed, if `outputs/` holds such a run, and the gallery shows the pictures of those runs. `--execute` runs the
guides, so that their pages have output. Ends with the number of pages; exit code 1 when a link leads nowhere.
"""
import argparse
import html
import io
import json
import re
import shutil
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
NBS = ROOT / "nbs"
GROUPS = {"Start": "", "Guides": "guides", "Experiments": "experiments", "Workbench": "core", "Behaviour": "behavior",
          "Sensors": "sensors", "Grounding": "grounding", "Anomaly": "anomaly", "World model": "worldmodel",
          "Benchmarks": "benchmarks"}
STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #e3e7ec; --paper: #fff; --accent: #0072b2 }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #9aa6b5; --line: #2c3642; --paper: #14191f } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, sans-serif; display: flex }
nav { flex: 0 0 230px; padding: 24px; border-right: 1px solid var(--line); height: 100vh; overflow: auto; position: sticky;
  top: 0; box-sizing: border-box; font-size: 14px }
nav h2 { font-size: 12px; text-transform: uppercase; letter-spacing: .06em; color: var(--soft); margin: 18px 0 4px }
nav a { display: block; color: inherit; text-decoration: none; padding: 1px 0 } nav a:hover, nav a.here { color: var(--accent) }
main { flex: 1; max-width: 900px; padding: 32px 48px; min-width: 0 }
main img { max-width: 100%; background: #fff } main a { color: var(--accent) }
pre { background: color-mix(in srgb, var(--ink) 6%, transparent); padding: 12px; overflow: auto; font-size: 13.5px;
  line-height: 1.45; border-radius: 6px } code { font-family: ui-monospace, monospace; font-size: .92em }
table { border-collapse: collapse; font-size: 14px; display: block; overflow: auto }
td, th { border-bottom: 1px solid var(--line); padding: 4px 10px; text-align: left; vertical-align: top }
blockquote { margin: 0; color: var(--soft); font-size: 1.1em } .gallery { display: grid; gap: 28px }
.dataframe, .dataframe * { border-left: 0; border-right: 0 }
.k, .kn, .kc { color: #8250df } .s1, .s2, .sd { color: #0a7d4f } .c1 { color: var(--soft) } .nf, .nc { color: var(--accent) }
.jp-InputPrompt, .jp-OutputPrompt, .anchor-link { display: none }
"""


def title(path: Path) -> str:
    "The first heading of a notebook."
    cells = json.loads(path.read_text())["cells"]
    lines = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown").splitlines()
    return next((line[2:].strip() for line in lines if line.startswith("# ")), path.stem)


def notebooks() -> dict[str, list[Path]]:
    "Notebooks by group, in order."
    found = {group: sorted((NBS / folder).glob("[!._]*.ipynb")) for group, folder in GROUPS.items()}
    return {group: paths for group, paths in found.items() if paths}


def address(path: Path) -> str:
    "Where a notebook's page lies."
    return path.relative_to(NBS).with_suffix(".html").as_posix()


def short_title(path: Path, group: str) -> str:
    "A title for a list under its group's name: `Behaviour: settings` is `Settings` there."
    first, _, rest = title(path).partition(": ")
    return rest[:1].upper() + rest[1:] if rest and first in (group, group.removesuffix("s")) else first


def navigation(here: str) -> str:
    "Links to all pages."
    up = "../" * here.count("/")
    more = {"Start": [("gallery.html", "Gallery"), ("commands.html", "Commands"), ("LOG.html", "Research log")]}
    parts = []
    for group, paths in notebooks().items():
        links = [(address(path), short_title(path, group)) for path in paths] + more.get(group, [])
        parts.append(f"<h2>{group}</h2>" + "".join(
            f'<a href="{up}{link}"{" class=here" if link == here else ""}>{html.escape(name)}</a>' for link, name in links))
    return "".join(parts)


def page(folder: Path, where: str, name: str, body: str) -> None:
    "Write one page."
    path = folder / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
                    f"<title>{html.escape(name)} - vidbench</title><style>{STYLE}</style><body><nav>{navigation(where)}</nav>"
                    f"<main>{body}</main></body></html>")


def executed(path: Path, outputs: Path) -> Path:
    "An experiment as it was last executed to its end, else as it is."
    from vidbench.core.runs import read_status
    runs = sorted(outputs.glob(f"{path.stem}/*/notebook.ipynb"), key=lambda p: -p.stat().st_mtime)
    good = (p for p in runs if read_status(p.parent)["state"] == "finished")
    return next(good, path) if path.parent.name == "experiments" else path


def convert(path: Path, execute: bool) -> str:
    "A notebook as HTML, without its export marks; links to notebooks lead to their pages."
    notebook = nbformat.read(path, as_version=4)
    if execute:
        from nbconvert.preprocessors import ExecutePreprocessor
        ExecutePreprocessor(timeout=300, kernel_name="python3").preprocess(notebook, {"metadata": {"path": str(path.parent)}})
    notebook.cells = [cell for cell in notebook.cells if not cell.source.lstrip().startswith(("#| hide", "#| default_exp"))]
    for cell in notebook.cells:
        cell.source = re.sub(r"^#\| ?export\n", "", cell.source)
        cell.get("outputs", [])[:] = [o for o in cell.get("outputs", []) if o.output_type != "stream" or o.name != "stderr"]
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    body = exporter.from_notebook_node(notebook)[0].replace('src="nbs/images/', 'src="images/')  # as seen from the README
    return re.sub(r'href="(?:nbs/)?([\w./-]+)\.(?:ipynb|md)"', _page_of, body)


def _page_of(link: re.Match) -> str:
    "A link to a notebook, or to the log, leads to its page; other files are there as they are."
    to_page = link[0].endswith('.ipynb"') or link[1] == "LOG"
    return f'href="{link[1]}.html"' if to_page else link[0]


def commands() -> str:
    "The help of each command."
    from vidbench.launch.cli import main
    def help_of(*words: str) -> str:
        text = io.StringIO()
        with redirect_stdout(text), suppress(SystemExit):
            main([*words, "--help"])
        return text.getvalue()
    first = help_of()
    names = re.findall(r"^    (\w+) ", first.split("COMMAND", 2)[-1], re.M)
    parts = [f"<h2>vidbench {name}</h2><pre>{html.escape(help_of(name))}</pre>" for name in dict.fromkeys(names)]
    return f"<h1>Commands</h1><pre>{html.escape(first)}</pre>" + "".join(parts)


def gallery(folder: Path, outputs: Path) -> str:
    "The pictures of the newest finished run of each job."
    parts = ["<h1>Gallery</h1><p>The pictures that each study's newest finished run left behind.</p>"]
    for path in notebooks().get("Experiments", []):
        run = executed(path, outputs).parent
        pictures = sorted((run / "figures").glob("*.png")) if run != path.parent else []
        if not pictures:
            continue
        (folder / "pictures" / path.stem).mkdir(parents=True, exist_ok=True)
        parts.append(f'<h2><a href="{address(path)}">{html.escape(title(path))}</a></h2><div class="gallery">')
        for picture in pictures:
            shutil.copy(picture, folder / "pictures" / path.stem / picture.name)
            caption = picture.stem.replace("_", " ")
            parts.append(f'<figure><img src="pictures/{path.stem}/{picture.name}" alt="{caption}">'
                         f"<figcaption>{caption}</figcaption></figure>")
        parts.append("</div>")
    return "".join(parts)


def dead_links(folder: Path) -> list[str]:
    "Links and pictures within the site that are not there."
    dead = []
    for path in folder.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#]+)', path.read_text()):
            if not re.match(r"[a-z]+:|//", link) and not (path.parent / link).exists():
                dead.append(f"{path.relative_to(folder)}: {link}")
    return sorted(set(dead))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "_docs")
    parser.add_argument("--execute", action="store_true", help="run the guides")
    parser.add_argument("--outputs", type=Path, default=ROOT / "outputs", help="where executed experiments are")
    args = parser.parse_args()
    shutil.rmtree(args.folder, ignore_errors=True)
    args.folder.mkdir(parents=True)
    for group, paths in notebooks().items():
        for path in paths:
            body = convert(executed(path, args.outputs), args.execute and group == "Guides")
            page(args.folder, address(path), title(path), body)
    page(args.folder, "LOG.html", "Research log", markdown2html((NBS / "LOG.md").read_text()))
    page(args.folder, "commands.html", "Commands", commands())
    for name in ("CONTRIBUTING.md", "LICENSE"):
        shutil.copy(ROOT / name, args.folder)
    for folder in ("images", "guides/screens"):
        shutil.copytree(NBS / folder, args.folder / folder)
    page(args.folder, "gallery.html", "Gallery", gallery(args.folder, args.outputs))
    dead = dead_links(args.folder)
    pages = len(list(args.folder.rglob("*.html")))
    print(*(f"leads nowhere: {line}" for line in dead), f"{pages} pages in {args.folder}", sep="\n")
    return int(bool(dead))


if __name__ == "__main__":
    sys.exit(main())
