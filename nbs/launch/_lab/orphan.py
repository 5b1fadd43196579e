"Starts a child that dies with it, says its pid, and dies."
import os
import subprocess

from vidbench.launch.workers import die_with_parent

child = subprocess.Popen(["sleep", "60"], preexec_fn=die_with_parent)
print(child.pid, flush=True)
os._exit(9)
