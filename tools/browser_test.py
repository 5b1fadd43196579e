#!/usr/bin/env python3
"""Does the dashboard work where people look at it? Drives JupyterLab in headless Chromium and clicks.

Usage: browser_test.py [NOTEBOOK ...] [--screenshots FOLDER] [--limit SECONDS]

Without a notebook it writes one that trains a single number, and checks that the picture moves, that Stop stops and
saves, that the saved notebook keeps a picture, that a run of another process can be watched, that a bar stays pinned, that the
page can be reloaded while it trains, that the compare notebook reacts to clicks, a sweep to the mouse, that clips play in
the sample browser, that its keys go on and mark, that a film can be asked about, that all of it suits the dark theme, that
Stop ends two processes, that `report.html` reads without a network and on a phone, and that no page asks anybody but its server.
With notebooks (for instance nbs/experiments/behavior.ipynb) it runs a copy of each one to its end, looks for the verdict
before any score, plays a clip, filters the answers and asks about a film; with --stop it presses Stop on its dashboard.
Everything happens in a temporary folder, on a free port of this machine, behind a token.
Ends with `N passed, N failed`.
"""
import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tools")]

from executed import litter  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = {"apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
         "notebook-extension/tracker": {"windowingMode": "none"}}      # all cells stay in the page, where they are looked for
KERNEL = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
RESTING = f"{KERNEL}?.connectionStatus === 'connected' && {KERNEL}.status === 'idle'"
LIVE_PICTURE, STATIC_PICTURE = ".vb-dashboard .js-plotly-plot, img.widget-image, .widget-image img", ".jp-RenderedImage img"

TOY = ('''
import subprocess, sys, time
from vidbench.core.config import Config
from vidbench.launch.dashboard import Dashboard
from vidbench.core.runs import Run

class ToyConfig(Config):
    seed: int = 0
''', '''
def fit(run, steps=3000, pause_sec=0.05):
    weight = 4.0
    with run.stage("fit", total_steps=steps):
        for step in range(1, steps + 1):
            weight -= 0.01 * (weight - 1)
            where = {"step": step, "epoch": step / 100}
            loss = (weight - 1) ** 2 + 0.5 + 0.05 * ((step * 7919) % 13 - 6)
            run.log(where | {"loss": loss, "step_ms": 1000 * pause_sec, "eta_sec": (steps - step) * pause_sec})
            if step % 25 == 0: run.log(where | {"eval_loss": (weight - 1) ** 2 + 0.6, "eval_accuracy": 1 / weight})
            if run.stop_requested:
                run.set_stage("fit", "interrupted", error=f"stopped at step {step} of {steps} by STOP")
                break
            time.sleep(pause_sec)
    (run.checkpoints / "weight.txt").write_text(str(weight))
''', '''
run = Run.create("toy", ToyConfig(), name="here")
with Dashboard(run):
    fit(run)
''', '''
elsewhere = Run.create("toy", ToyConfig(), name="elsewhere")
process = subprocess.Popen([sys.executable, "-c", f"""
import time
from vidbench.core.runs import Run
{In[2]}
fit(Run.open({str(elsewhere.folder)!r}), steps=200)"""])
Dashboard(Run.open(elsewhere.folder)).show()
''')


AGAIN = ("""
from vidbench.launch.dashboard import Dashboard
from vidbench.core.runs import find_run
Dashboard(find_run("toy/here")).show(can_stop=True)
""",)


class Tally:
    "Counts checks and prints each as it is made."

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def check(self, what: str, ok: bool) -> None:
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        print(f"{'ok  ' if ok else 'FAIL'}  {what}", flush=True)


def until(question, limit_sec: float, every_sec: float = 0.2):
    "The first true answer to `question()`, or its last answer when the time is over."
    end = time.monotonic() + limit_sec
    while not (answer := question()) and time.monotonic() < end:
        time.sleep(every_sec)
    return answer


def free_port() -> int:
    "A loopback port that nobody listens on."
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(workspace: Path) -> dict:
    "An environment in which Jupyter keeps its settings, and vidbench its runs, inside `workspace`."
    private = workspace / ".jupyter"
    for name, values in QUIET.items():
        place = private / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(values))
    folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
               "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
               "IPYTHONDIR": "ipython"}
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    ours = {"PYTHONPATH": path, "VIDBENCH_HOME": str(workspace)}
    return os.environ | {name: str(private / folder) for name, folder in folders.items()} | ours


