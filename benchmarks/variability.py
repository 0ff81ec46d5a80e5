"""Time and memory of the simulated study: 12 people × 6 contrasts, made, segmented, reported.

    python benchmarks/variability.py [PEOPLE] [METHODS]      (default: 12 propseg,deepseg,agnostic)

Runs ``cordviz compare --simulated`` in an empty folder with an empty cache, then once more; prints
the table, wall and CPU seconds of both runs and the highest memory of all processes together.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

STEP_S = 2.0


def processes(root: int) -> list[int]:
    """A process and all below it."""
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def usage(pid: int) -> tuple[float, float]:
    """CPU seconds so far, and memory in MB (proportional set size)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().split("\nPss:")[1]
    return ticks / os.sysconf("SC_CLK_TCK"), int(rollup.split()[0]) / 1024


def watched(command: list[str], env: dict[str, str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds of all processes, and their highest memory together in MB."""
    cpu: dict[int, float] = {}
    peak = 0.0
    start = time.perf_counter()
    run = subprocess.Popen(command, env=env)
    waiting = threading.Event()
    while run.poll() is None:
        memory = 0.0
        for pid in processes(run.pid):
            try:
                cpu[pid], own = usage(pid)
            except (OSError, IndexError):  # it ended meanwhile
                continue
            memory += own
        peak = max(peak, memory)
        waiting.wait(STEP_S)
    if run.returncode:
        sys.exit(f"failed with {run.returncode}: {' '.join(command)}")
    return time.perf_counter() - start, sum(cpu.values()), peak


def main() -> None:
    number = sys.argv[1] if len(sys.argv) > 1 else "12"
    methods = sys.argv[2] if len(sys.argv) > 2 else "propseg,deepseg,agnostic"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [sys.executable, "-m", "cordviz", "compare", "--simulated", number]
        command += ["--methods", methods, "-o", str(out), "--quiet"]
        env = {**os.environ, "CORDVIZ_CACHE": f"{folder}/cache"}
        runs = {name: watched(command, env) for name in ("first run", "second run")}
        print((out / "table.csv").read_text())
        for name, (wall, cpu, peak) in runs.items():
            print(f"{name}: wall {wall:.0f} s, CPU {cpu:.0f} s, memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
