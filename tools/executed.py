"""Notebooks with their outputs: run, cleaned, kept, and known to be older than their code.

A library notebook or guide is run as the tests run it (nbdev's shell), an experiment as a user runs it (`vidbench run`, preset
`smoke`), each in a process of its own. What comes out is kept under `_proc/executed/`, under a name made of the notebook's code
and of the modules it uses: run again when one of these changed, and not before.
"""
import ast
import base64
import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
KEPT = ROOT / "_proc/executed"
EXPERIMENTS = NBS / "experiments"
COMMITTED = [NBS / "core/06_figures.ipynb"]        # and every experiment: what readers on GitHub and Colab look at first
LOOKING = ("compare", "sweep")                     # experiments that look at runs of the others
FORKS = multiprocessing.get_context("forkserver")
IMPORTED_ONCE = ["execnb.shell", "matplotlib.figure", "pandas", "sklearn.metrics", "torchvision", "transformers.trainer"]
WIDEST_PX, MOST_BYTES = 840, 600_000
LIMIT_SEC = 900  # of a notebook: this is no test of speed
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "MPLBACKEND": "agg"}  # as the tests run them


RUNNING: set[int] = set()  # process groups


def end_all(*_) -> None:
    "End whatever runs, and this process: for Ctrl-C, which threads would keep waiting."
    for group in list(RUNNING):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    print("interrupted: what ran was ended", flush=True)
    os._exit(130)


class NotRun(RuntimeError):
    "A notebook that did not come to its end."


# --- what belongs to a notebook

def read(path: Path) -> dict:
    "A notebook as plain data."
    return json.loads(path.read_text())


def source(cell: dict) -> str:
    "A cell's text."
    return "".join(cell["source"])


def code_of(notebook: dict) -> str:
    "The code cells, without what papermill put in."
    cells = (c for c in notebook["cells"] if c["cell_type"] == "code"
             and "injected-parameters" not in c["metadata"].get("tags", []))
    return "\n\n".join(source(cell).strip() for cell in cells)


def digest(*texts: str) -> str:
    "A short name for some text."
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=6).hexdigest()


def code_digest(path: Path) -> str:
    "Changes when a code cell does."
    return digest(code_of(read(path)))


@cache
def imported_by(code: str, package: str = "") -> frozenset[str]:
    "The modules of ours that some code names in its imports, lazy ones too."
    found = set()
    lines = "\n".join(line for line in code.splitlines() if not line.lstrip().startswith(("%", "!")))
    try:
        tree = ast.parse(lines)
    except SyntaxError:
        return frozenset(re.findall(r"vidbench(?:\.\w+)+", code))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [home, node.module]))
            found |= {module} | {f"{module}.{name.name}" for name in node.names}
    return frozenset(name for name in found if name.startswith("vidbench"))


@cache
def module_path(name: str) -> Path | None:
    "Where a module of ours lies."
    path = ROOT / (name.replace(".", "/") + ".py")
    return path if path.is_file() else None


def modules_of(code: str) -> list[str]:
    "All modules of ours that some code needs, those that these need included."
    waiting, known = list(imported_by(code)), set()
    while waiting:
        name = waiting.pop()
        if name not in known and (path := module_path(name)):
            known.add(name)
            waiting += imported_by(path.read_text(), name.rpartition(".")[0])
    return sorted(known)


def modules_digest(path: Path) -> str:
    "Changes when a module that the notebook uses does."
    code = code_of(read(path))
    if path.parent == EXPERIMENTS:
        code += "\nimport vidbench.launch.cli"
    return digest(*(module_path(name).read_text() for name in modules_of(code)))


# --- outputs that suit a page and a repository

def small_picture(png: str) -> tuple[str, str]:
    "Kind and content (base64) of a picture of at most 840 px: a PNG of few colours, a JPEG where these would spoil it."
    from PIL import Image, ImageChops, ImageStat
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    if picture.width > WIDEST_PX:
        picture = picture.resize((WIDEST_PX, round(picture.height * WIDEST_PX / picture.width)), Image.LANCZOS)
    plain = {"method": Image.Quantize.MAXCOVERAGE, "dither": Image.Dither.NONE}
    drawn = (picture.quantize(colours, **plain) for colours in (16, 32, 48, 96, 160, 256))
    harm = lambda few: max(ImageStat.Stat(ImageChops.difference(picture, few.convert("RGB"))).rms)  # noqa: E731
    few, small = next((few for few in drawn if harm(few) < 6), None), io.BytesIO()
    (few or picture).save(small, **({"format": "PNG"} if few else {"format": "JPEG", "quality": 74}), optimize=True)
    return "image/png" if few else "image/jpeg", base64.b64encode(small.getvalue()).decode()


def without_places(text: str, places: list[str]) -> str:
    "Text without the folders of the machine that ran it."
    for place in sorted(filter(None, places), key=len, reverse=True):
        text = text.replace(place.rstrip("/") + "/", "").replace(place, ".")
    return re.sub(r"/(?:[\w.+-]+/)*(?:site-packages|lib/python3\.\d+)/", "", text)


