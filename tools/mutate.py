#!/usr/bin/env python3
"""Do the tests bite? `mutate.py [NAME ...]` breaks one line at a time and runs the notebook's own cells: they have to fail.

Single-line mutations (comparisons, constants, operators, axes, dropped terms, min and max, removed calls, filters and
statements) of evaluation, reward, split and loss code. A notebook is run once; before each cell that is to be mutated a fork
keeps the state. There each mutated cell is run, then the cells behind it, until one fails. What survives is listed; a
mutation that changes nothing that can be seen is named in EQUIVALENT with the reason. `--count N` draws N of them by
`--seed S`; NAME is a part of a notebook's path.
"""
import argparse
import ast
import contextlib
import functools
import importlib
import json
import os
import random
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
ONLY = {  # of these rooms, what splits, audits, repeats and scores; the rest reads and writes files
    "core/13_bouts": r"over_time|_stretches|_joined|bouts_of|_overlap|segment|frame_accuracy",
    "core/03_events": r"write_sides|read_sides|_digest|_copies|same_films|_films|_recordings|_spans|overlap_runs|best_cut|split_|"
                      r"_every_nth|_sides|boost|_overlapping|_number_shared|_leaks|SplitAudit|_two_peoples|videos_shared|audit"}
ROOMS = [  # numbers are made here: evaluation, rewards, splits, losses
    "core/03_events", "core/04_doubt", "core/07_checkpoints", "core/13_bouts", "behavior/03_evaluation",
    "behavior/04_confounding", "behavior/05_verdict", "grounding/03_rewards", "grounding/04_grpo", "grounding/07_evaluation",
    "sensors/04_losses",
    "sensors/06_evaluation", "anomaly/05_stability", "anomaly/06_evaluation", "worldmodel/pretrain/03_vjepa",
    "worldmodel/pretrain/04_probes", "worldmodel/caption/02_scores"]
MIB = 2**20
CHILD_MIB = 3_000     # that a mutated run may take beyond what the process has
OTHER_TEXT = re.compile(r"figure|_repr_|__str__|_rows|html|said$|words$|report_of|verdict_said|checks_said|show", re.IGNORECASE)
SWAPS = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.In: "not in",
         ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is"}
OPERATORS = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "/", ast.Mod: "*", ast.Pow: "*",
             ast.BitAnd: "|", ast.BitOr: "&"}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "mean": "sum", "sum": "mean", "minimum": "maximum",
         "maximum": "minimum", "argmax": "argmin", "argmin": "argmax", "floor": "ceil", "ceil": "floor", "nlargest": "nsmallest",
         "cumsum": "cumprod", "idxmax": "idxmin", "first": "last", "nanmean": "nansum", "amax": "amin", "median": "max"}
UNWRAPPED = {"abs", "sqrt", "log", "exp", "round", "clip", "clamp", "normalize", "detach", "softmax",
             "log_softmax", "square", "log1p", "unique", "sorted", "nan_to_num", "fillna", "dropna",
             "drop_duplicates", "reversed", "lower", "strip", "set"}
KEPT_DEFAULTS = {"seed", "resamples", "permutations", "draws", "worlds", "digits", "width", "height", "name", "progress", "step",
                 "batch_size", "most", "most_cells", "epochs", "neighbours", "heads", "size", "columns", "autocast"}
