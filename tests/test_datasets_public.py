"""Public data sets: the registered bytes or none, once, from a server on this computer."""

import hashlib
import json
import lzma
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nibabel as nib
import pytest
import tqdm.notebook

from cordviz import datasets
from cordviz.datasets import _download, cache_dir, load_sessions

BLOCK = _download._BLOCK_BYTES
REAL = {
    "sct_testing": "sct_testing_data",
    "sct_tutorial": "sct_tutorial_data",
    "gm_challenge": "gm_challenge_data",
}


class Server:
    """An HTTP server of {path: bytes} that logs requests and misbehaves on demand."""

    def __init__(self):
        self.files, self.log = {}, []
        self.ranges = True  # whether it knows Range
        self.stop_after = []  # bytes to send before hanging up, per coming request
        self.stop_at = {}  # the same for the next request of a path
        self.on_request = lambda: None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                start = self.headers.get("Range")
                server.log.append((self.path, start))
                server.on_request()
                if self.path not in server.files:
                    return self.send_error(404)
                body = server.files[self.path]
                body = body.read_bytes() if isinstance(body, Path) else body
                begin = int(start.removeprefix("bytes=").removesuffix("-")) if start else 0
                if not server.ranges:
                    begin = 0
                if begin >= len(body):
                    return self.send_error(416)
                self.send_response(206 if begin else 200)
                self.send_header("Content-Length", str(len(body) - begin))
                self.end_headers()
                sent = server.stop_at.pop(self.path, None)
                sent = server.stop_after.pop(0) if server.stop_after else sent
                self.wfile.write(body[begin:] if sent is None else body[begin : begin + sent])

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def make_server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("CORDVIZ_MIRROR", raising=False)
    servers = []

    def make():
        servers.append(Server())
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def server(make_server, monkeypatch):
    """A server in the place of every public one: the same paths, another host."""
    server = make_server()
    moved = {
        name: tuple(re.sub(r"https://[^/]+", server.url, mirror) for mirror in mirrors)
        for name, mirrors in _download.MIRRORS.items()
    }
    monkeypatch.setattr(_download, "MIRRORS", moved)
    return server


@pytest.fixture
def real_server(server, shared_data):
    """The server with the real bytes at the addresses the registry's commits have."""
    for name, folder in REAL.items():
        for file in (shared_data / "real" / folder).rglob("*"):
            put(server, name, file.relative_to(shared_data / "real" / folder).as_posix(), file)
    return server


def put(server, dataset, path, content):
    """Content at its public address, and where CORDVIZ_MIRROR has it."""
    entry = _download.registry(dataset).get(path)
    key = entry.key if entry else ""
    address = _download.MIRRORS[dataset][0].format(path=path, key=key)
    server.files[address.removeprefix(server.url)] = content
    server.files[f"/{dataset}/{path}"] = content


@pytest.fixture
def register(tmp_path, monkeypatch, server):
    """Registers made-up files of spine-generic and puts them on the server by their keys."""
    monkeypatch.setattr(_download, "_REGISTRIES", tmp_path / "registry")
    (tmp_path / "registry").mkdir()

    def register(files, git=False):
        rows = ["path\tbytes\thash"]
        for path, content in files.items():
            rows.append(row_of(path, content, git))
            digest = hashlib.sha256(content).hexdigest()
            address = path if git else f"SHA256E-s{len(content)}--{digest}.nii.gz"
            server.files[f"/{address}"] = content
        text = "\n".join(rows) + "\n"
        _download._read_registry.cache_clear()
        (tmp_path / "registry/spine_generic.tsv.xz").write_bytes(lzma.compress(text.encode()))
        template = "{path}" if git else "{key}"
        monkeypatch.setitem(_download.MIRRORS, "spine_generic", (f"{server.url}/{template}",))

    yield register
    _download._read_registry.cache_clear()


def noise(seed, size=5000):
    return hashlib.shake_256(str(seed).encode()).digest(size)


