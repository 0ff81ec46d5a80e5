"""Run the notebooks and write them as a static site: python notebooks/make_site.py FOLDER.

Pages need no kernel and nothing from another host: figures stay interactive through one file of
plotly.js that all pages share, views are still pictures, solutions stay folded. Name notebooks
after the folder (``00 03``) to make only those; the others' pages stay as they are. The app is not
among them: without a kernel it is an empty page.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COURSE = sorted(HERE.glob("0*.ipynb"))
FOLD = """<script>
for (const cell of document.querySelectorAll(".celltag_solution")) {
  const box = document.createElement("details"), title = document.createElement("summary");
  title.textContent = "Solution";
  title.style = "cursor: pointer; margin: 8px 0 8px 84px; font-family: sans-serif";
  cell.before(box);
  box.append(title, cell);
}
</script></body>"""

BACK = '<p style="font-family: sans-serif"><a href="index.html">← All notebooks</a></p>'

STYLE = """<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>
body { max-width: 50em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 arial, sans-serif }
td, th { padding: 4px 10px 4px 0; text-align: left; vertical-align: top }
td:first-child { min-width: 5em }
.anchor-link { display: none }
</style>"""

INDEX = """<title>cordviz: the course</title><h1>The area of the spinal cord in MRI: a course</h1>
<p>Eight notebooks, one question each, as pages that need nothing but a browser: figures answer to
the mouse, views are still pictures, solutions are folded. To run the cells yourself, see the README
of cordviz. Teaching material, not a medical device.</p>
<table>ROWS</table>
<p>For a class of two hours: <a href="TEACHING.html">for teachers</a>.</p>"""


def run(path: Path) -> Any:
    """Execute a notebook in a fresh kernel."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    return NotebookClient(notebook, timeout=600, resources=where).execute()


def to_page(notebook: Any, title: str) -> str:
    """Return the HTML of an executed notebook; it expects plotly.min.js beside it."""
    import plotly.graph_objects as go
    from nbconvert import HTMLExporter

    kind = "application/vnd.plotly.v1+json"
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if figure := output.get("data", {}).pop(kind, None):
                html = go.Figure(figure).to_html(full_html=False, include_plotlyjs=False)
                output["data"]["text/html"] = html
    head = '<script src="plotly.min.js"></script></head>'
    exporter = HTMLExporter(embed_images=True)
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title}})
    page = re.sub(r"<script[^>]*\ssrc=.https://[^>]*>\s*</script>", "", page)  # MathJax, RequireJS
    page = re.sub(r"<script>(?:(?!</script>).)*html-manager.*?</script>", "", page, flags=re.S)
    page = page.replace(".ipynb", ".html").replace("TEACHING.md", "TEACHING.html")
    page = re.sub("<body[^>]*>", lambda body: body[0] + BACK, page, count=1)
    return page.replace("</head>", head, 1).replace("</body>", FOLD, 1)


def write_index(out: Path) -> None:
    """Write the page that leads to the others: each that is there, with its question."""
    rows = []
    for path in COURSE:
        if (out / f"{path.stem}.html").exists():
            first = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
            heading = first.splitlines()[0].lstrip("# ")
            question = re.search(r"\*\*One question: (.*?)\*\*", first, re.S)[1]
            link = f'<a href="{path.stem}.html">{path.stem[:2]} {heading}</a>'
            rows.append(f"<tr><td>{link}</td><td>{question[0].upper() + question[1:]}</td></tr>")
    page = STYLE + INDEX.replace("ROWS", "".join(rows))
    (out / "index.html").write_text(page, encoding="utf-8")


def main(folder: str, *only: str) -> None:
    """Write a page for each notebook and one of links."""
    from nbconvert.filters import markdown2html
    from plotly.offline import get_plotlyjs
    from tqdm.auto import tqdm

    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    (out / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
    paths = [path for path in COURSE if not only or path.stem[:2] in only]
    for path in tqdm(paths, desc="notebooks"):
        (out / f"{path.stem}.html").write_text(to_page(run(path), path.stem), encoding="utf-8")
    teaching = markdown2html((HERE / "TEACHING.md").read_text(encoding="utf-8"))
    (out / "TEACHING.html").write_text(f"{STYLE}{BACK}{teaching}", encoding="utf-8")
    write_index(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the notebooks as a static site.")
    parser.add_argument("folder")
    parser.add_argument("only", nargs="*", help="numbers of notebooks, for example 00 03")
    given = parser.parse_args()
    if unknown := set(given.only) - {path.stem[:2] for path in COURSE}:
        parser.error(f"no notebook {', '.join(sorted(unknown))}: give numbers such as 00 03")
    main(given.folder, *given.only)
