"""Numbers that are none in losses, gradients, weights and data: counted and listed, or honestly refused; never in a report."""
import json
import math
import random
from pathlib import Path
from typing import Any

from campaigns import _runs

JOBS = ("sensors", "behavior", "anomaly", "pretrain", "caption", "grounding")  # all that the engine trains
KINDS = ("nan loss", "inf loss", "huge loss", "gradient", "weights", "constant data")
CASES, LIMIT_SEC, MEMORY_BYTES = len(JOBS) * len(KINDS), 600, 8 * 2**30


def spoil(kind: str, steps: list[int], done: Path) -> None:
    "Make some steps of a training go wrong, or its data say nothing."
    import torch

    from vidbench.core.engine import Engine
    training_step, compute_loss = Engine.training_step, Engine.compute_loss

    def spoiled_loss(self: Any, model: Any, inputs: dict, return_outputs: bool = False, **more: Any) -> Any:
        if kind == "constant data":
            inputs = {k: torch.ones_like(v) if torch.is_tensor(v) and v.is_floating_point() and v.ndim > 2 else v
                      for k, v in inputs.items()}
        loss, outputs = compute_loss(self, model, inputs, True, **more)
        if self.model.training and self.state.global_step + 1 in steps and "loss" in kind:
            loss = loss * {"nan loss": math.nan, "inf loss": math.inf, "huge loss": 1e30}[kind]
            loss = self.guard.watch(loss, None) if hasattr(self.guard, "watch") else loss
        return (loss, outputs) if return_outputs else loss

    def spoiled_step(self: Any, *args: Any, **more: Any) -> Any:
        hit, step = self.state.global_step + 1 in steps, training_step(self, *args, **more)
        weights = [p for p in self.model.parameters() if p.grad is not None]
        if hit and weights and kind == "gradient":
            weights[0].grad.view(-1)[0] = math.nan
        if hit and weights and kind == "weights":
            with torch.no_grad():
                weights[0].view(-1)[0] = math.nan
        if hit:
            done.write_text(str(int(done.read_text() or 0) + 1) if done.exists() else "1")
        return step
    Engine.compute_loss, Engine.training_step = spoiled_loss, spoiled_step


def spoiled_run(job: str, kind: str, steps: list[int], done: Path) -> None:
    "A run of which some numbers are none."
    spoil(kind, steps, done)
    _runs.perform(job, "disturbed")


def not_finite(value: Any, at: str = "") -> str:
    "Where a document holds a number that is none."
    if isinstance(value, dict):
        return next((found for k, v in value.items() if (found := not_finite(v, f"{at}.{k}"))), "")
    if isinstance(value, list):
        return next((found for i, v in enumerate(value) if (found := not_finite(v, f"{at}[{i}]"))), "")
    return at if isinstance(value, float) and math.isinf(value) else ""


def case(rng: random.Random, folder: Path) -> str:
    "One job with one kind of trouble in one of its steps, or in each twentieth."
    job, kind = JOBS[rng.case % len(JOBS)], KINDS[rng.case // len(JOBS) % len(KINDS)]
    _runs.preload([job])
    steps = [] if kind == "constant data" else sorted({rng.randrange(2, 4), *(i for i in range(4, 200) if rng.random() < 0.05)})
    done, log = folder / "spoiled.txt", _runs.log_of(job, folder, "disturbed")
    code = _runs.finish(_runs.Forked(spoiled_run, folder, log, job, kind, steps, done))
    words, said = f"{job}, {kind} in steps {steps[:4]} ({code}):", _runs.last_line(log)
    if code:
        honest = "not finite" in said or "TrainingError" in said or "collapsed" in said
        return "" if honest else f"{words} {said}"
    run = folder / "outputs" / job / "disturbed"
    report = json.loads((run / "report.json").read_text())
    if at := not_finite(report["metrics"]):
        return f"{words} the report holds no number at {at}"
    spoiled = int(done.read_text()) if done.exists() else 0
    counted = report["health"].get("bad_steps", 0)
    if kind in ("nan loss", "inf loss", "gradient") and spoiled and counted != spoiled:
        return f"{words} {spoiled} steps were spoiled, {counted} are counted"
    return ""
