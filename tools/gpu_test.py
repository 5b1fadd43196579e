#!/usr/bin/env python3
"""Everything that only a GPU can show, most valuable first: times, memory, and whether results hold.

Usage: gpu_test.py [PART ...] [--minutes 25] [--device cuda] [--tiny] [--again] [--list]

No hub is needed: the models have random weights in the shapes of the real ones (3B, 7B, ViT-L, R3D-18). Each part runs in a
process of its own within a time limit, and leaves a file in outputs/gpu_test/; a part that has one is not run again
(--again does), so a run that was cut off goes on. At the end a table, and all of it as JSON. `--device cpu --tiny` shows on
a laptop that every part works; its figures mean nothing.
"""
import argparse
import gc
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("HF_HUB_OFFLINE", "1")
SHAPES = {"3B": "qwen2.5-vl-3b", "7B": "qwen2.5-vl-7b"}  # of vidbench.core.shapes
TURNS = 3  # of a measurement; medians are reported


class Bench:
    "Where and how large the parts run."

    def __init__(self, device: str, tiny: bool):
        import torch
        self.device, self.tiny, self.torch = device, tiny, torch
        self.half = torch.bfloat16 if device == "cuda" else torch.float32

    def size(self, small: Any, real: Any) -> Any:
        "The small size on a laptop, else the real one."
        return small if self.tiny else real

    def wait(self) -> None:
        "Until the device has done what it was asked."
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def measured(self, work: Callable[[], Any], turns: int = TURNS) -> dict[str, float]:
        "Median seconds after one turn that warms up, and the peak of device memory in GB."
        work()
        seconds = []
        if self.device == "cuda":
            self.torch.cuda.reset_peak_memory_stats()
        for _ in range(turns):
            self.wait()
            began = time.perf_counter()
            work()
            self.wait()
            seconds.append(time.perf_counter() - began)
        peak = self.torch.cuda.max_memory_allocated() / 1e9 if self.device == "cuda" else float("nan")
        return {"seconds": sorted(seconds)[len(seconds) // 2], "peak_gb": peak}


def video_llm(bench: Bench, shape: str) -> Any:
    "A Qwen2.5-VL of a published shape, tower and all, with random weights; tiny on a laptop."
    from vidbench.core.shapes import random_model, shape_config
    from vidbench.core.tiny_vlm import make_model, make_tokenizer, tiny_config
    words = make_tokenizer(["a red square"])
    with bench.torch.device(bench.device):
        if bench.tiny:
            return make_model(tiny_config(words, hidden=128))
        return random_model(shape_config(SHAPES.get(shape, shape), words), dtype=bench.half)


def with_adapters(model: Any, recomputed: bool = True) -> Any:
    "Adapters on the language model, and activations recomputed."
    from peft import LoraConfig, get_peft_model
    model = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]))
    if recomputed:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    return model.train()


def prompt(bench: Bench, tokens: int) -> dict[str, Any]:
    "A clip of eight frames and words, cut to a number of tokens."
    import numpy as np

    from vidbench.core.tiny_vlm import VideoChatCollator, make_processor, make_tokenizer
    side = bench.size(112, 224)
    frames = np.random.default_rng(0).integers(0, 255, (8, side, side, 3), dtype=np.uint8)
    collate = VideoChatCollator(make_processor(make_tokenizer(["a red square"]), side**2))
    inputs = collate([{"frames": frames, "times_sec": np.arange(8) + 0.5, "question": "square " * tokens}])
    cut = {"input_ids", "attention_mask", "mm_token_type_ids"}
    inputs = {k: v[:, :tokens] if k in cut else v for k, v in inputs.items()}
    return {k: v.to(bench.device) if hasattr(v, "to") else v for k, v in inputs.items()}


# --- the parts

