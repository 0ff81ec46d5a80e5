"""Wall time, CPU time and memory of the notebooks: python benchmarks/notebooks.py [NN …].

Each runs offline in a fresh kernel with an empty cache, as in the tests. ``--cores 1`` binds it to
one core; with ``--real FOLDER`` (the folder that holds ``real``) it finds real images.

Printed: wall time, which other programs lengthen; CPU time of the kernel and its workers; the
kernel's peak; the largest sum over kernel and workers (shared pages counted once, looked at once a
second); the load of the machine before and after.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"


class Meter:
    """CPU seconds and memory of a process and its descendants, sampled until it is stopped."""

    def __init__(self, pid: int) -> None:
        self.process, self.seconds, self.together_mb = psutil.Process(pid), {}, 0.0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._sample)
        self.thread.start()

    def _sample(self) -> None:
        while True:
            last, pss = self.done.wait(1), 0
            for one in [self.process, *self.process.children(recursive=True)]:
                try:
                    self.seconds[one.pid] = sum(one.cpu_times()[:2])
                    pss += one.memory_full_info().pss
                except psutil.NoSuchProcess:
                    pass
            self.together_mb = max(self.together_mb, pss / 2**20)
            if last:
                return

    def stop(self) -> tuple[float, float, float]:
        """Return CPU seconds, the first process's peak and the peak of all in MB."""
        self.done.set()
        self.thread.join()
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        peak_kb = int(status.split("VmHWM:")[1].split()[0])
        return sum(self.seconds.values()), peak_kb / 1024, self.together_mb


def measure(path: Path) -> str:
    """Run one notebook and return a row of the table."""
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(notebook, timeout=900, resources=where)
    before, start = os.getloadavg()[0], time.perf_counter()
    with client.setup_kernel():
        meter = Meter(client.km.provisioner.pid)
        try:
            for at, cell in enumerate(notebook.cells):
                client.execute_cell(cell, at)
            wall = time.perf_counter() - start
        finally:
            cpu, kernel_mb, together_mb = meter.stop()
    row = f"{path.stem:<24}{wall:7.1f}{cpu:7.1f}{kernel_mb:10.0f}{together_mb:10.0f}"
    return f"{row}  {before:.1f} → {os.getloadavg()[0]:.1f}"


def main() -> None:
    """Measure the notebooks named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", help="notebooks by number, as in 00 03")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--real", type=Path, help="folder that holds real/")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    for name in [name for name in os.environ if name.startswith("CORDVIZ_")]:
        del os.environ[name]
    os.environ["CORDVIZ_MIRROR"] = "http://127.0.0.1:9"  # nobody answers there
    if options.real:
        os.environ["CORDVIZ_SHARED_DATA"] = str(options.real.resolve())
    print(
        f"{options.cores} core(s)          wall (s) CPU (s) kernel MB  all MB    load", flush=True
    )
    for path in sorted(FOLDER.glob("0*.ipynb")):
        if not options.only or path.stem[:2] in options.only:
            with tempfile.TemporaryDirectory() as cache:
                os.environ["CORDVIZ_CACHE"] = cache
                print(measure(path), flush=True)


if __name__ == "__main__":
    main()