def person(name, complete=True):
    """Made-up files of one person of spine-generic, under the real names."""
    stems = ["anat/{}_T1w", "anat/{}_T2w", "anat/{}_T2star", "anat/{}_flip-1_mt-on_MTS"]
    stems += ["anat/{}_flip-2_mt-off_MTS", "dwi/{}_rec-average_dwi"]
    names = [f"{name}/anat/{name}_flip-1_mt-off_MTS.nii.gz"]
    for stem in (stem.format(name) for stem in stems):
        names.append(f"{name}/{stem}.nii.gz")
        names.append(f"derivatives/labels/{name}/{stem}_label-SC_seg.nii.gz")
        if complete:
            names.append(f"derivatives/labels_softseg/{name}/{stem}_label-SC_softseg.nii.gz")
        warped = "" if stem.endswith(("T1w", "T2w")) else "_desc-warp"
        names.append(f"derivatives/labels/{name}/{stem}_label-discs{warped}_dlabel.nii.gz")
    return {path: noise(path, 200) for path in names}


#: Every fetch function, what it needs to know, and how many files come.
EVERY = {
    "fetch_sct_testing": ({}, 17),
    "fetch_sct_tutorial": ({"subject": "sub-05", "contrasts": ["MT-on", "MT-off"]}, 3),
    "fetch_sct_tutorial of the course": ({"subject": "course"}, 8),
    "fetch_spine_generic": ({"subject": "sub-cardiff03"}, 25),
    "fetch_spine_generic_masks": ({"n_subjects": 2}, 36),
    "fetch_gm_challenge": ({"subjects": ["sub-9418", "sub-10062Ses1"]}, 8),
}
every_fetch = pytest.mark.parametrize("name", EVERY)
#: The course's person and whole people of spine-generic are not among the real data here: real
#: images and masks of others stand in under their names, registered as theirs are.
COURSE = {
    f"single_subject/data/{name}": other
    for name, other in {
        "t1/t1.nii.gz": "t1/t1w.nii.gz",
        "fmri/fmri.nii.gz": "fmri/fmri.nii.gz",
        "dmri/bvals.txt": "dmri/bvals.txt",
        **{f"{c}.nii.gz": f"{c}.nii.gz" for c in ("t2/t2", "t2s/t2s", "mt/mt0", "mt/mt1")},
        "dmri/dmri.nii.gz": "dmri/dmri.nii.gz",
    }.items()
}


@pytest.fixture
def everything(real_server, shared_data, tmp_path, monkeypatch):
    """Server and registry of all that `EVERY` asks for; content by data set and path."""
    real = shared_data / "real"
    others = {to: (real / "sct_testing_data" / of).read_bytes() for to, of in COURSE.items()}
    masks = real / "data_example_spinegeneric" / "derivatives" / "labels"
    others_of = (file for file in sorted(real.rglob("*.nii.gz")) if masks not in file.parents)
    small = (file for file in others_of if file.stat().st_size < 120_000)
    people = {}
    for name in ("sub-cardiff03", "sub-mpicbs06"):
        for path in person(name):
            own = masks / name / "anat" / Path(path).name.replace("label-SC_seg", "seg-manual")
            people[path] = (own if own.is_file() else next(small)).read_bytes()
    folder = shutil.copytree(_download._REGISTRIES, tmp_path / "registry")
    course = (folder / "sct_tutorial.tsv").read_text().splitlines()
    course = [row for row in course if row.split("\t")[0] not in others]
    course += [row_of(path, data, git=path.endswith(SIZE_UNKNOWN)) for path, data in others.items()]
    (folder / "sct_tutorial.tsv").write_text("\n".join(course) + "\n")
    rows = ["path\tbytes\thash", *(row_of(path, data) for path, data in people.items())]
    packed = lzma.compress(("\n".join(rows) + "\n").encode())
    (folder / "spine_generic.tsv.xz").write_bytes(packed)
    monkeypatch.setattr(_download, "_REGISTRIES", folder)
    content = {("sct_tutorial", path): data for path, data in others.items()}
    content |= {("spine_generic", path): data for path, data in people.items()}
    for (dataset, path), data in content.items():
        put(real_server, dataset, path, data)
    return real_server


SIZE_UNKNOWN = ("t1.nii.gz", "t2.nii.gz", "t2s.nii.gz", "fmri.nii.gz")


def row_of(path, content, git=False):
    """Line of a registry."""
    if git:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        return f"{path}\t\tgit:{blob}"
    return f"{path}\t{len(content)}\t{hashlib.sha256(content).hexdigest()}"


def fetched(name):
    """Files that come from one of `EVERY`, by data set and path."""
    options, number = EVERY[name]
    sessions = getattr(datasets, name.split()[0])(**options, progress=False)
    sessions = [sessions] if isinstance(sessions, datasets.Session) else sessions.values()
    files = [file.relative_to(cache_dir()) for session in sessions for file in session.files]
    assert len(files) == number
    return files


