#!/usr/bin/env python3
"""Every preset of every job starts, and every switch of the engine goes through the engine in every study.

Usage: starts.py [presets | switches] [NAME ...] [--jobs 2]

The jobs, their presets and their verbs are read from the experiment notebooks, so that a new preset cannot be forgotten.
`presets`: the whole notebook of a job with each of its presets, two steps of training, at a size that starts on a laptop; the
presets `smoke` are left to `vidbench run experiments/...` of the test command, at full length. `switches`: activation
checkpointing, accumulation, bf16, workers, compilation and two processes, in the rows of a table that holds every pair of
values of every two switches, for each study that trains by the engine. Names select: a job, or job/preset.

Each start is a process of its own, forked from one that has imported the large packages: from the plan on it does
what `vidbench run` does, with the cells in an IPython shell in place of a kernel, and what `vidbench train` does in each of two.
"""
import argparse
import importlib.util
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORKS = multiprocessing.get_context("forkserver")
IMPORTED_ONCE = ["IPython.core.interactiveshell", "IPython.display", "ipywidgets", "matplotlib.figure", "pandas", "seaborn",
                 "sklearn.ensemble", "sklearn.metrics", "sklearn.manifold", "torchvision.models.video", "transformers.trainer",
                 "peft", "papermill", "stable_baselines3", "transformers.models.vjepa2.modeling_vjepa2",
                 "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl", "transformers.models.llama.modeling_llama"]
LIMIT_SEC = 600  # for one start: compilation in two processes takes minutes where others compute

# What makes a job small enough, whatever its preset says; a preset's own choice of model, optimizer, precision, split stays.
CLIPS = {"num_frames": 8, "size_px": 32, "batch_size": 2, "eval_batch_size": 8}
SMALL = {
    "agent": {"total_steps": 32, "num_envs": 2, "rollout_steps": 8, "batch_size": 8, "val_episodes": 2, "test_episodes": 2,
              "size_px": 32, "compare_with_cnn": False, "encoder": "tiny V-JEPA"},
    "anomaly": {"max_steps": 2, "batch_size": 2, "eval_batch_size": 8, "toy.videos": 6, "toy.warmup_steps": 2,
                "max_answer_tokens": 4, "size_px": 28, "num_frames": 4, "model": "tiny Qwen2.5-VL"},
    "behavior": {**CLIPS, "num_frames": 4, "max_steps": 2, "pretrained": False, "views": 1, "toy.videos": 8,
                 "toy.events_per_video": 3},
    "caption": {"max_steps": 2, "size_px": 32, "batch_size": 2, "eval_batch_size": 8, "qformer_depth": 4, "qformer_hidden": 64,
                "qformer_heads": 4, "num_query_tokens": 16, "max_caption_tokens": 12, "toy.clips": 16, "toy.llm_steps": 2,
                "watch_clips": 2, "encoder": "tiny V-JEPA", "model": "tiny Llama"},
    "grounding": {"max_steps": 2, "batch_size": 1, "eval_batch_size": 8, "group_size": 2, "max_completion_tokens": 8,
                  "eval_items": 2, "toy.videos": 12, "toy.warmup_steps": 2, "num_frames": 8, "encoder": "words",
                  "model": "tiny Qwen2.5-VL"},
    "pretrain": {**CLIPS, "num_frames": 16, "max_steps": 2, "patch_px": 8, "hidden_size": 48, "depth": 2, "heads": 4,
                 "pred_hidden_size": 24, "pred_depth": 1, "pred_heads": 2, "toy.clips": 64, "toy.pairs": 8, "probe_clips": 16,
                 "probe_epochs": 1, "supervised_epochs": 1, "gradient_accumulation_steps": 2, "num_workers": 1},
    "sensors": {"max_steps": 2, "batch_size": 8, "hidden_dims": (8, 16), "latent_dim": 4, "toy.windows": 240,
                "compare_with_erm": False},
    "worldmodel": {"pretrain": "as above", "caption": "as above", "agent": "as above"}}
# What this machine may lack for a preset: such a start has to end in one line that names it.
NEEDS = {"presets/grounding/full_zero3": "deepspeed"}
SWITCHES = {"activation_checkpointing": (False, True), "gradient_accumulation_steps": (1, 2), "mixed_precision": ("no", "bf16"),
            "num_workers": (0, 1), "torch_compile": (False, True), "num_processes": (1, 2)}


