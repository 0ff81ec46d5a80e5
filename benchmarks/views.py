"""Latency of the views in headless Chromium: python benchmarks/views.py

Scroll: a wheel event on a 256 × 256 slice with tint and contour → handled, drawn and flushed (the
canvas is read back), and → the next frame has been painted, which waits for the screen's rhythm of
16.7 ms. Curve: the pointer arrives at a point of the curve → the viewer shows its slice. Explorer:
a slider moves → picture and truth are painted, → all three methods have outlined and measured the
slice; and what its kernel takes of memory.
Measure on an idle machine: a busy one tells of the others, and the load is printed first. Each line
ends with the limit and whether the median keeps it; the exit status is the number that do not.
"""

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np

TIMES = 30
HARNESS = Path(__file__).parents[1] / "tests" / "browser" / "conftest.py"

SCROLL = """async (times) => {
  const canvas = document.querySelector("[data-plane=axial]");
  const [drawn, painted] = [[], []];
  for (let i = 0; i < times + 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    const number = document.querySelector(".cordviz-number").textContent;
    const start = performance.now();
    const deltaY = i % 20 < 10 ? 100 : -100;
    canvas.dispatchEvent(new WheelEvent("wheel", { deltaY, cancelable: true }));
    await Promise.resolve(); // the view draws in a microtask
    await Promise.resolve();
    canvas.getContext("2d").getImageData(0, 0, 1, 1);
    const end = performance.now();
    if (document.querySelector(".cordviz-number").textContent === number) throw Error("not drawn");
    await new Promise((resolve) => requestAnimationFrame(() => {
      const channel = new MessageChannel(); // its message comes after the frame
      channel.port1.onmessage = resolve;
      channel.port2.postMessage(null);
    }));
    if (i >= 5) { drawn.push(end - start); painted.push(performance.now() - start); }
  }
  return [drawn, painted];
}"""

POINT = """() => new Promise((resolve) => {
  const number = document.querySelector(".cordviz-number");
  let start;
  const begin = () => { start ??= performance.now(); };
  document.addEventListener("mousemove", begin, { capture: true, once: true });
  const seen = new MutationObserver(() => {
    seen.disconnect();
    window.latency = performance.now() - start;
  });
  seen.observe(number, { childList: true, characterData: true, subtree: true });
  window.latency = null;
  resolve();
})"""

KNOB = """async (times) => {
  const root = document.querySelector(".cordviz-explorer");
  const knob = root.querySelector("[data-knob=te_ms]");
  const until = (ready) => new Promise((resolve) => {
    const look = () => ready() && (seen.disconnect(), resolve(performance.now()));
    const seen = new MutationObserver(look);
    seen.observe(root, { attributes: true });
    look();
  });
  const [painted, measured] = [[], []];
  for (let i = 0; i < times + 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const version = Number(root.dataset.version);
    knob.value = 300 + ((i * 7) % times) * 12 + i;
    const start = performance.now();
    knob.dispatchEvent(new Event("input"));
    const shown = await until(() => Number(root.dataset.version) > version);
    const all = await until(() => root.dataset.settled === "true");
    if (i >= 3) { painted.push(shown - start); measured.push(all - start); }
  }
  return [painted, measured];
}"""


def harness():
    spec = importlib.util.spec_from_file_location("harness", HARNESS)
    module = importlib.util.module_from_spec(spec)
    sys.modules["harness"] = module
    spec.loader.exec_module(module)
    return module


def make_volume(folder):
    x, y, z = np.indices((256, 256, 48))
    radius = np.hypot((x - 128 - 6 * np.sin(z / 9)) / 14, (y - 128) / 10)
    data = np.random.default_rng(0).normal(200, 30, radius.shape)
    for name, array in {"img": data, "seg": np.clip(1.5 - radius, 0, 1)}.items():
        nib.Nifti1Image(array.astype("f4"), np.diag([0.5, 0.5, 3, 1])).to_filename(
            folder / f"{name}.nii"
        )


missed = []


def say(name, values, limit, unit="ms"):
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    spread = f"10–90 %: {low:.1f}–{high:.1f}, n = {len(values)}" if len(values) > 1 else ""
    kept = "" if limit is None else f"{'kept' if middle <= limit else 'MISSED'}: ≤ {limit} {unit}"
    if kept.startswith("MISSED"):
        missed.append(name)
    print(f"{name:46} {middle:6.1f} {unit}  {spread:32} {kept}", flush=True)


def main():
    one, five, _ = os.getloadavg()
    print(f"load of the last minute {one:.2f}, of five {five:.2f}, on {os.cpu_count()} cores")
    tools = harness()
    with tempfile.TemporaryDirectory() as name, tools.chromium() as browser:
        folder = Path(name)
        make_volume(folder)
        (folder / "lab").mkdir()
        server = tools.lab_server(folder / "lab")
        files = f"'{folder}/img.nii', '{folder}/seg.nii'"
        try:
            for planes in ("axial", "linked"):
                window = tools.Window(browser)
                show = f"cv.view_segmentation({files}, planes='{planes}', crop_mm=None)"
                page = window.lab(server, ["import cordviz as cv", show])
                drawn, painted = page.evaluate(SCROLL, TIMES)
                say(f"scroll, {planes}: event → drawn", drawn, 10)
                say(f"scroll, {planes}: event → next frame painted", painted, None)
                window.close()
            window = tools.Window(browser)
            page = window.lab(server, ["import cordviz as cv", f"cv.view_csa({files})"])
            page.wait_for_selector(".cordviz-curve[data-state=ready]")
            page.locator(".cordviz-chart").scroll_into_view_if_needed()
            box = page.locator(".cordviz-chart .nsewdrag").bounding_box()
            latencies = []
            for i in range(TIMES):
                page.wait_for_timeout(400)  # two quick clicks would be a double click
                page.evaluate(POINT)
                across = 0.15 + 0.7 * ((i * 7) % TIMES) / TIMES
                page.mouse.click(box["x"] + across * box["width"], box["y"] + box["height"] / 2)
                page.wait_for_function("window.latency !== null")
                latencies.append(page.evaluate("window.latency"))
            say("curve: pointer at a point → slice shown", latencies, 60)
            window.close()
            window = tools.Window(browser)
            cells = ["import cordviz as cv", "view = cv.view_contrast_explorer()\nview"]
            page = window.lab(server, cells)
            page.wait_for_selector(".cordviz-explorer[data-settled=true]")
            for contrast in ("T2w", "DWI"):
                page.locator(f"[data-preset={contrast}]").click()
                page.wait_for_timeout(3000)
                painted, measured = page.evaluate(KNOB, TIMES)
                say(f"explorer, {contrast}: knob → image and truth", painted, 150)
                say(f"explorer, {contrast}: knob → three segmentations", measured, 500)
            say("explorer: peak memory of the kernel", [window.memory_mb()], 700, "MB")
            window.close()
        finally:
            server.stop()
    return len(missed)


if __name__ == "__main__":
    sys.exit(main())
