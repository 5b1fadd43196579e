"Four steps into a run's folder, and a report; goes on where it was cut off. `quick_work.py FOLDER RATE`"
import json
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
saved = folder / "saved.txt"
for step in range(int(saved.read_text()) if saved.exists() else 0, 4):
    time.sleep(0.1)
    with (folder / "steps.txt").open("a") as steps:
        steps.write(f"{step} ")
    saved.write_text(str(step + 1))
score = -(float(sys.argv[2]) - 3) ** 2
(folder / "report.json").write_text(json.dumps({"metrics": {"score": {"value": score}}}))
(folder / "status.json").write_text(json.dumps({"stages": {"fit": {"state": "finished"}}}))
