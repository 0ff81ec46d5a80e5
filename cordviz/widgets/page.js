// What every page needs: elements, text on pictures, files to save.

const FONT = "Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function download(url, name) {
  make("a", { href: url, download: name }).click();
}

/** Text that is readable on any grey. */
function write(ctx, text, x, y, align = "left", baseline = "alphabetic") {
  ctx.textAlign = align;
  ctx.textBaseline = baseline;
  ctx.lineWidth = 3;
  ctx.lineJoin = "round";
  ctx.strokeStyle = "rgba(0,0,0,0.75)";
  ctx.strokeText(text, x, y);
  ctx.fillStyle = "#FFFFFF";
  ctx.fillText(text, x, y);
}
