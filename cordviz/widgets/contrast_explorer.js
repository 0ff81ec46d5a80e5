// The live phantom: knobs on the right, the slice and its areas on the left. Every turn of a knob
// brings a new picture with its truth; the methods are asked once the hand rests.

const REST_MS = 60; // without a new picture before methods are asked
const ORDER = ["agnostic", "deepseg", "propseg"]; // what is suggested hangs on the first
const STEPS = 1000; // of a slider
const HALF_MM = 15; // in view around the cord when zoomed
const BAR_PERCENT = 20; // error at the end of a bar

const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)} %`;

class Explorer extends View {
  constructor({ model, el }) {
    super(model);
    this.masks = {};
    this.last = {};
    this.build(el);
    const traits = [
      ...Object.keys(this.about.knobs), "contrast", "mt", "effects", "revealed", "suggestion", "message", "shown", "zoom",
    ];
    this.listen({
      ...this.onChange(traits, () => this.later()),
      "change:areas": () => { this.later(); this.ask(); },
      "change:told": () => { delete this.masks.deepseg; delete this.masks.propseg; this.later(); },
      "msg:custom": (message, buffers) => this.receive(message, buffers),
    });
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.stage);
    model.send({ wants: "picture" });
    this.refresh();
  }

  remove() {
    super.remove();
    clearTimeout(this.timer);
  }

  get preset() {
    return this.about.presets[this.get("contrast")];
  }

  // Kernel

  receive(message, buffers) {
    if (message.kind === "picture") {
      if (this.picture && message.version < this.picture.version) return;
      const [grey, truth] = buffers.map(bytesOf);
      this.picture = { ...message, grey };
      this.masks = { truth };
      this.lines = {};
      this.ready();
      this.draw();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => { this.timer = null; this.ask(); }, REST_MS);
    } else if (message.kind === "outline" && message.version === this.picture?.version) {
      this.masks[message.method] = bytesOf(buffers[0]);
      delete this.lines[message.method];
      this.draw();
    }
  }

  /** One method at a time, so that a turning knob never waits for more than one. */
  ask() {
    const next = ORDER.find((method) => !(method in this.get("areas")));
    this.root.dataset.settled = String(!next && !this.timer);
    if (!next || this.timer || !this.picture || this.get("message")) return;
    this.model.send({ wants: "outline", method: next, version: this.picture.version });
  }

  // Page

  build(el) {
    const { presets, outlines, colours, knobs, effects, families } = this.about;
    this.presets = Object.entries(presets).map(([name, { title, sequence }]) =>
      button(title, sequence, () => this.load(name), { "data-preset": name }));
    const toolbar = make("div", { class: "cordviz-bar", role: "toolbar", "aria-label": "Presets" },
      make("span", { class: "cordviz-label" }, "Preset"), ...this.presets);

    this.canvas = make("canvas", {
      class: "cordviz-slice", "data-plane": "axial", role: "img",
      onwheel: rolling((steps) => this.set({ zoom: steps < 0 })),
    });
    this.stage = make("div", { class: "cordviz-slice-stage" }, this.canvas);
    this.zoomButton = button("Zoom", "The cord large, or the whole slice", () => this.set({ zoom: !this.get("zoom") }));
    this.tools = make("div", { class: "cordviz-bar" }, this.zoomButton,
      button("New scan", "The same settings with other noise", () => this.set({ scan: this.get("scan") + 1 })),
      make("span", { class: "cordviz-space" }),
      button("PNG", "Save the picture as PNG", () => download(this.canvas.toDataURL("image/png"), "cordviz_phantom.png")));

    this.rows = Object.fromEntries(Object.entries(outlines).map(([name, title]) => [name, {
      chip: chip(title, colours[name], () => this.showHide(name), { "data-outline": name }),
      area: make("td", { class: "cordviz-value" }),
      bar: make("div", { style: `--colour: ${colours[name]}` }),
      error: make("td", { class: "cordviz-value" }),
    }]));
    this.table = make("table", { class: "cordviz-areas" },
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Outline"),
        make("th", { scope: "col", class: "cordviz-value" }, "CSA (mm²)"),
        make("th", { scope: "col", colspan: 2 }, "Error against truth"))),
      make("tbody", {}, ...Object.entries(this.rows).map(([name, row]) =>
        make("tr", { "data-row": name }, make("th", { scope: "row" }, row.chip), row.area,
          make("td", { class: "cordviz-error" }, name === "truth" ? "" : make("div", {}, row.bar)), row.error))));
    this.caption = make("div", { class: "cordviz-hint" });

    this.guesses = Object.entries(families).map(([name, looks]) =>
      button(name, looks, () => this.set({ told: name, revealed: true }), { "data-told": name }));
    this.reveal = button("Show me", "Show what the picture suggests", () => this.set({ revealed: true }));
    this.follow = button("Follow the suggestion", "Tell the methods what the picture suggests",
      () => this.set({ told: "auto" }));
    this.verdict = make("div", { class: "cordviz-verdict", role: "status" });
    const quiz = make("fieldset", { class: "cordviz-quiz" },
      make("legend", {}, "Which contrast would you tell propagation and the specific network?"),
      make("div", { class: "cordviz-bar" }, ...this.guesses, this.reveal, this.follow), this.verdict);

    this.knobs = Object.fromEntries(Object.entries(knobs).map(([name, [title, unit]]) => {
      const slider = make("input", {
        type: "range", min: 0, max: STEPS, step: 1, "aria-label": title, "data-knob": name,
        oninput: () => this.set({ [name]: this.valueAt(name, Number(slider.value)) }),
      });
      const number = make("input", {
        type: "number", step: "any", "aria-label": `${title}${unit && ` in ${unit}`}`,
        onchange: () => this.type(name, number.valueAsNumber), // NaN where it is empty
        onkeydown: (event) => event.key === "Enter" && this.type(name, number.valueAsNumber),
      });
      const row = make("div", { class: "cordviz-knob" }, make("span", {}, title), slider, number, make("span", { class: "cordviz-unit" }, unit));
      return [name, { slider, number, row }];
    }));
    this.mt = make("input", { type: "checkbox", onchange: () => this.set({ mt: this.mt.checked }) });
    this.mtRow = make("label", { class: "cordviz-knob cordviz-switch" }, make("span", {}, "MT pulse"), this.mt);
    this.legend = make("legend", {});
    const own = ["tr_ms", "te_ms", "ti_ms", "flip_deg", "b_s_mm2"].map((name) => this.knobs[name].row);
    const shared = ["field_t", "voxel_mm", "thickness_mm", "snr"].map((name) => this.knobs[name].row);
    this.effects = Object.fromEntries(Object.entries(effects).map(([name, title]) => {
      const box = make("input", { type: "checkbox", "data-effect": name, onchange: () =>
        this.set({ effects: flipped(this.get("effects"), name, Object.keys(effects)) }) });
      return [name, { box, row: make("label", { class: "cordviz-effect" }, box, title) }];
    }));
    const all = (title, names) => button(title, `${title} effects`, () => this.set({ effects: names }));
    const controls = make("div", {}, quiz,
      make("fieldset", {}, this.legend, ...own, this.mtRow),
      make("fieldset", {}, make("legend", {}, "Field, sampling, noise"), ...shared),
      make("fieldset", {}, make("legend", {}, "Effects of a real scan"),
        make("div", { class: "cordviz-effects" }, ...Object.values(this.effects).map(({ row }) => row)),
        make("div", { class: "cordviz-bar" }, all("All", Object.keys(effects)), all("None", []))));
    this.warning = make("div", { class: "cordviz-warning", role: "alert" });
    const left = make("div", { class: "cordviz-result" }, this.stage, this.tools, this.table, this.caption);
    this.mount(el, {
      class: "cordviz-viewer cordviz-explorer", role: "group", "aria-label": "Contrast explorer", "data-settled": "false",
    }, toolbar, this.warning, make("div", { class: "cordviz-columns" }, left, controls));
  }

  /** Controls show what the traits are. */
  refresh() {
    const { preset, about } = this;
    const ranges = about.ranges[preset.kind];
    for (const one of this.presets) press(one, one.dataset.preset === this.get("contrast"));
    this.legend.textContent = `Sequence: ${preset.sequence}`;
    for (const [name, { slider, number, row }] of Object.entries(this.knobs)) {
      const used = name in ranges;
      row.classList.toggle("cordviz-unused", !used);
      row.title = used ? "" : `A ${preset.sequence} has none`;
      slider.disabled = number.disabled = !used;
      if (used) slider.value = this.placeOf(name, this.get(name));
      if (document.activeElement !== number) number.value = used ? this.get(name) : "";
      if (used) [number.min, number.max] = ranges[name];
      slider.setAttribute("aria-valuetext", `${this.get(name)} ${about.knobs[name][1]}`);
    }
    this.mt.checked = this.get("mt");
    this.mt.disabled = preset.kind !== "gre";
    this.mtRow.classList.toggle("cordviz-unused", this.mt.disabled);
    for (const [name, { box, row }] of Object.entries(this.effects)) {
      const can = preset.effects.includes(name);
      box.checked = this.get("effects").includes(name);
      box.disabled = !can;
      row.classList.toggle("cordviz-unused", !can);
      row.title = can ? "" : `A ${preset.sequence} has none`;
    }
    press(this.zoomButton, this.get("zoom"));
    this.warning.textContent = this.get("message");
    this.warning.hidden = !this.get("message");
    this.stage.classList.toggle("cordviz-stale", Boolean(this.get("message")));
    this.caption.textContent = `One ${this.get("thickness_mm")} mm slice ${placeName(about.level)}, the methods are told where the cord is; ` +
      "area in the plane of the slice.";
    this.updateAreas();
    this.updateQuiz();
    this.root.dataset.settled = String(!this.timer && ORDER.every((method) => method in this.get("areas")));
    this.draw();
  }

  updateAreas() {
    const areas = this.get("areas");
    if ("truth" in areas) this.truth = areas.truth;
    for (const [name, { chip, area, bar, error }] of Object.entries(this.rows)) {
      press(chip, this.get("shown").includes(name));
      const known = name in areas;
      if (known) this.last[name] = areas[name];
      const value = this.last[name];
      const row = area.parentElement;
      row.classList.toggle("cordviz-old", !known);
      if (value === undefined) area.textContent = "…";
      else area.textContent = value === null ? "not found" : value.toFixed(1);
      if (name === "truth") continue;
      const percent = value == null ? null : (value / this.truth - 1) * 100;
      error.textContent = percent === null ? "" : signed(percent);
      const length = percent === null ? 0 : clamp(Math.abs(percent) / BAR_PERCENT, 0, 1) * 50;
      bar.style.width = `${length}%`;
      bar.style.left = percent < 0 ? `${50 - length}%` : "50%";
    }
  }

  updateQuiz() {
    const [told, revealed, seen] = [this.get("told"), this.get("revealed"), this.get("suggestion")];
    for (const one of this.guesses) {
      press(one, one.dataset.told === (told === "auto" && revealed ? seen.family : told));
    }
    this.reveal.hidden = revealed;
    this.follow.hidden = told === "auto";
    if (!revealed || !seen.family) {
      this.verdict.textContent = "Guess from the picture. Until then both are told the closest match.";
      return;
    }
    const right = told === "auto" ? "" : told === seen.family ? "Yes. " : `You told ${told}. `;
    this.verdict.textContent = `${right}The picture suggests ${seen.family}: ${seen.why}.` +
      (told === "auto" || told === seen.family ? "" : " See what that did to the two outlines.");
  }

  // Knobs

  load(name) {
    const values = this.about.presets[name];
    const knobs = Object.fromEntries([...Object.keys(this.about.knobs), "mt"].map((knob) => [knob, values[knob]]));
    // all of it, so that a knob turned next is not undone by a preset that comes after it
    this.set({ contrast: name, told: "auto", revealed: false, ...knobs });
  }

  showHide(name) {
    this.set({ shown: flipped(this.get("shown"), name, Object.keys(this.about.outlines)) });
  }

  type(name, value) {
    const [low, high] = this.about.ranges[this.preset.kind][name];
    if (Number.isFinite(value)) this.set({ [name]: clamp(value, low, high) });
    this.later();
  }

  valueAt(name, place) {
    const [low, high] = this.about.ranges[this.preset.kind][name];
    const part = place / STEPS;
    const value = this.about.knobs[name][2] ? low * (high / low) ** part : low + part * (high - low);
    return clamp(Number(value.toPrecision(value < 1 ? 2 : 3)), low, high);
  }

  placeOf(name, value) {
    const [low, high] = this.about.ranges[this.preset.kind][name];
    const part = this.about.knobs[name][2] ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return Math.round(clamp(part, 0, 1) * STEPS);
  }

  // Picture

  draw() {
    const side = this.stage.clientWidth;
    if (!this.picture || side < 40) return;
    const { grey, shape: [rows, columns], spacing, centre } = this.picture;
    const zoom = this.get("zoom");
    const shown = Object.keys(this.about.outlines).filter((name) => this.masks[name] && this.get("shown").includes(name));
    paintSlice(this.canvas, side, {
      rgba: greyPixels(grey, [0, 255]), rows, columns, spacing,
      centre: zoom ? centre : [(columns - 1) / 2, (rows - 1) / 2],
      half: zoom ? HALF_MM : Math.max(rows * spacing[1], columns * spacing[0]) / 2,
      title: this.preset.title,
      lines: shown.map((name) => ({
        path: (this.lines[name] ??= outline(this.masks[name], columns, rows)),
        colour: this.about.colours[name],
        width: name === "truth" ? 3.4 : 1.8, // under the others, and still in view
      })),
    });
    const areas = Object.entries(this.last).map(([name, value]) => `${this.about.outlines[name]} ${value?.toFixed(1) ?? "not found"}`);
    this.canvas.setAttribute("aria-label", `Simulated ${this.preset.title} slice; area in mm²: ${areas.join(", ")}`);
    this.root.dataset.version = this.picture.version;
  }
}

/** 3.5 → in the middle of C3, 3 → at disc C2/C3. */
function placeName(level) {
  const whole = Math.floor(level + 1e-6);
  if (Math.abs(level - whole) < 0.05) return whole < 2 ? "at the top of C1" : `at disc ${levelName(whole - 1)}/${levelName(whole)}`;
  const part = level - whole;
  return `in ${part < 0.35 ? "upper" : part > 0.65 ? "lower" : "the middle of"} ${levelName(whole)}`;
}

export default show(Explorer);
