// The studio: the state of the page, and the connection of its parts.

import { Mask } from "./brush.js";
import { boxOf, pivotOf, scaledAbout } from "./geometry.js";
import { Panel } from "./panel.js";
import * as server from "./server.js";
import { Stage } from "./stage.js";

const one = (selector) => document.querySelector(selector);
const DEFAULTS = { strength: 1, lightness: 1, colour: 1, exposure: 0, contrast: 0, saturation: 0, temperature: 0, tint: 0 };
const SLOW = 700; // milliseconds after which the page says that a method is running
const PROOF_WAITS = 250; // milliseconds without a change after which the server makes the picture
const MASK_WAITS = 150; // milliseconds after a stroke before the mask is sent

const app = {
  options: new Set(), defaults: DEFAULTS, wish: { ...DEFAULTS }, foreground: null, background: null, mask: null,
  box: null, place: { x: 0, y: 0, scale: 1, rotate: 0, flip: "none" }, methods: ["ssh-lut"], chosen: "ssh-lut",
  reference: { kind: "auto", box: null }, compare: false, split: 0.5, mode: "move", showHandles: true, saving: false, strokes: 0,
  proof: null, unseen: [],
  brush: { size: 60, softness: 0.3, erase: false, box: false }, commands: {},
};

// Show what just happened or, with `busy`, what is being done. The next action of the person removes a note.
function say(text, busy = false) {
  one("#status").textContent = text;
  say.busy = busy;
}