EQUIVALENT: list[tuple[str, str, str, str]] = [  # notebook, in the line, in the mutated line (empty: any), why nobody can see it
    ("core/04_doubt", "step = max(1, int(4e6 / len(codes)))", "", "rows at a time: memory, not what comes out"),
    ("core/04_doubt", "for first in range(0, number, step)", "", "the same"),
    ("core/04_doubt", "out=np.full(len(weights), NAN), where=size", ">= 0", "0 / 0 is NaN as well"),
    ("core/04_doubt", "(shuffled >= observed - 1e-12)", "(shuffled > ", "a shuffle that is lower by 1e-12, to the last bit"),
    ("core/07_checkpoints", "file.read(1 << 22)", "", "bytes at a time"),
    ("core/07_checkpoints", "json.dumps(content, indent=1)", "", "blanks in a file for programs"),
    ("core/03_events", "max(piece, size // 64)", "", "where a large file is looked at; how densely, not what comes out"),
    ("behavior/04_confounding", "step = max(1, int(2e6 / len(values)))", "", "rows at a time"),
    ("behavior/04_confounding", "prepend=-1", "", "any number that is no cell begins the first one"),
    ("behavior/03_evaluation", "np.maximum(both, 1)", "2", "who is there once in both together has no hit"),
    ("behavior/03_evaluation", "% 2 == 0)[units]", "% 2 != 0", "the two halves change names"),
    ("behavior/03_evaluation", "if off.max() > 0.02 and", ">= 0.02", "no two doubles around 1 are 0.02 apart to the last bit"),
    ("behavior/03_evaluation", "if slope > 0", ">= 0", "a slope of 0 to the last bit"),
    ("behavior/03_evaluation", "for _ in range(60)", "", "a halving more than doubles hold"),
    ("core/13_bouts", "np.where(both > 0", ">= 0", "nothing shared is 0 of anything"),
    ("core/13_bouts", "where=seen > 1e-9", ">= 1e-9", "a weight that is 1e-9 to the last bit"),
    ("core/13_bouts", "found[row], found[:, column] = -1, -1", "-2", "any number below all overlaps"),
    ("core/13_bouts", 'sorted(set(pred["label"])', 'in (set(pred', "counted together, in whatever order"),
    ("core/03_events", "piece = size if size <= 64 << 20", "", "how much of a large file is looked at"),
    ("core/03_events", "np.floor((np.arange(len(shuffled) + 1)", "np.ceil", "the same steps, one later"),
    ("sensors/06_evaluation", "weight = np.exp(similar", "", "what all of a row share goes out when it is made to add up to 1"),
    ("sensors/06_evaluation", "(np.ones((1, len(true))))", "np.ones((2", "the second row is not looked at"),
    ("worldmodel/pretrain/04_probes", "np.where(impossible == possible, 0.5", ">=", "equal ones were taken out before"),
    ("worldmodel/pretrain/04_probes", "reshape(", "-2", "numpy takes any negative number"),
    ("worldmodel/pretrain/04_probes", "torch.autocast(", "", "no accelerator of this machine has another precision"),
    ("worldmodel/pretrain/04_probes", "probe(part).detach().argmax(1)", "(probe(part))", "the number of a class has no gradient"),
    ("worldmodel/pretrain/03_vjepa", 'set(found["missing_keys"])', '(found["missing_keys"])', "a set as it comes"),
    ("worldmodel/pretrain/03_vjepa", "unsqueeze(1).repeat(1, int(", "repeat(2", "rows that nobody picks"),
    ("worldmodel/pretrain/03_vjepa", "* pairs).sum() for f in", ".mean()", "both of a ratio by the same number"),
    ("worldmodel/caption/02_scores", "bleu4_of(said, references)(np.ones((1,", "np.ones((2", "the second row is not looked at"),
    ("worldmodel/caption/02_scores", "min(v, theirs.get(gram, 0.0)) *", "(gram, 1.0)) *", "times 0 where there is none"),
    ("core/07_checkpoints", "secrets.token_hex(32)", "33", "how long a secret is"),
    ("core/07_checkpoints", "os.fsync(file.fileno())", "pass", "what is on the disk when the power goes"),
    ("grounding/03_rewards", "or [0.0, 0.0] for part in parts", "0.0]", "multiplied by 0 where there is no pair"),
    ("grounding/04_grpo", "if top_p < 1", "", "all of the probability keeps all tokens, but for rounding"),
    ("grounding/04_grpo", "(-1", "((1)", "an array of two axes: the last is the second"),
    ("grounding/04_grpo", ".shape[-1]", ".shape[(1)]", "the same"),
    ("grounding/04_grpo", "advantages.to(logps).view(len(logps), -1)", "(1))", "one advantage a completion"),
    ("grounding/04_grpo", "ranked.exp().sum(-1, True)", "((1), True)", "two axes again"),
    ("grounding/04_grpo", "packed_blocks(128, [40, 24], device)", "", "which group is tried; a compiler's answer is asked for"),
    ("grounding/04_grpo", "use_cache=False, logits_to_keep=torch.cat(keep)", "use_cache=True", "kept, and not asked for"),
    ("grounding/04_grpo", "elif copies > 1", ">= 1", "repeated once is as it was"),
    ("grounding/03_rewards", '"spans": [(1.0, 2.0), None]', "", "an example that rewards are tried on; no value is looked at"),
    ("core/03_events", "digest_size=16", "", "how long a name is"),
    ("core/03_events", "set(train.dropna()) & set(val.dropna())", "set((", "what is missing is left out on one side, so on both"),
    ("core/03_events", "np.clip(5e6 / counts.size", "np.clip(", "how many orders of a table are tried"),
    ("core/03_events", "near = 0.1 if draws == 10", "0.2", "the same"),
    ("core/07_checkpoints", "any(p.dtype == torch.float32", "!=", "of one precision: loaded in it; of two: true of both"),
    ("behavior/04_confounding", "np.argsort(strata + rng.random(", "- rng", "a random order within strata, turned"),
    ("behavior/04_confounding", "np.where(total > 0, total, 1), np.nan)", "total >= 0", "0 / 0 is NaN as well"),
    ("behavior/04_confounding", "np.ones((1, len(flag)))", "((2", "the second row is not looked at"),
    ("anomaly/06_evaluation", "np.ones((1, len(known))))[0][0]", "np.ones((2", "the second row is not looked at"),
    ("sensors/04_losses", "len(losses) > 2 else np.zeros(1)", "np.zeros(2)", "the first of them is taken"),
    ("grounding/04_grpo", "below, above = _share(", "=", "a ratio that lies on the bound to the last bit"),
]