def check(server, files):
    """Every file is the one on the server, and no other is kept."""
    for file in files:
        content = server.files[f"/{file.as_posix()}"]
        content = content.read_bytes() if isinstance(content, Path) else content
        assert (cache_dir() / file).read_bytes() == content
    assert kept() == sorted(file.as_posix() for file in files)


def public_address(server, file):
    """Where the server has a file of the cache."""
    dataset, path = file.parts[0], Path(*file.parts[1:]).as_posix()
    (address, *_) = _download._addresses(dataset, _download.registry(dataset)[path])
    return address.removeprefix(server.url)


ONE = {"sub-x01/anat/sub-x01_T2w.nii.gz": noise(0, 300_000)}


def fetch_one():
    return datasets.fetch_spine_generic("sub-x01", progress=False)["T2w"]


def kept():
    """Files in the cache, locks aside."""
    files = (p for p in cache_dir().rglob("*") if p.is_file() and p.suffix != ".lock")
    return sorted(p.relative_to(cache_dir()).as_posix() for p in files)


def dead_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def flipped(content):
    return content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]


# every fetch_*, with real bytes


@pytest.mark.realdata
@every_fetch
def test_right_bytes_come_once(everything, name):
    files = fetched(name)
    check(everything, files)
    assert len(everything.log) == len(files)
    assert fetched(name) == files
    assert len(everything.log) == len(files)


@pytest.mark.realdata
@every_fetch
def test_a_flipped_byte_is_refused_and_removed(everything, name):
    files = fetched(name)
    shutil.rmtree(cache_dir())
    address = public_address(everything, files[-1])
    right = everything.files[address]
    content = right.read_bytes() if isinstance(right, Path) else right
    everything.files[address] = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
    with pytest.raises(FileNotFoundError, match="not the registered ones"):
        fetched(name)
    dataset, path = files[-1].parts[0], Path(*files[-1].parts[1:]).as_posix()
    wrong = _download.registry(dataset)[path].hash.replace(":", "-")
    assert not {files[-1].as_posix(), f".partial/{wrong}"} & set(kept())
    everything.files[address] = right
    check(everything, fetched(name))


@pytest.mark.realdata
@every_fetch
def test_a_broken_connection_goes_on_where_it_broke(everything, name):
    files = fetched(name)
    shutil.rmtree(cache_dir())
    everything.log.clear()
    address = public_address(everything, files[0])
    everything.stop_at[address] = BLOCK
    check(everything, fetched(name))
    assert (address, f"bytes={BLOCK}-") in everything.log
    assert len(everything.log) == len(files) + 1


@pytest.mark.realdata
@every_fetch
def test_dead_mirrors_fall_to_the_next(everything, name, monkeypatch):
    dataset = fetched(name)[0].parts[0]
    shutil.rmtree(cache_dir())
    mirrors = (f"{dead_address()}/{{path}}", *_download.MIRRORS[dataset])
    monkeypatch.setitem(_download.MIRRORS, dataset, mirrors)
    check(everything, fetched(name))


@pytest.mark.realdata
def test_two_processes_at_once_share_every_download(everything):
    everything.on_request = lambda: time.sleep(0.02)  # so that both want the same file
    code = (
        "import json, sys; from pathlib import Path; from cordviz import datasets\n"
        "import cordviz.images, pooch, filelock, joblib, tqdm.auto\n"
        "datasets._download._REGISTRIES = Path(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "for name, options in json.loads(sys.stdin.readline()):\n"
        "    getattr(datasets, name)(**options, progress=False)\n"
    )
    options = {"env": {**os.environ, "CORDVIZ_MIRROR": everything.url}, "text": True}
    options |= dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-c", code, str(_download._REGISTRIES)]
    processes = [subprocess.Popen(command, **options) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        wanted = [(name.split()[0], options) for name, (options, _) in EVERY.items()]
        process.stdin.write(json.dumps(wanted) + "\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    asked = [path for path, _ in everything.log]
    check(everything, sorted({file for name in EVERY for file in fetched(name)}))
    assert len(asked) == len(set(asked)) == len(everything.log) == len(kept())


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in EVERY}))
def test_the_help_of_every_fetch_says_size_licence_source_and_what_to_cite(name):
    notes = getattr(datasets, name).__doc__.split("Notes\n")[1].split("Examples\n")[0]
    if name == "fetch_spine_generic_masks":
        assert "Licence, source and citations as `fetch_spine_generic`" in notes
        notes += datasets.fetch_spine_generic.__doc__.split("Notes\n")[1]
    for word in ("Size: ", "Licence: ", "Source:", "ite "):
        assert word in notes


