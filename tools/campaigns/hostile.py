"""What was handed over with bad intent: nothing runs, nothing outside is touched, nothing is shown raw, no secret is written."""
import contextlib
import io
import json
import os
import pickle
import random
import shutil
import time
from pathlib import Path

from campaigns import _runs

CASES, LIMIT_SEC, MEMORY_BYTES = 20, 600, 8 * 2**30
SCRIPT = "<script>alert(1)</script>"
ESCAPE = "\x1b[2J\x1b]0;owned\x07"
SECRETS = {"WANDB_API_KEY": "planted-1f00dcafe", "HF_TOKEN": "hf_planted2f00dcafe",
           "HTTPS_PROXY": "http://me:planted3f00d@127.0.0.1:9", "OPENAI_API_KEY": "sk-planted4f00dcafe",
           "AWS_SECRET_ACCESS_KEY": "planted5f00dcafe"}


class Bomb:
    "A pickle that makes a file when it is read."

    def __init__(self, proof: Path):
        self.proof = proof

    def __reduce__(self):
        return Path.touch, (self.proof,)


def handed_over(folder: Path, work: Path, job: str = "sensors") -> Path:
    "A finished run of somebody else."
    undisturbed, _ = _runs.reference(job, work)
    shutil.copytree(undisturbed.parents[2], folder, dirs_exist_ok=True)
    (folder / "outputs" / job / "undisturbed").rename(folder / "outputs" / job / "disturbed")
    return folder / "outputs" / job / "disturbed"


def shown(folder: Path, *words: str) -> str:
    "What a command writes, on either stream."
    from vidbench.launch.cli import main
    os.environ.update(_runs.environment(folder))
    os.chdir(folder)
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        main(list(words))
    return said.getvalue()


def pickles(rng: random.Random, folder: Path, run: Path) -> str:
    "Every file of a checkpoint a pickle with code, the seal made to fit; fit goes on from there."
    from vidbench.core.checkpoints import SEAL, newest_checkpoint, seal
    proof, newest = folder / "executed", newest_checkpoint(run / "checkpoints")
    bomb = pickle.dumps(Bomb(proof))
    for path in [p for p in newest.rglob("*") if p.suffix in (".pt", ".pth", ".bin", ".safetensors")]:
        if rng.random() < 0.7:
            path.write_bytes(bomb)
    (newest / "global_step1").mkdir()
    (newest / "global_step1/mp_rank_00_model_states.pt").write_bytes(bomb)
    (newest / "training_args.bin").write_bytes(bomb)
    seal(newest)
    (newest / "seal.sig").unlink(missing_ok=True)  # another user's secret is not ours
    state = json.loads((newest / "trainer_state.json").read_text())
    (newest / "trainer_state.json").write_text(json.dumps(state | {"max_steps": state["global_step"] + 5}))
    assert (newest / SEAL).is_file()
    for name in ("status.json", "report.json", "predictions.csv"):
        (run / name).unlink()
    _runs.run("sensors", folder, "disturbed")
    return "a planted pickle was executed" if proof.exists() else ""


def links(rng: random.Random, folder: Path, run: Path) -> str:
    "Parts of the run lie in somebody's folder."
    mine = folder / "precious"
    mine.mkdir()
    (mine / "checkpoint-1").mkdir()
    (mine / "checkpoint-1/a").write_text("mine")
    name = rng.choice(("checkpoints", "figures", "log.txt", "metrics.jsonl", "status.json", "report.json", "panels"))
    shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(mine if "." not in name else mine / "checkpoint-1/a")
    _runs.run("sensors", folder, "disturbed")
    said = _runs.last_line(_runs.log_of("sensors", folder, "disturbed"))
    if sorted(p.name for p in mine.rglob("*")) != ["a", "checkpoint-1"] or (mine / "checkpoint-1/a").read_text() != "mine":
        return f"{name} led outside, and something was changed there"
    return "" if "leads out of its run" in said else f"{name} led outside: {said}"


def texts(rng: random.Random, folder: Path, run: Path) -> str:
    "Names and words with scripts and escape codes in all that is shown."
    evil = f"{SCRIPT}{ESCAPE}"
    report = json.loads((run / "report.json").read_text())
    report["verdict"], report["audit"]["verdict"] = evil, evil
    report["metrics"][evil] = next(iter(report["metrics"].values()))
    (run / "report.json").write_text(json.dumps(report))
    status = json.loads((run / "status.json").read_text())
    status["stages"]["fit"] |= {"state": "failed", "error": evil}
    (run / "status.json").write_text(json.dumps(status))
    with (run / "log.txt").open("a") as log:
        log.write(evil)
    for words in (["runs"], ["status", "sensors/disturbed"], ["compare", "sensors/disturbed", "sensors/disturbed"],
                  ["logs", "sensors/disturbed"], ["report", "sensors/disturbed"], ["look", "sensors/disturbed"]):
        said = shown(folder, *words)
        if "\x1b[2J" in said or "\x07" in said:
            return f"vidbench {words[0]} writes escape codes to the terminal"
    from vidbench.core.runs import Run
    from vidbench.launch.report_html import write_report
    write_report(Run.open(run))
    pages = [p for p in run.rglob("*.html") if SCRIPT in p.read_text(errors="replace")]
    return f"{pages[0].name} holds a script of a report" if pages else ""


def secrets(rng: random.Random, folder: Path, run: Path) -> str:
    "A run with secrets in its environment, searched for them."
    if code := _runs.in_words("sensors", folder, "second", **SECRETS):
        return f"ended with {code}: {_runs.last_line(_runs.log_of('sensors', folder, 'second'))}"
    for path in (p for p in folder.rglob("*") if p.is_file()):
        if any(b"planted" in path.read_bytes() and value.encode() in path.read_bytes() for value in SECRETS.values()):
            return f"{path.relative_to(folder)} holds a secret"
    return ""


def documents(rng: random.Random, folder: Path, run: Path) -> str:
    "A document of the run with code in it, or one that takes all memory or time of who reads it."
    proof = folder / "executed"
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(12))
    evil = rng.choice((f"seed: !!python/object/apply:os.system ['touch {proof}']\n", bomb, "[" * 100_000, '{"a":' * 50_000,
                       f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{proof}']]\n"))
    name = rng.choice(("config.yaml", "config.yaml", "status.json", "report.json", "environment.json", "job.json", "data.json"))
    (run / name).write_text(evil)
    began, words = time.monotonic(), f"{name} of {evil[:12]!r}"
    for verb in (["runs"], ["status"], ["compare", "sensors/disturbed", "sensors/disturbed"], ["report", "sensors/disturbed"]):
        if len(said := shown(folder, *verb)) > 20_000 or "Traceback" in said:
            return f"{words}: vidbench {verb[0]} says {len(said)} characters: {said[-200:]!r}"
    looked = time.monotonic() - began
    if (code := _runs.run("sensors", folder, "disturbed")) and "Error: " not in _runs.last_line(log := _runs.log_of(
            "sensors", folder, "disturbed")):
        return f"{words}: the same command ended with {code}: {_runs.last_line(log)}"
    if proof.exists():
        return f"{words} was executed"
    return f"{words} took {looked:.0f} s to look at" if looked > 60 else ""


def case(rng: random.Random, folder: Path) -> str:
    "One kind of ill will."
    _runs.preload(["sensors"])
    kind = (pickles, links, texts, secrets, documents)[rng.case % 5]
    problem = kind(rng, folder, handed_over(folder, folder.parent))
    return problem and f"{kind.__name__}: {problem}"
