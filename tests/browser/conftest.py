"""A real browser on JupyterLab and Voila: own folders, a fresh kernel each, no other host."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

SECONDS = 240  # a page or kernel may take on a busy machine; a test takes a few
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no other host is reached
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
SCREENSHOTS = Path(
    os.environ.get("CORDVIZ_SCREENSHOTS", Path(__file__).parents[2] / "build" / "screenshots")
)
#: Messages of the page itself, not of ours.
NOT_OURS = ("favicon", "ResizeObserver loop", "fonts", "GroupMarkerNotSet")
#: What a page may ask for.
HERE = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "about:")
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.path).is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(ask, wanted=True, seconds=SECONDS):
    """Poll until ask() gives what is wanted; the last answer is in the failure."""
    end = time.monotonic() + seconds
    answer = ask()
    while answer != wanted and time.monotonic() < end:
        time.sleep(0.02)
        answer = ask()
    assert answer == wanted
    return answer


class Server:
    """JupyterLab or Voila on 127.0.0.1, with folders of its own."""

    def __init__(self, folder, command):
        self.folder = folder / "work"
        self.runtime = folder / "runtime"
        self.folder.mkdir()
        self.runtime.mkdir()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        places = {
            "HOME": folder,
            "JUPYTER_CONFIG_DIR": folder / "config",
            "JUPYTER_DATA_DIR": folder / "data",
            "JUPYTER_RUNTIME_DIR": self.runtime,
            "JUPYTERLAB_SETTINGS_DIR": folder / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
            "IPYTHONDIR": folder / "ipython",
        }
        for name, values in SETTINGS.items():
            file = folder / "settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            [part.format(port=port, runtime=self.runtime) for part in command],
            cwd=self.folder,
            env={**os.environ, **{name: str(place) for name, place in places.items()}},
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        try:
            eventually(self.answers)
        except AssertionError:
            self.stop()
            raise AssertionError((folder / "log").read_text()) from None

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError("the server ended")
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(self.url, timeout=5).status == 200
        return False

    def write(self, cells):
        """A notebook with a name of its own: a name that was used keeps its kernel."""
        name = f"{len(list(self.folder.glob('*.ipynb')))}.ipynb"
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
        )
        nbformat.write(notebook, self.folder / name)
        return name

    def kernels(self):
        return set(self.runtime.rglob("kernel-*.json"))

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


class Kernel:
    """A line to a running kernel that does not pass through the page."""

    def __init__(self, connection_file):
        from jupyter_client.blocking import BlockingKernelClient

        self.client = BlockingKernelClient()
        self.client.load_connection_file(str(connection_file))
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def run(self, code):
        self.client.execute_interactive(code, timeout=SECONDS, output_hook=lambda _: None)

    def value(self, expression):
        """What an expression is, once all that the page has sent so far is done.

        JupyterLab's messages to widgets are handled in subshells, beside the main thread: asking
        there first waits for what one of them does.
        """
        lines = self._asked("list_subshell_request", {}, "control")["subshell_id"]
        request = {"code": "import json", "user_expressions": {"it": f"json.dumps({expression})"}}
        for line in [*lines, None]:
            it = self._asked("execute_request", request, "shell", line)["user_expressions"]["it"]
            assert it["status"] == "ok", it
        return json.loads(eval(it["data"]["text/plain"]))

    def _asked(self, kind, content, channel, subshell=None):
        message = self.client.session.msg(kind, content)
        if subshell:
            message["header"]["subshell_id"] = subshell
        getattr(self.client, f"{channel}_channel").send(message)
        number = message["header"]["msg_id"]
        return self.client._recv_reply(number, timeout=SECONDS, channel=channel)["content"]

    def close(self):
        self.client.stop_channels()


class Window:
    """A page that counts what it must not do.

    Requests are watched, not routed: a route turns off the browser's cache, and JupyterLab is big.
    """

    until = staticmethod(eventually)
    ready = ".cordviz-viewer[data-state=ready]"  # what a page shows when it can be used

    def __init__(self, browser, *, width=1300, height=1000, dark=False):
        self.page = browser.new_page()
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.set_default_timeout(SECONDS * 1000)
        self.errors, self.elsewhere, self.kernel = [], [], None
        self.received = 0  # bytes from the kernel, over all sockets
        self.theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._watch)
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def _hear(self, message):
        text = f"{message.text} ({message.location.get('url')})"
        if message.type == "error" and not any(word in text for word in NOT_OURS):
            self.errors.append(text)

    def _watch(self, request):
        if not request.url.startswith(HERE):
            self.elsewhere.append(request.url)

    def _count(self, payload):
        self.received += len(payload)

    def lab(self, server, cells):
        """Open cells in JupyterLab and run them in a fresh kernel."""
        name = server.write(cells)
        before = server.kernels()
        self.page.goto(f"{server.url}/lab/tree/{name}?reset")
        self._started()
        self.command("apputils:change-theme", {"theme": self.theme})  # the one before may be kept
        self.command("notebook:run-all-cells")
        eventually(lambda: len(server.kernels() - before), 1)
        self.kernel = Kernel((server.kernels() - before).pop())
        self.kernel.value("1")  # queued behind the cells
        return self._ready()

    def _ready(self):
        self.page.wait_for_selector(self.ready)
        return self.page

    def _started(self):
        """Wait for the kernel, and for the widget manager, which may be later on a busy machine.

        Without its target registered the page closes every widget that the kernel opens, and
        says two seconds later that a "widget model" was "not found".
        """
        self.page.wait_for_function(
            "(() => { const k = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session"
            "?.kernel; return k?.status === 'idle'"
            " && Boolean(k._targetRegistry['jupyter.widget']); })()"
        )

    def command(self, name, arguments=None):
        self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)",
            [name, arguments or {}],
        )

    def reload(self):
        """Save the notebook and load the page anew; the kernel lives on."""
        self.command("docmanager:save")
        self.page.reload()
        self._started()
        self._ready()

    def voila(self, server, cells):
        """Open cells as a Voila page."""
        name = server.write(cells)
        before = server.kernels()
        self.page.goto(f"{server.url}/voila/render/{name}")
        eventually(lambda: len(server.kernels() - before), 1)
        self.kernel = Kernel((server.kernels() - before).pop())
        return self._ready()

    def value(self, expression):
        return self.kernel.value(expression)

    def picture(self, canvas="[data-plane=axial]"):
        """What is painted, as a hash."""
        data = self.page.eval_on_selector(canvas, "canvas => canvas.toDataURL()")
        return hashlib.sha256(data.encode()).hexdigest()

    def changes(self, act, expression, *, canvas="[data-plane=axial]", seconds=20):
        """An act must change the picture and Python's answer; returns the new answer."""
        before = self.picture(canvas), self.value(expression)
        act()
        self.until(lambda: self.picture(canvas) != before[0], seconds=seconds)
        self.until(lambda: self.value(expression) != before[1], seconds=seconds)
        return self.value(expression)

    def memory_mb(self):
        """The most that the kernel has held so far, in MB (Linux)."""
        number = self.value("__import__('os').getpid()")
        status = Path(f"/proc/{number}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def wheel(self, amount, canvas="[data-plane=axial]"):
        self.page.hover(canvas)
        self.page.mouse.wheel(0, amount)

    def fits(self):
        """Everything that can be used must lie within the width of its view."""
        box = self.page.locator(".cordviz-viewer").bounding_box()
        parts = self.page.locator(".cordviz-viewer :is(button, select, input, canvas):visible")
        for part in parts.all():
            inner = part.bounding_box()
            assert inner["x"] >= box["x"] - 1
            assert inner["x"] + inner["width"] <= box["x"] + box["width"] + 1

    def shot(self, name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    def close(self):
        if self.kernel:
            self.kernel.close()
        if self.page.url.find("/lab/") > 0:  # Voila ends its kernels with itself
            self.page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
        self.page.close()


def lab_server(folder):
    """JupyterLab without token, on 127.0.0.1 only."""
    options = (
        "--no-browser --ip=127.0.0.1 --port={port} --IdentityProvider.token= "
        "--ServerApp.password= --allow-root --LabApp.expose_app_in_browser=True "
        "--ServerApp.root_dir=."
    )
    return Server(folder, [sys.executable, "-m", "jupyterlab", *options.split()])


def voila_server(folder):
    options = (
        ". --no-browser --Voila.ip=127.0.0.1 --Voila.connection_dir_root={runtime} "
        "--template=cordviz --show_tracebacks=True --port={port}"
    )
    return Server(folder, [sys.executable, "-m", "voila", *options.split()])


@contextlib.contextmanager
def chromium():
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    server = lab_server(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def voila(tmp_path_factory):
    server = voila_server(tmp_path_factory.mktemp("voila"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser():
    """One profile for all tests, so that pages come out of its cache; kernels are never shared."""
    with chromium() as one:
        yield one.new_context()


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A simulated neck, two masks that differ, and levels, as NIfTI."""
    from cordviz import simulate_subject

    folder = tmp_path_factory.mktemp("neck")
    subject = simulate_subject(seed=0)
    img, truth = subject.acquire("T1w")
    rater = subject.rate("T1w", seed=1)
    for name, one in {"img": img, "truth": truth, "rater": rater}.items():
        one.to_filename(folder / f"{name}.nii")
    subject.levels(img).to_filename(folder / "levels.nii")
    return folder


@pytest.fixture
def window(browser, request):
    """A window whose errors and requests to other hosts fail the test."""
    window = Window(browser, **getattr(request, "param", {}))
    yield window
    try:
        window.shot(request.node.name.replace("/", "-"))
        assert window.errors == []
        assert window.elsewhere == []
    finally:
        window.close()