@contextmanager
def jupyterlab(workspace: Path, token: str = "vidbench-browser-test"):
    "A JupyterLab server over `workspace`; yields a function from a notebook's name to its address."
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser",
               f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1",
               f"--ServerApp.root_dir={workspace}", f"--IdentityProvider.token={token}"]
    with open(workspace / "server.log", "w") as log:
        server = subprocess.Popen(command, env=environment(workspace), stdout=log, stderr=log, start_new_session=True)
    try:
        if not until(lambda: server.poll() is None and answers(f"http://127.0.0.1:{port}/api?token={token}"), 60):
            raise RuntimeError("JupyterLab did not start: " + (workspace / "server.log").read_text()[-500:])
        yield lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}?token={token}&reset"
    finally:
        stop_server(server)


def answers(url: str) -> bool:
    "Whether somebody serves `url`."
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


def stop_server(server: subprocess.Popen) -> None:
    "End the server and the kernels it started."
    for how in (signal.SIGTERM, signal.SIGKILL):
        if server.poll() is None:
            os.killpg(server.pid, how)
            until(lambda: server.poll() is not None, 10)


def listen(page, heard: list[str]) -> None:
    "Write down where a page asks."
    page.on("request", lambda request: heard.append(request.url))
    page.on("websocket", lambda socket: heard.append(socket.url))


def left_home(heard: list[str]) -> list[str]:
    "Addresses beyond the server of the test; what is part of the page has none. The badge is text of an experiment's author."
    home = re.compile(r"(?:https?|wss?)://127\.0\.0\.1:\d+/|data:|blob:|file:|about:|.*/assets/colab-badge.svg$")
    return sorted({url[:120] for url in heard if not home.match(url)})


@contextmanager
def browser_page(heard: list[str], **how):
    "A page of headless Chromium, large enough for a notebook."
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            page = browser.new_page(**({"viewport": {"width": 1280, "height": 960}} | how))
            page.set_default_timeout(30_000)
            listen(page, heard)
            yield page
        finally:
            browser.close()


class Lab:
    "What a person does with one notebook in JupyterLab."

    def __init__(self, page, address: str, screenshots: Path) -> None:
        self.page, self.screenshots = page, screenshots
        page.goto(address)
        page.wait_for_function(RESTING, timeout=60_000)
        page.evaluate("window.jupyterapp.shell.collapseLeft()")

    def command(self, name: str) -> None:
        "Start one of JupyterLab's own commands, without waiting for its end."
        self.page.evaluate("name => { window.jupyterapp.commands.execute(name); }", name)

    def picture(self, selector: str) -> bytes:
        "The last picture of that kind, as it is on the screen; empty where there is none."
        found = self.page.locator(selector)
        try:
            return found.last.screenshot(timeout=3_000) if found.count() else b""
        except Exception:  # the picture was replaced while it was being photographed
            return b""

    def moves(self, selector: str, limit_sec: float = 20) -> bool:
        "Whether the picture changes within the limit."
        first = until(lambda: self.picture(selector), limit_sec)
        return bool(first) and bool(until(lambda: self.picture(selector) not in (b"", first), limit_sec))

    def to_top(self, found) -> None:
        "Scroll until something stands at the window's upper edge."
        found.evaluate("element => element.scrollIntoView({block: 'start'})")
        time.sleep(0.5)

    def shot(self, name: str) -> None:
        "Keep a screenshot of the whole window, in few colours: a third of the size."
        path = self.screenshots / f"{name}.png"
        self.page.screenshot(path=str(path))
        Image.open(path).convert("RGB").quantize(192, dither=Image.Dither.NONE).save(path, optimize=True)

    def idle(self, limit_sec: float) -> bool:
        "Whether all cells have run, and the kernel rests, within the limit."
        waiting = self.page.locator(".jp-InputPrompt", has_text="[*]")
        until(lambda: waiting.count(), 5)    # a command takes a moment to begin
        return bool(until(lambda: not waiting.count() and self.page.evaluate(RESTING), limit_sec))


def states(workspace: Path) -> dict[str, str]:
    "The state of every run in the workspace, by the name of its folder."
    from vidbench.core.runs import read_status

    return {file.parent.name: read_status(file.parent)["state"] for file in workspace.glob("outputs/*/*/status.json")}


def outputs(path: Path) -> list[dict]:
    "All outputs in a saved notebook, once it is written whole."
    until(lambda: path.read_text().rstrip().endswith("}"), 15)
    cells = json.loads(path.read_text())["cells"]
    return [output for cell in cells for output in cell.get("outputs", [])]


