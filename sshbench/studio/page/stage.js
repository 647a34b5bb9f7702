// The picture: panes of methods side by side, and their response to mouse, fingers and keys.

import { CpuRenderer } from "./cpu.js";
import { apply, inverse, pivotOf, scaledAbout, toBackground } from "./geometry.js";
import { GlRenderer } from "./gl.js";

const SVG = "http://www.w3.org/2000/svg";
const HANDLE = 11; // the distance within which a pointer hits a handle, in pixels of the screen
const GAP = 2;

export class Stage {
  // tell: the callbacks after a change: place(place), reference(box), painted(), choose(method), view().
  constructor(app, tell) {
    this.app = app;
    this.tell = tell;
    this.element = document.getElementById("view");
    this.marks = document.getElementById("marks");
    this.names = document.getElementById("names");
    this.split = document.getElementById("split");
    this.views = { picture: { x: 0, y: 0, zoom: 1, fitted: true }, mask: { x: 0, y: 0, zoom: 1, fitted: true } };
    this.pointers = new Map();
    this.gesture = null;
    this.cursor = null;
    this.before = false;
    this.box = null; // the box that the person is drawing, in which an object will be found
    this.waiting = false;
    this.open(location.hash);
    new ResizeObserver(() => this.refresh()).observe(this.element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.refresh());
    this.listen();
  }