def pairwise(switches: dict) -> list[dict]:
    "Few rows in which every pair of values of every two switches occurs; the first has all switches off."
    names, rows = list(switches), [{name: values[0] for name, values in switches.items()}]
    def pairs(row: dict) -> set:
        return {((a, row[a]), (b, row[b])) for a, b in combinations(names, 2)}
    every = [dict(zip(names, values, strict=True)) for values in product(*switches.values())]
    missing = set().union(*map(pairs, every)) - pairs(rows[0])
    while missing:
        rows.append(max(every, key=lambda row: len(pairs(row) & missing)))
        missing -= pairs(rows[-1])
    return rows


def tiny(what: str) -> str:
    "The folder of a model of a family, as small as its config allows; made once in the workspace."
    from vidbench.core.runs import workspace
    home = workspace() / "data/tiny"
    if what == "tiny Qwen2.5-VL":
        from vidbench.core.tiny_vlm import tiny_vlm
        return str(tiny_vlm(home, ["a dog runs", "<think> </think> <answer> 1.0 to 2.0 </answer>"] * 2, vocab_size=300))
    if what == "tiny Llama":
        from vidbench.worldmodel.caption.qformer import toy_llm
        return str(toy_llm(home, 1, "Say it."))
    from vidbench.worldmodel.caption.qformer import toy_encoder
    return str(toy_encoder(home, 32, 4 if what.endswith("of 4 frames") else 16))


def smaller(job: str, known: type, preset: str) -> dict:
    "The settings that make a preset of a job small; a model of the hub becomes a tiny one of its family."
    if job == "worldmodel":
        leave = ("encoder", "model", "compare_with_cnn")
        return {phase: {k: v for k, v in SMALL[phase].items() if k not in leave} for phase in SMALL[job]}
    settings, told = {}, known.presets[preset]
    for name, value in SMALL[job].items():
        if str(value).startswith("tiny "):
            if told.get(name, known.model_fields[name].default) == ("toy" if job in ("anomaly", "grounding") else ""):
                continue
            value = tiny(f"{value} of 4 frames" if job == "agent" else value)
        settings[name] = value
    if told.get("mixed_precision") == "fp16":  # gradients are scaled on accelerators only
        settings |= {"mixed_precision": "no", "llm_dtype": "fp32"}
    if "minigrid" in told.get("env", "") and not importlib.util.find_spec("minigrid"):  # extra rl: the rest starts without it
        settings |= {"env": known.model_fields["env"].default, "wrappers": ()}
    return settings


def run_cells(plan) -> None:
    "The cells of a job's notebook with the plan's parameters, as papermill would hand them to a kernel."
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell.instance()
    for cell in json.loads(plan.notebook.read_text())["cells"]:
        if cell["cell_type"] != "code":
            continue
        shell.run_cell("".join(cell["source"])).raise_error()
        if "parameters" in cell["metadata"].get("tags", []):
            shell.user_ns.update(plan.parameters)


def start_preset(job: str, preset: str) -> str:
    "A job's whole notebook with a preset; what came of it."
    from vidbench.core.runs import read_lines, workspace
    from vidbench.launch.jobs import config_class, find_job, plan
    notebook = find_job(job)
    run_cells(plan(notebook, {"preset": preset, **smaller(job, config_class(notebook), preset)}))
    made = sorted(workspace().glob("outputs/*/*/report.json"))
    assert made, "no report was written"
    logged = [line for report in made for line in read_lines(report.with_name("metrics.jsonl"))]
    return f"{len(made)} report{'s'[len(made) == 1:]}, {max(line['step'] for line in logged)} steps"


