// plotly.js, which comes once per page in a message from the kernel: from no other host, and not
// saved with the notebook.

const LOAD = "cordvizPlotly";

/** Plotly, from whoever has it on this page already, or from the kernel. */
function loadPlotly(model) {
  window[LOAD] ??= new Promise((resolve, reject) => {
    const receive = async (message, [code]) => {
      if (message.kind !== "plotly") return;
      model.off("msg:custom", receive);
      try {
        const text = await new Response(
          new Blob([code]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
        const module = { exports: {} };
        // a plain UMD bundle: given a module of its own, it leaves the page's loaders alone
        new Function("module", "exports", "define", text)(module, module.exports, undefined);
        resolve(module.exports);
      } catch (error) {
        reject(error);
      }
    };
    model.on("msg:custom", receive);
    model.send({ wants: "plotly" });
  });
  return window[LOAD];
}
