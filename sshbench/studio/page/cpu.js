// Draws the same picture as gl.js in plain JavaScript, for browsers in which WebGL2 is missing or slow. gl.js filters
// pixels; this file takes the nearest pixel of the photograph, or of a copy with a half, a quarter, ... of its size.

// Apply a LUT of floats, in which red varies fastest, to RGBA bytes. The interpolation is trilinear, as on the server.
export function mapPixels(values, points, pixels, out) {
  const last = points - 1, row = 3 * points, plane = row * points;
  for (let i = 0; i < pixels.length; i += 4) {
    const r = pixels[i] / 255 * last, g = pixels[i + 1] / 255 * last, b = pixels[i + 2] / 255 * last;
    const ri = Math.min(r | 0, last - 1), gi = Math.min(g | 0, last - 1), bi = Math.min(b | 0, last - 1);
    const fr = r - ri, fg = g - gi, fb = b - bi;
    const corner = bi * plane + gi * row + ri * 3;
    for (let c = 0; c < 3; c++) {
      const k = corner + c;
      const a = values[k] + fr * (values[k + 3] - values[k]);
      const d = values[k + row] + fr * (values[k + row + 3] - values[k + row]);
      const e = values[k + plane] + fr * (values[k + plane + 3] - values[k + plane]);
      const f = values[k + plane + row] + fr * (values[k + plane + row + 3] - values[k + plane + row]);
      const low = a + fg * (d - a), high = e + fg * (f - e);
      const value = low + fb * (high - low);
      out[i + c] = value <= 0 ? 0 : value >= 1 ? 255 : value * 255 + 0.5 | 0;
    }
    out[i + 3] = pixels[i + 3];
  }
}

const MOST = 800_000; // the largest number of pixels that is drawn; a larger canvas is drawn smaller and enlarged

// The pixels of an image at decreasing sizes, each half of the previous one.
function levelsOf(bitmap) {
  const levels = [];
  let source = bitmap, width = bitmap.width, height = bitmap.height;
  for (;;) {
    const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(source, 0, 0, width, height);
    levels.push(context.getImageData(0, 0, width, height));
    if (Math.min(width, height) < 32) return levels;
    [source, width, height] = [canvas, width >> 1, height >> 1];
  }
}

const levelFor = (levels, texels) => Math.min(Math.max(Math.floor(Math.log2(texels) + 0.01), 0), levels.length - 1);

// Return the byte offset of each pixel of a pane in a row of an image that covers the picture, or -1 outside the picture.
function columnsOf(width, coarse, pane, size, image) {
  const at = new Int32Array(width);
  for (let x = 0; x < width; x++) {
    const px = ((x + 0.5) * coarse - pane.x) / pane.zoom;
    at[x] = px >= 0 && px < size.width ? (image ? 4 * (px * image.width / size.width | 0) : 0) : -1;
  }
  return at;
}

// Returns the value of a plane at a place, u and v from 0 to 1, interpolated between its four nearest pixels.
function between(data, stride, width, height, u, v) {
  const x = u * width - 0.5, y = v * height - 0.5, left = Math.floor(x), top = Math.floor(y);
  const l = left < 0 ? 0 : left, r = left + 1 < width ? left + 1 : l;
  const t = (top < 0 ? 0 : top) * width, b = (top + 1 < height ? top + 1 : top) * width;
  const high = data[stride * (t + l)] + (x - left) * (data[stride * (t + r)] - data[stride * (t + l)]);
  const low = data[stride * (b + l)] + (x - left) * (data[stride * (b + r)] - data[stride * (b + l)]);
  return high + (y - top) * (low - high);
}