def clean_output(output: dict, places: list[str]) -> dict | None:
    "An output as readers get it; none for error streams, widgets, and progress."
    if output["output_type"] == "stream":
        text = without_places("".join(output["text"]), places)
        text = "".join(line.rpartition("\r")[2] for line in text.splitlines(True))
        return {**output, "text": text.splitlines(True)} if output["name"] == "stdout" and text.strip() else None
    data = output.get("data", {})
    if data.pop("application/vnd.jupyter.widget-view+json", None) and set(data) <= {"text/plain"} or not data:
        return None
    for kind in [kind for kind in data if kind.startswith("text/")]:
        data[kind] = without_places("".join(data[kind]), places).splitlines(True)
    width = output.get("metadata", {}).get("image/png", {}).get("width")     # in a page, whatever the picture's pixels
    if "image/png" in data:
        data.pop("text/plain", None)
        data.update([small_picture("".join(data.pop("image/png")))])
    kind = next((kind for kind in ("image/png", "image/jpeg") if kind in data), "")
    return output | {"metadata": {kind: {"width": width}} if kind and width else {}}


def cleaned(notebook: dict, places: list[str]) -> dict:
    "A notebook whose outputs are fit for readers."
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            shown = (clean_output(output, places) for output in cell.get("outputs", []) if output["output_type"] != "error")
            cell["outputs"] = [output for output in shown if output]
    return notebook


# --- running

def _run_library(path: Path, target: Path, said: Path) -> None:
    "In a process of its own: run a library notebook as its test does, and write it with its outputs."
    os.setsid()
    os.chdir(path.parent)
    os.environ.update(ENVIRONMENT)
    for number in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    from execnb.nbio import read_nb, write_nb
    from execnb.shell import CaptureShell
    notebook, shell = read_nb(path), CaptureShell(path, mpl_format="png")
    try:
        shell.run_all(notebook, exc_stop=True, preproc=lambda cell: "eval: false" in cell.source.partition("\n")[0])
    except BaseException:
        said.write_text(shell.prettytb(fname=path))
        sys.exit(1)
    write_nb(notebook, target)


def run_library(path: Path) -> dict:
    "A library notebook or guide with its outputs."
    with tempfile.TemporaryDirectory(prefix="vidbench-docs-") as folder:
        target, said = Path(folder, "run.ipynb"), Path(folder, "said.txt")
        process = FORKS.Process(target=_run_library, args=(path, target, said))
        process.start()
        RUNNING.add(process.pid)
        process.join(LIMIT_SEC)
        RUNNING.discard(process.pid)
        if process.exitcode is None:
            os.killpg(process.pid, signal.SIGKILL)
        if process.exitcode != 0 or not target.exists():
            last = (said.read_text().strip() if said.exists() else "").splitlines()[-1:] or ["it was stopped"]
            raise NotRun(f"{path.relative_to(NBS)}: {last[0]}")
        return cleaned(read(target), [str(ROOT), str(path.parent)])


def run_experiment(path: Path) -> dict:
    "An experiment as `vidbench run` leaves it, with its smoke preset, in a workspace of its own."
    home = KEPT.parent / "workspaces" / path.stem
    shutil.rmtree(home / "outputs", ignore_errors=True)
    for part in ("data", "outputs"):
        (home / part).mkdir(parents=True, exist_ok=True)
    if path.stem in LOOKING:
        runs_of_others(home)
    preset = ["--preset", "smoke"] if re.search(r"^preset\s*=", code_of(read(path)), re.M) else []
    start = "import sys; from vidbench.launch.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "run", str(path), *preset]
    begun = sorted(home.glob("outputs/*/*/notebook.ipynb"))
    with open(home / "said.txt", "w") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | ENVIRONMENT | {"VIDBENCH_HOME": str(home)}, stdout=said,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        wait_or_kill(process)
    last = (home / "said.txt").read_text().strip().splitlines()[-1:]
    made = [p for p in home.glob("outputs/*/*/notebook.ipynb") if p not in begun and not p.parent.is_symlink()]
    if process.returncode or not made:
        raise NotRun(f"{path.relative_to(NBS)}: {' '.join(last) or 'it left no notebook'}")
    newest = max(made, key=lambda p: p.stat().st_mtime)
    by_id = {cell["id"]: cell.get("outputs", []) for cell in read(newest)["cells"]}
    notebook = read(path)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = by_id.get(cell["id"], [])
    return cleaned(notebook, [str(home), str(ROOT), str(path.parent)])


def wait_or_kill(process: subprocess.Popen) -> None:
    "Wait until a process is over; one that takes too long is stopped with all that it started."
    RUNNING.add(process.pid)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(LIMIT_SEC)
    RUNNING.discard(process.pid)
    for number in (signal.SIGTERM, signal.SIGKILL) if process.poll() is None else ():
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(20)


