"""`sandbox`: it prints how to reach it, serves, and ends with Ctrl-C."""

import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sc_pandas as sc

Start = Callable[..., "subprocess.Popen[str]"]


def introduction(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    return "".join(lines)


def test_it_serves_until_ctrl_c(start: Start, tmp_path: Path) -> None:
    process = start("sandbox", "--customers", "77", "--seed", "5")
    told = introduction(process)
    code = re.search(r"In Python:\n\n(.*?)\n\n", told, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec("\n".join(line.strip() for line in code[1].splitlines()), names)  # noqa: S102  # it is there to be pasted
    assert len(names["df"]) == 77
    names["shop"].close()
    with sc.sandbox.serve(77, seed=5) as twin:
        assert names["df"]["user_id"].tolist() == [record["user_id"] for record in twin.customers()]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.strip()) == (0, "The sandbox has ended.")


def test_the_shells_lines_work(start: Start, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    process = start("sandbox", "--customers", "77", "--calls-per-hour", "2", "--latency", "0.05")
    told = introduction(process)
    for name, value in re.findall(r"(SELLERCLOUD_[A-Z]+)=(\S+)", told):
        monkeypatch.setenv(name, value)
    assert run("count").out == "77\n"
    assert run("count", "--cache", "refresh", "--max-wait", "0").code == 4  # the quota was passed on


def test_a_taken_port_is_told_in_a_line(run: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = run("sandbox", "--port", taken.getsockname()[1])
    assert ran.code == 1
    assert ran.err.startswith("sc-pandas: The sandbox cannot listen on port")
    assert ran.out == ""