def stop_training(tally: Tally, lab: Lab, workspace: Path, name: str, limit_sec: float, pinned: bool = False) -> None:
    "Run all cells; once the picture moves, press Stop; the run has to end by itself."
    lab.command("notebook:run-all-cells")
    stop = lab.page.get_by_role("button", name="Stop")
    stop.first.wait_for(timeout=1000 * limit_sec)
    stop.first.scroll_into_view_if_needed()
    tally.check(f"{name}: the picture changes while the cell trains", lab.moves(LIVE_PICTURE, limit_sec))
    tally.check(f"{name}: the run is running", "running" in states(workspace).values())
    logs = "outputs/*/*/metrics.jsonl"    # with a validation score, there are two pictures to photograph
    until(lambda: any("eval_" in path.read_text() for path in workspace.glob(logs)), 15)
    time.sleep(1.5)
    lab.to_top(lab.page.locator(".vb-dashboard").last)
    if pinned:
        lab.page.locator(".vb-pin").last.click()
        bar = lab.page.locator(".vb-pinned")
        tally.check(f"{name}: a pinned bar tells the step ({bar.inner_text()[:60]!r})", "step" in bar.inner_text())
        lab.page.locator(".js-plotly-plot .nsewdrag").first.hover()
        told = lab.page.locator(".hoverlayer .hovertext, .hoverlayer .legend")
        tally.check(f"{name}: the mouse tells a value", until(told.count, 5))
    lab.shot(f"{name}-training")
    clicked = time.monotonic()
    (lab.page.locator(".vb-pinned-stop") if pinned else stop).first.click()
    stopped = until(lambda: "running" not in states(workspace).values(), min(30, limit_sec), every_sec=0.05)
    tally.check(f"{name}: Stop ends the training ({time.monotonic() - clicked:.1f} s)", stopped)


def toy_test(tally: Tally, page, address, workspace: Path, screenshots: Path, limit_sec: float) -> None:
    "The whole life of a dashboard around a training of one number."
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source.strip()) for source in TOY])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, workspace / "toy.ipynb")
    lab = Lab(page, address("toy.ipynb"), screenshots)
    stop_training(tally, lab, workspace, "toy", limit_sec, pinned=True)
    tally.check("toy: what was learned is saved", (workspace / "outputs/toy/here/checkpoints/weight.txt").exists())
    tally.check("toy: a static picture takes the place of the live one", until(lambda: lab.picture(STATIC_PICTURE), 15))
    lab.shot("toy-stopped")
    tally.check("toy: a run of another process can be watched", lab.idle(20) and lab.moves(LIVE_PICTURE))
    lab.shot("toy-watching")
    until(lambda: states(workspace).get("elsewhere") == "finished", 60)
    both = until(lambda: page.locator(STATIC_PICTURE).count() == 2, 30)
    tally.check("toy: the watched run finishes, and leaves a picture", both)
    lab.shot("toy-finished")
    saved(tally, lab, workspace / "toy.ipynb", "toy")


def saved(tally: Tally, lab: Lab, path: Path, name: str, pictures: bool = True) -> None:
    "The saved notebook holds pictures, no errors, and no litter."
    before = path.stat().st_mtime_ns
    lab.command("docmanager:save")
    until(lambda: path.stat().st_mtime_ns != before, 15)
    kept = outputs(path)
    tally.check(f"{name}: no cell failed", not any(output["output_type"] == "error" for output in kept))
    found = [what for what in litter(json.loads(path.read_text())) if what != "an absolute path"]
    tally.check(f"{name}: the saved notebook holds no litter {found or ''}", not found)
    tally.check(f"{name}: the saved notebook is below 3 MB ({path.stat().st_size / 1e6:.2f} MB)", path.stat().st_size < 3e6)
    if pictures:
        tally.check(f"{name}: the saved notebook holds a picture", any("image/png" in o.get("data", {}) for o in kept))


def plays(film) -> bool:
    "Whether a film's picture changes, and its time is told."
    film.scroll_into_view_if_needed()
    before = film.screenshot()
    film.evaluate("video => video.play()")
    changed = until(lambda: film.screenshot() != before, 10)
    time.sleep(0.7)
    clip = film.locator("xpath=ancestor::*[contains(@class,'vb-clip')]")
    return bool(changed) and "frame" in clip.locator(".vb-at").inner_text()


def scores_before_verdict(path: Path) -> list[str]:
    "Names of headline numbers that a saved notebook shows before its verdict; one entry that says so where it has none."
    cells, names = json.loads(path.read_text())["cells"], set()
    for report in path.parent.glob("outputs/*/*/report.json"):
        names |= set(json.loads(report.read_text())["headline"])
    for cell in cells:
        shown = json.dumps([output.get("data", output.get("text", "")) for output in cell.get("outputs", [])])
        if "vb-card" in shown:
            return []
        told = [name for name in names if re.search(rf"{name}[^\w.]{{1,8}}[-+]?[01]\.\d", shown)]
        if told and " gone" not in shown:        # a training's own curves say how it does on its validation side
            return told
    return ["no verdict at all"]


