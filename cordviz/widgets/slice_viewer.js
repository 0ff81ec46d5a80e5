// Slices of a volume with masks: panels, toolbar, keys. Python owns the traits; the volume comes
// once in a message, so that it is never saved with the notebook.

const X = 0, Y = 1, Z = 2;
const FRAMES_PER_S = 12;
const MARGIN_MM = 12; // kept around the cord in cuts along it
const GAP = 4; // px between panels, as in the style sheet
const NARROW = 560; // px: below, three planes need two rows

/** One plane on its own canvas. */
class Panel {
  constructor(viewer, name) {
    this.viewer = viewer;
    this.name = name;
    this.plane = PLANES[name];
    this.outlines = new Map();
    this.canvas = make("canvas", {
      class: "cordviz-panel",
      tabindex: 0,
      role: "slider",
      "aria-label": `${this.plane.title} plane`,
      "aria-orientation": "vertical",
      "aria-valuemin": 0,
      "data-plane": name,
      onwheel: (event) => this.wheel(event),
      onkeydown: (event) => this.key(event),
      onpointerdown: (event) => this.press(event),
      onpointermove: (event) => this.hover(event),
      onpointerleave: () => viewer.readOut(),
      oncontextmenu: (event) => {
        event.preventDefault(); // the right button drags brightness
        event.stopPropagation();
      },
    });
    this.ctx = this.canvas.getContext("2d");
    this.image = document.createElement("canvas");
  }

  resize(width, height) {
    const ratio = window.devicePixelRatio || 1;
    [this.width, this.height] = [width, height];
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.ratio = ratio;
  }

  get index() {
    return this.viewer.local[this.plane.across];
  }

  get flip() {
    // sagittal: anterior on the left; the others: right on the left if radiological
    if (this.name === "sagittal") return true;
    return this.viewer.get("convention") === "neurological";
  }

  /** What must be in view: centre in voxels of the volume, and half widths in mm. */
  get field() {
    const { about, local } = this.viewer;
    const { across, column, row } = this.plane;
    const [dims, spacing] = [about.dims, about.spacing];
    const axes = [column, row];
    if (this.viewer.get("zoom_to_cord") && about.centres) {
      if (across === Z) return { centre: about.centres[local[Z]], half: [about.half_mm, about.half_mm] };
      return {
        centre: axes.map((axis) => (about.extent[axis][0] + about.extent[axis][1]) / 2),
        half: axes.map((axis) => {
          const [low, high] = about.extent[axis];
          return ((high - low + 1) / 2) * spacing[axis] + (axis === Z ? 4 : MARGIN_MM);
        }),
      };
    }
    return {
      centre: axes.map((axis) => (dims[axis] - 1) / 2),
      half: axes.map((axis) => (dims[axis] * spacing[axis]) / 2),
    };
  }

  /** Sets the px per mm; panels along the cord share theirs, so that their rows agree. */
  fit(limit = Infinity) {
    const { half } = this.field;
    this.scale = Math.min(this.width / 2 / half[0], this.height / 2 / half[1], limit);
    return this.scale;
  }

  get pixel() {
    const { spacing } = this.viewer.about;
    return [spacing[this.plane.column] * this.scale, spacing[this.plane.row] * this.scale];
  }

  /** From voxels (column and row axis, fractional) to px of the panel, and back. */
  toScreen(column, row) {
    const { centre } = this.field;
    const [dx, dy] = this.pixel;
    const side = this.flip ? -1 : 1;
    return [this.width / 2 + side * (column - centre[0]) * dx, this.height / 2 - (row - centre[1]) * dy];
  }

  toVoxel(x, y) {
    const { centre } = this.field;
    const [dx, dy] = this.pixel;
    const side = this.flip ? -1 : 1;
    return [centre[0] + (side * (x - this.width / 2)) / dx, centre[1] - (y - this.height / 2) / dy];
  }