def prefix(bench: Bench, shape: str) -> list[dict[str, Any]]:
    "A group behind one prompt (by blocks where they work, by a dense mask) against the prompt repeated: forward and backward."
    from vidbench.grounding.grpo import completion_logps, packed_kernel
    model, rows = with_adapters(video_llm(bench, shape)), []
    inputs, tokens = prompt(bench, bench.size(128, 3584)), bench.size(8, 200)
    for group in bench.size((2, 4), (4, 8, 16, 32)):
        ids = bench.torch.randint(20, 200, (group, tokens), device=bench.device)
        row = {"what": f"{shape} G={group}"}
        kernel = packed_kernel(model)
        for name, shared in (("shared", True), ("dense", True), ("repeated", False)):
            def work(ids: Any = ids, shared: bool = shared, kernel: str = "dense" if name == "dense" else kernel) -> None:
                completion_logps(model, inputs, ids, shared_prefix=shared, kernel=kernel).sum().backward()
                model.zero_grad()
            try:
                row |= {f"{name}_{key}": value for key, value in bench.measured(work).items()}
            except bench.torch.OutOfMemoryError:
                row |= {f"{name}_seconds": math.nan, f"{name}_peak_gb": math.inf}
                bench.torch.cuda.empty_cache()
        rows.append(row | {"kernel": kernel, "times_faster": row["repeated_seconds"] / row["shared_seconds"],
                           "times_smaller": row["repeated_peak_gb"] / row["shared_peak_gb"],
                           "blocks_over_dense": row["dense_seconds"] / row["shared_seconds"]})
    return rows


def rollouts(bench: Bench) -> list[dict[str, Any]]:
    "Completions drawn a second."
    from vidbench.grounding.grpo import sample_completions
    rows = []
    for shape in bench.size(("tiny",), ("3B", "7B")):
        model = video_llm(bench, shape)
        model.generation_config.eos_token_id = -1        # all as long as one another
        inputs, tokens = prompt(bench, bench.size(128, 3584)), bench.size(8, 200)
        for group in bench.size((2,), (8, 16)):
            for cache in ("growing", "static", "compiled"):
                draw = partial(sample_completions, model, inputs, group, tokens, cache=cache)
                found = bench.measured(draw, turns=2)
                rows.append({"what": f"{shape} G={group} {cache}", **found, "tokens_a_second": group * tokens / found["seconds"]})
        del model
        gc.collect()
    return rows


def grpo_step(bench: Bench) -> list[dict[str, Any]]:
    "A whole step: encode the clip, draw, score under policy and reference, learn."
    from vidbench.grounding.grpo import completion_logps, encode_clip, merged_clip, sample_completions
    base = video_llm(bench, "3B")
    base.generation_config.eos_token_id = -1
    model, inputs = with_adapters(base), prompt(bench, bench.size(128, 3584))
    optimizer = bench.torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
    group, tokens = bench.size(2, 8), bench.size(8, 200)

    def work() -> None:
        tower = encode_clip(model, inputs)
        seen = lambda: inputs | {"mm_encoder_outputs": merged_clip(model, tower, inputs["video_grid_thw"])}
        with bench.torch.no_grad():
            ids, _ = sample_completions(model, seen(), group, tokens)
            with model.disable_adapter():
                completion_logps(model, seen(), ids)
        completion_logps(model, seen(), ids).sum().backward()
        optimizer.step(); optimizer.zero_grad()
    return [{"what": f"3B G={group}, {tokens} tokens", **bench.measured(work)}]


def tuning(bench: Bench) -> list[dict[str, Any]]:
    "A supervised step with adapters, and one of all weights kept in fp32 under autocast: how much moves?"
    torch, rows = bench.torch, []
    inputs = prompt(bench, bench.size(128, 1024))
    inputs["labels"] = inputs["input_ids"].clone()
    for kind in ("adapters", "all weights"):
        model = with_adapters(video_llm(bench, "3B")) if kind == "adapters" else video_llm(bench, "3B").float().train()
        if kind == "all weights":
            model.gradient_checkpointing_enable({"use_reentrant": False})
        learned = [p for p in model.parameters() if p.requires_grad]
        before = [p.detach().flatten()[:1000].clone() for p in learned]
        optimizer = torch.optim.AdamW(learned, lr=5e-7 if kind == "all weights" else 1e-4)

        def work(model: Any = model, optimizer: Any = optimizer) -> None:
            with torch.autocast(bench.device, torch.bfloat16, enabled=bench.device == "cuda"):
                model(**inputs).loss.backward()
            optimizer.step(); optimizer.zero_grad()
        found = bench.measured(work)
        moved = sum(int((p.detach().flatten()[:1000] != old).sum()) for p, old in zip(learned, before, strict=True))
        rows.append({"what": kind, **found, "share_moved": moved / sum(len(old) for old in before)})
        del model, optimizer, learned
        gc.collect()
        if bench.device == "cuda":
            torch.cuda.empty_cache()
    return rows


