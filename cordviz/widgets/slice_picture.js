// One axial picture on a canvas: voxels as they are, lines, sides, a scale bar.

/** Paint on a square canvas of `side` px; `centre` in pixels of the picture, `half` in mm. */
function paintSlice(canvas, side, { rgba, rows, columns, spacing, centre, half, lines, title }) {
  const ratio = window.devicePixelRatio || 1;
  const size = Math.round(side * ratio);
  if (canvas.width !== size) [canvas.width, canvas.height] = [size, size];
  const ctx = canvas.getContext("2d");
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.fillStyle = "#000";
  ctx.fillRect(0, 0, side, side);
  const scale = side / 2 / half;
  const [dx, dy] = [spacing[0] * scale, spacing[1] * scale];
  const corner = [side / 2 - (centre[0] + 0.5) * dx, side / 2 - (centre[1] + 0.5) * dy];
  const image = document.createElement("canvas");
  [image.width, image.height] = [columns, rows];
  image.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(rgba.buffer), columns, rows), 0, 0);
  ctx.imageSmoothingEnabled = false; // voxels as they are
  ctx.drawImage(image, ...corner, columns * dx, rows * dy);
  for (const { path, colour, width } of lines) {
    const placed = new Path2D();
    placed.addPath(path, new DOMMatrix([dx, 0, 0, dy, ...corner]));
    ctx.lineCap = "round";
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    ctx.stroke(placed);
  }
  writeSides(ctx, side, side, ["R", "L", "A", "P"]);
  ctx.font = `12px ${FONT}`;
  write(ctx, title, 8, 7, "left", "top");
  drawScaleBar(ctx, side, 5 * scale, "5 mm");
}
