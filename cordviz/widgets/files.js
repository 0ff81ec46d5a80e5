// Files between the reader's computer and the kernel, piece by piece: no message comes near the
// 10 MB that a Jupyter server takes, and nothing is sent before the kernel has said yes.

const PIECE = 1 << 21;

function element(tag, attributes, ...children) {
  const it = Object.assign(document.createElement(tag), attributes);
  it.append(...children);
  return it;
}

/** Send `files` one after another; the kernel asks for each piece by its offset. */
function uploader({ model, el }) {
  let files = [];
  let current = null;
  const input = element("input", { type: "file", multiple: true, accept: ".nii,.gz,.nii.gz" });
  const label = element("label", { className: "cordviz-upload" }, model.get("label"), input);
  const now = element("div", { className: "cordviz-where" });
  const problems = element("ul", { className: "cordviz-problems" });
  now.setAttribute("role", "status");
  problems.setAttribute("role", "alert");
  const root = element("div", { className: "cordviz-viewer cordviz-files" }, label, now, problems);
  root.dataset.lmSuppressShortcuts = "true";

  const next = () => {
    current = files.shift() ?? null;
    input.disabled = current !== null;
    now.textContent = "";
    if (current) model.send({ begin: current.name, size: current.size });
  };
  const answer = async (message) => {
    if (!current) return;
    if (message.kind === "done") return next();
    if (message.kind !== "next") return;
    const percent = Math.round((100 * message.at) / Math.max(current.size, 1));
    now.textContent = `Reading ${current.name}: ${percent} %`;
    try {
      const piece = await current.slice(message.at, message.at + PIECE).arrayBuffer();
      model.send({ piece: message.at }, undefined, [piece]);
    } catch (error) {
      model.send({ failed: error.message });
    }
  };
  const complain = () =>
    problems.replaceChildren(...model.get("problems").map((text) => element("li", {}, text)));
  input.onchange = () => {
    files.push(...input.files);
    input.value = ""; // the same file may be chosen again
    model.set("problems", []);
    model.save_changes();
    if (!current) next();
  };
  model.on("msg:custom", answer);
  model.on("change:problems", complain);
  complain();
  root.dataset.state = "ready";
  el.append(root);
  return () => {
    model.off("msg:custom", answer);
    model.off("change:problems", complain);
  };
}

/** A button that asks the kernel for a file and saves it. */
function downloader({ model, el }) {
  const button = element("button", { type: "button", className: "cordviz-button" });
  const name = () => (button.textContent = model.get("label"));
  const able = () => (button.disabled = !model.get("ready"));
  const save = async (message, [packed]) => {
    if (message.kind !== "file") return;
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const blob = new Blob([await new Response(stream).arrayBuffer()], { type: message.type });
    const link = element("a", { href: URL.createObjectURL(blob), download: message.name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  button.onclick = () => model.send({ wants: "file" });
  const listeners = { "msg:custom": save, "change:label": name, "change:ready": able };
  for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
  name();
  able();
  el.append(element("div", { className: "cordviz-viewer cordviz-files" }, button));
  return () => {
    for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
  };
}