def answers_films(tally: Tally, lab: Lab, name: str, limit_sec: float, workspace: Path) -> None:
    "The last cell's Ask: a click answers the film that stands there; where toys have no file, one that is typed in."
    button = lab.page.locator("button", has_text=re.compile(r"^\s*Ask\s*$"))
    if not button.count():
        return
    button.last.scroll_into_view_if_needed()
    said = lab.page.locator(".jp-Cell").last.locator(".widget-html-content").last
    field = lab.page.get_by_placeholder("path of a film").last
    if not field.input_value():
        field.fill(str(pretend_film(workspace)))
        lab.page.keyboard.press("Tab")
    button.last.click()
    until(lambda: button.last.is_enabled() and lab.idle(5) and "answering" not in said.inner_text(), limit_sec)
    words = said.inner_text().strip()
    tally.check(f"{name}: Ask answers ({words[:70]!r})", words and not words.startswith("no answer"))
    said.scroll_into_view_if_needed()
    time.sleep(0.5)
    lab.shot(f"{name}-ask")


def filters_answers(tally: Tally, lab: Lab, name: str) -> None:
    "The sample browser's menu changes which answers there are; its clip plays."
    browser = lab.page.locator(".vb-browser").first
    browser.wait_for()
    lab.to_top(browser)
    said, menu = lambda: browser.inner_text(), browser.locator("select").first
    films = browser.locator("video")
    if films.count():
        tally.check(f"{name}: the browser's film plays", plays(films.first))
    else:
        tally.check(f"{name}: the browser shows a picture or words", browser.locator("img").count() or "answered" in said())
    lab.shot(f"{name}-browser")
    before = said()
    for kind in ("all", "right", "wrong"):
        menu.select_option(label=kind)
        if until(lambda: said() != before, 3):
            break
    tally.check(f"{name}: the browser's menu filters", said() != before)


def experiment_test(tally: Tally, page, address, workspace: Path, screenshots: Path, limit_sec: float, path: Path):
    "An experiment's notebook, unchanged, to its end: its verdict, its players, its browser, its question."
    shutil.copy(path, workspace / path.name)
    lab, name = Lab(page, address(path.name), screenshots), path.stem
    began = time.monotonic()
    lab.command("notebook:run-all-cells")
    ended = lab.idle(limit_sec)
    tally.check(f"{name}: comes to its end ({time.monotonic() - began:.0f} s)", ended)
    card = page.locator(".vb-card").first
    lab.to_top(card)
    lab.shot(f"{name}-verdict")
    players = page.locator(".vb-clip:visible video")
    if players.count():
        tally.check(f"{name}: the last player plays", plays(players.last))
        lab.shot(f"{name}-player")
    filters_answers(tally, lab, name)
    answers_films(tally, lab, name, limit_sec, workspace)
    saved(tally, lab, workspace / path.name, name)
    shutil.copy(workspace / path.name, screenshots)
    early = scores_before_verdict(workspace / path.name)
    tally.check(f"{name}: the verdict comes before any score {early or ''}", not early)
    opened_later(tally, lab, address(path.name), name)


def opened_later(tally: Tally, lab: Lab, address: str, name: str) -> None:
    "The saved notebook once its kernel is gone: pages where widgets were."
    lab.page.evaluate("window.jupyterapp.commands.execute('kernelmenu:shutdown')")
    time.sleep(1)
    lab.page.goto(address.replace("&reset", ""))
    lab.page.wait_for_function("window.jupyterapp?.shell.currentWidget?.content?.widgets?.length", timeout=60_000)
    time.sleep(4)
    words = lab.page.inner_text("body")
    tally.check(f"{name}: opened without its kernel, no widget is missed",
                "model not found" not in words and "Loading widget" not in words)
    shown = lab.page.locator(".vb-samples").first
    if shown.count():
        shown.scroll_into_view_if_needed()
        time.sleep(0.5)
        shown.get_by_role("button", name="\u25b6").first.click()
        counted = shown.locator("output").first.inner_text()
        tally.check(f"{name}: its answers are a page that goes on ({counted})", counted.startswith(("2 of", "1 of 1")))
    lab.shot(f"{name}-later")