def test_every_fetch_is_tested():
    assert {name.split()[0] for name in EVERY} == {
        name for name in datasets.__all__ if name.startswith("fetch_")
    } - {"fetch_real"}


# what comes


def same_bytes(sessions, dataset, shared_data):
    files = [file for session in sessions for file in session.files]
    assert files
    for file in files:
        path = file.relative_to(cache_dir() / dataset)
        assert file.read_bytes() == (shared_data / "real" / REAL[dataset] / path).read_bytes()
    return len(files)


@pytest.mark.realdata
def test_sct_testing_comes_with_the_right_bytes_and_once(real_server, shared_data):
    session = datasets.fetch_sct_testing(progress=False)
    assert len(real_server.log) == same_bytes([session], "sct_testing", shared_data) == 17
    assert set(session) == {
        *("T1w", "T2w", "T2star", "MT-on", "MT-off", "GRE-T1w", "DWI", "fMRI"),
    }
    for contrast, mask in session.masks.items():
        assert nib.load(mask).shape == session.load(contrast).shape
    assert session.load("fMRI").shape == nib.load(session["fMRI"]).shape[:3]
    real_server.log.clear()
    assert datasets.fetch_sct_testing(progress=False) == session
    assert datasets.fetch_sct_testing(contrasts="T2w", masks=False)["T2w"] == session["T2w"]
    assert real_server.log == []


@pytest.mark.realdata
def test_sct_tutorial_comes_with_the_right_bytes_and_once(real_server, shared_data):
    wanted = {"contrasts": ["MT-on", "MT-off"], "progress": False}
    session = datasets.fetch_sct_tutorial("sub-05", **wanted)
    assert list(session) == ["MT-on", "MT-off"]
    assert list(session.masks) == ["MT-on"]
    assert len(real_server.log) == same_bytes([session], "sct_tutorial", shared_data) == 3
    datasets.fetch_sct_tutorial("sub-05", **wanted)
    assert len(real_server.log) == 3


@pytest.mark.realdata
def test_gm_challenge_comes_with_the_right_bytes_and_once(real_server, shared_data):
    subjects = ["sub-9418", "sub-9584", "sub-9669", "sub-10062Ses1", "sub-10062Ses2"]
    sessions = datasets.fetch_gm_challenge(subjects=subjects, progress=False)
    assert list(sessions)[:2] == ["sub-9418", "sub-9418_run-2"]
    assert len(sessions) == 10
    first, second = sessions["sub-9418"], sessions["sub-9418_run-2"]
    assert set(first) == set(second) == set(first.masks) == set(first.gm_masks) == {"T2star"}
    assert not second.masks
    n_files = same_bytes(sessions.values(), "gm_challenge", shared_data)
    assert len(real_server.log) == n_files == 20
    datasets.fetch_gm_challenge(subjects=subjects, progress=False)
    assert len(real_server.log) == 20


def test_spine_generic_comes_with_the_right_bytes_and_once(register, server):
    files = {**person("sub-a01"), **person("sub-b02")}
    register(files)
    session = datasets.fetch_spine_generic("sub-a01", progress=False)
    assert list(session) == ["T1w", "T2w", "T2star", "MT-on", "MT-off", "GRE-T1w", "DWI"]
    labelled = ["T1w", "T2w", "T2star", "MT-on", "GRE-T1w", "DWI"]
    for mapping in (session.masks, session.soft_masks, session.discs):
        assert list(mapping) == labelled
    for file in session.files:
        path = file.relative_to(cache_dir() / "spine_generic").as_posix()
        assert file.read_bytes() == files[path]
    assert kept() == sorted(f"spine_generic/{path}" for path in person("sub-a01"))
    assert len(server.log) == len(session.files) == 25
    datasets.fetch_spine_generic("sub-a01", contrasts=["DWI"], progress=False)
    assert len(server.log) == 25