class Mutation(NamedTuple):
    "One change of one place."
    room: str      # notebook below nbs, without .ipynb
    cell: int      # its number
    where: str     # definition
    line: str      # as it stands
    mutated: str   # as it would stand
    source: str    # of the whole cell, mutated
    kind: str

    def __str__(self) -> str:
        return f"{self.room} {self.where} ({self.kind})\n    - {self.line.strip()}\n    + {self.mutated.strip()}"

    @property
    def equivalent(self) -> str:
        "Why it changes nothing that can be seen; empty where it does."
        return next((why for room, line, mutated, why in EQUIVALENT
                     if room == self.room and line in self.line and mutated in self.mutated), "")


# --- what could be changed

def _segment(source: str, node: ast.AST) -> str:
    return ast.get_source_segment(source, node) or ""


def _constant(value: object) -> list[str]:
    "Other constants in place of one."
    if isinstance(value, bool):
        return [str(not value)]
    if isinstance(value, int):
        return [str(value + 1)] if value else ["1"]
    if isinstance(value, float) and 0 < abs(value) < 1e-5:      # keeps a division or a comparison from rounding: no number
        return []
    return [repr(value * 2 if value else 1.0)] if isinstance(value, float) else []


def _between(source: str, left: ast.AST, right: ast.AST, old: str, new: str) -> tuple[int, int, str] | None:
    "Where an operator stands between two operands."
    begin, end = _offset(source, left.end_lineno, left.end_col_offset), _offset(source, right.lineno, right.col_offset)
    found = re.search(rf"(?<![<>=!*/]){re.escape(old)}(?![=*/<>])" if not old.isalpha() else rf"\b{old}\b", source[begin:end])
    return (begin + found.start(), begin + found.end(), new) if found else None


def _offset(source: str, line: int, column: int) -> int:
    "Characters before a place that ast names by line and bytes."
    lines = source.splitlines(keepends=True)
    return sum(map(len, lines[:line - 1])) + len(lines[line - 1].encode()[:column].decode())


def _span(source: str, node: ast.AST) -> tuple[int, int]:
    return _offset(source, node.lineno, node.col_offset), _offset(source, node.end_lineno, node.end_col_offset)


SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in", ast.NotIn: "not in",
         ast.Is: "is", ast.IsNot: "is not", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//",
         ast.Mod: "%", ast.Pow: "**", ast.BitAnd: "&", ast.BitOr: "|"}


