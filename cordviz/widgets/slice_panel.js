// One plane of a slice viewer: what it shows, and what hands do on it.

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
      onwheel: rolling((steps) => viewer.step(this.plane.across, -steps)),
      onkeydown: (event) => this.key(event),
      onpointerdown: (event) => this.press(event),
      onpointermove: (event) => this.hover(event),
      onpointerleave: () => viewer.readOut(),
      oncontextmenu: (event) => {
        event.preventDefault(); // the right button drags brightness
        event.stopPropagation();
      },
    });
    this.image = document.createElement("canvas");
  }

  resize(width, height) {
    [this.width, this.height] = [width, height];
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
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
      tint(rgba, rgbOf(viewer.colourOf(viewer.pair[0])), (i) => Math.min((strength * (a[i] - b[i])) / ONE, 1));
      tint(rgba, rgbOf(viewer.colourOf(viewer.pair[1])), (i) => Math.min((strength * (b[i] - a[i])) / ONE, 1));
    } else if (opacity > 0) {
      for (const [name, mask] of Object.entries(masks)) {
        tint(rgba, rgbOf(viewer.colourOf(name)), (i) => (opacity * mask[i]) / ONE);
      }
    }
    imageOf(rgba, width, height, image);
    if (this.outlines.size > 400) this.outlines.clear();
    this.lines = Object.entries(masks).map(([name, mask]) => {
      const key = `${name}|${this.index}|${this.flip}`;
      if (!this.outlines.has(key)) this.outlines.set(key, outline(mask, width, height));
      return { path: this.outlines.get(key), colour: viewer.colourOf(name), width: 1.8 };
    });
  }

  draw() {
    this.paint();
    const { viewer, plane, width, height } = this;
    const { about, local } = viewer;
    this.ctx = contextOf(this.canvas, width, height);
    const columns = about.dims[plane.column];
    const corner = this.toScreen(this.flip ? columns - 0.5 : -0.5, about.dims[plane.row] - 0.5);
    const lines = viewer.get("contours") ? this.lines : [];
    paintImage(this.ctx, width, height, { image: this.image, corner, pixel: this.pixel, lines });
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
    const [x, y] = this.at(event);
    const [low, high] = this.viewer.get("window");
    const [bottom, top] = this.viewer.about.range;
    const grabbed = brightness ? null : this.viewer.grab(this, x, y);
    const move = (to) => {
      const [u, v] = this.at(to);
      if (grabbed) grabbed(u, v);
      else if (brightness) {
        // right: more contrast; up: brighter
        const unit = (top - bottom) / 300;
        const half = Math.max((high - low) / 2 - ((u - x) * unit) / 2, unit / 2);
        const middle = (low + high) / 2 + (v - y) * unit;
        this.viewer.set({ window: [middle - half, middle + half] });
      } else this.viewer.pick(this, u, v);
    };
    if (!grabbed) move(event);
    drag(this.canvas, event, move);
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

/** Width and height in px of the planes in view, beside a rail of so many px. */
function sizesOf(panels, visible, [total, height], rail) {
  const beside = (count) => total - (rail ? rail + GAP : 0) - GAP * (count - 1);
  if (visible.length > 1 && total < NARROW) {
    const half = Math.floor(beside(2) / 2); // the axial plane above the other two
    return { axial: [total, Math.min(height, total)], sagittal: [half, height], coronal: [half, height] };
  }
  const room = beside(visible.length);
  const size = {};
  let left = room;
  for (const name of ["coronal", "sagittal", "axial"].filter((one) => visible.includes(one))) {
    const { half } = panels[name].field;
    const ideal = (half[0] / half[1]) * height;
    let width = clamp(ideal, 0.17 * room, 0.33 * room);
    if (name === "axial") width = Math.min(left, 1.7 * height);
    else if (visible.length === 1) width = clamp(1.1 * ideal, 240, room);
    size[name] = [Math.floor(width), height];
    left -= width;
  }
  if (visible.length > 1) { // what the axial plane cannot fill
    for (const name of visible) size[name][0] += Math.floor(left / visible.length);
  }
  return size;
}
