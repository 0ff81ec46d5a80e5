// Discs marked by hand on the sagittal plane; Python turns them into levels.

const REACH = 12; // px within which a mark is taken hold of
const DISC_COLOUR = "#F0E442";

/** 3 → C2/C3. */
function discName(label) {
  return label === 1 ? "above C1" : `${levelName(label - 1)}/${label === 25 ? "S1" : levelName(label)}`;
}

/** The first label from one on that no mark has. */
function freeLabel(marks, label) {
  const taken = new Set(marks.map((mark) => mark[0]));
  while (taken.has(label) && label < 25) label++;
  return label;
}

class DiscLabeller extends Viewer {
  get traits() {
    return [...super.traits, "_marks", "_past", "next_label", "message"];
  }

  build() {
    super.build();
    this.picker = chooser("Next disc", Array.from({ length: 25 }, (_, i) => [i + 1, `${i + 1} · ${discName(i + 1)}`]),
      (label) => this.set({ next_label: Number(label) }));
    this.undoButton = button("Undo", "Undo (u)", () => this.undo());
    this.removeButton = button("Remove", "Remove the disc touched last (Delete)", () => this.take());
    this.hint = make("span", { class: "cordviz-hint", role: "status" });
    this.root.prepend(make("div", { class: "cordviz-bar", role: "toolbar", "aria-label": "Discs" },
      make("label", { class: "cordviz-label" }, "Next disc", this.picker), this.undoButton, this.removeButton, this.hint));
  }

  update() {
    super.update();
    this.picker.value = this.get("next_label");
    this.undoButton.disabled = !this.get("_past").length;
    this.removeButton.disabled = !this.find(this.touched);
    const name = discName(this.get("next_label"));
    this.hint.textContent = this.get("message") || `Click the back of disc ${name}; drag a mark to correct it.`;
    this.hint.classList.toggle("cordviz-warning", Boolean(this.get("message")));
  }

  find(label) {
    return this.get("_marks").find((mark) => mark[0] === label);
  }

  /** A new state of all marks; the old one can be had back. */
  change(marks, others = {}) {
    const past = [...this.get("_past"), this.get("_marks")].slice(-100);
    this.set({ _marks: [...marks].sort((a, b) => a[0] - b[0]), _past: past, ...others });
  }

  place(label, voxel) {
    const others = this.get("_marks").filter((mark) => mark[0] !== label);
    const marks = [...others, [label, ...voxel]];
    this.touched = label;
    this.change(marks, { next_label: freeLabel(marks, label) });
  }

  take() {
    const label = this.touched;
    this.change(this.get("_marks").filter((mark) => mark[0] !== label), { next_label: label });
  }

  undo() {
    const past = [...this.get("_past")];
    if (!past.length) return;
    const marks = past.pop();
    const gone = this.get("_marks").find((mark) => !marks.some((other) => other[0] === mark[0]));
    const next = gone ? gone[0] : freeLabel(marks, this.get("next_label"));
    this.set({ _marks: marks, _past: past, next_label: next });
  }

  /** Voxel of the image in the sagittal plane in view. */
  under(panel, x, y) {
    const { origin, dims } = this.about;
    const [column, row] = panel.toVoxel(x, y).map(Math.round);
    return [this.cursor[X], origin[Y] + clamp(column, 0, dims[Y] - 1), origin[Z] + clamp(row, 0, dims[Z] - 1)];
  }

  spot(panel, mark) {
    const { origin } = this.about;
    return panel.toScreen(mark[2] - origin[Y], mark[3] - origin[Z]);
  }

  grab(panel, x, y) {
    if (panel.name !== "sagittal") return null;
    const distance = (mark) => Math.hypot(this.spot(panel, mark)[0] - x, this.spot(panel, mark)[1] - y);
    const [nearest] = [...this.get("_marks")].sort((a, b) => distance(a) - distance(b));
    let held = Boolean(nearest) && distance(nearest) < REACH;
    if (held) {
      this.touched = nearest[0];
      this.later();
    } else {
      this.place(this.get("next_label"), this.under(panel, x, y));
    }
    return (u, v) => {
      const voxel = this.under(panel, u, v);
      const marks = this.get("_marks").map((mark) => (mark[0] === this.touched ? [mark[0], ...voxel] : mark));
      if (same(marks, this.get("_marks"))) return;
      const cursor = { slice: voxel[Z], _point: [voxel[X], voxel[Y]] };
      if (held) this.change(marks, cursor); // where it was, for undo
      else this.set({ _marks: marks, ...cursor });
      held = false;
    };
  }

  shortcut(key) {
    if (key === "Enter") this.place(this.get("next_label"), this.cursor);
    else if (key === "u") this.undo();
    else if ((key === "Delete" || key === "Backspace") && this.find(this.touched)) this.take();
    else return super.shortcut(key);
    return true;
  }

  decorate(panel) {
    if (panel.name !== "sagittal") return;
    const { ctx } = panel;
    for (const mark of this.get("_marks")) {
      const [x, y] = this.spot(panel, mark);
      for (const [colour, line] of [["rgba(0,0,0,0.8)", 4.5], [DISC_COLOUR, 2]]) {
        ctx.strokeStyle = colour;
        ctx.lineWidth = line;
        ctx.beginPath();
        ctx.arc(x, y, mark[0] === this.touched ? 6 : 4.5, 0, 2 * Math.PI);
        ctx.stroke();
      }
      ctx.font = `600 12px ${FONT}`;
      write(ctx, discName(mark[0]), x - 10, y, "right", "middle");
    }
  }
}