def _changes(source: str, node: ast.AST) -> Iterator[tuple[str, int, int, str]]:
    "(kind, begin, end, new text) of everything that could be changed about a node."
    whole = lambda: _span(source, node)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        place = _between(source, node.left, node.comparators[0], SIGNS[type(node.ops[0])], SWAPS[type(node.ops[0])])
        if place:
            yield "comparison", *place
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not isinstance(node.left, ast.JoinedStr):
        place = _between(source, node.left, node.right, SIGNS[type(node.op)], OPERATORS[type(node.op)])
        if place:
            yield "operator", *place
        if isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
            yield "dropped term", *whole(), _segment(source, node.left)
    elif isinstance(node, ast.BoolOp):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        place = _between(source, node.values[0], node.values[1], old, new)
        if place and len(node.values) == 2:
            yield "and, or", *place
        yield "dropped condition", *whole(), _segment(source, node.values[0])
    elif isinstance(node, ast.UnaryOp):
        yield "sign", *whole(), f"({_segment(source, node.operand)})"
    elif isinstance(node, ast.Constant):
        for new in _constant(node.value):
            yield "constant", *whole(), new
    elif isinstance(node, ast.IfExp):
        yield "condition", *_span(source, node.test), f"not ({_segment(source, node.test)})"
    elif isinstance(node, ast.If):
        yield "condition", *_span(source, node.test), f"not ({_segment(source, node.test)})"
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield "filter", *_span(source, node.ifs[0]), "True"
    elif isinstance(node, ast.Call):
        yield from _call_changes(source, node)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "removed statement", *whole(), "pass"
    elif isinstance(node, ast.AugAssign):
        yield "removed statement", *whole(), "pass"


def _call_changes(source: str, node: ast.Call) -> Iterator[tuple[str, int, int, str]]:
    "Changes of a call: another function, none, or another axis."
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    home = getattr(function.value, "id", "") if isinstance(function, ast.Attribute) else ""
    module = home in ("np", "torch", "math", "F", "functional", "pd", "nn")
    if name in NAMES:
        end = _offset(source, function.end_lineno, function.end_col_offset)
        yield "function", end - len(name), end, NAMES[name]
    if name in UNWRAPPED:
        inner = function.value if isinstance(function, ast.Attribute) and not module else node.args[0] if node.args else None
        if inner is not None:
            yield "removed call", *_span(source, node), f"({_segment(source, inner)})"
    for keyword in node.keywords:
        if keyword.arg in ("axis", "dim") and isinstance(keyword.value, ast.Constant | ast.UnaryOp):
            old = ast.literal_eval(keyword.value)
            yield "axis", *_span(source, keyword.value), "1" if old == 0 else "0"


