// NiiVue in a page: ipyniivue's own module, from the kernel. Without WebGL 2 the picture below stays.

function hasWebGL() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext(); // a page has few of them
  return Boolean(context);
}

/** ipyniivue's widget, a module of its own for each view: it holds one scene. */
async function start(model) {
  const code = new Blob([await libraryText(model, "niivue")], { type: "text/javascript" });
  const url = URL.createObjectURL(code);
  const niivue = (await import(url)).default;
  URL.revokeObjectURL(url);
  await niivue.initialize({ model });
  await answer(model, "colours"); // before a view loads volumes that name them
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
      const root = make("div", { class: "cordviz-viewer cordviz-3d", "data-lm-suppress-shortcuts": "true" });
      el.append(root);
      if (!hasWebGL()) {
        root.dataset.state = "still";
        root.append(make("p", { class: "cordviz-status" },
          "This browser has no WebGL 2, so the view cannot be turned. cordviz.plot_3d shows the surface."));
        return undefined;
      }
      started ??= start(home);
      const niivue = await started;
      const end = await niivue.render({ ...context, el: root });
      const canvas = root.querySelector("canvas");
      canvas.tabIndex = 0;
      for (const act of ["pointerdown", "wheel"]) { // only with the focus are turns told
        canvas.addEventListener(act, () => canvas.focus({ preventScroll: true }));
      }
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", model.get("_label"));
      const still = document.getElementById(model.get("_still"));
      if (still) still.hidden = true;
      root.dataset.state = "ready";
      // WebGL loses its picture where the page changes style sheets; NiiVue draws anew on a resize
      const theme = new MutationObserver(() => setTimeout(() => window.dispatchEvent(new Event("resize")), 500));
      theme.observe(document.body, { attributeFilter: ["data-jp-theme-name"] });
      return () => {
        theme.disconnect();
        end?.();
        root.remove();
      };
    },
  };
};