def test_only_what_is_asked_for_is_downloaded(register, server):
    register(person("sub-a01"))
    get = datasets.fetch_spine_generic
    session = get("sub-a01", contrasts=["T2star", "MT-off"], masks=False, progress=False)
    assert list(session) == ["T2star", "MT-off"]
    assert len(server.log) == 2
    session = get("sub-a01", contrasts="T2star", progress=False)
    assert len(server.log) == 2 + 3  # the masks and discs
    assert list(session.soft_masks) == ["T2star"]


def test_masks_come_without_images_and_more_people_include_fewer(register, server):
    names = [f"sub-{site}{n:02d}" for site in ("a", "b", "c") for n in range(1, 5)]
    incomplete = person("sub-d01", complete=False)
    register({k: v for name in names for k, v in person(name).items()} | incomplete)
    three = datasets.fetch_spine_generic_masks(3, progress=False)
    assert len(server.log) == 3 * 18
    five = datasets.fetch_spine_generic_masks(5, progress=False)
    assert len(server.log) == 5 * 18
    assert list(five)[:3] == list(three)
    assert len({name[:5] for name in five}) > 1  # not one site after the other
    for session in five.values():
        assert len(session) == 0
        assert len(session.masks) == len(session.soft_masks) == len(session.discs) == 6
    assert len(datasets.fetch_spine_generic_masks(12, progress=False)) == 12
    with pytest.raises(ValueError, match="1 to 12, got 13"):
        datasets.fetch_spine_generic_masks(13)


# wrong bytes


@pytest.mark.parametrize("git", [False, True], ids=["sha256", "git blob sha1"])
def test_a_flipped_byte_is_refused_whatever_the_hash(register, server, git):
    register(ONE, git=git)
    address, content = next(iter(server.files.items()))
    server.files[address] = flipped(content)
    with pytest.raises(FileNotFoundError, match="not the registered ones"):
        fetch_one()
    assert kept() == []
    server.files[address] = content
    assert fetch_one().read_bytes() == content
    server.log.clear()
    fetch_one()
    assert server.log == []


@pytest.mark.realdata
def test_git_hashes_fit_the_real_files(shared_data):
    checked = 0
    for line in (shared_data / "registry/sct_testing_data.tsv").read_text().splitlines()[1:]:
        path, *_, git = line.split("\t")
        if (file := shared_data / "real/sct_testing_data" / path).is_file():
            assert _download.Entry(path, None, f"git:{git}").matches(file)
            checked += 1
    assert checked > 20


def test_a_mirror_with_wrong_bytes_falls_to_the_next(register, server, make_server, monkeypatch):
    register(ONE)
    bad = make_server()
    bad.files = {address: flipped(content) for address, content in server.files.items()}
    monkeypatch.setitem(
        _download.MIRRORS, "spine_generic", (f"{bad.url}/{{key}}", f"{server.url}/{{key}}")
    )
    assert fetch_one().read_bytes() == next(iter(ONE.values()))
    assert len(bad.log) == len(server.log) == 1
    assert server.log[0][1] is None  # does not go on from wrong bytes


def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(register, server):
    register(ONE)
    file = fetch_one()
    file.write_bytes(flipped(file.read_bytes()))
    assert fetch_one().read_bytes() == next(iter(ONE.values()))
    assert len(server.log) == 2


# broken connections


@pytest.mark.parametrize("git", [False, True], ids=["size known", "size unknown"])
def test_a_broken_connection_is_resumed(register, server, git):
    register(ONE, git=git)
    server.stop_after = [10 * BLOCK, 5 * BLOCK + 7]
    assert fetch_one().read_bytes() == next(iter(ONE.values()))
    assert [start for _, start in server.log] == [
        None,
        f"bytes={10 * BLOCK}-",
        f"bytes={15 * BLOCK}-",
    ]


def test_the_next_call_goes_on_and_nothing_partial_is_in_the_data_set(register, server):
    register(ONE)
    server.stop_after = [10 * BLOCK, 0]  # hangs up, then gives nothing more
    with pytest.raises(FileNotFoundError, match="Call again"):
        fetch_one()
    assert [name.split("/")[0] for name in kept()] == [".partial"]
    assert load_nothing("spine_generic")
    server.log.clear()
    assert fetch_one().read_bytes() == next(iter(ONE.values()))
    assert [start for _, start in server.log] == [f"bytes={10 * BLOCK}-"]
    assert kept() == [f"spine_generic/{next(iter(ONE))}"]


def load_nothing(dataset):
    return not any(path.is_file() for path in (cache_dir() / dataset).rglob("*"))