  paint() {
    const { viewer, plane, image } = this;
    const { dims } = viewer.about;
    const state = [this.index, this.flip, viewer.window255, viewer.get("opacity"), viewer.layers, viewer.pair];
    if (same(state, this.painted)) return;
    this.painted = state;
    const [width, height] = [dims[plane.column], dims[plane.row]];
    const cut = (voxels) => cutPlane(voxels, dims, plane, this.index, this.flip);
    const rgba = greyPixels(cut(viewer.volume.grey), viewer.window255);
    const opacity = viewer.get("opacity");
    const masks = Object.fromEntries(viewer.layers.map((name) => [name, cut(viewer.volume.masks[name])]));
    if (viewer.pair) {
      const [a, b] = viewer.pair.map((name) => cut(viewer.volume.masks[name]));
      const strength = Math.max(opacity, 0.25) * 1.6; // a difference is what one asked to see
      tint(rgba, rgbOf(viewer.colourOf(viewer.pair[0])), (i) => Math.min((strength * (a[i] - b[i])) / 250, 1));
      tint(rgba, rgbOf(viewer.colourOf(viewer.pair[1])), (i) => Math.min((strength * (b[i] - a[i])) / 250, 1));
    } else if (opacity > 0) {
      for (const [name, mask] of Object.entries(masks)) {
        tint(rgba, rgbOf(viewer.colourOf(name)), (i) => (opacity * mask[i]) / 250);
      }
    }
    if (image.width !== width || image.height !== height) [image.width, image.height] = [width, height];
    const bytes = new Uint8ClampedArray(rgba.buffer);
    image.getContext("2d").putImageData(new ImageData(bytes, width, height), 0, 0);
    if (this.outlines.size > 400) this.outlines.clear();
    this.lines = Object.entries(masks).map(([name, mask]) => {
      const key = `${name}|${this.index}|${this.flip}`;
      if (!this.outlines.has(key)) this.outlines.set(key, outline(mask, width, height));
      return [viewer.colourOf(name), this.outlines.get(key)];
    });
  }

  draw() {
    this.paint();
    const { ctx, viewer, plane, width, height } = this;
    const { about, local } = viewer;
    const [dx, dy] = this.pixel;
    const [columns, rows] = [about.dims[plane.column], about.dims[plane.row]];
    const corner = this.toScreen(this.flip ? columns - 0.5 : -0.5, rows - 0.5);
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.fillStyle = "#000";
    ctx.fillRect(0, 0, width, height);
    ctx.imageSmoothingEnabled = false; // voxels as they are
    ctx.drawImage(this.image, ...corner, columns * dx, rows * dy);
    if (viewer.get("contours")) {
      ctx.lineWidth = 1.8;
      ctx.lineCap = "round";
      for (const [colour, line] of this.lines) {
        const placed = new Path2D();
        placed.addPath(line, new DOMMatrix([dx, 0, 0, dy, ...corner]));
        ctx.strokeStyle = colour;
        ctx.stroke(placed);
      }
    }
    const [x, y] = this.toScreen(local[plane.column], local[plane.row]);
    if (viewer.get("crosshair")) this.drawCross(x, y);
    viewer.decorate(this);
    this.drawFrame();
    const last = about.dims[plane.across] - 1 + about.origin[plane.across];
    const index = viewer.cursor[plane.across];
    this.canvas.setAttribute("aria-valuemax", last);
    this.canvas.setAttribute("aria-valuenow", index);
    this.canvas.setAttribute("aria-valuetext", `${plane.title} slice ${index}${viewer.levelText(plane)}`);
  }

  drawCross(x, y) {
    const { ctx, width, height } = this;
    const gap = 9; // leaves the voxel itself in view
    ctx.lineWidth = 1;
    ctx.strokeStyle = "rgba(255,255,255,0.55)";
    ctx.beginPath();
    for (const [x0, y0, x1, y1] of [
      [0, y, x - gap, y], [x + gap, y, width, y], [x, 0, x, y - gap], [x, y + gap, x, height],
    ]) {
      ctx.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
      ctx.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
    }
    ctx.stroke();
  }

  /** Sides, slice number, scale bar. */
  drawFrame() {
    const { ctx, viewer, plane, width, height } = this;
    const [low, high] = LETTERS[plane.column];
    const [bottom, top] = LETTERS[plane.row];
    writeSides(ctx, width, height, [...(this.flip ? [high, low] : [low, high]), top, bottom]);
    ctx.font = `12px ${FONT}`;
    const number = viewer.cursor[plane.across];
    const title = width < 130 ? "" : width < 190 ? plane.title.slice(0, 3) : plane.title; // beside the S
    write(ctx, `${title} ${number}${width < 190 ? "" : viewer.levelText(plane)}`.trim(), 8, 7, "left", "top");
    const length = [50, 20, 10, 5, 2, 1].find((mm) => mm * this.scale < width / 3.2) ?? 1;
    drawScaleBar(ctx, height, length * this.scale, `${length} mm`);
  }

  wheel(event) {
    event.preventDefault(); // the page must stay where it is
    const px = event.deltaMode === 0 ? event.deltaY : event.deltaY * 40;
    this.rolled = (this.rolled ?? 0) + px;
    if (Math.abs(px) >= 40) this.rolled = Math.sign(px) * 40; // a notch of a mouse wheel
    const steps = Math.trunc(this.rolled / 40);
    this.rolled -= steps * 40;
    if (steps) this.viewer.step(this.plane.across, -steps);
  }

