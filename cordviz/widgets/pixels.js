// Volumes in the browser: unpack, cut a plane, colour it, outline masks. Nothing here draws.
//
// Voxels lie x fastest, then y, then z: from right to left, posterior to anterior, inferior to
// superior. A plane says which axis it is cut across and which axes its columns and rows follow;
// rows always run downwards along their axis, so that anterior and superior are on top.

const ONE = 250; // a whole voxel of cord
const HALF = ONE / 2;
const PLANES = {
  axial: { across: 2, column: 0, row: 1, title: "Axial" },
  sagittal: { across: 0, column: 1, row: 2, title: "Sagittal" },
  coronal: { across: 1, column: 0, row: 2, title: "Coronal" },
};
const LETTERS = [["R", "L"], ["P", "A"], ["I", "S"]]; // low and high end of each axis

/** Pixels of a plane, row by row from the top left; `flip` runs columns down their axis. */
function cutPlane(voxels, dims, plane, index, flip) {
  const step = [1, dims[0], dims[0] * dims[1]];
  const width = dims[plane.column];
  const height = dims[plane.row];
  const across = flip ? -step[plane.column] : step[plane.column];
  const first = index * step[plane.across] + (flip ? (width - 1) * step[plane.column] : 0);
  const pixels = new Uint8Array(width * height);
  for (let row = 0, to = 0; row < height; row++) {
    let from = first + (height - 1 - row) * step[plane.row];
    for (let column = 0; column < width; column++, from += across) pixels[to++] = voxels[from];
  }
  return pixels;
}

/** Grey values through a window (both 0 to 255), as opaque RGBA. */
function greyPixels(pixels, [low, high]) {
  const table = new Uint32Array(256);
  for (let value = 0; value < 256; value++) {
    const grey = Math.round(255 * clamp((value - low) / Math.max(high - low, 1e-6), 0, 1));
    table[value] = (255 << 24) | (grey << 16) | (grey << 8) | grey;
  }
  const rgba = new Uint32Array(pixels.length); // a loop: Uint32Array.from takes ten times as long
  for (let i = 0; i < pixels.length; i++) rgba[i] = table[pixels[i]];
  return rgba;
}

/** Tint RGBA pixels with a colour, as strongly as amount(i), 0 to 1, says. */
function tint(rgba, [red, green, blue], amount) {
  const bytes = new Uint8ClampedArray(rgba.buffer);
  for (let i = 0; i < rgba.length; i++) {
    const part = amount(i);
    if (part <= 0) continue;
    const at = 4 * i;
    bytes[at] += part * (red - bytes[at]);
    bytes[at + 1] += part * (green - bytes[at + 1]);
    bytes[at + 2] += part * (blue - bytes[at + 2]);
  }
}

function rgbOf(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** The line where a mask is one half, found between pixel centres, in units of pixels. */
function outline(mask, width, height) {
  const path = new Path2D();
  const at = (row, column) =>
    row < 0 || column < 0 || row >= height || column >= width ? 0 : mask[row * width + column];
  const cross = (a, b) => (HALF - a) / (b - a);
  const first = mask.findIndex((value) => value > 0);
  if (first < 0) return path;
  for (let row = Math.floor(first / width) - 1; row < height; row++) {
    for (let column = -1; column < width; column++) {
      const [a, b] = [at(row, column), at(row, column + 1)];
      const [d, c] = [at(row + 1, column), at(row + 1, column + 1)];
      const corners =
        (a >= HALF ? 1 : 0) + (b >= HALF ? 2 : 0) + (c >= HALF ? 4 : 0) + (d >= HALF ? 8 : 0);
      if (corners === 0 || corners === 15) continue;
      const [x, y] = [column + 0.5, row + 0.5];
      const top = () => [x + cross(a, b), y];
      const right = () => [x + 1, y + cross(b, c)];
      const bottom = () => [x + cross(d, c), y + 1];
      const left = () => [x, y + cross(a, d)];
      const lines = {
        1: [left, top], 2: [top, right], 3: [left, right], 4: [right, bottom],
        5: [left, top, right, bottom], 6: [top, bottom], 7: [left, bottom], 8: [bottom, left],
        9: [bottom, top], 10: [top, right, bottom, left], 11: [bottom, right], 12: [right, left],
        13: [right, top], 14: [top, left],
      }[corners];
      for (let i = 0; i < lines.length; i += 2) {
        path.moveTo(...lines[i]());
        path.lineTo(...lines[i + 1]());
      }
    }
  }
  return path;
}

/** Position in mm, intensity and masks at a voxel of the volume that was sent, in words. */
function wordsAt(voxel, { dims, origin, affine, range }, { grey, masks }, names) {
  const full = voxel.map((at, axis) => at + origin[axis]);
  const mm = [0, 1, 2].map((r) => full.reduce((sum, at, c) => sum + affine[r][c] * at, affine[r][3]));
  // the world is RAS+: positive is right, anterior, superior
  const letters = ["RL", "AP", "SI"].map((pair, axis) => pair[mm[axis] >= 0 ? 0 : 1]);
  const place = letters.map((letter, axis) => `${letter} ${Math.abs(mm[axis]).toFixed(1)}`).join("  ");
  const at = voxel[0] + dims[0] * (voxel[1] + dims[1] * voxel[2]);
  const value = range[0] + (grey[at] / 255) * (range[1] - range[0]);
  const digits = clamp(2 - Math.floor(Math.log10(range[1] - range[0])), 0, 6);
  const sign = grey[at] === 255 ? "≥" : grey[at] === 0 ? "≤" : "≈"; // one of 256 steps
  const parts = names.map((name) => `${name} ${(masks[name][at] / ONE).toFixed(2)}`);
  return [`${place} mm`, `intensity ${sign} ${value.toFixed(digits)}`, ...parts];
}