def test_a_file_appears_only_when_it_is_whole(register, server):
    register(ONE)
    server.stop_after = [BLOCK] * 10
    seen = []
    server.on_request = lambda: seen.append(load_nothing("spine_generic"))
    fetch_one()
    assert seen == [True] * 11


def test_a_server_without_ranges_sends_all_again(register, server):
    register(ONE)
    server.ranges = False
    server.stop_after = [100_000]
    assert fetch_one().read_bytes() == next(iter(ONE.values()))
    assert len(server.log) == 2


def test_another_mirror_goes_on_where_the_first_broke_off(
    register, server, make_server, monkeypatch
):
    register(ONE)
    failing = make_server()
    failing.files, failing.stop_after = dict(server.files), [10 * BLOCK, 0]
    monkeypatch.setitem(
        _download.MIRRORS, "spine_generic", (f"{failing.url}/{{key}}", f"{server.url}/{{key}}")
    )
    assert fetch_one().read_bytes() == next(iter(ONE.values()))
    assert [start for _, start in server.log] == [f"bytes={10 * BLOCK}-"]


@pytest.mark.parametrize("length", [1000, 300_000, 400_000], ids=["short", "whole", "long"])
def test_wrong_left_overs_do_not_spoil_a_download(register, server, length):
    register(ONE)
    fetch_one().unlink()
    digest = hashlib.sha256(next(iter(ONE.values()))).hexdigest()
    (cache_dir() / ".partial" / digest).write_bytes(noise("junk", length))
    assert fetch_one().read_bytes() == next(iter(ONE.values()))


# mirrors


def test_a_dead_mirror_falls_to_the_next(register, server, monkeypatch):
    register(ONE)
    mirrors = (f"{dead_address()}/{{key}}", f"{server.url}/empty/{{key}}", f"{server.url}/{{key}}")
    monkeypatch.setitem(_download.MIRRORS, "spine_generic", mirrors)
    assert fetch_one().read_bytes() == next(iter(ONE.values()))
    assert [path.startswith("/empty/") for path, _ in server.log] == [True, False]


def test_own_mirrors_replace_the_public_ones_in_order(register, server, make_server, monkeypatch):
    register(ONE)
    own = make_server()
    own.files = {f"/lab/spine_generic/{path}": content for path, content in ONE.items()}
    monkeypatch.setenv("CORDVIZ_MIRROR", f"{dead_address()} {own.url}/lab/")
    fetch_one()
    assert len(own.log) == 1
    assert server.log == []


def test_without_a_network_the_message_says_what_to_do(register, server, monkeypatch):
    register(ONE)
    dead = dead_address()
    mirrors = (f"{dead}/{{key}}", f"{server.url}/empty/{{key}}")
    monkeypatch.setitem(_download.MIRRORS, "spine_generic", mirrors)
    with pytest.raises(FileNotFoundError) as error:
        fetch_one()
    for words in (
        "sub-x01_T2w",
        dead,
        ": ConnectionError",
        ": HTTP 404",
        "folder=",
        "CORDVIZ_MIRROR",
        "load_simulated_study",
    ):
        assert words in str(error.value)


def test_public_addresses_are_pinned_and_encrypted():
    mirrors = _download.MIRRORS
    assert all(mirror.startswith("https://") for urls in mirrors.values() for mirror in urls)
    for name in REAL:
        assert re.search(r"/[0-9a-f]{40}/\{path\}$", mirrors[name][0])
    assert len(mirrors["spine_generic"]) == 2


# progress


def test_progress_is_shown_once_and_can_be_turned_off(register, server, capsys):
    register(person("sub-a01"))
    server.on_request = lambda: time.sleep(0.05)  # a bar that nobody could read is not shown
    datasets.fetch_spine_generic("sub-a01", contrasts="T1w", progress=False)
    assert capsys.readouterr() == ("", "")
    datasets.fetch_spine_generic("sub-a01")
    assert "downloading spine_generic: 100%" in capsys.readouterr().err
    datasets.fetch_spine_generic("sub-a01")
    assert capsys.readouterr() == ("", "")  # nothing to download, no bar