def _parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def _spared(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    "Types, messages, docstrings, pictures: no numbers."
    child = node
    while (parent := parents.get(child)) is not None:
        if isinstance(parent, ast.arg | ast.Raise | ast.JoinedStr | ast.Assert):
            return True
        if isinstance(parent, ast.AnnAssign) and child is parent.annotation:
            return True
        if isinstance(parent, ast.FunctionDef):
            if child is parent.returns or child in parent.decorator_list:
                return True
            if OTHER_TEXT.search(parent.name) or (parent.returns is not None and "Figure" in ast.unparse(parent.returns)):
                return True
        if isinstance(parent, ast.arguments) and _default_of(child, parent) in KEPT_DEFAULTS:
            return True
        if isinstance(parent, ast.keyword) and parent.arg in KEPT_DEFAULTS | {"strict", "dtype", "keepdims", "keepdim"}:
            return True
        if isinstance(parent, ast.ClassDef) and child in parent.decorator_list:
            return True
        if isinstance(parent, ast.Call) and ast.unparse(parent.func).split(".")[-1] in ("warn", "check", "print", "Field"):
            return True
        child = parent
    return False


def _default_of(value: ast.AST, arguments: ast.arguments) -> str:
    "The argument that a default belongs to."
    named = arguments.posonlyargs + arguments.args
    pairs = dict(zip(arguments.defaults, named[len(named) - len(arguments.defaults):], strict=True))
    pairs |= {default: arg for default, arg in zip(arguments.kw_defaults, arguments.kwonlyargs, strict=True) if default}
    return pairs[value].arg if value in pairs else ""


def _definition(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> str:
    "The definition that a node stands in."
    names = []
    while node is not None:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        node = parents.get(node)
    return ".".join(reversed(names))


def mutations_of(room: str, number: int, source: str) -> list[Mutation]:
    "Every mutation of one exported cell."
    tree = ast.parse(source)
    parents, found = _parents(tree), {}
    for node in ast.walk(tree):
        kind_of_code = isinstance(node, ast.expr | ast.stmt | ast.comprehension)
        if not kind_of_code or not _definition(node, parents) or _spared(node, parents):
            continue
        for kind, begin, end, new in _changes(source, node):
            mutated = source[:begin] + new + source[end:]
            if source[begin:end].count("\n") or mutated == source:      # single lines only
                continue
            try:
                if ast.dump(ast.parse(mutated)) == ast.dump(tree):
                    continue
            except SyntaxError:
                continue
            row = source[:begin].count("\n")
            line, other = source.splitlines()[row], mutated.splitlines()[row]
            found.setdefault(mutated, Mutation(room, number, _definition(node, parents), line, other, mutated, kind))
    return list(found.values())


@functools.cache     # once: a notebook that is edited meanwhile is not half the one and half the other
def code_cells(room: str) -> list[tuple[int, str, bool]]:
    "(number, source, exported) of the cells that a test runs."
    cells = json.loads((NBS / f"{room}.ipynb").read_text())["cells"]
    found = []
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and not re.search(r"^#\|\s*(eval:\s*false|notest)", source, re.MULTILINE):
            found.append((number, source, bool(re.search(r"^#\|\s*export", source, re.MULTILINE))))
    return found


def all_mutations(rooms: list[str]) -> list[Mutation]:
    "Every mutation of some rooms."
    found = [m for room in rooms for number, source, exported in code_cells(room) if exported
             for m in mutations_of(room, number, source)]
    return [m for m in found if re.match(ONLY.get(m.room, ""), m.where)]


# --- what the tests say

def import_once(room: str) -> None:
    "What a notebook imports, for all forks; its own module is not among it."
    for _, source, _ in code_cells(room):
        with contextlib.suppress(SyntaxError):
            for node in ast.parse(source).body:
                names = ([name.name for name in node.names] if isinstance(node, ast.Import) else
                         [node.module or ""] if isinstance(node, ast.ImportFrom) else [])
                for name in names:
                    with contextlib.suppress(Exception):
                        importlib.import_module(name)


def new_shell():
    "Where cells run, as the tests run them, without history, colours or a traceback on the screen."
    from execnb.shell import CaptureShell
    return CaptureShell()


def passes(shell, source: str) -> bool:
    "Run one cell."
    shell.run_cell(source, store_history=False) if not hasattr(shell, "run") else shell.run(source)
    return not shell.exc


def spent() -> float:
    "Processor seconds of this process."
    return time.process_time()


def children() -> float:
    "Processor seconds of what was forked."
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def judge(shell, mutation: Mutation, behind: list[str], limit: float) -> None:
    "In a process of its own: exit code 0 where every cell passed, 1 where one failed."
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (int(spent() + limit) + 1, int(spent() + limit) + 2))
    pages = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") if Path("/proc").exists() else 0
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages + CHILD_MIB * MIB,) * 2)
    try:
        ok = all(passes(shell, source) for source in (mutation.source, *behind))
    except BaseException:
        ok = False
    os._exit(0 if ok else 1)


def in_fork(work, wall: float) -> int:
    "Run something in a fork; its exit code, 99 where it took too long, 98 where it was killed."
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        null = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):
            os.dup2(null, number)
        try:
            work()
        finally:
            os._exit(97)
    end = time.monotonic() + wall
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 98
        time.sleep(0.005)
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    os.waitpid(pid, 0)
    return 99


def holder(work) -> tuple[int, int, int]:
    "A fork that keeps the state it was made in until it is told to go on: (pid, where to tell it, where it answers)."
    hears, tells = os.pipe()
    reads, writes = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(tells)
        told = os.fdopen(hears).readline()
        if told.strip():
            os.write(writes, json.dumps(work({int(number): seconds for number, seconds in json.loads(told).items()})).encode())
        os._exit(0)
    os.close(hears)
    os.close(writes)
    return pid, tells, reads


def judge_cell(shell, mutations: list[Mutation], behind: list[tuple[int, str]], took: dict[int, float], slow: float, limit: float,
               say) -> list[str]:
    "What becomes of the mutations of one cell; `took` says how long each cell takes unmutated."
    kept = [text for number, text in behind if not slow or took[number] < slow]
    usual = sum(took[number] for number, _ in behind if not slow or took[number] < slow) + took[mutations[0].cell]
    found, seconds = [], min(limit, 5 + 3 * usual)
    for mutation in mutations:
        code = in_fork(lambda m=mutation: judge(shell, m, kept, seconds), 20 * seconds)
        found.append("survived" if code == 0 else "too long" if code in (98, 99) else "killed")
        if code == 0:
            say(mutation)
    return found


