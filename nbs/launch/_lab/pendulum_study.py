"A pendulum: swings, says so, and goes on where it was cut off. It can be told to fail, to be killed, to take long."
import os
import signal
import time
from contextlib import nullcontext

from pendulum_settings import PendulumConfig as PendulumConfig  # the notebook imports it from here


def check(cfg):
    return f"{cfg.steps} swings would be made"


def fit(cfg, run):
    with run.stage("fit", total_steps=cfg.steps), listening(cfg) as signals:
        print("swinging", cfg.steps, "times", flush=True)
        run.forget_stop()
        if cfg.fate == "raise":
            raise ValueError("the string broke\nat the knot")
        if cfg.fate == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        swing(cfg, run, signals or [])


def listening(cfg):
    "Torch takes seconds to import: signals are caught only where one comes."
    if cfg.fate != "listen":
        return nullcontext()
    from vidbench.core.training import catch_signals
    return catch_signals()


def swing(cfg, run, signals):
    "From the swing after the last one that was saved."
    saved = run.path("saved.txt")
    first = int(saved.read_text()) if saved.exists() else 0
    for step in range(first + 1, cfg.steps + 1):
        time.sleep(cfg.pause_sec)
        run.log({"step": step, "loss": (cfg.rate - 3) ** 2 / step, "eval_score": -(cfg.rate - 3) ** 2})
        saved.write_text(str(step))
        if signals or run.stop_requested:
            run.forget_stop(followed=True)
            raise KeyboardInterrupt(f"saved at swing {step}")


def evaluate(cfg, run):
    from vidbench.core.reports import make_report, metric  # half a second: not for those who only check
    with run.stage("evaluate"):
        run.write_report(make_report(
            "pendulum", headline=["score"], metrics={"score": metric(-(cfg.rate - 3) ** 2), "swings": metric(cfg.steps)},
            baselines={"at rest": {"score": -9}}, verdict="it swings", checks=[], audit=None, health={},
            checkpoint={"name": "saved", "step": cfg.steps, "rule": "the last one"}))


def predict(run, inputs, out, loud=False):
    return f"{out}: {len(inputs)} films{', loud' if loud else ''}"


def export(run, folder, weights="whole"):
    from vidbench.core.exports import Exported, ExportError
    if weights != "whole":
        raise ExportError("its weights are damaged")
    (folder / "swings.txt").write_text(run.path("saved.txt").read_text())
    return Exported("a pendulum", 'print(open("{folder}/swings.txt").read())')
