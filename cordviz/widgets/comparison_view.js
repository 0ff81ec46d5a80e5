// Contrasts of one person side by side at one height, curves and violins of plotly below. The
// volumes come once per person in messages, so that they are never saved with the notebook.

const HALF_MM = 13; // in view around the cord
const STROKES = {
  solid: "", dash: "7 4", dot: "2 3", dashdot: "7 3 2 3", longdash: "12 4", longdashdot: "12 3 2 3",
  "9px,3px,3px,3px,3px,3px": "7 3 2 3 2 3", "15px,4px,7px,4px": "12 3 6 3",
};

class Comparison extends ChartView {
  constructor({ model, el }) {
    super(model);
    this.volumes = {};
    this.build(el);
    this.listen({
      ...this.onChange(["subject", "_case"], () => this.fresh()),
      ...this.onChange(["contrasts", "methods", "contrast", "position_mm", "area"], () => this.later()),
      "change:_curves": () => this.drawCurves(),
      "change:_violins": () => this.drawViolins(),
      "msg:custom": (message, buffers) => this.receive(message, buffers),
    });
    this.observer = new ResizeObserver(() => this.resize());
    this.refresh();
    this.start();
    model.send({ wants: "volumes" });
  }

  get charts() {
    return [this.curves, this.violins];
  }

  // Data

  get places() {
    return this.get("_case").contrasts;
  }

  get shown() {
    return this.get("contrasts").filter((name) => name in this.places);
  }

  /** The slice of a contrast that is nearest to the height in view. */
  sliceOf(contrast) {
    const [heights, at] = [this.places[contrast].heights, this.get("position_mm")];
    let best = 0;
    heights.forEach((height, k) => {
      if (Math.abs(height - at) < Math.abs(heights[best] - at)) best = k;
    });
    return best;
  }

  async receive(message, buffers) {
    if (message.kind !== "volume") return;
    const [grey, ...masks] = await Promise.all(buffers.map(gunzip));
    if (message.subject !== this.get("subject")) return; // of someone whom we have left
    this.volumes[message.contrast] = {
      subject: message.subject, grey, lines: new Map(),
      masks: Object.fromEntries(message.names.map((name, i) => [name, masks[i]])),
    };
    this.ready();
    this.later();
  }

  fresh() {
    for (const [name, { subject }] of Object.entries(this.volumes)) {
      if (subject !== this.get("subject")) delete this.volumes[name];
    }
    this.later();
    if (this.plotly) this.markViolins();
  }

  // Page

  build(el) {
    const { subjects, contrasts, methods, names, colours, dashes, still } = this.about;
    this.picker = chooser("Person", subjects.map((name) => [name, name]), (subject) => this.set({ subject }));
    const person = subjects.length > 1
      ? [make("label", { class: "cordviz-label" }, "Person", this.picker),
         button("◀", "Person before", () => this.walk(-1)), button("▶", "Person after", () => this.walk(1))]
      : [];
    this.contrastChips = contrasts.map((name) => button(names[name], `Show or hide ${names[name]}`,
      () => this.toggle("contrasts", name), { "data-contrast": name }));
    this.methodChips = methods.map((name) =>
      chip(name, colours[name], () => this.toggle("methods", name), { "data-method": name }));
    this.areas = chooser("What is measured", [["soft", "Soft mask"], ["hard", "Threshold 0.5"]], (area) => this.set({ area }));
    const bar = make("div", { class: "cordviz-bar", role: "toolbar", "aria-label": "What is compared" },
      ...person, make("span", { class: "cordviz-label" }, "Contrasts"), ...this.contrastChips,
      make("span", { class: "cordviz-label" }, "Methods"), ...this.methodChips, this.areas);
    this.tiles = Object.fromEntries(contrasts.map((name) => {
      const canvas = make("canvas", {
        class: "cordviz-panel", tabindex: 0, role: "slider", "data-tile": name, "aria-label": `${names[name]} slice`,
        onwheel: rolling((steps) => this.step(name, -steps)),
        onkeydown: (event) => this.key(event, name), onpointerdown: () => this.set({ contrast: name }),
      });
      const stroke = `<svg width="30" height="8" aria-hidden="true"><line x1="0" x2="30" y1="4" y2="4" stroke="currentColor" stroke-width="2" stroke-dasharray="${STROKES[dashes[name]]}"/></svg>`;
      const line = make("span");
      line.innerHTML = stroke;
      const text = make("span");
      return [name, { canvas, text, tile: make("div", { class: "cordviz-tile" }, canvas, make("div", { class: "cordviz-tile-text" }, line, text)) }];
    }));
    this.stage = make("div", { class: "cordviz-tiles" }, ...Object.values(this.tiles).map(({ tile }) => tile));
    this.slider = make("input", {
      type: "range", class: "cordviz-slider", step: 0.1, "aria-label": "Height of the slices in mm",
      oninput: () => this.set({ position_mm: Number(this.slider.value) }),
    });
    this.number = make("output", { class: "cordviz-number" });
    this.curves = make("div", { class: "cordviz-chart", "data-chart": "curves" });
    this.violins = make("div", { class: "cordviz-chart", "data-chart": "violins" });
    this.note = make("div", { class: "cordviz-hint" });
    this.table = make("table", { class: "cordviz-areas cordviz-compared" });
    this.mount(el, {
      class: "cordviz-viewer cordviz-explorer cordviz-comparison", role: "group",
      "aria-label": "Comparison of contrasts and methods", "data-charts": "waiting",
    }, bar, this.stage, make("div", { class: "cordviz-bar cordviz-travel" }, this.slider, this.number),
      make("div", { class: "cordviz-halves" }, this.curves,
        make("div", { class: "cordviz-scroll" }, this.table)), this.violins, this.note);
  }

