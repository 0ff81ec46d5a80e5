"""Run the notebooks and write them as a static site: python notebooks/make_site.py FOLDER.

Pages need no kernel and nothing from another host: figures stay interactive through one file of
plotly.js that all pages share, views are still pictures, solutions stay folded. Name notebooks
after the folder (``00 03``) to make only those.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLD = """<script>
for (const cell of document.querySelectorAll(".celltag_solution")) {
  const box = document.createElement("details"), title = document.createElement("summary");
  title.textContent = "Solution";
  title.style = "cursor: pointer; margin: 8px 0 8px 84px; font-family: sans-serif";
  cell.before(box);
  box.append(title, cell);
}
</script></body>"""

STYLE = """<meta charset="utf-8"><style>
body { max-width: 50em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 arial, sans-serif }
td, th { padding: 4px 10px 4px 0; text-align: left; vertical-align: top }
td:first-child { white-space: nowrap }
.anchor-link { display: none }
</style>"""


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
    return page.replace("</head>", head, 1).replace("</body>", FOLD, 1)


def main(folder: str, *only: str) -> None:
    """Write a page for each notebook and one of links."""
    from nbconvert.filters import markdown2html
    from plotly.offline import get_plotlyjs
    from tqdm.auto import tqdm

    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    (out / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
    paths = [p for p in sorted(HERE.glob("*.ipynb")) if not only or p.stem[:2] in only]
    links = []
    for path in tqdm(paths, desc="notebooks"):
        notebook = run(path)
        (out / f"{path.stem}.html").write_text(to_page(notebook, path.stem), encoding="utf-8")
        heading = notebook.cells[0].source.splitlines()[0].lstrip("# ")
        links.append(f'<li><a href="{path.stem}.html">{heading}</a></li>')
    teaching = markdown2html((HERE / "TEACHING.md").read_text(encoding="utf-8"))
    (out / "TEACHING.html").write_text(STYLE + teaching, encoding="utf-8")
    (out / "index.html").write_text(f"{STYLE}<h1>cordviz</h1><ul>{''.join(links)}</ul>")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("Give the folder to write to: python notebooks/make_site.py FOLDER")
    main(*sys.argv[1:])
