"""Settings that nobody should write: refused in one line with name, value and way out, or taken and written back alike."""
import random
from pathlib import Path
from typing import Any

from campaigns._damage import one_line
from vidbench.core.config import Config, ConfigError, describe_settings
from vidbench.launch.jobs import config_class, find_job, list_jobs

CASES, LIMIT_SEC = 5_000, 60
SHORT = 100  # of them in the test command
NUMBERS = (True, False, -1, 0, 1, 2**31, 2**63, 2**400, -0.5, 0.5, 1.5, 1e-30, 1e300, float("inf"), float("nan"))
TEXTS = ("", " ", "none", "auto", "1", "1e3", "1,2", "🐄", "a" * 5000, "\x1b[31m", "../..", "/")
WRONG = (*NUMBERS, *TEXTS, None, (), (1,), (0, 0), (-1, 5), [], [[]], {}, {"a": {"b": {}}}, {"": 1}, b"x", object)
# imported once, before the cases' processes
CLASSES = {job: config_class(find_job(job)) for job in list_jobs()}


def near_miss(name: str, rng: random.Random) -> str:
    "A name with one letter wrong."
    place = rng.randrange(len(name))
    return name[:place] + rng.choice(("", name[place] * 2, "x", name[place].upper())) + name[place + 1:]


def try_settings(known: type[Config], preset: str, given: dict[str, Any], folder: Path) -> str:
    "What is wrong with how some settings were taken or refused."
    try:
        cfg = known.preset(preset, **given) if preset else known(**given)
    except ConfigError as error:
        words = str(error)
        names = [part for name in (*given, *known.model_fields) for part in name.split(".")]
        return one_line(words) or ("" if any(n in words for n in names) else f"refused without a setting's name: {words[:300]}")
    path = cfg.save(folder / "config.yaml")
    again = known.load(path)
    differ = {k: v for k, v in cfg.differences(again).items() if v[0] == v[0]}
    return f"saved and read back, these differ: {differ}" if differ else ""


def case(rng: random.Random, folder: Path) -> str:
    "One to three settings of one job."
    job, known = rng.choice(sorted(CLASSES.items()))
    rows = describe_settings(known)
    given: dict[str, Any] = {}
    for row in rng.sample(rows, rng.choice((1, 1, 1, 2, 3))):
        name = near_miss(row["setting"], rng) if rng.random() < 0.1 else row["setting"]
        other = rng.choice(rows)["default"]
        given[name] = rng.choice((rng.choice(WRONG), rng.choice(WRONG), other, row["default"]))
    preset = rng.choice(["", *known.presets])
    words = try_settings(known, preset, given, folder)
    return words and f"{job} {preset} {str(given)[:300]}: {words}"