def test_without_a_network_no_bar_stays_behind_in_a_notebook(register, server, monkeypatch):
    shown = []
    monkeypatch.setattr("tqdm.auto.tqdm", tqdm.notebook.tqdm)
    monkeypatch.setattr("tqdm.notebook.display", shown.append)
    register(person("sub-a01"))
    live = _download.MIRRORS["spine_generic"]
    monkeypatch.setitem(_download.MIRRORS, "spine_generic", (f"{dead_address()}/{{key}}",))
    with pytest.raises(FileNotFoundError):
        datasets.fetch_spine_generic("sub-a01")
    assert not shown
    monkeypatch.setitem(_download.MIRRORS, "spine_generic", live)
    server.on_request = lambda: time.sleep(0.05)
    datasets.fetch_spine_generic("sub-a01")
    assert len(shown) == 1


# folders on this computer


@pytest.mark.realdata
def test_a_local_copy_is_read_without_a_request_or_a_cache(real_server, shared_data):
    real = shared_data / "real"
    session = datasets.fetch_sct_testing(folder=real / "sct_testing_data")
    assert session["T2w"] == real / "sct_testing_data/t2/t2.nii.gz"
    session = datasets.fetch_sct_tutorial("sub-05", folder=real / "sct_tutorial_data")
    assert set(session) == {"MT-on", "MT-off"}
    sessions = datasets.fetch_gm_challenge(folder=real / "gm_challenge_data")
    assert len(sessions) == 10
    people = datasets.fetch_spine_generic_masks(9, folder=real / "data_example_spinegeneric")
    assert set(people["sub-cardiff03"].masks) == {"T1w", "T2w", "T2star"}
    assert real_server.log == []
    assert not cache_dir().exists()


@pytest.mark.realdata
def test_notebooks_take_a_copy_then_the_cache_then_a_download_or_nothing(
    real_server, shared_data, monkeypatch
):
    fetch, real = datasets.fetch_real, shared_data / "real"
    monkeypatch.setenv("CORDVIZ_SHARED_DATA", str(shared_data))
    assert fetch("sct_testing")["T2w"] == real / "sct_testing_data/t2/t2.nii.gz"
    assert real_server.log == []
    monkeypatch.delenv("CORDVIZ_SHARED_DATA")
    wanted = {"contrasts": "T2w", "masks": False, "progress": False}
    assert fetch("sct_testing", **wanted)["T2w"] == cache_dir() / "sct_testing/t2/t2.nii.gz"
    assert len(real_server.log) == 1
    monkeypatch.setitem(_download.MIRRORS, "sct_testing", (f"{dead_address()}/{{path}}",))
    assert fetch("sct_testing", **wanted) is not None  # from the cache
    assert fetch("sct_testing", progress=False) is None
    with pytest.raises(ValueError, match="data set of sct_testing"):
        fetch("sct_test")


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_any_folder_with_bids_names_is_read(tmp_path):
    touch(
        tmp_path,
        "sub-01/ses-1/anat/sub-01_ses-1_T2w.nii.gz",
        "sub-01/ses-1/anat/sub-01_ses-1_acq-MTon_MTS.nii",
        "sub-01/ses-1/anat/sub-01_ses-1_acq-T1w_MTS.nii.gz",
        "sub-01/ses-1/anat/sub-01_ses-1_echo-1_MEGRE.nii.gz",
        "sub-01/ses-1/anat/sub-01_ses-1_T2w.json",
        "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii.gz",
        "sub-01/ses-1/dwi/sub-01_ses-1_dwi.nii.gz",
        "sub-01/ses-1/dwi/sub-01_ses-1_acq-b0_dwi.nii.gz",
        "sub-01/ses-1/dwi/sub-01_ses-1_rec-average_dwi.nii.gz",
        "sub-02/anat/sub-02_run-01_T2starw.nii.gz",
        "sub-02/anat/sub-02_run-02_T2starw.nii.gz",
        "derivatives/mine/sub-02_run-01_T2starw_seg.nii.gz",
        "derivatives/mine/sub-02_run-01_T2starw_csfseg.nii.gz",
        "phantom_T2w.nii.gz",
    )
    sessions = load_sessions(str(tmp_path))
    assert list(sessions) == ["sub-01_ses-1", "sub-02", "sub-02_run-2"]
    first = sessions["sub-01_ses-1"]
    assert list(first) == ["T2w", "MT-on", "GRE-T1w", "DWI", "fMRI"]
    assert first["DWI"].name == "sub-01_ses-1_rec-average_dwi.nii.gz"
    assert list(sessions["sub-02"].masks) == ["T2star"]
    assert not sessions["sub-02_run-2"].masks
    assert len(sessions["sub-02"].files) == 2
    chosen = datasets.fetch_spine_generic("sub-01_ses-1", contrasts="T2w", folder=tmp_path)
    assert dict(chosen) == {"T2w": first["T2w"]}


