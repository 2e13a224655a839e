"""What the emulator's process does before it becomes the emulator.

It writes its own record, under a lock that it holds as long as it lives: whoever finds the lock free knows that the
record is stale, and whoever finds it held knows whose process that number is, even if the command that started it
was killed a moment later. Arguments: the file to lock, the file of the record, the record as JSON.
"""

import fcntl
import json
import os
import runpy
import signal
import sys
import threading

lock_path, record_path, record = sys.argv[1:4]
del sys.argv[1:]
record = json.loads(record)

# Out of the terminal's session: neither Ctrl-C nor a closed window is meant for this process.
os.setsid()
os.umask(0o077)

alive = open(lock_path, "ab")
fcntl.flock(alive, fcntl.LOCK_EX)

record["pid"] = os.getpid()
with open(record_path + ".new", "w", encoding="utf-8") as out:
    json.dump(record, out)
os.replace(record_path + ".new", record_path)


def until_the_starter_is_gone():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if record["tied"]:
    threading.Thread(target=until_the_starter_is_gone, daemon=True).start()

runpy.run_module("ministack", run_name="__main__")
