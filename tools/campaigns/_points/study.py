"""The verbs of the points."""
from typing import Any

import pandas as pd
import torch

from vidbench.core.checkpoints import best_checkpoint, load_weights
from vidbench.core.doubt import mean_interval
from vidbench.core.events import read_sides, write_sides
from vidbench.core.figures import loss_curves
from vidbench.core.reports import checkpoint_of, make_report, metric, write_predictions
from vidbench.core.runs import Run
from vidbench.core.toys import PointNet, Points, collate_points, point_accuracy
from vidbench.core.training import TrainResult, health_summary, train


def table(name: str, size: int) -> pd.DataFrame:
    "A side."
    return pd.DataFrame({"event_id": [f"{name}_{i}" for i in range(size)], "group": [f"g{i % 5}" for i in range(size)]})


def prepare(cfg: Any, run: Run) -> dict[str, pd.DataFrame]:
    "The sides, drawn once."
    if not read_sides(run.path("sides.csv")) and run.leads:
        write_sides(run.path("sides.csv"), {"train": table("train", 64), "test": table("test", 32)})
    return read_sides(run.path("sides.csv"))


def fit(cfg: Any, run: Run) -> TrainResult:
    "Train."
    with run.stage("fit"):
        torch.manual_seed(cfg.seed)
        return train(PointNet(), cfg, run, Points(), Points(32), collate=collate_points, compute_metrics=point_accuracy,
                     select="eval_accuracy", higher_is_better=True)


def evaluate(cfg: Any, run: Run) -> dict[str, Any]:
    "The report."
    if run.has_finished("evaluate"):
        return run.report
    with run.stage("evaluate"), torch.inference_mode():
        data, side = Points(32), prepare(cfg, run)["test"]
        net = load_weights(PointNet(), best_checkpoint(run)).eval()
        logits = net(data.x, data.y)["logits"]
        rows = side[["event_id", "group"]].assign(true=[f"c{i}" for i in data.y.tolist()],
                                                  pred=[f"c{i}" for i in logits.argmax(1).tolist()],
                                                  sure=logits.softmax(1).max(1).values.tolist())
        write_predictions(run, rows)
        run.save_figure(loss_curves(run.metrics()), "loss")
        found = metric(mean_interval(rows["true"] == rows["pred"], rows["group"]))
        run.write_report(make_report(
            "points", headline=["accuracy"], metrics={"accuracy": found}, baselines={"majority": {"accuracy": 0.5}},
            verdict="points", checks=[], audit=None, health=health_summary(run), checkpoint=checkpoint_of(run, "accuracy")))
    return run.report