def notebook_test(tally: Tally, page, address, workspace: Path, screenshots: Path, limit_sec: float, path: Path):
    "An experiment's notebook, unchanged: train, Stop, and on to the end."
    shutil.copy(path, workspace / path.name)
    lab = Lab(page, address(path.name), screenshots)
    stop_training(tally, lab, workspace, path.stem, limit_sec)
    tally.check(f"{path.stem}: the notebook comes to its end", lab.idle(limit_sec))
    lab.shot(f"{path.stem}-stopped")
    saved(tally, lab, workspace / path.name, path.stem)


def pretend_report(run, table) -> None:
    "A report about some answers."
    from vidbench.core.doubt import mean_interval
    from vidbench.core.reports import check, make_report, metric

    right = metric(mean_interval((table["true"] == table["pred"]).astype(float), table["group"]))
    run.write_report(make_report(
        "walk", headline=["accuracy"], metrics={"accuracy": right}, baselines={"chance": {"accuracy": 0.5}},
        verdict="It walks.", checks=[check("is above chance", None, "few groups")], audit=None, health={},
        checkpoint={"name": "checkpoint-8", "step": 8, "rule": "the last"}))
    run.set_stage("evaluate", "finished")


def pretend_runs(workspace: Path) -> None:
    "Three runs to compare, whose curves differ."
    import pandas as pd

    from vidbench.core.config import Config
    from vidbench.core.reports import write_predictions
    from vidbench.core.runs import Run

    for name, height in (("first", 1.0), ("second", 0.6), ("third", 0.3)):
        run = Run.create("walk", Config(), name, root=workspace / "outputs")
        for step in range(1, 9):
            run.log({"step": step, "loss": height / step, "eval_loss": 1.2 * height / step})
        table = pd.DataFrame([{"event_id": f"e{i}", "group": f"v{i % 5}", "true": "ab"[i % 2],
                               "pred": "ab"[i % 2 if i > 20 * height else 0]} for i in range(40)])
        write_predictions(run, table)
        pretend_report(run, table)


def compare_test(tally: Tally, page, address, workspace: Path, screenshots: Path, limit_sec: float) -> None:
    "The compare notebook opens on a pair, and reacts to clicks."
    pretend_runs(workspace)
    shutil.copy(PROJECT / "nbs/experiments/compare.ipynb", workspace)
    lab = Lab(page, address("compare.ipynb"), screenshots)
    lab.command("notebook:run-all-cells")
    tally.check("compare: all cells run", lab.idle(limit_sec))
    page.locator("select[multiple]").first.scroll_into_view_if_needed(timeout=1000 * limit_sec)
    told = page.locator(".widget-html-content", has_text="shared events").last
    before = until(lambda: told.count() and told.inner_text(), 15)
    tally.check("compare: it opens on the newest pair of a job", "third" in before and "second" in before)
    lab.to_top(page.locator("select[multiple]").first)
    lab.shot("compare")
    page.locator("select[multiple] option").nth(2).click(modifiers=["Control"])
    tally.check("compare: a click on a run changes the page", until(lambda: told.inner_text() != before, 10))
    page.locator("select[multiple] option").nth(2).click(modifiers=["Control"])
    page.get_by_text("The same events side by side").click()
    tally.check("compare: the same events side by side", until(lambda: page.locator(".vb-browser").count(), 15))
    page.get_by_role("button", name="Export").click()
    exported = workspace / "outputs/compare/export"
    tally.check("compare: Export writes PNG, CSV and LaTeX",
                until(lambda: {p.suffix for p in exported.glob("*")} == {".png", ".csv", ".tex"}, 15))
    saved(tally, lab, workspace / "compare.ipynb", "compare", pictures=False)
    opened_later(tally, lab, address("compare.ipynb"), "compare")


def written(workspace: Path, name: str, cells: tuple[str, ...]) -> str:
    "A notebook of some cells."
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source.strip()) for source in cells])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, workspace / f"{name}.ipynb")
    return f"{name}.ipynb"


SWEEP = ("""
import pandas as pd
from IPython.display import HTML
from vidbench.launch.sweep import Range, SweepConfig
from vidbench.launch.sweep_view import sweep_html
space = {"learning_rate": Range(low=1e-4, high=1e-2, log=True), "model": ["small", "large"], "frames": [8, 16, 32]}
rows = [(i, f"s-{i:03d}", "complete", 0.9 - 0.05 * i, 10 ** (-4 + i % 5 / 2), ["large", "small"][i % 2], [16, 32, 8][i % 3])
        for i in range(10)]
table = pd.DataFrame(rows, columns=["trial", "run", "state", "value", *space])
HTML(sweep_html(table, SweepConfig(metric="macro_f1", space=space, settings={"epochs": 2}), {}))
""",)


