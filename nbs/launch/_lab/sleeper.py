"Sleeps for a minute; `sleeper.py SIG_IGN` hears no interrupt."
import signal
import sys
import time

signal.signal(signal.SIGINT, getattr(signal, sys.argv[1]))
print("ready", flush=True)
time.sleep(60)