def vjepa(bench: Bench) -> list[dict[str, Any]]:
    "A pretraining step of V-JEPA at the published ViT-L size, with and without recomputed activations."
    from vidbench.worldmodel.pretrain.masking import draw_masks
    from vidbench.worldmodel.pretrain.settings import PretrainConfig
    from vidbench.worldmodel.pretrain.vjepa import VJepa, move_target
    torch = bench.torch
    cfg = PretrainConfig.preset("smoke") if bench.tiny else PretrainConfig.preset("vitl", data="toy")
    batch, rows = bench.size(2, 8), []
    masks = draw_masks(cfg, list(range(batch)))
    for recompute in (False, True):
        model = VJepa(cfg).to(bench.device).train()
        if recompute:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        optimizer = torch.optim.AdamW(model.student.parameters(), lr=1e-4)
        clips = torch.randn(batch, cfg.num_frames, 3, cfg.size_px, cfg.size_px, device=bench.device)

        def work(model: Any = model, optimizer: Any = optimizer, clips: Any = clips) -> None:
            with torch.autocast(bench.device, torch.bfloat16, enabled=bench.device == "cuda"):
                model(clips, masks.visible.to(bench.device), masks.hidden.to(bench.device))["loss"].backward()
            optimizer.step(); optimizer.zero_grad(); move_target(model, 0.998)
        name = f"{'tiny' if bench.tiny else 'ViT-L'}, batch {batch}{', recomputed' if recompute else ''}"
        try:
            rows.append({"what": name, **bench.measured(work)})
        except bench.torch.OutOfMemoryError:
            rows.append({"what": name, "seconds": math.nan, "peak_gb": math.inf})
        del model, optimizer
        gc.collect()
    return rows


class Clips:
    "Random clips and labels, made once."

    def __init__(self, cfg: Any, size: int):
        import torch
        shape = (size, cfg.num_frames, 3, cfg.size_px, cfg.size_px)
        self.x = torch.randint(0, 255, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, draw: Any) -> dict[str, Any]:
        index = getattr(draw, "index", draw)
        return {"clips": self.x[index], "labels": index % 2}


def together(items: list[dict]) -> dict[str, Any]:
    "Items as a batch."
    import torch
    return {"clips": torch.stack([i["clips"] for i in items]), "labels": torch.tensor([i["labels"] for i in items])}


def classifier(bench: Bench, **settings: Any) -> tuple[Any, Any]:
    "R3D-18 and its settings; the small network on a laptop."
    from vidbench.behavior.models import build_model
    from vidbench.behavior.settings import BehaviorConfig
    size = dict(model=bench.size("tiny", "r3d_18"), pretrained=False, num_frames=bench.size(8, 16), size_px=bench.size(32, 112),
                batch_size=bench.size(2, 16), device="auto" if bench.device == "cuda" else "cpu", log_every=1)
    cfg = BehaviorConfig(**{**size, **settings})
    bench.torch.manual_seed(0)
    return build_model(cfg, 2, [1, 1]), cfg


def engine(bench: Bench) -> list[dict[str, Any]]:
    "R3D-18 through the engine against a plain loop with the same fused optimizer: steps a second."
    import torch

    from vidbench.core.runs import Run
    from vidbench.core.training import train
    steps, rows = bench.size(4, 40), []
    with tempfile.TemporaryDirectory() as folder:
        model, cfg = classifier(bench, max_steps=steps)
        data = Clips(cfg, 4 * cfg.batch_size)
        run = Run.create("gpu_test", cfg, "engine", root=folder)
        train(model, cfg, run, data, collate=together)
        logged = run.metrics().dropna(subset=["step_ms"])["step_ms"]
        rows.append({"what": "engine", "seconds": float(logged.median()) / 1000})
        model, cfg = classifier(bench)
        model = model.to(bench.device).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=bench.device == "cuda")
        loader = torch.utils.data.DataLoader(data, cfg.batch_size, collate_fn=together)

        def epoch() -> None:
            for batch in loader:
                batch = {k: v.to(bench.device) for k, v in batch.items()}
                model(**batch)["loss"].backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step(); optimizer.zero_grad()
        rows.append({"what": "plain loop", "seconds": bench.measured(epoch)["seconds"] / len(loader)})
    return rows + [{"what": "plain / engine", "ratio": rows[1]["seconds"] / rows[0]["seconds"]}]


