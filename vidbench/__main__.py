"`python -m vidbench` is the `vidbench` command; it is how several processes of one training are started."
import os
import sys

# Python puts the current folder first for `-m`: a folder that was handed over could hold a `json.py`. Its modules come last.
if sys.path and sys.path[0] in ("", os.getcwd()):
    sys.path.append(sys.path.pop(0))

from vidbench.launch.cli import main  # noqa: E402

if __name__ == "__main__":
    raise SystemExit(main())