def sweep_test(tally: Tally, page, address, workspace: Path, screenshots: Path, limit_sec: float) -> None:
    "A sweep answers to the mouse: hover lights a line and its row, a drag along an axis keeps some."
    lab = Lab(page, address(written(workspace, "sweep", SWEEP)), screenshots)
    lab.command("notebook:run-all-cells")
    page.locator(".vb-sweep summary").first.wait_for(timeout=1000 * limit_sec)
    page.locator(".vb-sweep summary").nth(3).hover()
    tally.check("sweep: a row lights its line", until(lambda: page.locator("polyline.vb-lit[data-trial='3']").count(), 5))
    axis = page.locator("[data-axis='1']").bounding_box()
    x, top = axis["x"] + axis["width"] / 2, axis["y"]
    page.mouse.move(x, top + axis["height"] * 0.9)
    page.mouse.down()
    page.mouse.move(x, top + axis["height"] * 0.99)
    page.mouse.up()
    tally.check("sweep: a drag along an axis keeps the lines that pass there", page.locator("polyline.vb-out").count() == 5)
    lab.shot("sweep")


def reload_test(tally: Tally, page, address, workspace: Path, screenshots: Path, limit_sec: float) -> None:
    "The page is saved and reloaded while a cell trains; another notebook opens the view of the running job, and stops it."
    long = TOY[2].replace("fit(run)", "fit(run, steps=20_000)")       # a slow machine needs minutes to open two pages
    first = address(written(workspace, "train", (*TOY[:2], long)))
    lab = Lab(page, first, screenshots)
    lab.command("notebook:run-all-cells")
    until(lambda: "running" in states(workspace).values(), limit_sec)
    until(lambda: lab.picture(LIVE_PICTURE), 20)
    lab.command("docmanager:save")
    time.sleep(2)
    page.goto(first.replace("&reset", ""))
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.content?.widgets?.length", timeout=60_000)
    time.sleep(6)
    words = page.inner_text("body")
    tally.check("reload: no 'model not found' while it trains", "model not found" not in words and "Loading widget" not in words)
    tally.check("reload: the page says how to watch", "find_run" in words)
    lab.shot("reload-same")
    second = Lab(page, address(written(workspace, "again", AGAIN)), screenshots)      # the page is loaded anew
    second.command("notebook:run-all-cells")
    tally.check("reload: the view is open again, and moves", second.moves(LIVE_PICTURE, limit_sec))
    second.shot("reload")
    page.get_by_role("button", name="Stop").first.click()
    tally.check("reload: its Stop stops the job", until(lambda: "running" not in states(workspace).values(), 20))
    page.goto(first.replace("&reset", ""))
    time.sleep(6)
    tally.check("reload: no 'model not found' when it is over", "model not found" not in page.inner_text("body"))
    second.shot("reload-over")


SAMPLES = ("""
from vidbench.core.runs import find_run
from vidbench.launch.samples import SampleBrowser
SampleBrowser(find_run("walk/seen"), show="wrong")
""", """
import pandas as pd
from vidbench.launch.ask import Ask

def predict(run, inputs, out):
    return pd.DataFrame([{"video_path": inputs[0], "start_sec": t, "end_sec": t + 2, "pred": "ab"[t > 3], "prob_a": 0.9 - t / 10,
                          "prob_b": 0.1 + t / 10} for t in range(0, 8, 2)])

Ask(find_run("walk/seen"), predict=predict)
""", """
from vidbench.core.doubt import Interval
from vidbench.core.reports import check, make_report, metric
from vidbench.launch.verdict import Verdict
Verdict(make_report("walk", headline=["roc_auc"], metrics={"roc_auc": metric(Interval(0.92, 0.81, 0.97, 60, 12))},
    baselines={"majority": {"roc_auc": 0.5}}, verdict="ROC AUC 0.92.", audit=None, health={},
    checkpoint={"name": "c", "step": 1, "rule": "the last"},
    checks=[check("has not collapsed", False, "97% of the answers are 'a'"), check("ece < 0.25", True, "0.1")]))
""")


def pretend_film(workspace: Path) -> Path:
    "A film in which something crosses."
    import numpy as np

    from vidbench.core.video import write_video

    frames = np.full((64, 96, 128, 3), 60, np.uint8)
    for number in range(64):
        frames[number, 36:60, number : number + 24] = (230, 180, 40)
    return write_video(workspace / "data/film.mp4", frames, fps=8)