def losses(bench: Bench, name: str, **settings: Any) -> list[float]:
    "The losses of a short training."
    from vidbench.core.runs import Run
    from vidbench.core.training import train
    with tempfile.TemporaryDirectory() as folder:
        model, cfg = classifier(bench, max_steps=bench.size(4, 20), **settings)
        run = Run.create("gpu_test", cfg, name, root=folder)
        train(model, cfg, run, Clips(cfg, 4 * cfg.batch_size), collate=together)
        return run.metrics()["loss"].dropna().tolist()


def precision(bench: Bench) -> list[dict[str, Any]]:
    "The same training in bf16 and in fp32: how far the losses part; and twice in fp32: do they at all?"
    half = losses(bench, "half", mixed_precision="bf16" if bench.device == "cuda" else "no")
    full, again = losses(bench, "full"), losses(bench, "again")
    gap = lambda one, other: max(abs(a - b) for a, b in zip(one, other, strict=True))
    return [{"what": "bf16 against fp32, largest gap of a loss", "ratio": gap(half, full)},
            {"what": "fp32 twice, largest gap of a loss", "ratio": gap(full, again)}]


def resume(bench: Bench) -> list[dict[str, Any]]:
    "A training that was stopped half-way and goes on, against one that was not."
    from vidbench.core.runs import Run
    from vidbench.core.training import train
    steps, weights = bench.size(4, 12), []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("whole", "halves"):
            for last in ((steps,) if name == "whole" else (steps // 2, steps)):
                model, cfg = classifier(bench, max_steps=steps, checkpoint_every=max(1, steps // 2))
                run = Run.create("gpu_test", cfg, name, root=folder)
                if last < steps:
                    train(model, cfg, run, Stopping(cfg, run, last), collate=together)
                    run.path("STOP").unlink(missing_ok=True)
                else:
                    train(model, cfg, run, Clips(cfg, 4 * cfg.batch_size), collate=together)
            weights.append([p.detach().float().cpu() for p in model.parameters()])
    gap = max(float((a - b).abs().max()) for a, b in zip(*weights, strict=True))
    return [{"what": "stopped and resumed, largest gap of a weight", "ratio": gap}]


class Stopping(Clips):
    "Clips that ask the run to stop once a number of steps is logged."

    def __init__(self, cfg: Any, run: Any, last: int):
        super().__init__(cfg, 4 * cfg.batch_size)
        self.run, self.last = run, last

    def __getitem__(self, draw: Any) -> dict[str, Any]:
        log = self.run.path("metrics.jsonl")
        if log.exists() and len(log.read_text().splitlines()) >= self.last:
            self.run.stop()
        return super().__getitem__(draw)


def memory(bench: Bench) -> list[dict[str, Any]]:
    "A batch that cannot fit: is the answer one line that names what to change?"
    if bench.device != "cuda":
        return [{"what": "skipped: only a GPU runs out of its memory"}]
    try:
        losses(bench, "large", batch_size=4096, num_frames=64, size_px=224)
        return [{"what": "it fitted: nothing was shown"}]
    except Exception as error:
        return [{"what": f"{type(error).__name__}: {error}"[:300]}]


def decoding(bench: Bench) -> list[dict[str, Any]]:
    "Films through the job itself: decoded into the cache, trained, evaluated."
    with tempfile.TemporaryDirectory() as home:
        words = ["run", "behavior", "--preset", "smoke", "--name", "decode", "-p", f"model={bench.size('tiny', 'r3d_18')}",
                 "-p", f"size_px={bench.size(32, 112)}", "-p", "toy.videos=12", "-p", "max_steps=12", "-p", "log_every=1",
                 "-p", "num_workers=2"]
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "vidbench", *words], capture_output=True, text=True, cwd=ROOT,
                              env=os.environ | {"VIDBENCH_HOME": home}, timeout=900)
        if done.returncode:
            return [{"what": done.stdout[-200:] + done.stderr[-200:]}]
        lines = [json.loads(line) for line in Path(home, "outputs/behavior/decode/metrics.jsonl").read_text().splitlines()]
        steps = [line["step_ms"] for line in lines if "step_ms" in line]
        return [{"what": "the whole job", "seconds": time.perf_counter() - began},
                {"what": "a step, median", "seconds": sorted(steps)[len(steps) // 2] / 1000}]


def forecasts(bench: Bench) -> list[dict[str, Any]]:
    "What `--check` foretells of a step against the step: peak memory within 15 %, work, and time."
    from vidbench.core.forecast import flop_rate, foresee, measured_step
    torch, rows, tokens = bench.torch, [], bench.size(100, 2000)
    cases = bench.size((("tiny", False), ("tiny", True)), (("3B", False), ("3B", True), ("7B", True), ("qwen2-vl-7b", True)))
    for shape, recomputed in cases:
        model = with_adapters(video_llm(bench, shape), recomputed)
        inputs = prompt(bench, tokens)
        inputs["labels"] = inputs["input_ids"].clone()
        shadow = bare_like(bench, shape, recomputed)
        foretold = foresee(shadow, {k: v.cpu() if hasattr(v, "cpu") else v for k, v in inputs.items()})
        seconds, peak = measured_step(model, inputs)
        need, rate = foretold.weights + foretold.activations, flop_rate(torch.device(bench.device), bench.half, 4096, 4096)
        rows.append({"what": f"{shape}{', recomputed' if recomputed else ''}, {inputs['input_ids'].shape[1]} tokens",
                     "forecast_gb": need / 1e9, "measured_gb": peak / 1e9, "error": need / peak - 1, "seconds": seconds,
                     "forecast_seconds": foretold.flops / rate,
                     "within_15": "not measured" if peak != peak else str(abs(need / peak - 1) <= 0.15)})
        del model
        gc.collect()
        if bench.device == "cuda":
            torch.cuda.empty_cache()
    return rows


def bare_like(bench: Bench, shape: str, recomputed: bool) -> Any:
    "The same model with adapters, without a number."
    from vidbench.core.shapes import bare_model, shape_config
    from vidbench.core.tiny_vlm import make_tokenizer, tiny_config
    words = make_tokenizer(["a red square"])
    config = tiny_config(words, hidden=128) if bench.tiny else shape_config(SHAPES.get(shape, shape), words)
    with bench.torch.device("meta"):
        return with_adapters(bare_model(config, bench.half), recomputed)


class Waiting:
    "How long steps take, and how long each waits for its batch."

    def __init__(self):
        from transformers import TrainerCallback
        self.steps, self.ends, self.begins = [], [], []
        begin = lambda *args, **kwargs: self.begins.append(time.perf_counter())     # noqa: E731
        end = lambda *args, **kwargs: self.ends.append(time.perf_counter())         # noqa: E731
        self.callback = type("Clock", (TrainerCallback,), {"on_step_begin": begin, "on_step_end": end})()

    def share(self) -> float:
        "Share of the time, from the second step on, in which a batch was waited for."
        waits = [b - e for b, e in zip(self.begins[1:], self.ends, strict=False)]
        return sum(waits) / (self.ends[-1] - self.ends[0])


def feeding(bench: Bench) -> list[dict[str, Any]]:
    "Clips from the cache, augmented by workers, into R3D-18: which share of the time does the device wait?"
    from vidbench.behavior.data import training_data
    from vidbench.behavior.study import prepare
    from vidbench.core.runs import Run
    from vidbench.core.training import train
    rows = []
    with tempfile.TemporaryDirectory() as home:
        os.environ["VIDBENCH_HOME"] = home
        for workers in bench.size((0, 1), (0, 4, 8, 14)):
            model, cfg = classifier(bench, toy={"videos": bench.size(12, 60)}, num_workers=workers, epochs=bench.size(1, 4))
            run, clock = Run.create("behavior", cfg, f"feeding-{workers}", root=home), Waiting()
            material = prepare(cfg, run)
            data = training_data(cfg, material.train, material.cache, material.classes)
            train(model, cfg, run, data, callbacks=(clock.callback,), collate=batch_of)
            rows.append({"what": f"{workers} workers", "share_waiting": clock.share(), "clips_a_second":
                         (len(clock.ends) - 1) * cfg.batch_size / (clock.ends[-1] - clock.ends[0])})
    return rows


def batch_of(items: list[dict]) -> dict[str, Any]:
    "Items of the study's own data set as a batch."
    import torch
    return {"clips": torch.stack([i["clips"] for i in items]), "labels": torch.tensor([int(i["labels"]) for i in items])}


PARTS: dict[str, Callable[[Bench], list[dict[str, Any]]]] = {
    "prefix_3b": lambda bench: prefix(bench, "3B"), "grpo_step": grpo_step, "tuning": tuning, "rollouts": rollouts,
    "forecasts": forecasts, "vjepa": vjepa, "engine": engine, "precision": precision, "resume": resume, "memory": memory,
    "feeding": feeding, "decoding": decoding, "prefix_7b": lambda bench: prefix(bench, "7B")}


# --- running them

def run_part(name: str, device: str, tiny: bool, target: Path) -> None:
    "One part, in this process; its rows go into a file when all are there."
    bench = Bench(device, tiny)
    began = time.perf_counter()
    rows = PARTS[name](bench)
    named = bench.torch.cuda.get_device_name() if device == "cuda" else "cpu"
    found = {"part": name, "device": named, "tiny": tiny, "torch": bench.torch.__version__,
             "took_sec": time.perf_counter() - began}
    part = target.with_suffix(".part")
    part.write_text(json.dumps(found | {"rows": rows}, indent=1))
    part.replace(target)


def run_apart(name: str, args: argparse.Namespace, target: Path, limit_sec: float) -> str:
    "One part in a process of its own; empty when it went well, else why not."
    words = [sys.executable, __file__, name, "--device", args.device, "--here", str(target)] + ["--tiny"] * args.tiny
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=limit_sec, cwd=ROOT,
                              env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"})
    except subprocess.TimeoutExpired:
        return f"stopped after {limit_sec:.0f} s"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def shown(value: Any) -> str:
    "A figure for the eye."
    return value if isinstance(value, str) else "–" if value is None or value != value else f"{value:.4g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="only these")
    parser.add_argument("--minutes", type=float, default=25, help="for all of it")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small sizes: does every part work?")
    parser.add_argument("--again", action="store_true", help="also what was measured before")
    parser.add_argument("--list", action="store_true", help="name the parts and stop")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if unknown := [name for name in args.parts if name not in PARTS]:
        parser.error(f"no part '{unknown[0]}': there are {', '.join(PARTS)}")
    if args.list:
        print(*PARTS, sep="\n")
        return 0
    if args.here:
        run_part(args.parts[0], args.device, args.tiny, Path(args.here))
        return 0
    folder = ROOT / "outputs/gpu_test" / (args.device + ("-tiny" if args.tiny else ""))
    folder.mkdir(parents=True, exist_ok=True)
    ends, failed = time.monotonic() + 60 * args.minutes, []
    for name in args.parts or PARTS:
        target = folder / f"{name}.json"
        if target.exists() and not args.again:
            continue
        if ends - time.monotonic() < 20:
            failed.append(f"{name}: no time was left; the same command goes on")
        elif why := run_apart(name, args, target, ends - time.monotonic()):
            failed.append(f"{name}: {why}")
        print(f"{name}: {failed[-1] if failed and failed[-1].startswith(name) else 'done'}", flush=True)
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json")) if path.stem in PARTS]
    for part in found:
        print(f"\n{part['part']} on {part['device']} ({part['took_sec']:.0f} s)")
        for row in part["rows"]:
            print("  " + "  ".join(f"{key} {shown(value)}" if key != "what" else shown(value) for key, value in row.items()))
    (folder / "all.json").write_text(json.dumps(found, indent=1))
    print(*(f"\nfailed: {line}" for line in failed), f"\n{len(found)} of {len(PARTS)} parts measured; {folder / 'all.json'}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
