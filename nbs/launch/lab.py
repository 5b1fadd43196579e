"""A workspace to try the rooms of `launch` in. Tests import it; it is not part of the package.

It holds a study in miniature, the pendulum (`_lab/`): a settings class in one module, verbs in another that imports the
first, and a notebook that uses them. Its `fit` can be told to fail, to be killed, or to take long.
"""
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]


class Lab:
    "A temporary workspace, which is the current folder until `close`."

    def __init__(self):
        self.before = Path.cwd(), dict(os.environ), list(sys.path)
        self.temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.folder = Path(self.temporary.name).resolve()
        for name in ("data", "outputs", "nbs/experiments"):
            (self.folder / name).mkdir(parents=True)
        for path in (HERE / "_lab").glob("*.py"):
            shutil.copyfile(path, self.folder / path.name)
        self.notebook = Path(shutil.copyfile(HERE / "_lab/pendulum.ipynb", self.folder / "nbs/experiments/pendulum.ipynb"))
        os.environ.pop("VIDBENCH_HOME", None)
        os.environ["PYTHONPATH"] = os.pathsep.join([str(PROJECT), str(self.folder)])
        os.chdir(self.folder)
        sys.path.append(str(self.folder))    # behind everything else, as `jobs` has it

    def write_notebook(self, name: str, *cells: str) -> Path:
        "A notebook in the workspace, whose first cell carries the `parameters` tag."
        new = nbformat.v4
        notebook = new.new_notebook(cells=[new.new_code_cell(cell) for cell in cells])
        notebook.cells[0].metadata["tags"] = ["parameters"]
        nbformat.write(notebook, self.folder / name)
        return self.folder / name

    def close(self) -> None:
        "Go back to where one was, and leave nothing behind."
        folder, variables, path = self.before
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        sys.path[:] = path
        for name in [name for name, module in sys.modules.items() if str(self.folder) in str(getattr(module, "__file__", ""))]:
            del sys.modules[name]
        self.temporary.cleanup()
