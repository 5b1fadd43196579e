#!/usr/bin/env python3
"""Results on real data: `results.py NAME ...` runs notebooks of nbs/results anew, without a name it prints README's table.

A notebook of results reads what is stored in nbs/results/data/. Here its trainings are run and stored (`VIDBENCH_RESULTS=run`),
seed after seed; `--only RESULT,RESULT` runs some of its results alone. Cut off, the same command goes on.
"""
import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "nbs/results"


def run(name: str) -> bool:
    "Run a notebook's cells, with what they print."
    from nbdev.test import test_nb
    ok, seconds = test_nb(FOLDER / f"{name}.ipynb", skip_flags=["notest"], do_print=True, showerr=True, basepath=str(ROOT))
    print(f"{name}: {'done' if ok else 'FAILED'} after {seconds / 60:.1f} min")
    return ok


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="notebooks of nbs/results, without .ipynb")
    parser.add_argument("--only", default="run", help="results to run anew; the others are read")
    args = parser.parse_args()
    os.chdir(ROOT)
    known = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    if wrong := [name for name in args.names if name not in known]:
        print(f"no notebook {wrong[0]}: {', '.join(known)}")
        return 2
    if not args.names:
        from vidbench.launch.results import results_table
        print(results_table())
        return 0
    os.environ["VIDBENCH_RESULTS"] = args.only
    return 0 if all([run(name) for name in args.names]) else 1


if __name__ == "__main__":
    sys.exit(main())
