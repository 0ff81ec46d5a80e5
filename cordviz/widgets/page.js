// What every page needs: a view of a model, elements, files to save.

const PATIENCE_MS = 5000; // with the request of another view
const NOTCH_PX = 40; // of a wheel, at least

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const press = (button, on) => button.setAttribute("aria-pressed", String(Boolean(on)));

/** `names` with one of them put in or taken out; they keep the order of `all`. */
const flipped = (names, name, all) => all.filter((one) => (one === name) !== names.includes(one));

/** 2 → C2, 8 → T1, 20 → L1. */
function levelName(level) {
  for (const [first, letter] of [[20, "L"], [8, "T"], [1, "C"]]) {
    if (level >= first && level <= 24) return `${letter}${level - first + 1}`;
  }
  return String(level);
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function button(text, title, onclick, more = {}) {
  return make("button", { type: "button", class: "cordviz-button", title, onclick, ...more }, text);
}

/** A list to choose from; `options` are pairs of value and text. */
function chooser(label, options, choose) {
  return make("select", { "aria-label": label, onchange: ({ target }) => choose(target.value) },
    ...options.map(([value, text]) => make("option", { value }, text)));
}

/** A button that shows or hides what has a colour. */
function chip(text, colour, onclick, more = {}) {
  return make("button", {
    type: "button", class: "cordviz-chip", title: `Show or hide ${text}`, style: `--colour: ${colour}`, onclick, ...more,
  }, make("span", { class: "cordviz-dot", "aria-hidden": "true" }), text);
}

/** Traits of a model that a page reads, sets and follows until it is removed. */
class View {
  constructor(model) {
    this.model = model;
    this.about = model.get("_about");
    this.theme = new MutationObserver(() => this.themed());
    this.theme.observe(document.body, { attributeFilter: ["data-jp-theme-name"] });
  }

  listen(listeners) {
    this.listeners = listeners;
    for (const [event, listener] of Object.entries(listeners)) this.model.on(event, listener);
  }

  /** Listeners for the change of each of some traits. */
  onChange(names, act) {
    return Object.fromEntries(names.map((name) => [`change:${name}`, () => act(name)]));
  }

  /** The element of a view, which says that it waits until it is ready. */
  mount(el, attributes, ...children) {
    this.status = make("div", { class: "cordviz-status" }, "Waiting for the kernel …");
    this.root = make("div", {
      "data-state": "waiting",
      "data-lm-suppress-shortcuts": "true", // JupyterLab would cut the cell on x
      ...attributes,
    }, ...children, this.status);
    el.append(this.root);
  }

  remove() {
    for (const [event, listener] of Object.entries(this.listeners)) this.model.off(event, listener);
    this.observer?.disconnect();
    this.theme.disconnect();
    this.style?.remove();
  }

  /** Another theme: what style sheets do not colour is drawn anew. */
  themed() {}

  get(name) {
    return this.model.get(name);
  }

  flip(trait) {
    this.set({ [trait]: !this.get(trait) });
  }

  /** A button that turns a trait on and off. */
  toggleButton(text, title, trait, more = {}) {
    return button(text, title, () => this.flip(trait), { "data-toggle": trait, ...more });
  }

  set(changes) {
    for (const [name, value] of Object.entries(changes)) this.model.set(name, value);
    this.model.save_changes();
  }

  /** Refreshes once after all that one event changed, still before the next frame. */
  later() {
    this.waiting ??= Promise.resolve().then(() => {
      this.waiting = null;
      this.refresh();
    });
  }

  /** Now it can be used, and hides the still that stands in where there is no kernel. */
  ready() {
    if (this.root.dataset.state === "ready") return;
    this.root.dataset.state = "ready";
    this.style = make("style", {}, `#${this.about.still} { display: none }`);
    document.head.append(this.style);
  }
}

/** What a widget's module exports. Displays of one model are peers of each other. */
function show(Kind) {
  return () => {
    const peers = new Set();
    return {
      render(context) {
        const view = new Kind(context);
        view.peers = peers.add(view);
        return () => {
          peers.delete(view);
          view.remove();
        };
      },
    };
  };
}

async function gunzip(buffer) {
  const stream = new Blob([buffer]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The message, with its buffers, in which the kernel answers what a page wants. */
function answer(model, kind) {
  return new Promise((resolve) => {
    const receive = (message, buffers) => {
      if (message.kind !== kind) return;
      model.off("msg:custom", receive);
      resolve({ ...message, buffers });
    };
    model.on("msg:custom", receive);
    model.send({ wants: kind });
  });
}

async function ask(model, kind) {
  const { buffers: [code] } = await answer(model, kind);
  return new TextDecoder().decode(await gunzip(code));
}

/** Text of a library, which comes once per page in a message from the kernel: from no other host,
 * and not saved with the notebook. Who waits long for what another view has asked for asks itself:
 * that view may be closed, or its kernel gone. */
async function libraryText(model, kind) {
  const known = (window.cordvizLibraries ??= {}); // a promise of the one who asked last, then text
  let waited = null;
  while (known[kind] && known[kind] !== waited) {
    waited = known[kind];
    const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
    const text = await Promise.race([waited, late]);
    if (text) return text;
  }
  known[kind] = ask(model, kind);
  return (known[kind] = await known[kind]);
}

function download(url, name) {
  make("a", { href: url, download: name }).click();
}

function downloadBytes(bytes, type, name) {
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  download(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A listener to the wheel: a notch of a mouse is a step, a trackpad's small moves add up. */
function rolling(step) {
  let rolled = 0;
  return (event) => {
    event.preventDefault(); // the page must stay where it is
    if (!event.deltaY) return;
    const px = event.deltaMode === 0 ? event.deltaY : event.deltaY * NOTCH_PX;
    rolled = Math.abs(px) >= NOTCH_PX ? Math.sign(px) * NOTCH_PX : rolled + px;
    const steps = Math.trunc(rolled / NOTCH_PX);
    rolled -= steps * NOTCH_PX;
    if (steps) step(steps);
  };
}

/** Follows a pointer that is down on an element until it is up. */
function drag(element, event, move) {
  element.setPointerCapture(event.pointerId);
  element.addEventListener("pointermove", move);
  for (const end of ["pointerup", "pointercancel"]) {
    element.addEventListener(end, () => element.removeEventListener("pointermove", move), { once: true });
  }
}
