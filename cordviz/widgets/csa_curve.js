// The area along the cord (plotly), tied to a slice.

class Curve {
  constructor({ model, el }) {
    this.model = model;
    this.build(el);
    this.listeners = {
      "change:_figure": () => this.draw(),
      "change:slice": () => this.mark(),
      ...Object.fromEntries(
        ["weights", "angle_correction", "norms"].map((name) => [`change:${name}`, () => this.update()])),
      "msg:custom": (message) => this.receive(message),
    };
    for (const [event, listener] of Object.entries(this.listeners)) model.on(event, listener);
    this.observer = new ResizeObserver(() => this.plotly && this.plotly.Plots.resize(this.chart));
    loadPlotly(model).then((plotly) => this.start(plotly), (error) => {
      this.status.textContent = `This browser cannot draw the curve (${error.message}). Use a current one.`;
    });
  }

  remove() {
    for (const [event, listener] of Object.entries(this.listeners)) this.model.off(event, listener);
    this.observer.disconnect();
    this.plotly?.purge(this.chart);
  }

  get(name) {
    return this.model.get(name);
  }

  set(changes) {
    for (const [name, value] of Object.entries(changes)) this.model.set(name, value);
    this.model.save_changes();
  }

  build(el) {
    const make = (tag, attributes, ...children) => {
      const element = Object.assign(document.createElement(tag), attributes);
      element.append(...children);
      return element;
    };
    const button = (text, title, onclick) =>
      make("button", { type: "button", className: "cordviz-button", title, onclick }, text);
    const toggle = (text, title, trait) => {
      const it = button(text, title, () => this.set({ [trait]: !this.get(trait) }));
      it.dataset.toggle = trait;
      return it;
    };
    this.weights = make("select", { onchange: () => this.set({ weights: this.weights.value }) },
      make("option", { value: "soft" }, "Soft mask"),
      make("option", { value: "hard" }, `Threshold ${this.get("threshold")}`),
      make("option", { value: "both" }, "Soft and threshold"));
    this.weights.setAttribute("aria-label", "What is measured");
    this.toggles = [
      toggle("Angle correction", "Correct for the angle between cord and slice", "angle_correction"),
      toggle("Norms", "Percentiles of healthy adults", "norms"),
    ];
    this.values = make("div", { className: "cordviz-where" });
    const space = make("span", { className: "cordviz-space" });
    const bar = make("div", { className: "cordviz-bar" }, this.weights, ...this.toggles, this.values, space,
      button("CSV", "Save every slice as a table", () => this.model.send({ wants: "csv" })),
      button("PNG", "Save the figure", () => this.plotly.downloadImage(this.chart, {
        format: "png", filename: "cordviz_csa", scale: 2,
        width: this.chart.clientWidth, height: this.chart.clientHeight,
      })));
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "Area");
    this.chart = make("div", { className: "cordviz-chart", tabIndex: 0, onkeydown: (event) => this.key(event) });
    this.chart.setAttribute("role", "slider");
    this.chart.setAttribute("aria-label", "Cross-sectional area along the cord");
    this.status = make("div", { className: "cordviz-status" }, "Waiting for the kernel …");
    this.root = make("div", { className: "cordviz-viewer cordviz-curve" }, bar, this.chart, this.status);
    this.root.dataset.state = "waiting";
    this.root.dataset.lmSuppressShortcuts = "true";
    el.append(this.root);
  }

  async start(plotly) {
    this.plotly = plotly;
    this.root.dataset.state = "drawing"; // the chart needs a size to be drawn in
    await this.draw();
    const go = ({ points }) => {
      const slice = points.map((point) => point.customdata).find(Number.isInteger);
      if (slice !== undefined && slice !== this.get("slice")) this.set({ slice });
    };
    this.chart.on("plotly_hover", go);
    this.chart.on("plotly_click", go);
    this.observer.observe(this.root);
    this.root.dataset.state = "ready";
  }

  receive(message) {
    if (message.kind !== "csv") return;
    const url = URL.createObjectURL(new Blob([message.text], { type: "text/csv" }));
    Object.assign(document.createElement("a"), { href: url, download: "cordviz_csa.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  /** Points of the curves: slice → {x, values}. */
  index() {
    this.places = new Map();
    for (const trace of this.get("_figure").data) {
      (trace.customdata ?? []).forEach((slice, i) => {
        const place = this.places.get(slice) ?? { x: trace.x[i], values: [] };
        if (trace.y[i] !== null) place.values.push(`${trace.legendgroup} ${trace.y[i].toFixed(1)} mm²`);
        this.places.set(slice, place);
      });
    }
  }

  async draw() {
    if (!this.plotly) return;
    this.index();
    const { data, layout } = structuredClone(this.get("_figure"));
    const style = getComputedStyle(this.root);
    const ink = style.getPropertyValue("--cv-text").trim();
    Object.assign(layout, { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" });
    layout.font.color = ink;
    layout.yaxis.gridcolor = "rgba(128,140,150,0.25)";
    this.shapes = (layout.shapes ?? []).map((shape) => ({
      ...shape, line: { ...shape.line, color: "rgba(128,140,150,0.5)" },
    }));
    layout.shapes = [...this.shapes, ...this.cursor()];
    await this.plotly.react(this.chart, data, layout, { displayModeBar: false, responsive: true });
    this.update();
  }

  /** Where the slice is, as a line. */
  cursor() {
    const place = this.places.get(this.get("slice"));
    if (!place) return [];
    const colour = getComputedStyle(this.root).getPropertyValue("--cv-text").trim();
    return [{
      type: "line", x0: place.x, x1: place.x, y0: 0, y1: 1, yref: "paper", line: { color: colour, width: 1.5 },
    }];
  }

  /** One line a frame is enough, however fast slices come; the last one always does. */
  mark() {
    this.update();
    if (!this.plotly || this.marking) return;
    this.marking = requestAnimationFrame(() => {
      this.marking = null;
      this.plotly.relayout(this.chart, { shapes: [...this.shapes, ...this.cursor()] });
    });
  }

  update() {
    for (const button of this.toggles) {
      button.setAttribute("aria-pressed", String(this.get(button.dataset.toggle)));
    }
    this.weights.value = this.get("weights");
    const slice = this.get("slice");
    const values = this.places?.get(slice)?.values ?? ["no mask"];
    this.values.textContent = `slice ${slice}: ${values.join("  ·  ")}`;
    this.chart.setAttribute("aria-valuenow", slice);
    this.chart.setAttribute("aria-valuetext", this.values.textContent);
  }

  key(event) {
    const known = [...this.places.keys()];
    const steps = { ArrowRight: -1, ArrowUp: 1, ArrowLeft: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
    if (!(event.key in steps)) return;
    event.preventDefault(); // superior is on the left: to the right, slice numbers fall
    const slice = this.get("slice") + steps[event.key];
    this.set({ slice: Math.min(Math.max(slice, Math.min(...known)), Math.max(...known)) });
  }
}

export default {
  render(context) {
    const curve = new Curve(context);
    return () => curve.remove();
  },
};