def test_two_diffusion_series_are_refused_unless_one_is_the_mean(tmp_path):
    touch(tmp_path, "sub-01_rec-average_dwi.nii.gz", "sub-01_acq-highb_dwi.nii.gz")
    assert datasets.load_sessions(tmp_path)["sub-01"]["DWI"].name == "sub-01_rec-average_dwi.nii.gz"
    touch(tmp_path, "sub-02_acq-lowb_dwi.nii.gz", "sub-02_acq-highb_dwi.nii.gz")
    with pytest.raises(ValueError, match=r"two files for DWI.*acq-highb_dwi.*acq-lowb_dwi"):
        datasets.load_sessions(tmp_path)


def test_two_files_for_one_contrast_are_refused(tmp_path):
    touch(tmp_path, "sub-01_acq-sag_T2w.nii.gz", "sub-01_acq-ax_T2w.nii.gz")
    with pytest.raises(ValueError, match=r"two files for T2w.*acq-ax_T2w.*acq-sag_T2w"):
        load_sessions(tmp_path)


def test_what_there_is_not_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        load_sessions(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"sub-01_T2w\.nii\.gz"):
        load_sessions(tmp_path)
    with pytest.raises(FileNotFoundError, match="t1/t1w"):
        datasets.fetch_sct_testing(folder=tmp_path)
    with pytest.raises(ValueError, match=r"sub-amu1'.*267.*sub-amu"):
        datasets.fetch_spine_generic("sub-amu1")
    with pytest.raises(ValueError, match="sub-9418"):
        datasets.fetch_gm_challenge(subjects="sub-941")
    with pytest.raises(ValueError, match=r"must be one of T1w.*'CT'"):
        datasets.fetch_spine_generic("sub-amu01", contrasts=["T2w", "CT"])
    touch(tmp_path, "sub-01_T2w_seg.nii.gz")
    masks_only = load_sessions(tmp_path)["sub-01"]
    with pytest.raises(KeyError, match="sub-01 has no image 'T2w'; there are: none"):
        masks_only["T2w"]
    touch(tmp_path, "images/sub-01_T2w.nii.gz")
    with pytest.raises(FileNotFoundError, match="No cord masks"):
        datasets.fetch_spine_generic_masks(1, folder=tmp_path / "images")
    assert not cache_dir().exists()


def test_a_series_is_loaded_in_3d(tmp_path, oblique_image):
    series = nib.funcs.concat_images([oblique_image] * 3)
    for name in ("dwi", "task-rest_bold", "T2w"):
        nib.save(series, tmp_path / f"sub-01_{name}.nii.gz")
    (tmp_path / "sub-01_dwi.bval").write_text("0 800 800")
    session = load_sessions(tmp_path)["sub-01"]
    assert session.load("DWI").shape == session.load("fMRI").shape == oblique_image.shape
    with pytest.raises(ValueError, match="4-D"):  # what the volumes are is not known
        session.load("T2w")


# the registries


@pytest.mark.realdata
@pytest.mark.parametrize("name", [*REAL, "spine_generic"])
def test_shipped_registries_are_the_full_listings_in_short(name, shared_data):
    listing = {
        **{k: f"{k}_data.tsv" for k in REAL},
        "spine_generic": "spine_generic_multi_subject.tsv",
    }
    expected = {}
    for line in (shared_data / "registry" / listing[name]).read_text().splitlines()[1:]:
        path, size, sha256, *git = line.split("\t")
        if name == "spine_generic" and re.search(
            r"_(acq-b0|run-\d+)_dwi\.|/sub-[^_/]+_dwi\.", path
        ):
            continue  # raw diffusion series; their means are listed too
        digest = sha256 or f"git:{git[0]}"
        expected[path] = _download.Entry(path, int(size) if size else None, digest)
    assert _download.registry(name) == expected


def test_registries_are_small_and_name_everyone():
    folder = _download._REGISTRIES
    assert sum(file.stat().st_size for file in folder.iterdir()) < 300_000
    people = {p.split("/")[0] for p in _download.registry("spine_generic") if p.startswith("sub-")}
    assert len(people) == 267