def pretend_answers(workspace: Path) -> None:
    "A run whose answers are about a film."
    import pandas as pd

    from vidbench.core.config import Config
    from vidbench.core.reports import write_predictions
    from vidbench.core.runs import Run

    film = pretend_film(workspace)
    run = Run.create("walk", Config(), "seen", root=workspace / "outputs")
    write_predictions(run, pd.DataFrame([
        {"event_id": f"e{i}", "group": "film", "true": "ab"[i % 2], "pred": "ab"[i % 3 == 0], "prob_a": 0.5 + i / 20,
         "video_path": str(film), "start_sec": i / 2, "end_sec": i / 2 + 2, "pred_start_sec": i / 2 + 1,
         "pred_end_sec": i / 2 + 3} for i in range(8)]))


def samples_test(tally: Tally, page, address, workspace: Path, screenshots: Path, limit_sec: float) -> None:
    "The sample browser: its film plays, its menus filter, the arrow keys go on."
    import nbformat

    pretend_answers(workspace)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source.strip()) for source in SAMPLES])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, workspace / "samples.ipynb")
    lab = Lab(page, address("samples.ipynb"), screenshots)
    lab.command("notebook:run-all-cells")
    film = page.locator(".vb-browser video")
    film.first.wait_for(timeout=1000 * limit_sec)
    before = film.first.screenshot()
    film.first.evaluate("video => video.play()")
    tally.check("samples: the film plays", until(lambda: film.first.screenshot() != before, 10))
    time.sleep(1)
    readout = page.locator(".vb-at").first.inner_text()
    tally.check(f"samples: time and frame are told ({readout})", "frame" in readout)
    lab.shot("samples")
    said = page.locator(".vb-browser .widget-html-content").last
    first = said.inner_text()
    page.locator(".vb-keys").first.click()
    page.keyboard.press("ArrowRight")
    tally.check("samples: the right arrow key goes on", until(lambda: said.inner_text() != first, 10))
    page.keyboard.press("w")
    marks = workspace / "outputs/walk/seen/corrections.csv"
    marked = until(lambda: marks.exists() and len(marks.read_text().splitlines()) == 2, 10)
    tally.check("samples: a key marks a label as wrong", marked)
    tally.check("samples: the notebook's own keys stay out of it", page.locator(".jp-Cell").count() == len(SAMPLES))
    page.locator(".vb-browser .widget-dropdown select").first.select_option(label="right")
    tally.check("samples: the menu filters", until(lambda: "\u2713" in said.inner_text(), 10))
    lab.shot("samples-right")
    ask_test(tally, page, lab, workspace)
    dark_test(tally, page, lab)
    saved(tally, lab, workspace / "samples.ipynb", "samples", pictures=False)
    opened_later(tally, lab, address("samples.ipynb"), "samples")


def ask_test(tally: Tally, page, lab: Lab, workspace: Path) -> None:
    "A film is typed in, and answered beside its clip."
    page.get_by_placeholder("path of a film").fill(str(workspace / "data/film.mp4"))
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Ask").click()
    answer = page.locator(".widget-html-content", has_text="a from 0.0 to 4.0 s")
    tally.check("ask: a film is answered in a sentence", until(answer.count, 20))
    lines = answer.locator("polyline").count()
    tally.check("ask: its clip is shown with lines over time", answer.locator("video").count() and lines == 2)
    answer.last.scroll_into_view_if_needed()
    time.sleep(0.5)
    lab.shot("ask")


def dark_test(tally: Tally, page, lab: Lab) -> None:
    "JupyterLab's dark theme: what is shown keeps readable."
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    until(lambda: page.evaluate("document.body.dataset.jpThemeLight") == "false", 10)
    time.sleep(1)
    lab.shot("ask-dark")
    card = page.locator(".vb-card").first
    card.scroll_into_view_if_needed()
    colour = card.evaluate("card => getComputedStyle(card.querySelector('h4')).color")
    tally.check(f"dark: the verdict is light on dark ({colour})", sum(map(int, colour.strip("rgba()").split(",")[:3])) > 380)
    time.sleep(0.5)
    lab.shot("verdict-dark")


