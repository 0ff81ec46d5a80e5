// The area along the cord (plotly), tied to a slice.

class Curve extends ChartView {
  constructor({ model, el }) {
    super(model);
    this.build(el);
    this.listen({
      "change:_figure": () => this.drawCharts(),
      ...this.onChange(["slice", "weights", "threshold", "angle_correction", "norms"],
        () => this.update()),
    });
    this.observer = new ResizeObserver(() => this.plotly && this.fitCharts());
    this.start();
  }

  get charts() {
    return [this.chart];
  }

  build(el) {
    const choices = [["soft", "Soft mask"], ["hard", ""], ["both", "Soft and threshold"]];
    this.weights = chooser("What is measured", choices, (weights) => this.set({ weights }));
    this.toggles = [
      this.toggleButton("Angle correction", "Correct for the angle between cord and slice", "angle_correction"),
      this.toggleButton("Norms", "Percentiles of healthy adults", "norms"),
    ];
    this.values = make("div", { class: "cordviz-where" });
    const bar = make("div", { class: "cordviz-bar", role: "toolbar", "aria-label": "Area" },
      this.weights, ...this.toggles, this.values, make("span", { class: "cordviz-space" }),
      button("CSV", "Save every slice as a table", () => this.saveTable()),
      button("PNG", "Save the figure", () => this.plotly.downloadImage(this.chart, {
        format: "png", filename: "cordviz_csa", scale: 2,
        width: this.chart.clientWidth, height: this.chart.clientHeight,
      })));
    this.chart = make("div", {
      class: "cordviz-chart", tabindex: 0, role: "slider", "aria-label": "Cross-sectional area along the cord",
      onkeydown: (event) => this.key(event),
    });
    this.mount(el, { class: "cordviz-viewer cordviz-curve" }, bar, this.chart);
  }

  async start() {
    if (!await this.loadCharts(this.status)) return;
    this.root.dataset.state = "drawing"; // the chart needs a size to be drawn in
    await this.drawCharts();
    const go = ({ points }) => {
      const slice = points.map((point) => point.customdata).find(Number.isInteger);
      if (slice !== undefined && slice !== this.get("slice")) this.set({ slice });
    };
    this.chart.on("plotly_hover", go);
    this.chart.on("plotly_click", go);
    this.observer.observe(this.root);
    this.root.dataset.state = "ready";
  }

  async drawCharts() {
    if (!this.plotly) return;
    /** Points of the curves: slice → {x, values}. */
    this.places = new Map();
    for (const trace of this.get("_figure").data) {
      (trace.customdata ?? []).forEach((slice, i) => {
        const place = this.places.get(slice) ?? { x: trace.x[i], values: [] };
        if (trace.y[i] !== null) place.values.push(`${trace.legendgroup} ${trace.y[i].toFixed(1)} mm²`);
        this.places.set(slice, place);
      });
    }
    await this.react(this.chart, this.get("_figure"));
    this.update();
  }

  async saveTable() {
    const { text } = await answer(this.model, "csv");
    downloadBytes(text, "text/csv", "cordviz_csa.csv");
  }

  update() {
    for (const one of this.toggles) press(one, this.get(one.dataset.toggle));
    this.weights.options[1].textContent = `Threshold ${this.get("threshold")}`;
    this.weights.value = this.get("weights");
    const slice = this.get("slice");
    const values = this.places?.get(slice)?.values ?? ["no mask"];
    this.values.textContent = `slice ${slice}: ${values.join("  ·  ")}`;
    this.chart.setAttribute("aria-valuenow", slice);
    this.chart.setAttribute("aria-valuetext", this.values.textContent);
    this.mark(this.chart, () => this.places.get(this.get("slice"))?.x);
  }

  key(event) {
    const known = [...this.places.keys()];
    const steps = { ArrowRight: -1, ArrowUp: 1, ArrowLeft: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
    if (!(event.key in steps)) return;
    event.preventDefault(); // superior is on the left: to the right, slice numbers fall
    this.set({ slice: clamp(this.get("slice") + steps[event.key], Math.min(...known), Math.max(...known)) });
  }
}

export default show(Curve);
