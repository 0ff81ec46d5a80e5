// NiiVue in a page: its code, ipyniivue's own module, comes once from the kernel in a message, from
// no other host, and is not saved with the notebook. Without WebGL 2 the picture below stays.

const CODE = "cordvizNiivue";

/** Text of ipyniivue's module, from whoever has it on this page already, or from the kernel. */
function loadCode(model) {
  window[CODE] ??= new Promise((resolve) => {
    const receive = async (message, [code]) => {
      if (message.kind !== "niivue") return;
      model.off("msg:custom", receive);
      resolve(await new Response(
        new Blob([code]).stream().pipeThrough(new DecompressionStream("gzip"))).text());
    };
    model.on("msg:custom", receive);
    model.send({ wants: "niivue" });
  });
  return window[CODE];
}

function hasWebGL() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext(); // a page has few of them
  return Boolean(context);
}

/** ipyniivue's widget, a module of its own for each view: it holds one scene. */
async function start(model) {
  const url = URL.createObjectURL(new Blob([await loadCode(model)], { type: "text/javascript" }));
  const niivue = (await import(url)).default;
  URL.revokeObjectURL(url);
  await niivue.initialize({ model });
  return niivue;
}

export default () => {
  let home = null;
  let started = null; // by the first view: while a model initializes, no message reaches it
  return {
    initialize({ model }) {
      home = model;
    },
    async render(context) {
      const { model, el } = context;
      const root = Object.assign(document.createElement("div"), { className: "cordviz-viewer cordviz-3d" });
      el.append(root);
      if (!hasWebGL()) {
        root.dataset.state = "still";
        root.append(Object.assign(document.createElement("p"), {
          className: "cordviz-status",
          textContent: "This browser has no WebGL 2, so the view cannot be turned. cordviz.plot_3d shows the surface.",
        }));
        return undefined;
      }
      started ??= start(home);
      const niivue = await started;
      const end = await niivue.render({ ...context, el: root });
      const canvas = root.querySelector("canvas");
      canvas.tabIndex = 0;
      canvas.addEventListener("pointerdown", () => canvas.focus()); // only then is a turn told
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", model.get("_label"));
      const still = document.getElementById(model.get("_still"));
      if (still) still.hidden = true;
      root.dataset.state = "ready";
      return () => {
        end?.();
        root.remove();
      };
    },
  };
};
