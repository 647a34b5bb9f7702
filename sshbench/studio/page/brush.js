// A mask of grey bytes and a soft round brush. A stroke does not accumulate where it crosses itself.

const MOST_UNDO = 12;

export class Mask {
  constructor(bytes, width, height) {
    this.bytes = bytes;
    this.width = width;
    this.height = height;
    this.undone = [];
    this.stroke = null;
  }

  begin(erase) {
    this.keep();
    this.stroke = { erase, before: this.bytes.slice(), cover: new Uint8Array(this.bytes.length), last: null };
  }

  // Paint a dab and the line from the previous dab; return the changed rows, [top, bottom].
  to(x, y, radius, softness) {
    const last = this.stroke.last ?? [x, y], far = Math.hypot(x - last[0], y - last[1]);
    const count = Math.max(1, Math.ceil(far / Math.max(radius / 4, 0.5)));
    let top = this.height, bottom = 0;
    for (let i = 1; i <= count; i++) {
      const part = i / count, rows = this.dab(last[0] + part * (x - last[0]), last[1] + part * (y - last[1]), radius, softness);
      top = Math.min(top, rows[0]);
      bottom = Math.max(bottom, rows[1]);
    }
    this.stroke.last = [x, y];
    return [top, bottom];
  }

  dab(x, y, radius, softness) {
    const { erase, before, cover } = this.stroke, inner = radius * (1 - softness), band = Math.max(radius - inner, 1);
    const top = Math.max(0, Math.floor(y - radius - 1)), bottom = Math.min(this.height, Math.ceil(y + radius + 1));
    const left = Math.max(0, Math.floor(x - radius - 1)), right = Math.min(this.width, Math.ceil(x + radius + 1));
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const away = Math.hypot(column + 0.5 - x, row + 0.5 - y);
        const part = Math.min(Math.max((inner + band - away) / band, 0), 1);
        const value = Math.round(255 * part * part * (3 - 2 * part)), i = row * this.width + column;
        if (value > cover[i]) {
          cover[i] = value;
          this.bytes[i] = erase ? Math.min(before[i], 255 - value) : Math.max(before[i], value);
        }
      }
    }
    return [top, Math.max(bottom, top)];
  }

  end() { this.stroke = null; }

  change(each) {
    this.keep();
    for (let i = 0; i < this.bytes.length; i++) this.bytes[i] = each(this.bytes[i]);
  }

  keep() {
    this.undone.push(this.bytes.slice());
    if (this.undone.length > MOST_UNDO) this.undone.shift();
  }

  undo() {
    const before = this.undone.pop();
    if (before) this.bytes.set(before);
    return Boolean(before);
  }
}
