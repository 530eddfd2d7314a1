"""Processes of their own: scripts that are run, and work that is killed at each of its lines."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

_ROOT = str(Path(__file__).parents[2])


def run_child(script: str, *arguments: object) -> str:
    """Run a script, which can import from `tests`; return what it printed."""
    script = f"import sys; sys.path.append({_ROOT!r})\n{textwrap.dedent(script)}"
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def killed_at_each_line(watched: set[str], work: Callable[[], object]) -> Iterator[int]:
    """Fork and kill the child at the first line of the watched files, then at the second, …; the last one ends its work.

    Yields the number of the line after each.  Call it in a process without threads.
    """
    for line in itertools.count(1):
        child = os.fork()
        if child == 0:
            _kill_at(line, watched)
            work()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        yield line
        if os.WIFEXITED(status):
            assert status == 0
            return


def _kill_at(line: int, watched: set[str]) -> None:
    seen = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal seen
        if frame.f_code.co_filename not in watched:
            return None
        seen += event == "line"
        if seen == line:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