  key(event) {
    const { across, column, row } = this.plane;
    const side = this.flip ? -1 : 1;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = event.shiftKey
      ? { ArrowUp: [row, 1], ArrowDown: [row, -1], ArrowLeft: [column, -side], ArrowRight: [column, side] }
      : {
          ArrowUp: [across, 1], ArrowDown: [across, -1], ArrowRight: [across, 1], ArrowLeft: [across, -1],
          PageUp: [across, 10], PageDown: [across, -10], Home: [across, -1e9], End: [across, 1e9],
        };
    if (moves[event.key]) this.viewer.step(...moves[event.key]);
    else if (!this.viewer.shortcut(event.key)) return;
    event.preventDefault();
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(event) {
    this.canvas.focus({ preventScroll: true });
    const brightness = event.button === 2 || event.shiftKey;
    if (event.button !== 0 && !brightness) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    const [x, y] = this.at(event);
    const [low, high] = this.viewer.get("window");
    const [bottom, top] = this.viewer.about.range;
    const grabbed = brightness ? null : this.viewer.grab(this, x, y);
    const move = (to) => {
      const [u, v] = this.at(to);
      if (grabbed) grabbed.move(u, v);
      else if (brightness) {
        // right: more contrast; up: brighter
        const unit = (top - bottom) / 300;
        const half = Math.max((high - low) / 2 - ((u - x) * unit) / 2, unit / 2);
        const middle = (low + high) / 2 + (v - y) * unit;
        this.viewer.set({ window: [middle - half, middle + half] });
      } else this.viewer.pick(this, u, v);
    };
    const release = () => {
      this.canvas.removeEventListener("pointermove", move);
      if (grabbed) grabbed.drop?.();
    };
    if (!grabbed) move(event);
    this.canvas.addEventListener("pointermove", move);
    this.canvas.addEventListener("pointerup", release, { once: true });
    this.canvas.addEventListener("pointercancel", release, { once: true });
  }

  /** Voxel of the volume under (x, y), or null outside. */
  voxelAt(x, y) {
    const voxel = [...this.viewer.local];
    [voxel[this.plane.column], voxel[this.plane.row]] = this.toVoxel(x, y).map(Math.round);
    const inside = voxel.every((at, axis) => at >= 0 && at < this.viewer.about.dims[axis]);
    return inside ? voxel : null;
  }

  hover(event) {
    const voxel = this.viewer.volume && this.voxelAt(...this.at(event));
    if (voxel) this.viewer.readOut(voxel);
  }
}

class Viewer extends View {
  constructor({ model, el }) {
    super(model);
    this.el = el;
    this.panels = Object.fromEntries(Object.keys(PLANES).map((name) => [name, new Panel(this, name)]));
    this.build();
    this.listen({
      ...Object.fromEntries(this.traits.map((name) => [`change:${name}`, () => this.changed(name)])),
      "msg:custom": (message, buffers) => this.receive(message, buffers),
    });
    this.observer = new ResizeObserver(() => this.layout());
    this.observer.observe(this.root);
    model.send({ wants: "volume" });
  }

  remove() {
    super.remove();
    clearInterval(this.timer);
  }

  get traits() {
    return [
      "slice", "_point", "planes", "shown", "difference", "opacity", "window", "contours", "crosshair",
      "zoom_to_cord", "playing", "levels", "convention", "height",
    ];
  }

  changed(name) {
    if (name === "playing") this.play();
    this.moved ||= ["planes", "levels", "height", "zoom_to_cord"].includes(name);
    this.later();
  }