def train_beside(number: int, port: int, run, fit, cfg) -> None:
    "What the launcher's second half is: one of two processes that train together."
    from vidbench.core.runs import Run
    from vidbench.launch.workers import train_here
    os.environ |= {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
                   "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}
    sys.exit(train_here(Run.open(run.folder), fit, cfg))  # which of the two leads is known from here on


def train_in_two(run, fit, cfg) -> None:
    "Two processes, forked here."
    import socket
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    both = [multiprocessing.get_context("fork").Process(target=train_beside, args=(i, port, run, fit, cfg)) for i in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0], run.path("worker_errors.jsonl").read_text()


def start_switches(job: str, row: dict) -> str:
    "Two steps of a study with some of the engine's switches on."
    import vidbench.core.engine as engine
    from vidbench.core.checkpoints import best_checkpoint
    from vidbench.core.runs import Run
    from vidbench.launch.jobs import config_class, find_job, plan, verb
    engine.COMPILER = "aot_eager"  # everything of compilation but the C++
    notebook = find_job(job)
    settings = {"preset": "smoke", **smaller(job, config_class(notebook), "smoke"), **row, "log_every": 1}
    if job == "grounding":  # every group has its own backward pass there: a batch is what accumulation is elsewhere
        settings |= {"batch_size": row["gradient_accumulation_steps"], "gradient_accumulation_steps": 1}
    ready = plan(notebook, settings)
    run, fit = Run.create(job, ready.cfg), verb(notebook, "fit")
    train_in_two(run, fit, ready.cfg) if row["num_processes"] == 2 else fit(ready.cfg, run)
    lines = run.metrics()
    losses = [line["loss"] for line in lines.to_dict("records") if line.get("loss") == line.get("loss")]
    assert run.status["stages"]["fit"]["result"]["finished"] and len(losses) == 2, f"{lines}"
    assert not len(run.incidents()), run.incidents().to_string()
    best_checkpoint(run)
    return f"loss {losses[0]:.3f}, {losses[1]:.3f}"


def child(what, args: tuple, home: str, said: str) -> None:
    "In a process of its own: its workspace, its output, and what it cost."
    os.setsid()
    os.chdir(ROOT)
    os.environ |= {"VIDBENCH_HOME": home, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "MPLBACKEND": "agg"}
    for number in (1, 2):
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    import torch
    torch.set_num_threads(1)
    multiprocessing.set_start_method("fork", force=True)  # of DataLoader's workers: as it is in a process that was not forked
    failed, outcome = False, ""
    try:
        outcome = what(*args)
    except BaseException as error:
        failed, outcome = True, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        traceback.print_exc()
    spent = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    Path(said).with_suffix(".json").write_text(json.dumps({"failed": failed, "outcome": outcome, "cpu": spent}))
    sys.stdout.flush()
    os._exit(int(failed))


def start(name: str, what, args: tuple, home: Path) -> tuple[bool, float]:
    "Run one start to its end; one line about it, and the end of its output when it failed."
    said, began = home / f"{name.replace('/', '-')}.txt", time.monotonic()
    process = FORKS.Process(target=child, args=(what, args, str(home / name.replace("/", "-")), str(said)))
    (home / name.replace("/", "-") / "outputs").mkdir(parents=True)
    process.start()
    process.join(LIMIT_SEC)
    if process.exitcode is None:
        os.killpg(process.pid, 9)
    found = said.with_suffix(".json")
    lost = {"failed": True, "cpu": 0.0, "outcome": "killed, or no answer in time"}
    result = json.loads(found.read_text()) if found.exists() else lost
    failed, outcome = result["failed"], result["outcome"]
    if failed and (missing := NEEDS.get(name)) and missing in outcome:
        failed, outcome = False, f"not installed here, and said so: {outcome}"
    took = f"{time.monotonic() - began:6.1f} s {result['cpu']:6.1f} cpu"
    print(f"{took}  {name:32} {'FAILED ' if failed else ''}{outcome}", flush=True)
    if failed and said.exists():
        tail = said.read_text(errors="replace").splitlines()[-18:]
        print("".join(f"          | {line[:400]}\n" for line in tail), end="", flush=True)
    return not failed, result["cpu"]


def all_starts() -> list[tuple]:
    "Name, function and arguments of everything that has to start."
    sys.path.insert(0, str(ROOT))
    from vidbench.core.config import TrainingConfig
    from vidbench.launch.jobs import config_class, list_jobs
    jobs = {name: config_class(path) for name, path in list_jobs().items()}
    jobs = {name: known for name, known in jobs.items() if known.presets}
    if forgotten := jobs.keys() - SMALL.keys():
        sys.exit(f"tools/starts.py does not know how to make {', '.join(forgotten)} small: add it to SMALL")
    presets = [(f"presets/{job}/{preset}", start_preset, (job, preset)) for job, known in jobs.items()
               for preset in known.presets if preset != "smoke"]
    studies = [job for job, known in jobs.items() if issubclass(known, TrainingConfig)]
    return presets + [(f"switches/{job}/{i}", start_switches, (job, row)) for job in studies
                      for i, row in enumerate(pairwise(SWITCHES))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only starts whose name contains each of these; a,b: either")
    parser.add_argument("--jobs", type=int, default=2, help="starts at a time")
    args = parser.parse_args()
    chosen = [one for one in all_starts() if all(any(part in one[0] for part in name.split(",")) for name in args.names)]
    for i, row in enumerate(pairwise(SWITCHES)):
        print(f"switches {i}: " + ", ".join(f"{name}={value}" for name, value in row.items()))
    FORKS.set_forkserver_preload(IMPORTED_ONCE)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs) as pool:
        results = list(pool.map(lambda one: start(*one, Path(folder)), chosen))
    bad = sum(not good for good, _ in results)
    print(f"{sum(cpu for _, cpu in results):.0f} s of processor time; {len(results) - bad} start, {bad} do not")
    return int(bool(bad) or not results)


if __name__ == "__main__":
    sys.exit(main())
