"A run of a thousand steps that stops when asked; `walker.py FOLDER`."
import sys
import time

from vidbench.core.runs import Run

run = Run.open(sys.argv[1])
run.path("log.txt").write_text("began")
with run.stage("fit", total_steps=1000):
    for step in range(1000):
        run.log({"step": step + 1, "loss": 1.0})
        if run.stop_requested:
            raise KeyboardInterrupt("asked to stop")
        time.sleep(0.02)
