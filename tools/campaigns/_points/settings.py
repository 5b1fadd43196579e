"""Settings of the points."""
from typing import Any, ClassVar

from vidbench.core.config import TrainingConfig


class PointsConfig(TrainingConfig):
    "As `TrainingConfig`."
    job: ClassVar[str] = "points"
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {"epochs": 4, "batch_size": 8, "learning_rate": 1e-2, "log_every": 3, "device": "cpu"}}
