"A small network with batch normalisation that learns from 22 points; the run called `two` is interrupted in its fifth step."
import os
import signal
import time

import torch
from torch import nn
from transformers import TrainerCallback

from vidbench.core.training import train


class Points(torch.utils.data.Dataset):
    x = torch.randn(22, 4, generator=torch.Generator().manual_seed(0))

    def __len__(self):
        return 22

    def __getitem__(self, draw):
        index = getattr(draw, "index", draw)
        x = self.x[index] * (float("nan") if index == 5 and getattr(draw, "seed", 0) % 2 else 1)
        return {"x": x, "labels": (self.x[index].sum() > 0).long(), "sample_id": f"point_{index}"}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x, labels):
        logits = self.net(x)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits, "logs": {"scale": (x * x).mean()}}


def collate(items):
    names = [i["sample_id"] for i in items]
    return {k: torch.stack([i[k] for i in items]) for k in ("x", "labels")} | {"sample_id": names}


class Press(TrainerCallback):
    "The interrupt button."

    def __init__(self, run):
        self.run = run

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 4 and self.run.leads and not self.run.path("pressed").exists():
            self.run.path("pressed").touch()
            os.kill(int(os.environ["KERNEL"]), signal.SIGINT)
            time.sleep(0.5)


def fit(cfg, run):
    callbacks = [Press(run)] if run.name == "two" else []
    with run.stage("fit"):
        return train(Net(), cfg, run, Points(), Points(), collate=collate, callbacks=callbacks)