  // how: "#cpu" or "#webgl" chooses a renderer; anything else chooses the faster one.
  open(how) {
    const old = document.getElementById("canvas"), canvas = old.cloneNode();
    old.replaceWith(canvas);
    this.canvas = canvas;
    try {
      this.renderer = how === "#cpu" ? new CpuRenderer(canvas) : new GlRenderer(canvas, how !== "#webgl");
    } catch {
      const again = canvas.cloneNode();
      canvas.replaceWith(again);
      this.canvas = again;
      this.renderer = new CpuRenderer(again);
    }
    this.canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.open("#cpu");
      this.tell.lost();
    });
    document.body.dataset.renderer = this.renderer instanceof GlRenderer ? "webgl2" : "javascript";
  }

  get ratio() { return window.devicePixelRatio || 1; }

  get isMask() { return this.app.mode === "mask"; }

  get view() { return this.isMask ? this.views.mask : this.views.picture; }

  get size() { return this.isMask ? this.app.foreground : this.app.background; }

  // The panes' rectangles, in pixels of the canvas.
  panes() {
    const methods = this.isMask ? [this.app.chosen] : this.app.methods;
    const width = this.canvas.width, height = this.canvas.height, count = Math.max(methods.length, 1);
    let across = count < 2 ? 1 : 2;
    if (count === 2 && width < height) across = 1;
    const down = Math.ceil(count / across), gap = Math.round(GAP * this.ratio);
    const wide = Math.floor((width - gap * (across - 1)) / across), high = Math.floor((height - gap * (down - 1)) / down);
    return methods.map((method, i) => ({
      method, lut: method, left: (i % across) * (wide + gap), top: Math.floor(i / across) * (high + gap), width: wide, height: high,
    }));
  }

  fitZoom() {
    const pane = this.panes()[0];
    if (!pane || !this.size) return 1;
    const margin = 12 * this.ratio;
    return Math.max(0.001, Math.min((pane.width - margin) / this.size.width, (pane.height - margin) / this.size.height));
  }

  fit() {
    if (!this.size) return;
    Object.assign(this.view, { x: this.size.width / 2, y: this.size.height / 2, zoom: this.fitZoom(), fitted: true });
    this.refresh();
  }

  zoomTo(zoom, at) {
    const view = this.view, limits = [Math.min(this.fitZoom() / 2, 0.5), 32];
    zoom = Math.min(Math.max(zoom, limits[0]), limits[1]);
    if (at) {
      view.x = at.x + (view.x - at.x) * view.zoom / zoom;
      view.y = at.y + (view.y - at.y) * view.zoom / zoom;
    }
    Object.assign(view, { zoom, fitted: false });
    this.refresh();
  }

  refresh() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  surround() {
    const found = getComputedStyle(document.getElementById("stage")).backgroundColor.match(/\d+/g).slice(0, 3);
    return found.map((value) => Number(value) / 255);
  }

  draw() {
    const box = this.element.getBoundingClientRect(), ratio = this.ratio, app = this.app;
    const width = Math.max(1, Math.round(box.width * ratio)), height = Math.max(1, Math.round(box.height * ratio));
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    if (this.view.fitted && this.size) Object.assign(this.view, { x: this.size.width / 2, y: this.size.height / 2, zoom: this.fitZoom() });
    if (!this.size) return;
    const view = this.view, panes = this.panes();
    for (const pane of panes) {
      pane.zoom = view.zoom;
      pane.x = Math.round(pane.width / 2 - view.x * view.zoom);
      pane.y = Math.round(pane.height / 2 - view.y * view.zoom);
      pane.proven = app.proof === pane.method && !this.isMask;
      pane.split = this.before ? 1e9 : app.compare ? Math.round(app.split * pane.width) : -1;
    }
    this.drawn = panes;
    const blank = { width: 1, height: 1 };
    this.renderer.draw({
      mode: this.isMask ? 1 : 0, background: app.background ?? blank, foreground: app.foreground ?? blank,
      toForeground: app.foreground ? inverse(this.matrix()) : [1, 0, 0, 1, 1e6, 0], surround: this.surround(),
    }, panes);
    this.drawMarks(panes);
    document.getElementById("zoom").textContent = `${Math.round(100 * view.zoom)} %`;
    this.tell.view();
  }

  matrix() { return toBackground(this.app.place, this.app.foreground, this.app.box); }

  // Convert pixels of the picture to pixels of the screen, in a pane.
  onScreen(pane, [x, y]) {
    return [(pane.left + pane.x + x * pane.zoom) / this.ratio, (pane.top + pane.y + y * pane.zoom) / this.ratio];
  }

  corners() {
    const box = this.app.box, m = this.matrix();
    return [[box.left, box.top], [box.right, box.top], [box.right, box.bottom], [box.left, box.bottom]].map(([x, y]) => apply(m, x, y));
  }

  // The rotation handle on the screen: above the middle of the object's upper edge.
  turnHandle(pane) {
    const points = this.corners().map((point) => this.onScreen(pane, point));
    const middle = [(points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2];
    const centre = this.onScreen(pane, pivotOf(this.app.place, this.app.foreground, this.app.box));
    const far = Math.hypot(middle[0] - centre[0], middle[1] - centre[1]) || 1;
    return { middle, at: [middle[0] + 26 * (middle[0] - centre[0]) / far, middle[1] + 26 * (middle[1] - centre[1]) / far] };
  }

  drawMarks(panes) {
    const app = this.app, shapes = [], add = (name, values) => {
      const shape = document.createElementNS(SVG, name);
      for (const [key, value] of Object.entries(values)) shape.setAttribute(key, value);
      shapes.push(shape);
    };
    const labels = [];
    for (const pane of panes) {
      const left = pane.left / this.ratio, top = pane.top / this.ratio;
      if (this.isMask) {
        if (this.box) {
          const [l, t] = this.onScreen(pane, [this.box.x, this.box.y]);
          const [r, b] = this.onScreen(pane, [this.box.x + this.box.width, this.box.y + this.box.height]);
          add("rect", { class: "reference", x: l, y: t, width: r - l, height: b - t });
        }
        if (this.cursor && !app.brush.box) {
          const radius = app.brush.size / 2 * pane.zoom / this.ratio, [cx, cy] = this.onScreen(pane, this.cursor);
          for (const kind of ["brush under", "brush"]) add("circle", { class: kind, cx, cy, r: Math.max(radius, 1) });
        }
        continue;
      }
      if (app.foreground && app.background && this.handles) {
        const points = this.corners().map((point) => this.onScreen(pane, point));
        for (const kind of ["outline under", "outline"]) add("polygon", { class: kind, points: points.map((p) => p.join(",")).join(" ") });
        if (app.options.has("rotate")) {
          const { middle, at } = this.turnHandle(pane);
          add("line", { class: "stem", x1: middle[0], y1: middle[1], x2: at[0], y2: at[1] });
          add("circle", { class: "handle", cx: at[0], cy: at[1], r: 6 });
        }
        for (const [x, y] of points) add("rect", { class: "handle", x: x - 5, y: y - 5, width: 10, height: 10 });
      }
      if (app.reference.kind === "box" && app.reference.box) {
        const { x, y, width, height } = app.reference.box;
        const [l, t] = this.onScreen(pane, [x, y]), [r, b] = this.onScreen(pane, [x + width, y + height]);
        add("rect", { class: "reference", x: l, y: t, width: r - l, height: b - t });
      }
      if (app.compare && !this.before) {
        const x = (pane.left + pane.split) / this.ratio;
        add("line", { class: "divider", x1: x, y1: top, x2: x, y2: (pane.top + pane.height) / this.ratio });
        labels.push([x, top, "before", "right"], [x, top, panes.length > 1 ? pane.method : "after", ""]);
      } else if (panes.length > 1 || this.before) {
        labels.push([left, top, this.before ? "before" : `${pane.method}${pane.method === app.chosen ? " ✓" : ""}`, ""]);
      }
    }
    this.marks.replaceChildren(...shapes);
    this.names.replaceChildren(...labels.map(([x, y, text, side]) => {
      const label = document.createElement("span");
      Object.assign(label, { textContent: text, className: side });
      Object.assign(label.style, { left: `${x}px`, top: `${y}px` });
      return label;
    }));
  }

  get handles() { return !this.before && this.app.mode === "move" && this.app.showHandles; }

  // The pane and the pixel of the picture at a position on the screen.
  meet(event) {
    const bounds = this.element.getBoundingClientRect(), sx = event.clientX - bounds.left, sy = event.clientY - bounds.top;
    const px = sx * this.ratio, py = sy * this.ratio, panes = this.drawn ?? [];
    const pane = panes.find((one) => px >= one.left && py >= one.top && px < one.left + one.width && py < one.top + one.height) ?? panes[0];
    if (!pane) return null;
    return { pane, sx, sy, x: (px - pane.left - pane.x) / pane.zoom, y: (py - pane.top - pane.y) / pane.zoom };
  }

  isOnObject({ x, y }) {
    const app = this.app;
    if (!app.foreground || !app.background) return false;
    const [u, v] = apply(inverse(this.matrix()), x, y), { left, top, right, bottom } = app.box;
    return u >= left && v >= top && u < right && v < bottom;
  }

  // The part that a pointer grabs at a position.
  held(place) {
    const app = this.app, near = ([x, y]) => Math.hypot(place.sx - x, place.sy - y) < HANDLE;
    if (app.compare && Math.abs((place.pane.left + place.pane.split) / this.ratio - place.sx) < HANDLE) return "split";
    if (this.isMask) return app.brush.box ? "box" : "paint";
    if (app.mode === "reference") return "reference";
    if (!app.foreground || !app.background) return "pan";
    if (app.options.has("rotate") && near(this.turnHandle(place.pane).at)) return "turn";
    if (this.corners().some((corner) => near(this.onScreen(place.pane, corner)))) return "scale";
    return this.isOnObject(place) ? "object" : "pan";
  }

  listen() {
    const element = this.element;
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, (event) => this.up(event));
    element.addEventListener("pointerleave", () => {
      if (!this.gesture && this.isMask) {
        this.cursor = null;
        this.refresh();
      }
    });
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      const place = this.meet(event);
      if (!place) return;
      const by = Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015));
      if (event.altKey && this.app.foreground && !this.isMask) {
        this.tell.place(scaledAbout(this.app.place, this.app.foreground, this.app.box, this.app.place.scale * by));
      } else {
        this.zoomTo(this.view.zoom * by, place);
      }
    }, { passive: false });
    this.split.addEventListener("input", () => {
      this.app.split = this.split.value / 1000;
      this.refresh();
    });
    this.split.addEventListener("pointerdown", (event) => event.stopPropagation());
    element.addEventListener("keydown", (event) => this.key(event));
    element.addEventListener("keyup", (event) => {
      if (event.key.toLowerCase() === "b") {
        this.before = false;
        this.refresh();
      }
    });
    element.addEventListener("blur", () => {
      this.before = false;
      this.refresh();
    });
  }

  down(event) {
    if (event.button > 0 || event.target === this.split || !this.size) return;
    const place = this.meet(event);
    if (!place) return;
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, place);
    if (this.pointers.size === 2) {
      this.pinch();
      return;
    }
    if (this.pointers.size > 2) return;
    const kind = event.shiftKey && this.isMask ? "pan" : this.held(place), app = this.app;
    this.gesture = { kind, from: place, place: { ...app.place }, view: { ...this.view } };
    if (kind === "paint") {
      app.mask.begin(app.brush.erase);
      this.paint(place);
    } else if (kind !== "split" && app.methods.length > 1) {
      this.tell.choose(place.pane.method);
    }
  }

  pinch() {
    const [one, other] = [...this.pointers.values()], app = this.app;
    if (this.gesture?.kind === "paint") {
      app.mask.end();
      app.mask.undo();
      this.tell.painted(null);
    }
    const both = this.gesture?.kind === "object" ? "grip" : "zoom";
    this.gesture = { kind: both, one, other, place: { ...app.place }, view: { ...this.view } };
  }

  move(event) {
    const place = this.meet(event);
    if (!place) return;
    if (!this.pointers.has(event.pointerId)) {
      if (event.pointerType !== "touch") this.hover(place);
      return;
    }
    this.pointers.set(event.pointerId, place);
    const gesture = this.gesture, app = this.app;
    if (!gesture) return;
    if (gesture.kind === "grip" || gesture.kind === "zoom") {
      this.pinched(gesture);
      return;
    }
    const zoom = this.view.zoom / this.ratio, dx = (place.sx - gesture.from.sx) / zoom, dy = (place.sy - gesture.from.sy) / zoom;
    if (gesture.kind === "object") {
      this.tell.place({ ...gesture.place, x: Math.round(gesture.place.x + dx), y: Math.round(gesture.place.y + dy) });
    } else if (gesture.kind === "pan") {
      Object.assign(this.view, { x: gesture.view.x - dx, y: gesture.view.y - dy, fitted: false });
      this.refresh();
    } else if (gesture.kind === "split") {
      app.split = Math.min(Math.max((place.sx * this.ratio - gesture.from.pane.left) / gesture.from.pane.width, 0), 1);
      this.split.value = Math.round(1000 * app.split);
      this.refresh();
    } else if (gesture.kind === "paint") {
      this.paint(place);
    } else if (gesture.kind === "reference" || gesture.kind === "box") {
      const clip = (value, most) => Math.min(Math.max(Math.round(value), 0), most);
      const xs = [gesture.from.x, place.x].map((x) => clip(x, this.size.width)).sort((a, b) => a - b);
      const ys = [gesture.from.y, place.y].map((y) => clip(y, this.size.height)).sort((a, b) => a - b);
      const box = { x: xs[0], y: ys[0], width: xs[1] - xs[0], height: ys[1] - ys[0] };
      if (!box.width || !box.height) return;
      if (gesture.kind === "reference") {
        this.tell.reference(box);
      } else {
        this.box = box;
        this.refresh();
      }
    } else {
      const [px, py] = pivotOf(gesture.place, app.foreground, app.box), from = gesture.from;
      if (gesture.kind === "scale") {
        const by = Math.hypot(place.x - px, place.y - py) / Math.max(Math.hypot(from.x - px, from.y - py), 1e-3);
        this.tell.place(scaledAbout(gesture.place, app.foreground, app.box, gesture.place.scale * by));
      } else {
        const by = Math.atan2(place.y - py, place.x - px) - Math.atan2(from.y - py, from.x - px);
        const rotate = gesture.place.rotate + by * 180 / Math.PI;
        this.tell.place({ ...gesture.place, rotate: event.shiftKey ? 15 * Math.round(rotate / 15) : rotate });
      }
    }
  }

  pinched(gesture) {
    const [one, other] = [...this.pointers.values()], app = this.app;
    const apart = (a, b) => Math.hypot(a.sx - b.sx, a.sy - b.sy), slope = (a, b) => Math.atan2(b.sy - a.sy, b.sx - a.sx);
    const by = apart(one, other) / Math.max(apart(gesture.one, gesture.other), 1);
    const dx = (one.sx + other.sx - gesture.one.sx - gesture.other.sx) / 2, dy = (one.sy + other.sy - gesture.one.sy - gesture.other.sy) / 2;
    if (gesture.kind === "grip") {
      const zoom = this.view.zoom / this.ratio;
      const scaled = scaledAbout(gesture.place, app.foreground, app.box, gesture.place.scale * by);
      const turn = app.options.has("rotate") ? (slope(one, other) - slope(gesture.one, gesture.other)) * 180 / Math.PI : 0;
      this.tell.place({ ...scaled, x: Math.round(scaled.x + dx / zoom), y: Math.round(scaled.y + dy / zoom), rotate: gesture.place.rotate + turn });
    } else {
      const zoom = Math.min(Math.max(gesture.view.zoom * by, 0.01), 32), at = { x: (gesture.one.x + gesture.other.x) / 2, y: (gesture.one.y + gesture.other.y) / 2 };
      Object.assign(this.view, {
        zoom, fitted: false,
        x: at.x + (gesture.view.x - at.x) * gesture.view.zoom / zoom - dx * this.ratio / zoom,
        y: at.y + (gesture.view.y - at.y) * gesture.view.zoom / zoom - dy * this.ratio / zoom,
      });
      this.refresh();
    }
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.gesture?.kind === "paint") {
      this.app.mask.end();
      this.tell.painted(null, true);
    }
    if (this.gesture?.kind === "box" && this.box) {
      const { x, y, width, height } = this.box;
      this.box = null;
      this.tell.find(`grabcut:${x},${y},${width},${height}`);
    }
    this.gesture = null;
  }

  hover(place) {
    const classes = this.element.classList, held = this.held(place);
    classes.toggle("on-object", ["object", "scale", "turn", "split"].includes(held));
    classes.toggle("painting", held === "paint");
    classes.toggle("drawing", held === "reference" || held === "box");
    if (this.isMask) {
      this.cursor = [place.x, place.y];
      this.refresh();
    }
  }

  paint(place) {
    const app = this.app, by = app.mask.width / app.foreground.width;
    this.cursor = [place.x, place.y];
    this.tell.painted(app.mask.to(place.x * by, place.y * by, Math.max(app.brush.size / 2 * by, 0.5), app.brush.softness));
  }

  key(event) {
    const app = this.app, step = event.shiftKey ? 10 : 1, key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    if (event.target === this.split || (event.metaKey && key !== "z") || (event.ctrlKey && key !== "z") || event.altKey) return;
    const movable = app.foreground && app.background && !this.isMask;
    const actions = {
      "0": () => this.fit(), "1": () => this.zoomTo(1), "+": () => this.zoomTo(this.view.zoom * 1.25),
      "=": () => this.zoomTo(this.view.zoom * 1.25), "-": () => this.zoomTo(this.view.zoom / 1.25),
      c: () => this.tell.compare(), p: () => this.tell.maskMode(),
    };
    if (this.isMask) {
      const size = (by) => this.tell.brush({ size: Math.min(Math.max(Math.round(app.brush.size * by), 1), 2000) });
      Object.assign(actions, {
        "[": () => size(1 / 1.2), "]": () => size(1.2), x: () => this.tell.brush({ erase: !app.brush.erase }),
        " ": () => {
          if (!this.cursor || app.brush.box) return;
          app.mask.begin(app.brush.erase);
          this.paint({ x: this.cursor[0], y: this.cursor[1] });
          app.mask.end();
          this.tell.painted(null, true);
        },
      });
      if (event.ctrlKey || event.metaKey) actions.z = () => this.tell.undo();
      if (arrow) {
        const at = this.cursor ?? [app.foreground.width / 2, app.foreground.height / 2], far = step * Math.max(1, app.brush.size / 8);
        actions[key] = () => {
          this.cursor = [at[0] + far * arrow[0], at[1] + far * arrow[1]];
          this.refresh();
        };
      }
    } else if (movable) {
      const scale = (by) => this.tell.place(scaledAbout(app.place, app.foreground, app.box, app.place.scale * by));
      Object.assign(actions, {
        "[": () => scale(1 / (step > 1 ? 1.1 : 1.01)), "]": () => scale(step > 1 ? 1.1 : 1.01),
        b: () => {
          this.before = true;
          this.refresh();
        },
      });
      if (app.options.has("rotate")) {
        Object.assign(actions, {
          ",": () => this.tell.place({ ...app.place, rotate: app.place.rotate - step }),
          ".": () => this.tell.place({ ...app.place, rotate: app.place.rotate + step }),
        });
      }
      if (app.options.has("flip")) actions.m = () => this.tell.flip();
      if (arrow) actions[key] = () => this.tell.place({ ...app.place, x: app.place.x + step * arrow[0], y: app.place.y + step * arrow[1] });
    }
    if (!actions[key]) return;
    event.preventDefault();
    actions[key]();
  }
}
