// The geometry of the picture: the foreground on the background, and the view of both.
// A matrix [a, b, c, d, e, f] takes (x, y) to (a x + c y + e, b x + d y + f), as in canvas and SVG.

export const multiply = (m, n) => [
  m[0] * n[0] + m[2] * n[1], m[1] * n[0] + m[3] * n[1],
  m[0] * n[2] + m[2] * n[3], m[1] * n[2] + m[3] * n[3],
  m[0] * n[4] + m[2] * n[5] + m[4], m[1] * n[4] + m[3] * n[5] + m[5],
];

export const apply = (m, x, y) => [m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]];

export function inverse(m) {
  const det = m[0] * m[3] - m[1] * m[2];
  const [a, b, c, d] = [m[3] / det, -m[1] / det, -m[2] / det, m[0] / det];
  return [a, b, c, d, -(a * m[4] + c * m[5]), -(b * m[4] + d * m[5])];
}

// The horizontal and vertical scale that give the foreground a whole number of pixels, as on the server.
export const wholeScale = (size, scale) => [
  Math.max(1, Math.round(size.width * scale)) / size.width, Math.max(1, Math.round(size.height * scale)) / size.height,
];

// The centre of rotation on the background: the centre of the mask's box, mirrored and scaled.
export function pivotOf(place, size, box) {
  const [sx, sy] = wholeScale(size, place.scale);
  let x = (box.left + box.right) / 2;
  if (place.flip === "horizontal") x = size.width - x;
  return [place.x + sx * x, place.y + sy * (box.top + box.bottom) / 2];
}

// The matrix from pixels of the foreground to pixels of the background.
export function toBackground(place, size, box) {
  const [sx, sy] = wholeScale(size, place.scale);
  const mirrored = place.flip === "horizontal";
  const laid = [mirrored ? -sx : sx, 0, 0, sy, place.x + (mirrored ? sx * size.width : 0), place.y];
  if (!place.rotate) return laid;
  const angle = place.rotate * Math.PI / 180, cos = Math.cos(angle), sin = Math.sin(angle);
  const [px, py] = pivotOf(place, size, box);
  const turn = [cos, sin, -sin, cos, px - cos * px + sin * py, py - sin * px - cos * py];
  return multiply(turn, laid);
}

// Return a place with another scale, at which the centre of the object stays where it is.
export function scaledAbout(place, size, box, scale) {
  const [px, py] = pivotOf(place, size, box);
  const other = { ...place, scale };
  const [qx, qy] = pivotOf(other, size, box);
  return { ...other, x: Math.round(place.x + px - qx), y: Math.round(place.y + py - qy) };
}

// Return the box of the object in pixels of the photograph, as the server finds it: [left, top, right, bottom]. If the
// mask is empty, return null, which means the whole photograph.
export const boxOf = (told, size) => told
  ? { left: told[0], top: told[1], right: told[2], bottom: told[3], empty: false }
  : { left: 0, top: 0, right: size.width, bottom: size.height, empty: true };
