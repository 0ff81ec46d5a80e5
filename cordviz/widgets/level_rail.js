// The vertebral levels beside the planes of a slice viewer: a band each, a pointer at the slice.

const RAIL_PX = 46;

class Rail {
  constructor(viewer) {
    this.viewer = viewer;
    this.canvas = make("canvas", { class: "cordviz-rail", "aria-hidden": "true", onpointerdown: (event) => this.slide(event) });
  }

  /** Takes a height in px; returns the width, 0 where no level is known. */
  resize(height) {
    this.height = height;
    this.canvas.hidden = !this.viewer.get("levels").some(Boolean);
    Object.assign(this.canvas.style, { width: `${RAIL_PX}px`, height: `${height}px` });
    return this.canvas.hidden ? 0 : RAIL_PX;
  }

  /** Voxel (along z) to px down the rail: beside a cut along the cord, its rows. */
  y(z) {
    if (this.panel) return this.panel.toScreen(0, z)[1];
    return this.height - 8 - ((z + 0.5) / this.viewer.about.dims[Z]) * (this.height - 16);
  }

  draw(panel) {
    this.panel = panel;
    if (this.canvas.hidden) return;
    const { about, cursor, local, root } = this.viewer;
    const levels = this.viewer.get("levels");
    const colour = (name) => getComputedStyle(root).getPropertyValue(name);
    const ctx = contextOf(this.canvas, RAIL_PX, this.height);
    ctx.clearRect(0, 0, RAIL_PX, this.height);
    const [first, count] = [about.origin[Z], about.dims[Z]];
    ctx.font = `600 12px ${FONT}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (let start = 0, end; start < count; start = end) {
      const level = levels[first + start];
      for (end = start + 1; end < count && levels[first + end] === level; ) end++;
      if (!level) continue;
      const [bottom, top] = [this.y(start - 0.5), this.y(end - 0.5)];
      const active = level === levels[cursor[Z]];
      ctx.fillStyle = colour(active ? "--cv-active" : level % 2 ? "--cv-band" : "--cv-band-2");
      ctx.fillRect(10, top, RAIL_PX - 10, bottom - top - 1);
      if (bottom - top < 12) continue;
      ctx.fillStyle = colour(active ? "--cv-on-active" : "--cv-text");
      ctx.fillText(levelName(level), 10 + (RAIL_PX - 10) / 2, (top + bottom) / 2);
    }
    const y = this.y(local[Z]);
    ctx.fillStyle = colour("--cv-text");
    ctx.beginPath();
    ctx.moveTo(9, y);
    ctx.lineTo(1, y - 5);
    ctx.lineTo(1, y + 5);
    ctx.fill();
  }

  slide(event) {
    const move = (to) => {
      const y = to.clientY - this.canvas.getBoundingClientRect().top;
      const { origin, dims } = this.viewer.about;
      const z = clamp(Math.round((y - this.y(0)) / (this.y(1) - this.y(0))), 0, dims[Z] - 1);
      this.viewer.step(Z, z + origin[Z] - this.viewer.cursor[Z]);
    };
    move(event);
    drag(this.canvas, event, move);
  }
}