  /** Controls show what the traits are. */
  refresh() {
    this.picker.value = this.get("subject");
    this.areas.value = this.get("area");
    for (const chip of this.contrastChips) press(chip, this.get("contrasts").includes(chip.dataset.contrast));
    for (const chip of this.methodChips) press(chip, this.get("methods").includes(chip.dataset.method));
    const heights = this.shown.flatMap((name) => this.places[name].heights);
    Object.assign(this.slider, { min: Math.min(...heights), max: Math.max(...heights) });
    this.slider.value = this.get("position_mm");
    this.number.textContent = `height ${this.get("position_mm").toFixed(1)} mm`;
    this.stage.style.setProperty("--tiles", this.shown.length);
    const stale = this.get("_case").subject !== this.get("subject"); // the kernel is at it
    for (const one of [this.curves, this.table]) one.classList.toggle("cordviz-stale", stale);
    this.draw();
    this.fillTable();
    this.markCurves();
  }

  draw() {
    for (const [name, { canvas, text, tile }] of Object.entries(this.tiles)) {
      tile.hidden = !this.shown.includes(name);
      const volume = this.volumes[name];
      tile.classList.toggle("cordviz-stale", !volume); // still of someone else
      const side = canvas.parentElement.clientWidth;
      if (tile.hidden || !volume || side < 30) continue;
      const place = this.places[name];
      const k = this.sliceOf(name);
      const [columns, rows] = place.dims;
      if (k >= place.dims[2]) continue;
      const cut = (voxels) => cutPlane(voxels, place.dims, PLANES.axial, k, false);
      const lines = this.get("methods").filter((method) => volume.masks[method]).map((method) => {
        const key = `${method}|${k}`;
        if (!volume.lines.has(key)) volume.lines.set(key, outline(cut(volume.masks[method]), columns, rows));
        return { path: volume.lines.get(key), colour: this.about.colours[method], width: 1.8 };
      });
      const [x, y] = place.centres[k];
      canvas.style.height = `${side}px`;
      paintSlice(canvas, side, {
        rgba: greyPixels(cut(volume.grey), place.window), rows, columns, spacing: place.spacing,
        centre: [x, rows - 1 - y], half: HALF_MM, lines, title: this.about.names[name],
      });
      canvas.classList.toggle("cordviz-focus", name === this.get("contrast"));
      canvas.setAttribute("aria-valuenow", k);
      canvas.setAttribute("aria-valuemin", 0);
      canvas.setAttribute("aria-valuemax", place.heights.length - 1);
      const level = place.levels[k] ? ` · ${levelName(place.levels[k])}` : "";
      text.textContent = `slice ${k}${level}`;
    }
    this.root.dataset.subject = this.shown.every((name) => this.volumes[name]) ? this.get("subject") : "";
  }

