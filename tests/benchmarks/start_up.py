"""CPU seconds of starting: the package, and the list of commands, beside pandas and pyarrow.

``python tests/benchmarks/start_up.py`` prints the least of five runs each; nothing is asserted.
"""

import resource
import subprocess
import sys


def cpu_s(*arguments: str) -> float:
    """Return the CPU seconds of a Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    for name, arguments in {
        "nothing": ("-c", "pass"),
        "pandas and pyarrow": ("-c", "import pandas, pyarrow"),
        "these and sc_pandas": ("-c", "import pandas, pyarrow, sc_pandas"),
        "these and sc_pandas.connect": ("-c", "import pandas, pyarrow, sc_pandas; sc_pandas.connect"),
        "sc_pandas alone": ("-c", "import sc_pandas"),
        "sc-pandas --help": ("-m", "sc_pandas.cli", "--help"),
    }.items():
        print(f"{name:<28}{min(cpu_s(*arguments) for _ in range(5)):.3f} s")