export class CpuRenderer {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.images = {};
    this.luts = new Map();
    this.mapped = new Map();
    this.mask = { bytes: new Uint8Array(1), width: 1, height: 1 };
  }

  get mostTexels() { return 4096; }

  setImage(name, bitmap) {
    this.images[name] = levelsOf(bitmap);
    if (name === "foreground") this.mapped.clear();
  }

  setOpaque() { delete this.images.alpha; }

  setMask(bytes, width, height) { this.mask = { bytes, width, height }; }

  updateMask() {}

  setLut(name, values, points) {
    this.luts.set(name, { values, points });
    this.forget(name);
  }

  dropLut(name) {
    this.luts.delete(name);
    this.forget(name);
  }

  forget(name) {
    for (const key of this.mapped.keys()) if (key.startsWith(`${name} `)) this.mapped.delete(key);
  }

  foregroundThrough(name, level) {
    const plain = this.images.foreground?.[level], lut = this.luts.get(name), key = `${name} ${level}`;
    if (!lut || !plain) return plain;
    if (!this.mapped.has(key)) {
      const out = { width: plain.width, height: plain.height, data: new Uint8ClampedArray(plain.data.length) };
      mapPixels(lut.values, lut.points, plain.data, out.data);
      this.mapped.set(key, out);
    }
    return this.mapped.get(key);
  }

  draw(scene, panes) {
    const [sr, sg, sb] = scene.surround.map((value) => Math.round(value * 255));
    this.context.fillStyle = `rgb(${sr} ${sg} ${sb})`;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const total = panes.reduce((sum, pane) => sum + pane.width * pane.height, 0);
    const coarse = Math.max(1, Math.ceil(Math.sqrt(total / MOST)));
    for (const pane of panes) this.drawPane(scene, pane, coarse, [sr, sg, sb]);
  }

  drawPane(scene, pane, coarse, surround) {
    const width = Math.max(1, Math.ceil(pane.width / coarse)), height = Math.max(1, Math.ceil(pane.height / coarse));
    const image = new ImageData(width, height), out = image.data;
    const { images } = this, m = scene.toForeground, size = scene.mode === 1 ? scene.foreground : scene.background;
    const step = coarse / pane.zoom; // the distance of two drawn pixels, in pixels of the picture
    const chosen = (name, across, far) => images[name]?.[levelFor(images[name], far * images[name][0].width / across)];
    const behind = chosen("background", scene.background.width, step), made = chosen("proof", scene.background.width, step);
    const inside = scene.mode === 1 ? step : step * Math.hypot(m[0], m[1]);
    const before = chosen("foreground", scene.foreground.width, inside), alpha = images.alpha?.[0];
    const after = before && this.foregroundThrough(pane.lut, images.foreground.indexOf(before));
    const { bytes, width: maskWidth, height: maskHeight } = this.mask, isMask = scene.mode === 1;
    const fromX = isMask ? [1, 0] : [m[0], m[1]], fromY = isMask ? [0, 1] : [m[2], m[3]], from = isMask ? [0, 0] : [m[4], m[5]];
    const wide = scene.foreground.width, high = scene.foreground.height;
    const shown = isMask ? null : behind, shownAt = columnsOf(width, coarse, pane, size, shown), madeAt = columnsOf(width, coarse, pane, size, made);
    for (let y = 0, i = 0; y < height; y++) {
      const py = ((y + 0.5) * coarse - pane.y) / pane.zoom, isRow = py >= 0 && py < size.height;
      const shownRow = shown && isRow ? 4 * (py * shown.height / size.height | 0) * shown.width : 0;
      const madeRow = made && isRow ? 4 * (py * made.height / size.height | 0) * made.width : 0;
      for (let x = 0; x < width; x++, i += 4) {
        let r = surround[0], g = surround[1], b = surround[2];
        if (isRow && shownAt[x] >= 0) {
          const here = (x + 0.5) * coarse, px = (here - pane.x) / pane.zoom;
          if (pane.proven && here >= pane.split && made) {
            const k = madeRow + madeAt[x];
            out[i] = made.data[k]; out[i + 1] = made.data[k + 1]; out[i + 2] = made.data[k + 2]; out[i + 3] = 255;
            continue;
          }
          if (shown) {
            const k = shownRow + shownAt[x];
            r = shown.data[k]; g = shown.data[k + 1]; b = shown.data[k + 2];
          }
          const u = (fromX[0] * px + fromY[0] * py + from[0]) / wide, v = (fromX[1] * px + fromY[1] * py + from[1]) / high;
          if (before && u >= 0 && v >= 0 && u < 1 && v < 1) {
            let cover = between(bytes, 1, maskWidth, maskHeight, u, v) / 255;
            if (alpha) cover *= between(alpha.data, 4, alpha.width, alpha.height, u, v) / 255;
            if (cover > 0 || isMask) {
              const source = here >= pane.split ? after : before;
              const k = 4 * ((v * source.height | 0) * source.width + (u * source.width | 0));
              if (isMask) {
                const grey = 0.55 * (0.2126 * source.data[k] + 0.7152 * source.data[k + 1] + 0.0722 * source.data[k + 2]);
                r = 0.6 * grey + 76; g = 0.6 * grey + 10; b = 0.6 * grey + 20;
              }
              r += cover * (source.data[k] - r);
              g += cover * (source.data[k + 1] - g);
              b += cover * (source.data[k + 2] - b);
            }
          }
        }
        out[i] = r; out[i + 1] = g; out[i + 2] = b; out[i + 3] = 255; // clamped arrays round by themselves
      }
    }
    if (coarse === 1) {
      this.context.putImageData(image, pane.left, pane.top);
      return;
    }
    const small = new OffscreenCanvas(width, height);
    small.getContext("2d").putImageData(image, 0, 0);
    this.context.drawImage(small, pane.left, pane.top, width * coarse, height * coarse);
  }
}
