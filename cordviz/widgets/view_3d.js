// NiiVue in a page: ipyniivue's own module, from the kernel. Without WebGL 2 the picture below stays.

function hasWebGL() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext(); // a page has few of them
  return Boolean(context);
}

/** A line instead of the scene; the picture below stays. */
function decline(root, text) {
  root.dataset.state = "still";
  root.append(make("p", { class: "cordviz-status" }, text));
}

/** Hides the picture in the output of a view; the output may bring it after the view. */
function hideStill(root, id) {
  const hide = () => {
    const still = root.isConnected
      && (root.closest(".jp-OutputArea") ?? document).querySelector(`#${id}`);
    if (!still) return;
    still.hidden = true;
    watch.disconnect();
  };
  const watch = new MutationObserver(hide);
  watch.observe(document.body, { childList: true, subtree: true });
  hide();
  return watch;
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
  let live = null; // the view that holds the scene
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
        decline(root, "This browser has no WebGL 2, so the view cannot be turned. "
          + "cordviz.plot_3d shows the surface.");
        return undefined;
      }
      if (live && !live.signal?.aborted) {
        decline(root, "This view is shown above already; run view_3d again for another.");
        return undefined;
      }
      live = context;
      started ??= start(home);
      const niivue = await started;
      if (context.signal?.aborted) return undefined; // another may have the scene by now
      const end = await niivue.render({ ...context, el: root });
      const canvas = root.querySelector("canvas");
      canvas.tabIndex = 0;
      for (const act of ["pointerdown", "wheel"]) { // only with the focus are turns told
        canvas.addEventListener(act, () => canvas.focus({ preventScroll: true }));
      }
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", model.get("_label"));
      const still = hideStill(root, model.get("_still"));
      root.dataset.state = "ready";
      // WebGL loses its picture where the page changes style sheets; NiiVue draws anew on a resize
      const theme = new MutationObserver(() => setTimeout(() => window.dispatchEvent(new Event("resize")), 500));
      theme.observe(document.body, { attributeFilter: ["data-jp-theme-name"] });
      return () => {
        theme.disconnect();
        still.disconnect();
        root.remove();
        if (live !== context) return; // the scene is in another view already
        live = null;
        end?.();
      };
    },
  };
};
