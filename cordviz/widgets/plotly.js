// plotly.js from the kernel, and figures in the colours of the page.

const CLEAR = "rgba(0,0,0,0)";
const QUIET = { displayModeBar: false, responsive: true };

/** Plotly, made once per page. */
async function loadPlotly(model) {
  const text = window.cordvizPlotly ? "" : await libraryText(model, "plotly");
  window.cordvizPlotly ??= exportsOf(text); // or another view has made it meanwhile
  return window.cordvizPlotly;
}

/** What a UMD bundle exports: given a module of its own, it leaves the page's loaders alone. */
function exportsOf(text) {
  const module = { exports: {} };
  new Function("module", "exports", "define", text)(module, module.exports, undefined);
  return module.exports;
}

/** A view with plotly charts, which it draws anew in `drawCharts` when the theme changes. */
class ChartView extends View {
  async loadCharts(failed) {
    try {
      this.plotly = await loadPlotly(this.model);
    } catch (error) {
      failed.textContent = `This browser cannot draw the curves (${error.message}). Use a current one.`;
    }
    return Boolean(this.plotly);
  }

  themed() {
    if (this.plotly) this.drawCharts();
  }

  remove() {
    super.remove();
    for (const chart of this.charts) this.plotly?.purge(chart);
  }

  get ink() {
    return getComputedStyle(this.root).getPropertyValue("--cv-text").trim();
  }

  /** A figure in ink on the page's own paper, whatever the theme; hues are bright on dark. */
  async react(chart, figure) {
    let text = JSON.stringify(figure);
    if (document.body.dataset.jpThemeLight === "false") {
      for (const [hue, bright] of Object.entries(figure.bright)) text = text.replaceAll(hue, bright);
    }
    const { data, layout } = JSON.parse(text);
    Object.assign(layout, { paper_bgcolor: CLEAR, plot_bgcolor: CLEAR });
    layout.font.color = this.ink;
    for (const axis of Object.keys(layout).filter((key) => /^[xy]axis/.test(key))) layout[axis].gridcolor = "rgba(128,140,150,0.25)";
    for (const shape of layout.shapes ?? []) shape.line = { ...shape.line, color: "rgba(128,140,150,0.6)" };
    for (const { error_y: bars, marker } of data) {
      if (bars?.color) bars.color = marker.color = marker.line.color = this.ink;
    }
    await this.plotly.react(chart, data, layout, QUIET);
    chart.bands = layout.shapes ?? [];
  }

  /** A line across a chart at `place()`: one a frame, however fast slices come, and the last. */
  mark(chart, place) {
    if (!chart.data) return;
    this.marking ??= requestAnimationFrame(() => {
      this.marking = null;
      const x = place();
      const line = { type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: this.ink, width: 1.5 } };
      this.plotly.relayout(chart, { shapes: [...chart.bands, ...(x === undefined ? [] : [line])] });
    });
  }

  fitCharts() {
    for (const chart of this.charts) {
      if (!chart.data || !chart.offsetWidth) continue;
      const other = chart.wide !== undefined && chart.wide !== chart.offsetWidth;
      chart.wide = chart.offsetWidth;
      // resize alone leaves the legend where its rows of the old width were, on the level names
      this.plotly.Plots.resize(chart).then(() => {
        if (!other || !chart.data) return null;
        return this.plotly.relayout(chart, { "margin.t": chart.layout.margin.t });
      }).catch(() => {}); // hidden meanwhile
    }
  }
}
