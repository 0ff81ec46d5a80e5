// Files between the reader's computer and the kernel, piece by piece: no message comes near the
// 10 MB that a Jupyter server takes, and nothing is sent before the kernel has said yes.

const PIECE = 1 << 21;

/** Sends files one after another; the kernel asks for each piece by its offset. */
class Uploader extends View {
  constructor({ model, el }) {
    super(model);
    this.files = [];
    this.current = null;
    this.input = make("input", { type: "file", multiple: "", accept: ".nii,.gz,.nii.gz", onchange: () => this.take() });
    this.now = make("div", { class: "cordviz-where", role: "status" });
    this.problems = make("ul", { class: "cordviz-problems", role: "alert" });
    this.listen({
      "msg:custom": (message) => this.answer(message),
      "change:problems": () => this.complain(),
    });
    this.complain();
    el.append(make("div", { class: "cordviz-viewer cordviz-files cordviz-uploader", "data-state": "ready", "data-lm-suppress-shortcuts": "true" },
      make("label", { class: "cordviz-upload" }, this.get("label"), this.input), this.now, this.problems));
  }

  take() {
    this.files.push(...this.input.files);
    this.input.value = ""; // the same file may be chosen again
    this.set({ problems: [] });
    if (!this.current) this.next();
  }

  next() {
    this.current = this.files.shift() ?? null;
    this.input.disabled = this.current !== null;
    this.now.textContent = "";
    if (this.current) this.model.send({ begin: this.current.name, size: this.current.size });
  }

  async answer({ kind, at }) {
    const { current } = this;
    if (!current) return;
    if (kind === "done") this.next();
    if (kind !== "next") return;
    this.now.textContent = `Reading ${current.name}: ${Math.round((100 * at) / Math.max(current.size, 1))} %`;
    try {
      this.model.send({ piece: at }, undefined, [await current.slice(at, at + PIECE).arrayBuffer()]);
    } catch (error) {
      this.model.send({ failed: error.message });
    }
  }

  complain() {
    this.problems.replaceChildren(...this.get("problems").map((text) => make("li", {}, text)));
  }
}

/** A button that asks the kernel for a file and saves it. */
class Downloader extends View {
  constructor({ model, el }) {
    super(model);
    this.asked = false; // here, and not on another display of the same button
    this.button = button("", "", () => {
      this.asked = true;
      model.send({ wants: "file" });
    });
    this.listen({
      "msg:custom": async ({ kind, type, name }, [packed]) => {
        if (kind !== "file" || !this.asked) return;
        this.asked = false;
        downloadBytes(await gunzip(packed), type, name);
      },
      ...this.onChange(["label", "ready"], () => this.later()),
    });
    this.refresh();
    el.append(make("div", { class: "cordviz-viewer cordviz-files" }, this.button));
  }

  refresh() {
    this.button.textContent = this.get("label");
    this.button.disabled = !this.get("ready");
  }
}
