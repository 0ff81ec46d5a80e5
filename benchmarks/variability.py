"""Time and memory of the simulated study: 12 people × 6 contrasts, made, segmented, reported.

    python benchmarks/variability.py [PEOPLE] [METHODS]      (default: 12 propseg,deepseg,agnostic)

Runs ``cordviz compare --simulated`` in an empty folder with an empty cache, then once more; prints
the table, and of both runs wall seconds, CPU seconds and the highest memory of all processes
together (the command, its workers, the browser that draws the PNGs), looked at every 0.2 s: as
proportional set size, which counts shared pages once, and as plain sum of resident sizes.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

import psutil

STEP_S = 0.2


def memory(process: psutil.Process) -> tuple[str, float, float]:
    """What a process is, and its memory in MB: proportional and resident set size."""
    words = " ".join(process.cmdline())
    kinds = {"chrom": "browser", "kaleido": "browser", "loky": "workers"}
    kind = next((kind for word, kind in kinds.items() if word in words), "command")
    full = process.memory_full_info()
    return kind, full.pss / 2**20, full.rss / 2**20


def watched(command: list[str], env: dict[str, str]) -> str:
    """Run a command; say how long it took and what it needed."""
    cpu: dict[int, float] = {}
    highest: dict[str, float] = {}
    resident = 0.0
    start = time.perf_counter()
    run = psutil.Popen(command, env=env, stdout=subprocess.DEVNULL)
    waiting = threading.Event()
    while run.poll() is None:
        proportional, plain = defaultdict(float), 0.0
        for process in [run, *run.children(recursive=True)]:
            try:
                kind, pss, rss = memory(process)
                cpu[process.pid] = sum(process.cpu_times()[:2])
            except psutil.Error:  # it ended meanwhile
                continue
            proportional[kind] += pss
            plain += rss
        highest = max(highest, dict(proportional), key=lambda one: sum(one.values()))
        resident = max(resident, plain)
        waiting.wait(STEP_S)
    if run.returncode:
        sys.exit(f"failed with {run.returncode}: {' '.join(command)}")
    parts = ", ".join(f"{kind} {size:.0f}" for kind, size in highest.items())
    return (
        f"wall {time.perf_counter() - start:.0f} s, CPU {sum(cpu.values()):.0f} s, memory "
        f"{sum(highest.values()):.0f} MB ({parts}); resident sizes together {resident:.0f} MB"
    )


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
        for name, words in runs.items():
            print(f"{name}: {words}")


if __name__ == "__main__":
    main()