  refresh() {
    if (this.moved) this.layout();
    else this.draw();
    this.moved = false;
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
    const toggle = (label, trait, title) =>
      button(label, title, () => this.set({ [trait]: !this.get(trait) }), { "data-toggle": trait });
    this.chips = names.map((name) =>
      chip(name, this.colourOf(name), () => this.showHide(name), { "data-mask": name }));
    this.planePicker = make("select", {
      "aria-label": "Planes", class: "cordviz-planes",
      onchange: (event) => this.set({ planes: event.target.value }),
    }, ...["axial", "sagittal", "coronal", "linked"].map((name) =>
      make("option", { value: name }, name === "linked" ? "Three planes" : PLANES[name].title)));
    this.compare = button("Difference", "Where only one of the two masks is (d)", () => this.toggleDifference());
    this.opacity = make("input", {
      type: "range", min: 0, max: 1, step: 0.05, "aria-label": "Opacity of the masks", class: "cordviz-opacity",
      oninput: (event) => this.set({ opacity: Number(event.target.value) }),
    });
    this.toggles = [
      ...(names.length ? [toggle("Contours", "contours", "Lines where a mask is 0.5 (c)")] : []),
      toggle("Crosshair", "crosshair", "Crosshair (x)"),
      ...(centres ? [toggle("Zoom", "zoom_to_cord", "Zoom to the cord (z)")] : []),
    ];
    this.playButton = button("▶", "Play (space)", () => this.set({ playing: !this.get("playing") }),
      { class: "cordviz-button cordviz-play" });
    this.slider = make("input", {
      type: "range", step: 1, class: "cordviz-slider",
      oninput: (event) => this.step(this.axis, Number(event.target.value) - this.cursor[this.axis]),
    });
    this.number = make("output", { class: "cordviz-number" });
    this.rail = make("canvas", { class: "cordviz-rail", "aria-hidden": "true", onpointerdown: (e) => this.slide(e) });
    this.stage = make("div", { class: "cordviz-stage" },
      ...Object.values(this.panels).map((panel) => panel.canvas), this.rail);
    this.status = make("div", { class: "cordviz-status" }, "Waiting for the kernel …");
    this.line = make("div", { class: "cordviz-readout" });
    this.spoken = make("div", { class: "cordviz-spoken", "aria-live": "polite" });
    this.tools = make("div", { class: "cordviz-bar", role: "toolbar", "aria-label": "Display" },
      this.planePicker, ...this.chips,
      ...(names.length > 1 ? [this.compare] : []), ...this.toggles,
      ...(names.length ? [make("label", { class: "cordviz-label" }, "Opacity", this.opacity)] : []),
      make("span", { class: "cordviz-space" }),
      button("Reset", "Reset brightness (r)", () => this.set({ window: [...this.about.window] })),
      button("PNG", "Save what is in view as PNG", () => this.snapshot()));
    this.travel = make("div", { class: "cordviz-bar cordviz-travel" }, this.playButton, this.slider, this.number);
    this.root = make("div", {
      class: "cordviz-viewer", role: "group", "aria-label": this.about.title, "data-state": "waiting",
      "data-lm-suppress-shortcuts": "true", // JupyterLab would cut the cell on x
    }, this.tools, this.stage, this.travel, this.line, this.status, this.spoken);
    this.el.append(this.root);
  }

  layout() {
    const total = this.stage.clientWidth;
    if (!this.volume || total < 50) return;
    const visible = this.visible;
    const height = this.get("height");
    const rail = this.get("levels").some(Boolean) ? 46 : 0;
    const beside = (count) => total - (rail ? rail + GAP : 0) - GAP * (count - 1);
    const size = {};
    if (visible.length > 1 && total < NARROW) {
      const half = Math.floor(beside(2) / 2); // the axial plane above the other two
      Object.assign(size, { axial: [total, Math.min(height, total)], sagittal: [half, height], coronal: [half, height] });
    } else {
      const room = beside(visible.length);
      let left = room;
      for (const name of ["coronal", "sagittal", "axial"].filter((one) => visible.includes(one))) {
        const { half } = this.panels[name].field;
        const ideal = (half[0] / half[1]) * height;
        let width = clamp(ideal, 0.17 * room, 0.33 * room);
        if (name === "axial") width = Math.min(left, 1.7 * height);
        else if (visible.length === 1) width = clamp(1.1 * ideal, 240, room);
        size[name] = [Math.floor(width), height];
        left -= width;
      }
    }
    for (const [name, panel] of Object.entries(this.panels)) {
      panel.canvas.hidden = !visible.includes(name);
      if (!panel.canvas.hidden) panel.resize(...size[name]);
    }
    this.rail.hidden = !rail;
    const ratio = window.devicePixelRatio || 1;
    [this.rail.width, this.rail.height] = [Math.round(rail * ratio), Math.round(height * ratio)];
    [this.rail.style.width, this.rail.style.height] = [`${rail}px`, `${height}px`];
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
    this.drawRail(along[0]);
    this.update();
    this.readOut();
  }

  /** Voxel (along z) to px down the rail: beside a cut along the cord, its rows. */
  railY(z, panel) {
    if (panel) return panel.toScreen(0, z)[1];
    const [dims, height] = [this.about.dims[Z], this.get("height")];
    return height - 8 - ((z + 0.5) / dims) * (height - 16);
  }

