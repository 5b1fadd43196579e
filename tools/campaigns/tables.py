"""Damaged tables and annotation files: a right table or one line; nothing executed, time and memory bounded."""
import csv
import functools
import gzip
import importlib.util
import io
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from campaigns._damage import damage, one_line
from vidbench.core import events, labels
from vidbench.grounding.data import read_items
from vidbench.sensors.windows import read_windows

CASES, LIMIT_SEC = 5_000, 60
SHORT = 50  # of them in the test command
SHARED = Path(__file__).resolve().parents[2].parent / "shared/data/annotation-files"
STRANGE = ("", "NaN", "inf", "-inf", "1e400", "-3", "0", "1:02:03.5", "12,5", "=cmd|' /C calc'!A0", "\x00", "\x1b[31m",
           "a" * 50_000, "🐄", "../../etc/passwd",
           "\n", '"', "'", ";", "true", "null", "-0", "9" * 400, "１２", "\ufeff", "\u202e")
EVENTS = "video_path,label,start_sec,end_sec,subject\n" + "".join(
    f"film_{i % 3}.mp4,{'walk' if i % 2 else 'run'},{i},{i + 1.5},cow {i % 4}\n" for i in range(12))
QUERIES = [{"video": f"film_{i}.mp4", "duration": 30.0, "timestamp": [i, i + 5.5], "sentence": f"thing {i}"} for i in range(6)]
EXTERNAL = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>
<ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>"""


def laughs() -> str:
    "Entities that grow a billion times."
    steps = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "ha">{steps}]><ANNOTATION_DOCUMENT>&l9;</ANNOTATION_DOCUMENT>'


def bomb(sheet_bytes: int) -> bytes:
    "A workbook of a sheet that is huge once unpacked."
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("[Content_Types].xml", "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>")
        box.writestr("xl/worksheets/sheet1.xml", "<worksheet>" + " " * sheet_bytes + "</worksheet>")
    return file.getvalue()


def parquet() -> bytes:
    "The events as parquet; its first bytes alone where nobody can write it."
    if importlib.util.find_spec("pyarrow") is None:
        return b"PAR1"
    file = io.BytesIO()
    pd.read_csv(io.StringIO(EVENTS)).to_parquet(file)
    return file.getvalue()


@functools.cache
def sources() -> list[tuple[str, bytes]]:
    "Good and hostile files: name, content."
    found = [(p.name, p.read_bytes()) for p in sorted(SHARED.rglob("*")) if p.is_file() and p.suffix != ".md"]
    lines = pd.read_csv(io.StringIO(EVENTS)).to_json(orient="records", lines=True)
    written = {"events.csv": EVENTS, "events.jsonl": lines, "nothing.csv": "", "list.txt": "a.mp4 0\nb.mp4 1\n",
               "deep.json": "[" * 100_000, "deep_objects.json": '{"a":' * 100_000,
               "laughs.eaf": laughs(), "external.eaf": EXTERNAL,
               "queries.json": json.dumps(QUERIES), "queries.jsonl": "\n".join(map(json.dumps, QUERIES))}
    found += [(name, text.encode()) for name, text in written.items()]
    found += [("events.tsv", EVENTS.replace(",", "\t").encode("latin-1")), ("events.parquet", parquet()),
              ("semicolons.csv", EVENTS.replace(",", ";").replace(".5", ",5").encode("utf-16")),
              ("events.csv.gz", gzip.compress(EVENTS.encode())), ("bomb.xlsx", bomb(400_000_000))]
    return found


def strange_cells(text: str, rng: random.Random) -> str:
    "A table with some cells that nobody would expect."
    comma = max(",;\t", key=text.count)
    rows = list(csv.reader(io.StringIO(text.replace("\x00", "")), delimiter=comma))
    for _ in range(rng.choice((1, 2, 5))):
        row = rng.choice(rows) if rows else []
        if row:
            row[rng.randrange(len(row))] = rng.choice(STRANGE)
    if rng.random() < 0.2 and rows:
        rows.insert(rng.randrange(len(rows)), rng.choice(rows))
    if rng.random() < 0.2 and rows:
        rng.shuffle(rng.choice(rows))
    file = io.StringIO()
    csv.writer(file, delimiter=comma).writerows(rows)
    return file.getvalue()


def check_events(table: pd.DataFrame) -> str:
    "What is wrong with a table of events that was read."
    starts, ends = table["start_sec"].to_numpy(float), table["end_sec"].to_numpy(float)
    known = np.isfinite(ends)
    if not np.isfinite(starts).all() or (starts < 0).any() or (ends[known] <= starts[known]).any():
        return f"events of impossible times: {table[['start_sec', 'end_sec']].describe().to_dict()}"
    if table["label"].map(lambda x: not isinstance(x, str) or not x.strip()).any():
        return "an event without a label"
    return "" if table["event_id"].is_unique or "event_id_in_table" in table else "two events of one id"


READERS = {"events": (events.read_events, (events.EventError, labels.LabelError)), "queries": (read_items, (ValueError,)),
           "windows": (read_windows, (ValueError,))}


def case(rng: random.Random, folder: Path) -> str:
    "One damaged file, through one reader."
    name, data = rng.choice(sources())
    if rng.random() < 0.5 and Path(name).suffix in (".csv", ".tsv", ".txt", ".dat"):
        code = rng.choice(("utf-8", "utf-8-sig", "utf-16", "latin-1"))
        data = strange_cells(data.decode("utf-8", "replace"), rng).encode(code, "replace")
    elif rng.random() < 0.9:
        data = damage(data, rng)
    path = folder / name
    path.write_bytes(data)
    kind = "events" if rng.random() < 0.7 else "queries" if name.startswith("queries") or rng.random() < 0.5 else "windows"
    read, refusals = READERS[kind]
    try:
        found = read(path)
    except refusals as error:
        return one_line(str(error)) and f"{kind} of {name}: {one_line(str(error))}"
    except OSError as error:
        return f"{kind} of {name}: {type(error).__name__}: {error}"
    return check_events(found) if kind == "events" else ""