def report_test(tally: Tally, page, address, workspace: Path, screenshots: Path, limit_sec: float) -> None:
    "report.html from a file, without a network, at the width of a phone and of a desk, in light and dark."
    from vidbench.core.reports import read_predictions
    from vidbench.core.runs import Run
    from vidbench.launch.report_html import write_report

    pretend_answers(workspace)
    run = Run.open(workspace / "outputs/walk/seen")
    for step in range(1, 60):
        run.log({"step": step, "loss": 3 / step})
    pretend_report(run, read_predictions(run))
    place = write_report(run)
    page.context.set_offline(True)
    for name, width, height, scheme in (("phone", 390, 844, "light"), ("desk-dark", 1280, 960, "dark")):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        page.goto(place.as_uri())
        wide = page.evaluate("document.documentElement.scrollWidth")
        tally.check(f"report: {name}: nothing is wider than the window ({wide} of {width} px)", wide <= width)
        broken = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth && i.offsetParent).length")
        tally.check(f"report: {name}: no picture is missed", broken == 0)
        tally.check(f"report: {name}: its verdict stands first", page.locator("body > .vb-card, body > style + .vb-card").count())
        page.screenshot(path=str(screenshots / f"report-{name}.png"))
        tally.check(f"report: {name}: its clip plays", plays(page.locator("section:not([hidden]) video").first))
        page.locator("h2", has_text="Answers").scroll_into_view_if_needed()
        page.screenshot(path=str(screenshots / f"report-{name}-answers.png"))


TWO = ("""
from vidbench.behavior.settings import BehaviorConfig
from vidbench.behavior.study import fit, prepare
from vidbench.core.runs import Run
from vidbench.launch.dashboard import Dashboard
from vidbench.launch.workers import fit_on
cfg = BehaviorConfig.preset("smoke", epochs=500)
run = Run.create("behavior", cfg, "two")
material = prepare(cfg, run)
""", """
with Dashboard(run):
    result = fit_on(2, fit, cfg, run)
""")


def two_test(tally: Tally, page, address, workspace: Path, screenshots: Path, limit_sec: float) -> None:
    "Two processes train; a click on Stop saves and ends both."
    lab = Lab(page, address(written(workspace, "two", TWO)), screenshots)
    stop_training(tally, lab, workspace, "two", limit_sec)
    tally.check("two: the cell ends", lab.idle(limit_sec))
    run = workspace / "outputs/behavior/two"
    left = subprocess.run(["pgrep", "-f", str(run)], capture_output=True, text=True).stdout.split()
    tally.check(f"two: no process is left {left or ''}", not left)
    tally.check(f"two: the run says that it was stopped ({states(workspace)['two']})", states(workspace)["two"] == "interrupted")
    tally.check("two: what was learned is saved", any(run.glob("checkpoints/*")))
    lab.shot("two-stopped")


def one_test(tally: Tally, test, name: str, screenshots: Path, limit_sec: float, *args) -> None:
    "Run one test with a server, a browser and a workspace of its own; what it raises is a failure."
    with tempfile.TemporaryDirectory(prefix="vidbench-browser-", ignore_cleanup_errors=True) as folder:
        workspace = Path(folder)
        for part in ("data", "outputs"):
            (workspace / part).mkdir()
        try:
            heard: list[str] = []
            with jupyterlab(workspace) as address, browser_page(heard) as page:
                try:
                    test(tally, page, address, workspace, screenshots, limit_sec, *args)
                except Exception:
                    page.screenshot(path=str(screenshots / f"{name}-failed.png"))
                    raise
            away = left_home(heard)
            tally.check(f"{name}: none of {len(heard)} requests leaves the page's own server {away or ''}", heard and not away)
        except Exception as error:
            tally.check(f"{name}: {type(error).__name__}: {str(error).strip().splitlines()[0]}", False)


def missing() -> str:
    "What this machine lacks for a browser test; empty when it has everything."
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    return "" if CHROMIUM else "chromium is not installed"


TESTS = ((toy_test, "toy"), (compare_test, "compare"), (reload_test, "reload"), (samples_test, "samples"), (sweep_test, "sweep"),
         (report_test, "report"), (two_test, "two"))


def main() -> int:
    "Run the tests; 0 when none failed."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="experiment notebooks to run instead of the toy")
    parser.add_argument("--screenshots", type=Path, help="folder that keeps the screenshots")
    parser.add_argument("--only", default="", choices=[name for _, name in TESTS], help="one of the tests")
    parser.add_argument("--stop", action="store_true", help="press Stop while a notebook trains")
    parser.add_argument("--limit", type=float, default=60, help="seconds that any one wait may last")
    args = parser.parse_args()
    if lack := missing():
        print(f"browser tests skipped: {lack}\n0 passed, 0 failed")
        return 0
    tally = Tally()
    with tempfile.TemporaryDirectory() as scratch:
        screenshots = args.screenshots or Path(scratch)
        screenshots.mkdir(parents=True, exist_ok=True)
        if not args.notebooks:
            for test, name in TESTS:
                if args.only in ("", name):
                    one_test(tally, test, name, screenshots, args.limit)
        for path in args.notebooks:
            one_test(tally, notebook_test if args.stop else experiment_test, path.stem, screenshots, args.limit, path)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return int(tally.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
