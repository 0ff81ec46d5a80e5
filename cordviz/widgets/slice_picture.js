// Voxels on a canvas as they are, with lines, sides and a scale bar.

const FONT = "Inter, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";

/** The context of a canvas of so many px of the page, sharp on any screen. */
function contextOf(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const size = [Math.round(width * ratio), Math.round(height * ratio)];
  if (!same(size, [canvas.width, canvas.height])) [canvas.width, canvas.height] = size;
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  return ctx;
}

/** RGBA pixels as an image that can be drawn. */
function imageOf(rgba, columns, rows, canvas = document.createElement("canvas")) {
  if (!same([columns, rows], [canvas.width, canvas.height])) [canvas.width, canvas.height] = [columns, rows];
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(rgba.buffer), columns, rows), 0, 0);
  return canvas;
}

/** An image with its top left at `corner`, voxels of `pixel` px, and lines in units of pixels. */
function paintImage(ctx, width, height, { image, corner, pixel: [dx, dy], lines }) {
  ctx.fillStyle = "#000";
  ctx.fillRect(0, 0, width, height);
  ctx.imageSmoothingEnabled = false; // voxels as they are
  ctx.drawImage(image, ...corner, image.width * dx, image.height * dy);
  ctx.lineCap = "round";
  for (const { path, colour, width: line } of lines) {
    const placed = new Path2D();
    placed.addPath(path, new DOMMatrix([dx, 0, 0, dy, ...corner]));
    ctx.lineWidth = line;
    ctx.strokeStyle = colour;
    ctx.stroke(placed);
  }
}

/** One axial picture on a square canvas of `side` px; `centre` in its pixels, `half` in mm. */
function paintSlice(canvas, side, { rgba, rows, columns, spacing, centre, half, lines, title }) {
  const ctx = contextOf(canvas, side, side);
  const scale = side / 2 / half;
  const [dx, dy] = [spacing[0] * scale, spacing[1] * scale];
  const corner = [side / 2 - (centre[0] + 0.5) * dx, side / 2 - (centre[1] + 0.5) * dy];
  paintImage(ctx, side, side, { image: imageOf(rgba, columns, rows), corner, pixel: [dx, dy], lines });
  writeSides(ctx, side, side, ["R", "L", "A", "P"]);
  ctx.font = `12px ${FONT}`;
  write(ctx, title, 8, 7, "left", "top");
  drawScaleBar(ctx, side, 5 * scale, "5 mm");
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

/** Letters at the left, right, top and bottom of a picture. */
function writeSides(ctx, width, height, [left, right, top, bottom]) {
  ctx.font = `600 13px ${FONT}`;
  write(ctx, left, 7, height / 2, "left", "middle");
  write(ctx, right, width - 7, height / 2, "right", "middle");
  write(ctx, top, width / 2, 6, "center", "top");
  write(ctx, bottom, width / 2, height - 6, "center", "bottom");
}

/** A bar of so many px at the bottom left, and what it measures above it. */
function drawScaleBar(ctx, height, length, text) {
  const [x, y] = [9, height - 10];
  for (const [style, width] of [["rgba(0,0,0,0.75)", 5], ["#FFF", 2.5]]) {
    ctx.strokeStyle = style;
    ctx.lineWidth = width;
    ctx.lineCap = "butt";
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(x + length, y);
    ctx.stroke();
  }
  ctx.font = `11px ${FONT}`;
  write(ctx, text, x, y - 6);
}

/** Canvases side by side on one. */
function joined(canvases, paper, gap = 8) {
  const whole = document.createElement("canvas");
  whole.width = canvases.reduce((sum, { width }) => sum + width + gap, -gap);
  whole.height = Math.max(...canvases.map(({ height }) => height));
  const ctx = whole.getContext("2d");
  ctx.fillStyle = paper;
  ctx.fillRect(0, 0, whole.width, whole.height);
  let x = 0;
  for (const canvas of canvases) {
    ctx.drawImage(canvas, x, 0);
    x += canvas.width + gap;
  }
  return whole;
}