def judge_room(room: str, chosen: list[Mutation], slow: float, limit: float, say) -> dict[Mutation, str]:
    "Run a notebook once; a fork is held before each cell that is to be mutated, and they are judged one after the other."
    os.chdir((NBS / f"{room}.ipynb").parent)
    sys.path.insert(0, os.getcwd())
    cells, shell, held, took = code_cells(room), new_shell(), [], {}
    for position, (number, source, _) in enumerate(cells):
        mine = [m for m in chosen if m.cell == number]
        if mine:
            behind = [(other, text) for other, text, _ in cells[position + 1:]]
            held.append((mine, holder(lambda times, m=mine, b=behind: judge_cell(shell, m, b, times, slow, limit, say))))
        began = spent()
        if not passes(shell, source):
            for _, (_, tells, _) in held:
                os.write(tells, b"\n")
            raise SystemExit(f"{room}, cell {number} fails without any mutation: {shell.exc!r}")
        took[number] = spent() - began
    found = {}
    for mine, (pid, tells, reads) in held:
        with os.fdopen(tells, "w") as told:
            told.write(json.dumps(took) + "\n")
        with os.fdopen(reads) as answer:
            found |= dict(zip(mine, json.loads(answer.read() or "[]"), strict=False))
        os.waitpid(pid, 0)
    return found


def in_room(room: str, chosen: list[Mutation], slow: float, limit: float) -> dict[Mutation, str]:
    "The same in a process of its own, which survivors come from as they are found."
    ours, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(ours)
        say = lambda m: print(f"  survived  {m}", flush=True)
        try:
            found = judge_room(room, chosen, slow, limit, say)
            os.write(theirs, json.dumps([found.get(m, "") for m in chosen]).encode())
            os._exit(0)
        except SystemExit as error:
            print(error, flush=True)
        finally:
            os._exit(1)
    os.close(theirs)
    with os.fdopen(ours) as said:
        words = json.loads(said.read() or "[]")
    os.waitpid(pid, 0)
    return dict(zip(chosen, words, strict=False))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog=__doc__.split("\n", 2)[2])
    parser.add_argument("names", nargs="*", help="parts of notebooks' paths; all rooms where none is named")
    parser.add_argument("--count", type=int, default=0, help="draw so many; all of them where not given")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--whole", action="store_true", help="draw from all rooms, judge those that are named: a draw in parts")
    parser.add_argument("--slow", type=float, default=6.0, help="cells of more processor seconds are no tests here; 0: all are")
    parser.add_argument("--limit", type=float, default=60.0, help="processor seconds of a mutation; more counts as noticed")
    parser.add_argument("--list", action="store_true", help="show the mutations and stop")
    args = parser.parse_args()
    rooms = [room for room in ROOMS if not args.names or any(name in room for name in args.names)]
    chosen = all_mutations(ROOMS if args.whole else rooms)
    total = len(chosen)
    if args.count:
        chosen = random.Random(args.seed).sample(chosen, min(args.count, total))
    chosen = [m for m in chosen if m.room in rooms]
    same = [m for m in chosen if m.equivalent]
    if args.list:
        print(*chosen, sep="\n")
    print(f"{len(chosen)} of {total} mutations of {len(rooms)} rooms, {len(same)} of them equivalent by hand", flush=True)
    if args.list:
        return 0
    os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", MPLBACKEND="agg", VIDBENCH_MUTATING="1")
    sys.path.insert(0, str(ROOT))
    import execnb.shell  # noqa: F401 - these once, for all forks
    import matplotlib.figure  # noqa: F401
    import pandas  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import torch
    import torchvision  # noqa: F401
    import transformers.trainer  # noqa: F401
    torch.set_num_threads(1)
    for room in {m.room for m in chosen}:
        import_once(room)
    found: dict[Mutation, str] = {}
    for room in rooms:
        mine = [m for m in chosen if m.room == room and not m.equivalent]
        if mine:
            before = children()
            found |= in_room(room, mine, args.slow, args.limit)
            died = sum(found.get(m) in ("killed", "too long") for m in mine)
            print(f"{room}: {died} of {len(mine)} died, {children() - before:.0f} processor seconds", flush=True)
    judged = [m for m in chosen if m in found]
    died = sum(found[m] != "survived" for m in judged)
    print(f"{died} of {len(judged)} died ({died / max(1, len(judged)):.1%}); {len(same)} equivalent by hand; "
          f"{children() / 60:.1f} processor minutes")
    return int(died < 0.95 * len(judged) or len(judged) + len(same) < len(chosen))


if __name__ == "__main__":
    sys.exit(main())
