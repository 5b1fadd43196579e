"A training of two steps under a dashboard; `watched.py FOLDER`, or a cell of a notebook."
from vidbench.core.runs import find_run
from vidbench.launch.dashboard import Dashboard, situation

run = find_run("toy/program")
print(situation())
with Dashboard(run), run.stage("fit", total_steps=2):
    for step in (1, 2):
        run.log({"step": step, "loss": 1 / step, "step_ms": 1.0})