function forget(event) {
  if (["Tab", "Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
  if (!say.busy) say("");
  if (complain.passes) one("#error").hidden = true;
}

for (const name of ["pointerdown", "keydown", "input"]) document.addEventListener(name, forget, true);

function complain(error, passes = false) {
  const place = one("#error");
  complain.passes = passes;
  place.textContent = error.message;
  place.hidden = false;
  clearTimeout(complain.timer);
  complain.timer = setTimeout(() => { place.hidden = true; }, 12_000);
}

const stage = new Stage(app, {
  place: (place) => changePlace(place),
  reference: (box) => changeReference("box", box),
  painted: (rows, done = false) => changeMask(rows, done),
  choose: (method) => choose(method),
  compare: () => compare(),
  maskMode: () => maskMode(),
  flip: () => flip(),
  brush: (part) => changeBrush(part),
  undo: () => maskAll("undo"),
  find: (request) => findMask(request),
  view: () => {},
  lost: () => load(),
});

const panel = new Panel(app, {
  wish: (name, value) => changeWish(name, value),
  place: (part) => changePlace(part.scale ? scaledAbout(app.place, app.foreground ?? { width: 1, height: 1 }, app.box ?? { left: 0, right: 1, top: 0, bottom: 1 }, part.scale) : { ...app.place, ...part }),
  methods: (names, added) => changeMethods(names, added),
  reference: (kind, box) => changeReference(kind, box),
  brush: (part) => changeBrush(part),
  mask: (how) => maskAll(how),
  find: (request) => findMask(request),
  refuse: (sentence) => complain(new Error(sentence), true),
  upload: (role, file) => upload(role, file),
  save: (kind) => save(kind),
  suffix: () => showCommand(),
  compare: () => compare(),
  centre: () => centre(),
  flip: () => flip(),
  maskMode: () => maskMode(),
  say,
});

// ---- Requests to the server

// The wish of a method for the server, with only the options that the server has.
function wishFor(method) {
  const { place, reference } = app, wish = { method, at: [place.x, place.y], scale: place.scale };
  for (const name of Object.keys(DEFAULTS)) if (app.options.has(name)) wish[name] = app.wish[name];
  if (app.options.has("rotate")) wish.rotate = place.rotate;
  if (app.options.has("flip")) wish.flip = place.flip;
  const box = reference.box;
  wish.reference = reference.kind === "box" ? (box ? `${box.x},${box.y},${box.width},${box.height}` : "auto") : reference.kind;
  return wish;
}

const ready = () => Boolean(app.foreground && app.background && app.mask && !app.box.empty);

// The key of a map, as text: a wish, and the number of changes of the mask.
const asked = (wish) => JSON.stringify([wish, app.strokes]);

const under_way = new Map(); // method -> the wish that is asked for, as text

// Request the maps of the visible methods. Each method has one request at a time; later changes are requested next.
function askForMaps() {
  if (!ready()) {
    for (const method of app.methods) stage.renderer.dropLut(method);
    stage.refresh();
    return;
  }
  for (const method of app.methods) if (!under_way.has(method)) askForMap(method);
}

async function askForMap(method) {
  const wish = wishFor(method), text = asked(wish), began = performance.now();
  under_way.set(method, text);
  const slow = setTimeout(() => { if (!one("#status").textContent) say(`${method} is at work …`, true); }, SLOW);
  try {
    flushMask();
    await sent;
    if (!ready()) return;  // the mask that was sent is empty
    const { values, points, command } = await server.readMap(wish);
    stage.renderer.setLut(method, values, points);
    app.commands[method] = command;
    stage.refresh();
    requestAnimationFrame(() => { document.body.dataset.milliseconds = Math.round(performance.now() - began); });
    one("#error").hidden = true;
  } catch (error) {
    stage.renderer.dropLut(method);
    stage.refresh();
    if (under_way.get(method) === text) complain(error);
  } finally {
    under_way.delete(method);
    clearTimeout(slow);
    if (one("#status").textContent.endsWith("at work …")) say("");
  }
  showCommand();
  if (app.methods.includes(method) && ready() && asked(wishFor(method)) !== text) askForMap(method);
}

let sent = Promise.resolve(); // the request with the latest mask; requests for maps and files wait for it
let proof_timer = null;
let loading = 0; // the number of requests under way that send or fetch photographs, masks or pictures
let pending_mask = null; // the timer of a mask that waits for more strokes

function sendMask() {
  clearTimeout(pending_mask);
  pending_mask = setTimeout(flushMask, MASK_WAITS);
}

// Send the mask now if it waits. Maps are requested again afterwards, because wishes depend on the mask.
function flushMask() {
  if (pending_mask === null) return;
  clearTimeout(pending_mask);
  pending_mask = null;
  loading += 1;
  sent = takeBox(app.mask).catch(complain).finally(() => { loading -= 1; });
  app.strokes += 1;
  askForMaps();
}

// Send a mask, and use the object's box that the server finds in it, as for the saved picture.
async function takeBox(mask) {
  const told = (await server.sendMask(mask.bytes.slice())).mask;
  if (mask !== app.mask || pending_mask !== null) return;
  app.box = boxOf(told.box, app.foreground);
  changed();
}

async function upload(role, file) {
  say(`Sending ${file.name} …`, true);
  loading += 1;
  try {
    const known = app.foreground && app.background;
    const state = await server.upload(role, file);
    const others = ["foreground", "background"].filter((other) => !state.pictures[other]);
    say(`${file.name} is the ${role}.${others.length ? ` Now choose the ${others[0]}.` : ""}`);
    one("#error").hidden = true;
    await take(state, role === "mask" ? ["mask"] : [role, ...(role === "foreground" ? ["mask"] : [])]);
    app.strokes += 1;
    if (role === "mask" && app.mode === "mask" && !app.box.empty) maskMode();  // the mask is there: show the composite
    if (app.foreground && app.background && (!known || role === "foreground")) centre(true);
  } catch (error) {
    say("");
    complain(error);
  } finally {
    loading -= 1;
  }
}

// Let the server find the mask: of people, or of the object in a box.
async function findMask(request) {
  loading += 1;
  say("Looking for the object …", true);
  try {
    flushMask();
    await sent;
    const state = await server.findMask(request);
    const before = app.mask;
    await take(state, ["mask"]);
    app.mask.undone = [...before.undone, before.bytes].slice(-12);
    app.strokes += 1;
    changed();
    say("A mask was found; paint to correct it.");
  } catch (error) {
    say("");
    complain(error);
  } finally {
    loading -= 1;
  }
}

async function startExample(name) {
  loading += 1;
  try {
    const state = await server.takeExample(name);
    await take(state, ["foreground", "background", "mask"]);
    Object.assign(app.place, { x: state.at[0], y: state.at[1], scale: state.scale, rotate: 0, flip: "none" });
    changed();
  } catch (error) {
    complain(error);
  } finally {
    loading -= 1;
  }
}

// Read the state of the session from the server, and fetch the pictures that changed.
async function take(state, changedRoles) {
  const { foreground = null, background = null } = state.pictures;
  if (changedRoles.includes("foreground") && foreground) {
    stage.renderer.setImage("foreground", await server.readPicture("foreground"));
    if (foreground.cutout) stage.renderer.setImage("alpha", await server.readPicture("alpha"));
    else stage.renderer.setOpaque();
  }
  if (changedRoles.includes("background") && background) stage.renderer.setImage("background", await server.readPicture("background"));
  if (changedRoles.includes("mask") && foreground) {
    app.mask = new Mask(await server.readMask(), state.mask.width, state.mask.height);
    stage.renderer.setMask(app.mask.bytes, app.mask.width, app.mask.height);
  }
  Object.assign(app, { foreground, background });
  if (foreground) app.box = boxOf(state.mask.box, foreground);
  stage.views.mask.fitted = stage.views.picture.fitted = true;
  if (foreground || background) remember();
  panel.showFiles();
  panel.showSaved(state.saved);
  if (foreground && background && app.box.empty && app.mode !== "mask") {
    one("#mask-section").open = true;
    maskMode();
    say("Paint over the object, or give a file of its mask.");
  }
  changed();
}

async function save(kind) {
  app.saving = true;
  panel.show();
  say("Saving at full size …", true);
  try {
    flushMask();
    await sent;
    const made = await server.save(wishFor(app.chosen), kind, one("#suffix").value);
    const state = await server.readState();
    panel.showSaved(state.saved);
    const link = document.createElement("a");
    Object.assign(link, { href: `saved/${made.file}`, download: made.file });
    link.click();
    say(`Saved ${made.file}.`);
  } catch (error) {
    say("");
    complain(error);
  } finally {
    app.saving = false;
    panel.show();
  }
}

// Show the server's picture if the wish has effects beyond a colour map.
async function prove() {
  const method = app.chosen, wish = wishFor(method), text = asked(wish);
  if (!app.unseen.some((name) => app.wish[name] !== DEFAULTS[name]) || app.mode === "mask" || !ready()) return;
  loading += 1;
  try {
    const { bitmap, said } = await server.readProof(wish);
    if (asked(wishFor(app.chosen)) === text) {
      stage.renderer.setImage("proof", bitmap);
      app.proof = method;
      stage.refresh();
      if (said) say(`${said[0].toUpperCase()}${said.slice(1)}.`);
    }
  } catch (error) {
    complain(error);
  } finally {
    loading -= 1;
  }
}

function proveSoon() {
  clearTimeout(proof_timer);
  proof_timer = setTimeout(() => {
    proof_timer = null;
    if (under_way.size) proveSoon();
    else prove();
  }, PROOF_WAITS);
}

// ---- Changes by the person

function changed() {
  app.proof = null;
  one("#welcome").hidden = Boolean(app.background || (app.foreground && app.mode === "mask"));
  if (app.unseen.some((name) => app.wish[name] !== DEFAULTS[name])) proveSoon();
  panel.show();
  stage.refresh();
  askForMaps();
  if (app.foreground && app.background) {
    const { x, y, scale, rotate } = app.place;
    one("#where").textContent = `The object is at ${x}, ${y}, size ${scale.toFixed(2)}${rotate ? `, turned by ${rotate.toFixed(1)} degrees` : ""}.`;
  }
}

function changeWish(name, value) {
  app.wish[name] = value;
  changed();
}

function changePlace(place) {
  const round = (value, digits) => Number(value.toFixed(digits));
  const scale = Math.min(Math.max(round(place.scale, 4), 0.01), 100);
  let rotate = round(place.rotate, 1) % 360;
  if (rotate > 180) rotate -= 360;
  if (rotate < -180) rotate += 360;
  app.place = { x: Math.round(place.x), y: Math.round(place.y), scale, rotate, flip: place.flip };
  changed();
}

function flip() {
  const { foreground, box, place } = app;
  if (!foreground) return;
  const [before] = pivotOf(place, foreground, box), other = { ...place, flip: place.flip === "none" ? "horizontal" : "none" };
  const [after] = pivotOf(other, foreground, box);
  changePlace({ ...other, x: place.x + before - after });
}

// Move the object to the centre; the first time also at a size that fits.
function centre(fitting = false) {
  const { foreground, background, box } = app;
  if (!foreground || !background) return;
  let place = app.place;
  if (fitting) {
    const scale = Math.min(1, 0.7 * background.width / (box.right - box.left), 0.7 * background.height / (box.bottom - box.top));
    place = { ...place, scale: Number(scale.toFixed(4)), rotate: 0, flip: "none" };
  }
  const [px, py] = pivotOf(place, foreground, box);
  changePlace({ ...place, x: place.x + background.width / 2 - px, y: place.y + background.height / 2 - py });
}

function changeMethods(names, added) {
  if (!names.length) {
    panel.show();
    return;
  }
  for (const name of app.methods) if (!names.includes(name)) stage.renderer.dropLut(name);
  app.methods = names;
  if (added || !names.includes(app.chosen)) app.chosen = added ?? names[0];
  changed();
  showCommand();
}

function choose(method) {
  if (app.chosen === method) return;
  app.chosen = method;
  say(`${method} is chosen: what is saved.`);
  changed();
  showCommand();
}

function changeReference(kind, box) {
  const { background } = app;
  if (kind === "box" && background) {
    if (!box) box = { x: 0, y: 0, width: background.width, height: background.height };
    const x = Math.min(Math.max(box.x, 0), background.width - 1), y = Math.min(Math.max(box.y, 0), background.height - 1);
    const typed = box;
    box = { x, y, width: Math.min(box.width, background.width - x), height: Math.min(box.height, background.height - y) };
    if (box.width < typed.width || box.height < typed.height) say(`The box ends where the background ends: it is ${box.width} × ${box.height}.`);
  }
  const begins = kind === "box" && app.reference.kind !== "box";
  app.reference = { kind, box };
  if (begins) say("Draw the box on the picture.");
  if (app.mode !== "mask") app.mode = kind === "box" ? "reference" : "move";
  changed();
}

function changeBrush(part) {
  Object.assign(app.brush, part);
  panel.show();
  stage.refresh();
}

// The mask was painted: the changed rows, or null for all rows; `done` at the end of a stroke.
function changeMask(rows, done) {
  const { mask } = app;
  if (rows && rows[1] > rows[0]) stage.renderer.updateMask(mask.bytes, mask.width, rows[0], rows[1]);
  if (!rows) stage.renderer.setMask(mask.bytes, mask.width, mask.height);
  if (done) {
    sendMask();
  }
  stage.refresh();
}

function maskAll(how) {
  const { mask } = app;
  if (!mask) return;
  if (how === "undo" ? !mask.undo() : void mask.change({ all: () => 255, none: () => 0, invert: (value) => 255 - value }[how])) {
    say("There is nothing to undo.");
    return;
  }
  changeMask(null, true);
}

function maskMode() {
  if (!app.foreground) return;
  app.mode = app.mode === "mask" ? (app.reference.kind === "box" ? "reference" : "move") : "mask";
  if (app.mode === "mask") {
    one("#mask-section").open = true;
    say("Paint what belongs to the object.");
  }
  changed();
}

function compare() {
  app.compare = !app.compare;
  changed();
}

function showCommand() {
  const suffix = one("#suffix").value, layer = suffix === ".jpg" ? ".png" : suffix;  // JPEG has no transparency
  one("#command").value = (app.commands[app.chosen] ?? "").replace(/ picture\.png /, ` picture${suffix} `).replace(/ layer\.png /, ` layer${layer} `);
}

// ---- Dropped files

function listenToDrops() {
  const drops = one("#drops"), zones = [...drops.children];
  const close = () => {
    drops.hidden = true;
    zones.forEach((zone) => zone.classList.remove("over"));
  };
  const isFile = (event) => [...event.dataTransfer?.types ?? []].includes("Files");
  window.addEventListener("dragenter", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    drops.hidden = false;
  });
  window.addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    zones.forEach((zone) => zone.classList.toggle("over", zone === event.target));
  });
  window.addEventListener("dragleave", (event) => { if (!event.relatedTarget) close(); });
  window.addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    close();
    const role = event.target.dataset?.role, file = event.dataTransfer.files[0];
    if (role && file) upload(role, file);
  });
}