def runs_of_others(home: Path) -> None:
    "Links to the runs that the other experiments left, for a notebook that looks at runs."
    for run in sorted((KEPT.parent / "workspaces").glob("*/outputs/*/*/config.yaml")):
        job, name = run.parent.parent.name, run.parent.name
        if run.parts[-5] not in LOOKING and not run.parent.is_symlink():
            (home / "outputs" / job).mkdir(parents=True, exist_ok=True)
            (home / "outputs" / job / name).symlink_to(run.parent)


def kept_path(path: Path) -> Path:
    "Where the outputs of a notebook are kept, as it and its modules are now."
    name = path.relative_to(NBS).with_suffix("").as_posix().replace("/", "-")
    return KEPT / f"{name}-{code_digest(path)}-{modules_digest(path)}.ipynb"


def executed(path: Path) -> dict:
    "A notebook with its outputs: kept ones where there are any, else run now."
    kept = kept_path(path)
    if kept.exists():
        return read(kept)
    notebook = run_experiment(path) if path.parent == EXPERIMENTS else run_library(path)
    kept.parent.mkdir(parents=True, exist_ok=True)
    for old in kept.parent.glob(f"{kept.name.rsplit('-', 2)[0]}-{'?' * 12}-{'?' * 12}.ipynb"):
        old.unlink()
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(notebook))
    os.replace(part, kept)
    return notebook


# --- outputs in the repository

def committed() -> list[Path]:
    "The notebooks whose outputs are committed; those that look at the others' runs come last."
    return [*COMMITTED, *sorted(EXPERIMENTS.glob("[!._]*.ipynb"), key=lambda path: (path.stem in LOOKING, path.stem))]


def commit_outputs(path: Path) -> None:
    "Put outputs into a notebook of the repository, with the digests of what made them."
    kept_path(path).unlink(missing_ok=True)
    by_id = {cell["id"]: cell.get("outputs", []) for cell in executed(path)["cells"]}
    notebook = read(path)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = by_id.get(cell["id"], [])
    notebook["metadata"]["vidbench"] = {"code": code_digest(path), "modules": modules_digest(path)}
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    subprocess.run([Path(sys.executable).parent / "nbdev_clean", "--fname", str(path)], cwd=ROOT, check=True)


BAD = {  # what must not be in a committed output -> how it is called
    r'"output_type": "error"': "an error", r'"name": "stderr"': "an error stream", r"widget-view\+json": "a widget",
    r"(?<![\w:/.])/(?:home|root|tmp|Users|work|mnt|opt|content)/\w": "an absolute path",
    r"\d+%\|": "a progress bar", r"(?:Future|Deprecation|User)Warning": "a library's warning",
    r"<tbody>(?:\\n|[\s\",])*</tbody>": "an empty table", r'"text/plain": \["(?:\{\}|\[\]|None)"\]': "an empty value"}
MOST_NOTEBOOK_BYTES = 3_000_000


def litter(notebook: dict) -> list[str]:
    "What stands in the outputs of a notebook that says nothing to its reader."
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    words = [{**o, "data": {k: v for k, v in o.get("data", {}).items() if not k.startswith("image/")}} for o in outputs]
    text = json.dumps(words)
    found = [what for pattern, what in BAD.items() if re.search(pattern, text)]
    return found + (["the state of widgets"] if "widgets" in notebook["metadata"] else [])


def wrong_with(path: Path) -> list[str]:
    "What is wrong with the committed outputs of a notebook."
    notebook, name = read(path), path.relative_to(ROOT)
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    again = f"python tools/docs.py outputs {path.stem}"
    if path not in committed():
        return [f"{name} holds outputs: nbdev_clean --clear_all --fname {name}"] if outputs else []
    if not outputs:
        return [f"{name} has no outputs, and readers look at it first: {again}"]
    made = notebook["metadata"].get("vidbench", {})
    wrong = [] if made.get("code") == code_digest(path) else [f"{name}: its outputs are older than its code: {again}"]
    wrong += [f"{name}: its outputs hold {what}: {again}" for what in litter(notebook)]
    if (size := path.stat().st_size) > MOST_NOTEBOOK_BYTES:
        wrong.append(f"{name} is {size / 1e6:.1f} MB, more than {MOST_NOTEBOOK_BYTES / 1e6:g}: {again}")
    large = sum(len(json.dumps(output)) > MOST_BYTES for output in outputs)
    return wrong + [f"{name}: {large} outputs are larger than {MOST_BYTES:,} bytes: {again}"] * bool(large)


def older_modules() -> list[Path]:
    "Notebooks whose outputs were made before a module that they use was changed: true perhaps, and no error."
    known = ((path, read(path)["metadata"].get("vidbench")) for path in committed())
    return [path for path, made in known if made and made["modules"] != modules_digest(path)]
