"Settings of a pendulum, the study in miniature that the rooms of `launch` are tried with."
from typing import ClassVar, Literal

from pydantic import Field

from vidbench.core.config import Config


class PendulumConfig(Config):
    "A pendulum, and what is to happen to it."
    job: ClassVar[str] = "pendulum"
    presets: ClassVar[dict] = {"smoke": {"steps": 3}, "long": {"steps": 1000, "pause_sec": 0.1},
                               "slow": {"steps": 40, "pause_sec": 0.1, "fate": "listen"}, "failing": {"fate": "raise"}}
    steps: int = Field(10, ge=1, description="swings")
    pause_sec: float = Field(0.0, ge=0, description="between two swings")
    rate: float = Field(1.0, description="the nearer to 3, the better the score")
    learning_rate: float = Field(1e-3, gt=0, description="not used by a pendulum")
    names: tuple[str, ...] = Field((), description="of those who watch")
    sizes: tuple[int, ...] = Field((16, 32), description="of the weights")
    note: str | None = Field(None, description="to remember it by")
    fate: Literal["good", "raise", "die", "listen"] = Field("good", description="how it is to end")
