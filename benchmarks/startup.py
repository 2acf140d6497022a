"""CPU cost of ``turnout --help``: a fresh process against a bare Python, interleaved; medians over rounds.

CPU is user plus system time of the child, as the kernel counts it (``os.wait4``). Every installed plugin is loaded, so run it
in an environment that has them. Exits with 1 if the difference exceeds the budget.

    python benchmarks/startup.py                # 21 rounds
    python benchmarks/startup.py --rounds 51
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

BUDGET_MILLISECONDS = 150

COMMANDS = {
    "python": ["-c", "pass"],
    "import turnout": ["-c", "import turnout"],
    "turnout --help": ["-c", "from turnout.cli import main; main(['--help'])"],
    "turnout plugins": ["-c", "from turnout.cli import main; main(['plugins'])"],
}


def cpu_milliseconds(arguments: list[str]) -> float:
    """Return the CPU time in milliseconds of a fresh Python with ``arguments``."""
    # Keep compiled modules, as on a user's machine; the first round compiles them and is not counted.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{arguments} ended with {process.returncode}")
    return 1000 * (usage.ru_utime + usage.ru_stime)


def main() -> None:
    """Measure, print and compare with the budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    for arguments in COMMANDS.values():
        cpu_milliseconds(arguments)
    figures: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            figures[name].append(cpu_milliseconds(arguments))
    medians = {name: statistics.median(values) for name, values in figures.items()}
    for name, median in medians.items():
        over_bare, least = median - medians["python"], min(figures[name]) - min(figures["python"])
        print(f"{name:16} {median:6.1f} ms CPU   {over_bare:+6.1f} over bare Python (fastest round {least:+6.1f})")
    over = medians["turnout --help"] - medians["python"]
    verdict = "within" if over <= BUDGET_MILLISECONDS else "OVER"
    print(f"budget of turnout --help: {BUDGET_MILLISECONDS} ms over bare Python: {verdict}")
    raise SystemExit(over > BUDGET_MILLISECONDS)


if __name__ == "__main__":
    main()
