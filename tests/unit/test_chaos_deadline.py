import subprocess
import sys

HANGS = """
import threading
from chaos.deadline import Deadline
with Deadline(0.2, lambda text: print(text, flush=True)):
    def wait_for_ever():
        threading.Event().wait()
    wait_for_ever()
"""
ENDS = """
import time
from chaos.deadline import Deadline
with Deadline(0.2, print):
    pass
time.sleep(0.4)
"""


def test_a_run_that_hangs_is_ended_and_says_where_it_stood() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("not ended within 0.2 s")
    assert "wait_for_ever" in done.stderr


def test_a_run_that_ends_in_time_is_left_alone() -> None:
    done = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