  fillTable() {
    const methods = this.get("methods");
    const areas = (this.get("_case").areas[this.get("area")] ?? {});
    const cell = (value) => make("td", { class: "cordviz-value" }, value == null ? "–" : value.toFixed(1));
    const head = make("tr", {}, make("th", { scope: "col" }, `CSA of ${this.get("_case").subject} (mm²)`),
      ...methods.map((name) => make("th", { scope: "col", class: "cordviz-value" }, name)));
    const rows = this.shown.map((name) => make("tr", { "data-row": name },
      make("th", { scope: "row" }, this.about.names[name]), ...methods.map((method) => cell(areas[name]?.[method]))));
    const spread = methods.map((method) => {
      const values = this.shown.map((name) => areas[name]?.[method]).filter((value) => value != null);
      if (values.length < 2) return null;
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
    });
    const last = make("tr", { class: "cordviz-spread" }, make("th", { scope: "row" }, "SD across contrasts"), ...spread.map(cell));
    this.table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows, last));
  }

  // Charts

  async start() {
    if (!await this.loadCharts(this.note)) return;
    this.root.dataset.charts = "drawing"; // they need a size to be drawn in
    await this.drawCharts();
    this.observer.observe(this.root);
    this.root.dataset.charts = "ready";
  }

  async drawCharts() {
    await this.drawCurves();
    await this.drawViolins();
  }

  resize() {
    this.draw();
    if (this.plotly) this.fitCharts();
  }

  async show(chart, figure) {
    if (!this.plotly) return;
    chart.hidden = !figure.data;
    if (!figure.data) return;
    const drawn = chart.data; // before: a chart that is new has no listeners yet
    await this.react(chart, figure);
    if (!drawn) chart.on("plotly_click", ({ points }) => this.picked(chart, points));
  }

  async drawCurves() {
    await this.show(this.curves, this.get("_curves"));
    this.markCurves();
  }

  /** A line where the slice in focus is. */
  markCurves() {
    this.mark(this.curves, () => {
      const contrast = this.shown.includes(this.get("contrast")) ? this.get("contrast") : this.shown[0];
      const trace = this.curves.data.find((one) => one.meta?.contrast === contrast);
      return trace?.x[trace.customdata.indexOf(this.sliceOf(contrast))];
    });
  }

  async drawViolins() {
    const figure = this.get("_violins");
    this.note.textContent = figure.why ?? (this.about.subjects.length > 1 ? "Click a point: that person's images are shown above." : "");
    await this.show(this.violins, figure);
    this.markViolins();
  }

  /** The person in view stands out. */
  markViolins() {
    if (!this.violins.data) return;
    const which = this.violins.data.map((trace, i) => (trace.meta?.contrast ? i : -1)).filter((i) => i >= 0);
    const here = (i, yes, no) => this.violins.data[i].text.map((name) => (name === this.get("subject") ? yes : no));
    this.plotly.restyle(this.violins, {
      "marker.size": which.map((i) => here(i, 12, 6)), "marker.line.width": which.map((i) => here(i, 2, 0)),
      "marker.line.color": which.map(() => this.ink),
    }, which);
  }

  picked(chart, points) {
    const point = points.find(({ data }) => data.meta?.contrast);
    if (!point) return;
    const { contrast } = point.data.meta;
    if (chart === this.violins) this.set({ subject: point.text, contrast });
    else if (Number.isInteger(point.customdata)) {
      this.set({ contrast, position_mm: this.places[contrast].heights[point.customdata] });
    }
  }

  // Actions

  walk(by) {
    const { subjects } = this.about;
    const next = subjects[(subjects.indexOf(this.get("subject")) + by + subjects.length) % subjects.length];
    this.set({ subject: next });
  }

  toggle(trait, name) {
    const wanted = flipped(this.get(trait), name, this.about[trait]);
    if (wanted.length) this.set({ [trait]: wanted });
  }

  step(contrast, by) {
    const { heights } = this.places[contrast];
    const k = clamp(this.sliceOf(contrast) + by, 0, heights.length - 1);
    this.set({ contrast, position_mm: heights[k] });
  }

  key(event, contrast) {
    const by = { ArrowUp: 1, ArrowDown: -1, ArrowRight: 1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!by) return;
    event.preventDefault();
    this.step(contrast, by);
  }
}

export default show(Comparison);
