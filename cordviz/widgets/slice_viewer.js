// Slices of a volume with masks: toolbar, layout, keys. Python owns the traits; the volume comes
// once in a message, so that it is never saved with the notebook.

const X = 0, Y = 1, Z = 2;
const FRAMES_PER_S = 12;

class Viewer extends View {
  constructor({ model, el }) {
    super(model);
    this.el = el;
    this.panels = Object.fromEntries(Object.keys(PLANES).map((name) => [name, new Panel(this, name)]));
    this.build();
    this.listen({
      ...this.onChange(this.traits, (name) => this.changed(name)),
      "msg:custom": (message, buffers) => this.receive(message, buffers),
    });
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.root);
    model.send({ wants: "volume" });
  }

  remove() {
    super.remove();
    clearInterval(this.timer);
    for (const other of this.peers) other.play(); // one of them goes on
  }

  get traits() {
    return [
      "slice", "_point", "planes", "shown", "difference", "opacity", "window", "contours", "crosshair",
      "zoom_to_cord", "playing", "levels", "convention", "height",
    ];
  }

  changed(name) {
    if (["playing", "planes"].includes(name)) this.play();
    this.moved ||= ["planes", "levels", "height", "zoom_to_cord"].includes(name);
    this.later();
  }

  refresh() {
    if (this.moved) this.layout();
    else this.draw();
    this.moved = false;
  }

  themed() {
    this.draw();
  }

  get cursor() {
    return [...this.get("_point"), this.get("slice")];
  }

  set cursor(cursor) {
    if (!same(cursor, this.cursor)) this.set({ _point: cursor.slice(0, 2), slice: cursor[Z] });
  }

  /** The cursor in voxels of the cropped volume. */
  get local() {
    const { origin, dims } = this.about;
    return this.cursor.map((at, axis) => clamp(at - origin[axis], 0, dims[axis] - 1));
  }

  get layers() {
    return this.get("shown").filter((name) => this.about.names.includes(name));
  }

  get pair() {
    const pair = this.get("difference");
    return pair.length === 2 ? pair : null;
  }

  get window255() {
    const [low, high] = this.about.range;
    return this.get("window").map((value) => (255 * (value - low)) / (high - low));
  }

  colourOf(name) {
    return this.about.colours[this.about.names.indexOf(name)];
  }

  levelText(plane) {
    const level = plane.across === Z ? this.get("levels")[this.cursor[Z]] : 0;
    return level ? ` · ${levelName(level)}` : "";
  }

  /** The planes in view, and the axis that slider and play button move along. */
  get visible() {
    const planes = this.get("planes");
    return planes === "linked" ? Object.keys(PLANES) : [planes];
  }

  get axis() {
    return PLANES[this.visible[0]].across;
  }

  // Data

  async receive(message, buffers) {
    if (message.kind !== "volume" || this.volume) return;
    try {
      const [grey, ...masks] = await Promise.all(buffers.map(gunzip));
      const { names } = this.about;
      this.volume = { grey, masks: Object.fromEntries(names.map((name, i) => [name, masks[i]])) };
    } catch (error) {
      this.status.textContent = `This browser cannot unpack the volume (${error.message}). Use a current one.`;
      return;
    }
    this.ready();
    this.layout();
    this.play();
    this.readOut();
  }

  // Page

  build() {
    const { names, centres } = this.about;
    this.chips = names.map((name) =>
      chip(name, this.colourOf(name), () => this.showHide(name), { "data-mask": name }));
    const single = Object.entries(PLANES).map(([name, { title }]) => [name, title]);
    this.planePicker = chooser("Planes", [...single, ["linked", "Three planes"]], (planes) => this.set({ planes }));
    this.compare = button("Difference", "Where only one of the two masks is (d)", () => this.toggleDifference());
    this.opacity = make("input", {
      type: "range", min: 0, max: 1, step: 0.05, "aria-label": "Opacity of the masks", class: "cordviz-opacity",
      oninput: (event) => this.set({ opacity: Number(event.target.value) }),
    });
    this.toggles = [
      ...(names.length ? [this.toggleButton("Contours", "Lines where a mask is 0.5 (c)", "contours")] : []),
      this.toggleButton("Crosshair", "Crosshair (x)", "crosshair"),
      ...(centres ? [this.toggleButton("Zoom", "Zoom to the cord (z)", "zoom_to_cord")] : []),
    ];
    this.playButton = this.toggleButton("▶", "Play (space)", "playing", { class: "cordviz-button cordviz-play" });
    this.slider = make("input", {
      type: "range", step: 1, class: "cordviz-slider",
      oninput: (event) => this.step(this.axis, Number(event.target.value) - this.cursor[this.axis]),
    });
    this.number = make("output", { class: "cordviz-number" });
    this.rail = new Rail(this);
    this.stage = make("div", { class: "cordviz-stage" },
      ...Object.values(this.panels).map((panel) => panel.canvas), this.rail.canvas);
    this.line = make("div", { class: "cordviz-readout" });
    this.spoken = make("div", { class: "cordviz-spoken", "aria-live": "polite" });
    const tools = make("div", { class: "cordviz-bar", role: "toolbar", "aria-label": "Display" },
      this.planePicker, ...this.chips,
      ...(names.length > 1 ? [this.compare] : []), ...this.toggles,
      ...(names.length ? [make("label", { class: "cordviz-label" }, "Opacity", this.opacity)] : []),
      make("span", { class: "cordviz-space" }),
      button("Reset", "Reset brightness (r)", () => this.set({ window: [...this.about.window] })),
      button("PNG", "Save what is in view as PNG", () => this.snapshot()));
    this.mount(this.el, { class: "cordviz-viewer", role: "group", "aria-label": this.about.title }, tools, this.stage, make("div", { class: "cordviz-bar cordviz-travel" }, this.playButton, this.slider, this.number),
      this.line, this.spoken);
  }

  layout() {
    const total = this.stage.clientWidth;
    if (!this.volume || total < 50) return;
    const visible = this.visible;
    const height = this.get("height");
    const size = sizesOf(this.panels, visible, [total, height], this.rail.resize(height));
    for (const [name, panel] of Object.entries(this.panels)) {
      panel.canvas.hidden = !visible.includes(name);
      if (!panel.canvas.hidden) panel.resize(...size[name]);
    }
    this.draw();
  }

  draw() {
    if (!this.volume || !this.panels[this.visible[0]].width) return;
    const shown = this.visible.map((name) => this.panels[name]);
    const along = shown.filter((panel) => panel.plane.across !== Z);
    const shared = Math.min(...along.map((panel) => panel.fit()));
    for (const panel of shown) {
      panel.fit(along.includes(panel) ? shared : Infinity);
      panel.draw();
    }
    this.rail.draw(along[0]);
    this.update();
    this.readOut();
  }

  /** Controls show what the traits are. */
  update() {
    for (const one of this.toggles) press(one, this.get(one.dataset.toggle));
    for (const one of this.chips) press(one, this.layers.includes(one.dataset.mask));
    press(this.compare, this.pair);
    const [axis, { origin, dims }] = [this.axis, this.about];
    const name = PLANES[this.visible[0]].title;
    Object.assign(this.slider, { min: origin[axis], max: origin[axis] + dims[axis] - 1 });
    this.slider.value = this.cursor[axis];
    this.slider.setAttribute("aria-label", `${name} slice`);
    this.number.textContent = `${name} ${this.cursor[axis]}${this.levelText(PLANES[this.visible[0]])}`;
    this.planePicker.value = this.get("planes");
    this.opacity.value = this.get("opacity");
    this.playButton.textContent = this.get("playing") ? "❚❚" : "▶";
    this.playButton.setAttribute("aria-label", this.get("playing") ? "Pause" : "Play");
  }

  /** Position in mm, intensity and masks at a voxel of the volume; by default at the cursor. */
  readOut(voxel = this.volume && this.local) {
    if (!voxel) return;
    const words = wordsAt(voxel, this.about, this.volume, this.layers);
    this.line.replaceChildren(
      make("span", { class: "cordviz-where" }, words.join("   ·   ")),
      make("span", {},
        `${this.get("convention")}: patient's right on your ${this.get("convention") === "neurological" ? "right" : "left"}`));
    clearTimeout(this.speaking); // screen readers hear where one stops, not every step
    this.speaking = setTimeout(() => {
      this.spoken.textContent = words.join(", ");
    }, 600);
  }

  // Actions

  step(axis, by) {
    const { origin, dims } = this.about;
    const { cursor } = this;
    cursor[axis] = clamp(cursor[axis] + by, origin[axis], origin[axis] + dims[axis] - 1);
    this.cursor = cursor;
  }

  pick(panel, x, y) {
    const { origin, dims } = this.about;
    const { cursor } = this;
    panel.toVoxel(x, y).forEach((at, i) => {
      const axis = [panel.plane.column, panel.plane.row][i];
      cursor[axis] = origin[axis] + clamp(Math.round(at), 0, dims[axis] - 1);
    });
    this.cursor = cursor;
  }

  showHide(name) {
    this.set({ shown: flipped(this.get("shown"), name, this.about.names) });
  }

  toggleDifference() {
    const candidates = this.layers.length > 1 ? this.layers : this.about.names;
    this.set({ difference: this.pair ? [] : candidates.slice(0, 2) });
  }

  shortcut(key) {
    const actions = {
      " ": () => this.flip("playing"),
      c: () => this.flip("contours"),
      x: () => this.flip("crosshair"),
      ...(this.about.centres && { z: () => this.flip("zoom_to_cord") }),
      ...(this.about.names.length > 1 && { d: () => this.toggleDifference() }),
      r: () => this.set({ window: [...this.about.window] }),
      "+": () => this.stretch(0.8),
      "-": () => this.stretch(1.25),
    };
    actions[key]?.();
    return key in actions;
  }

  /** Contrast from the keyboard. */
  stretch(by) {
    const [low, high] = this.get("window");
    const [middle, half] = [(low + high) / 2, ((high - low) / 2) * by];
    this.set({ window: [middle - half, middle + half] });
  }

  play() {
    clearInterval(this.timer);
    const [first] = this.peers; // two timers would cancel each other at the ends
    if (this !== first || !this.volume || !this.get("playing")) return;
    const axis = this.axis;
    const [low, high] = (this.about.extent?.[axis] ?? [0, this.about.dims[axis] - 1]).map(
      (at) => at + this.about.origin[axis]);
    let way = 1;
    this.timer = setInterval(() => {
      const next = this.cursor[axis] + way;
      if (next > high || next < low) way = next > high ? -1 : 1;
      this.step(axis, way);
    }, 1000 / FRAMES_PER_S);
  }

  snapshot() {
    const shown = [...this.stage.children].filter((canvas) => !canvas.hidden);
    const paper = getComputedStyle(this.root).getPropertyValue("--cv-paper");
    download(joined(shown, paper).toDataURL("image/png"), `cordviz_slice-${this.get("slice")}.png`);
  }

  // For tools built on the viewer

  /** Draw more on a panel. */
  decorate(_panel) {}

  /** What a drag from here does with each place of the pointer, or null. */
  grab(_panel, _x, _y) {
    return null;
  }
}