// ---- The view's buttons

function listenToView() {
  one("#fit").addEventListener("click", () => stage.fit());
  one("#actual").addEventListener("click", () => stage.zoomTo(1));
  one("#zoom-in").addEventListener("click", () => stage.zoomTo(stage.view.zoom * 1.25));
  one("#zoom-out").addEventListener("click", () => stage.zoomTo(stage.view.zoom / 1.25));
}

// ---- The start

// Restore the wish of the session, so that a reloaded page continues.
function resume(wish) {
  for (const name of Object.keys(DEFAULTS)) if (name in wish) app.wish[name] = wish[name];
  app.methods = [wish.method];
  app.chosen = wish.method;
  app.place = { x: wish.at[0], y: wish.at[1], scale: wish.scale, rotate: wish.rotate ?? 0, flip: wish.flip ?? "none" };
  const numbers = wish.reference.split(",").map(Number);
  app.reference = numbers.length === 4
    ? { kind: "box", box: { x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3] } }
    : { kind: wish.reference, box: null };
}

const LAST = "sshbench-studio-session";

// Keep this session's address, so that a later page can continue the session.
function remember() {
  try {
    localStorage.setItem(LAST, location.pathname);
  } catch { /* the browser stores nothing: then only the address of the page leads back */ }
}

// Offer the last session if the server still has it.
async function offerLast() {
  let last = null;
  try {
    last = localStorage.getItem(LAST);
  } catch { /* as above */ }
  if (!last || last === location.pathname || !/^\/s\/[\w-]{22}\/$/.test(last)) return;
  if (await server.hasSession(last)) panel.offer(last);
}

async function load() {
  try {
    const state = await server.readState();
    if (state.wish) resume(state.wish);
    await take(state, ["foreground", "background", "mask"]);
    return state;
  } catch (error) {
    complain(error);
    return null;
  }
}

async function start() {
  listenToDrops();
  listenToView();
  try {
    const state = await server.readState();
    app.options = new Set(state.options);
    app.unseen = state.controls.map(({ name }) => name);
    for (const { name, default: value } of state.controls) DEFAULTS[name] = app.wish[name] = value;
    panel.begin(state, startExample);
    if (state.wish) resume(state.wish);
    const here = state.methods.filter(({ missing }) => !missing).map(({ name }) => name);
    if (!here.includes(app.chosen)) [app.methods, app.chosen] = [[here[0]], here[0]];
    await take(state, ["foreground", "background", "mask"]);
    if (!app.foreground && !app.background) await offerLast();
  } catch (error) {
    complain(error);
  }
  document.body.dataset.started = "yes";
}

// For tests and the console: `settled` says whether the page shows everything that was requested.
const settled = () => !under_way.size && !loading && proof_timer === null && !pending_mask && !app.saving && !stage.waiting && document.body.dataset.started === "yes";
window.studio = { app, stage, settled };
start();