  drawRail(panel) {
    this.railPanel = panel;
    if (this.rail.hidden) return;
    const ctx = this.rail.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    const style = getComputedStyle(this.root);
    const [width, height] = [this.rail.width / ratio, this.get("height")];
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    const levels = this.get("levels");
    const [first, count] = [this.about.origin[Z], this.about.dims[Z]];
    ctx.font = `600 12px ${FONT}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (let start = 0, end; start < count; start = end) {
      const level = levels[first + start];
      for (end = start + 1; end < count && levels[first + end] === level; ) end++;
      if (!level) continue;
      const [bottom, top] = [this.railY(start - 0.5, panel), this.railY(end - 0.5, panel)];
      const active = level === levels[this.cursor[Z]];
      ctx.fillStyle = style.getPropertyValue(active ? "--cv-active" : level % 2 ? "--cv-band" : "--cv-band-2");
      ctx.fillRect(10, top, width - 10, bottom - top - 1);
      if (bottom - top < 12) continue;
      ctx.fillStyle = style.getPropertyValue(active ? "--cv-on-active" : "--cv-text");
      ctx.fillText(levelName(level), 10 + (width - 10) / 2, (top + bottom) / 2);
    }
    const y = this.railY(this.local[Z], panel);
    ctx.fillStyle = style.getPropertyValue("--cv-text");
    ctx.beginPath();
    ctx.moveTo(9, y);
    ctx.lineTo(1, y - 5);
    ctx.lineTo(1, y + 5);
    ctx.fill();
  }

  slide(event) {
    this.rail.setPointerCapture(event.pointerId);
    const move = (to) => {
      const y = to.clientY - this.rail.getBoundingClientRect().top;
      const [zero, one] = [this.railY(0, this.railPanel), this.railY(1, this.railPanel)];
      const z = clamp(Math.round((y - zero) / (one - zero)), 0, this.about.dims[Z] - 1);
      this.step(Z, z + this.about.origin[Z] - this.cursor[Z]);
    };
    move(event);
    this.rail.addEventListener("pointermove", move);
    this.rail.addEventListener("pointerup", () => this.rail.removeEventListener("pointermove", move), { once: true });
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
    const { dims, origin, affine, range, names } = this.about;
    const full = voxel.map((at, axis) => at + origin[axis]);
    const mm = [0, 1, 2].map((r) => full.reduce((sum, at, c) => sum + affine[r][c] * at, affine[r][3]));
    // the world is RAS+: positive is right, anterior, superior
    const letters = ["RL", "AP", "SI"].map((pair, axis) => pair[mm[axis] >= 0 ? 0 : 1]);
    const place = letters.map((letter, axis) => `${letter} ${Math.abs(mm[axis]).toFixed(1)}`).join("  ");
    const at = voxel[0] + dims[0] * (voxel[1] + dims[1] * voxel[2]);
    const grey = this.volume.grey[at];
    const value = range[0] + (grey / 255) * (range[1] - range[0]);
    const digits = clamp(2 - Math.floor(Math.log10(range[1] - range[0])), 0, 6);
    const sign = grey === 255 ? "≥" : grey === 0 ? "≤" : "≈"; // one of 256 steps
    const parts = this.layers.map((name) => `${name} ${(this.volume.masks[name][at] / 250).toFixed(2)}`);
    const words = [`${place} mm`, `intensity ${sign} ${value.toFixed(digits)}`, ...parts];
    this.line.replaceChildren(
      make("span", { class: "cordviz-where" }, words.join("   ·   ")),
      make("span", { class: "cordviz-convention" },
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
    const flip = (trait) => this.set({ [trait]: !this.get(trait) });
    const actions = {
      " ": () => flip("playing"),
      c: () => flip("contours"),
      x: () => flip("crosshair"),
      ...(this.about.centres && { z: () => flip("zoom_to_cord") }),
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
    if (!this.volume || !this.get("playing")) return;
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
    const whole = document.createElement("canvas");
    const gap = 8;
    whole.width = shown.reduce((sum, canvas) => sum + canvas.width + gap, -gap);
    whole.height = Math.max(...shown.map((canvas) => canvas.height));
    const ctx = whole.getContext("2d");
    ctx.fillStyle = getComputedStyle(this.root).getPropertyValue("--cv-paper");
    ctx.fillRect(0, 0, whole.width, whole.height);
    let x = 0;
    for (const canvas of shown) {
      ctx.drawImage(canvas, x, 0);
      x += canvas.width + gap;
    }
    download(whole.toDataURL("image/png"), `cordviz_slice-${this.get("slice")}.png`);
  }

  // For tools built on the viewer

  /** Draw more on a panel. */
  decorate(_panel) {}

  /** What lies under the pointer and can be dragged: {move(x, y), drop()}, or null. */
  grab(_panel, _x, _y) {
    return null;
  }
}
