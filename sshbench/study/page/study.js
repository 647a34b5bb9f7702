"use strict";
// The page of a subject. A backend (the server, or the data in a static page) states the subject's stage, which the page shows.

const root = document.getElementById("root");
const embedded = document.getElementById("embedded");

function make(tag, properties = {}, ...children) {
  const { dataset, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset || {});
  element.append(...children.filter((child) => child !== null));
  return element;
}
function button(text, action, className = "") {
  return make("button", { type: "button", className, onclick: action }, text);
}
function show(...children) {
  root.replaceChildren(...children);
  window.scrollTo(0, 0);
}
function card(title, ...children) {
  const heading = make("h1", { tabIndex: -1 }, title);
  show(make("main", { className: "card" }, heading, ...children));
  heading.focus({ preventScroll: true });
}
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// ---------------------------------------------------------------- backends

class Refusal extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

function serverBackend() {
  async function ask(name, body) {
    for (let wait = 500; ; wait = Math.min(wait * 2, 15000)) {
      let response = null;
      try {
        const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
        response = await fetch(name, { ...options, headers: { "content-type": "application/json" } });
        if (response.ok) { toast(null); return await response.json(); }
      } catch { response = null; }
      if (response && response.status < 500) {
        const said = await response.json().catch(() => ({}));
        throw new Refusal(response.status, said.error || "The server did not accept this.");
      }
      toast("There is no connection to the server. Your answer is kept and will be sent again.");
      await pause(wait);
    }
  }
  return {
    state: () => ask("state"),
    consent: (version) => ask("consent", { version }),
    screen: (screen) => ask("screen", screen),
    answer: (answer) => ask("answer", answer),
    withdraw: () => ask("withdraw", { withdraw: true }),
    picture: (code) => `p/${code}.png`,
  };
}

function fileBackend(data) {
  const key = `sshbench-study-${data.study.id}-${data.subject}`;
  let kept = { consent: null, screen: null, answers: [], withdrawn: false };
  try { kept = JSON.parse(localStorage.getItem(key)) || kept; } catch { /* nothing was stored, or storage is blocked */ }
  function keep() {
    try { localStorage.setItem(key, JSON.stringify(kept)); } catch { /* the answers are lost when the page closes */ }
    return told();
  }
  function told() {
    const done = kept.answers.length;
    const stage = kept.withdrawn ? "withdrawn" : done >= data.trials.length ? "done"
      : kept.consent !== data.study.consent.version ? "consent" : kept.screen === null ? "screen" : "trial";
    return { study: data.study, stage, done, trials: data.trials.length, next: data.trials.slice(done, done + 3) };
  }
  return {
    state: async () => told(),
    consent: async (version) => { kept.consent = version; return keep(); },
    screen: async (screen) => { kept.screen = screen; return keep(); },
    answer: async ({ trial, answer, milliseconds }) => {
      if (trial === kept.answers.length) kept.answers.push({ answer, milliseconds });
      return keep();
    },
    withdraw: async () => { kept = { consent: null, screen: null, answers: [], withdrawn: true }; return keep(); },
    picture: (code) => data.pictures[code],
    file: () => JSON.stringify({
      format: "sshbench-study-answers", version: 1, study: data.study.id, subject: data.subject, token: data.token, ...kept,
    }),
    name: `answers-${data.study.id}-${data.subject}.json`,
  };
}

const backend = embedded ? fileBackend(JSON.parse(embedded.textContent)) : serverBackend();

// ---------------------------------------------------------------- pictures

const loaded = new Map(); // code -> promise of a decoded image; the next pictures are loaded before they are shown

function load(code) {
  if (!loaded.has(code)) {
    const image = new Image();
    image.alt = "";
    image.src = backend.picture(code);
    const ready = image.decode().then(() => image);
    ready.catch(() => loaded.delete(code));
    loaded.set(code, ready);
    if (loaded.size > 40) loaded.delete(loaded.keys().next().value);
  }
  return loaded.get(code);
}
async function loadSurely(code) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 15000)) {
    try { const image = await load(code); toast(null); return image.cloneNode(); } catch {
      toast("A picture could not be loaded. The page tries again.");
      await pause(wait);
    }
  }
}
const codesOf = (trial) => [...trial.pictures, ...(trial.reference ? [trial.reference] : [])];

function toast(text) {
  document.querySelector(".toast")?.remove();
  if (text) document.body.append(make("div", { className: "toast", role: "status" }, text));
}

// ---------------------------------------------------------------- one zoom for all pictures

const zoom = { scale: 1, x: 0, y: 0 }; // x and y: the upper left corner of the pictures, as a fraction of the pane
const MOST_ZOOM = 16;

function applyZoom() {
  for (const pane of document.querySelectorAll(".pane")) {
    const image = pane.querySelector("img");
    if (image) image.style.transform = `translate(${zoom.x * pane.clientWidth}px, ${zoom.y * pane.clientHeight}px) scale(${zoom.scale})`;
  }
}
function zoomTo(scale, x = 0.5, y = 0.5) { // the point (x, y) of the pane stays where it is
  scale = Math.min(Math.max(scale, 1), MOST_ZOOM);
  zoom.x = x - (x - zoom.x) * scale / zoom.scale;
  zoom.y = y - (y - zoom.y) * scale / zoom.scale;
  zoom.scale = scale;
  move(0, 0);
}
function move(dx, dy) {
  zoom.x = Math.min(0, Math.max(1 - zoom.scale, zoom.x + dx));
  zoom.y = Math.min(0, Math.max(1 - zoom.scale, zoom.y + dy));
  applyZoom();
}
function resetZoom() { Object.assign(zoom, { scale: 1, x: 0, y: 0 }); applyZoom(); }

function watchPane(pane, onTap) {
  const fingers = new Map();
  let moved = false;
  const place = (event) => {
    const box = pane.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  pane.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomTo(zoom.scale * Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), ...place(event));
  }, { passive: false });
  pane.addEventListener("dblclick", (event) => { if (!onTap) zoomTo(zoom.scale > 1 ? 1 : 3, ...place(event)); });
  pane.addEventListener("pointerdown", (event) => {
    if (fingers.size === 0) moved = false;
    pane.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { at: place(event), from: [event.clientX, event.clientY] });
  });
  pane.addEventListener("pointermove", (event) => {
    const own = fingers.get(event.pointerId);
    if (!own) return;
    if (Math.hypot(event.clientX - own.from[0], event.clientY - own.from[1]) > 8) moved = true;
    const [x, y] = place(event);
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const before = Math.hypot(own.at[0] - other.at[0], own.at[1] - other.at[1]);
      const after = Math.hypot(x - other.at[0], y - other.at[1]);
      move((x - own.at[0]) / 2, (y - own.at[1]) / 2);
      if (before > 0.01) zoomTo(zoom.scale * after / before, (x + other.at[0]) / 2, (y + other.at[1]) / 2);
    } else if (moved) {
      move(x - own.at[0], y - own.at[1]);
    }
    own.at = [x, y];
  });
  const end = (event) => {
    const was = fingers.delete(event.pointerId);
    if (was && event.type === "pointerup" && fingers.size === 0 && !moved && onTap) onTap();
  };
  pane.addEventListener("pointerup", end);
  pane.addEventListener("pointercancel", end);
}

// Return the number of columns at which pictures of this shape are largest in the present window.
function columnsFor(count, width, height, aspect) {
  let best = 1, largest = 0;
  for (let columns = 1; columns <= count; columns++) {
    const w = width / columns, h = height / Math.ceil(count / columns);
    const size = Math.min(w, h * aspect);
    if (size > largest * 1.001) [best, largest] = [columns, size];
  }
  return best;
}

// ---------------------------------------------------------------- stages

let study = null;
let keys = () => false; // the handler of key presses in the present stage
let layOut = () => {};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (keys(event)) event.preventDefault();
});
window.addEventListener("resize", () => { layOut(); applyZoom(); });

async function step(action) { // runs an action of the backend, and shows the stage that follows
  try {
    go(await action());
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.status === 425) { toast(error.message); await pause(1000); }
    if (error.status === 404) return card("This link does not work", make("p", {}, error.message));
    if (error.status === 422 && study) return card("The study cannot continue", make("p", { className: "error" }, error.message), button("Try again", start, "main"));
    go(await backend.state());
    if (error.status !== 425) { toast(error.message); setTimeout(() => toast(null), 4000); }
  }
}

function go(told) {
  study = told.study || study;
  document.title = study.title;
  keys = () => false;
  layOut = () => {};
  for (const trial of told.next || []) codesOf(trial).forEach((code) => load(code).catch(() => {}));
  ({ consent, screen: checkScreen, trial: askTrial, done: thank, withdrawn, over })[told.stage](told);
}

function consent() {
  const { version, text } = study.consent;
  card(study.title,
    make("p", {}, text),
    make("p", { className: "note" }, `Consent text, version ${version}.`),
    make("div", { className: "row" },
      button("I agree and take part", () => step(() => backend.consent(version)), "main"),
      button("I do not take part", () => card("Thank you", make("p", {}, "Nothing was stored. You may close this page, or open the link again if you change your mind.")))));
}

function measured() {
  return {
    width: Math.round(window.innerWidth), height: Math.round(window.innerHeight),
    pixel_ratio_percent: Math.round(window.devicePixelRatio * 100), colour_depth: screen.colorDepth,
    touch: Number(matchMedia("(pointer: coarse)").matches),
  };
}

let checkedHere = false; // this device was checked since the page was opened
function checkScreen() {
  const found = measured();
  const problems = [];
  if (found.width < study.screen.min_width) problems.push(`The window is ${found.width} pixels wide, and the study needs ${study.screen.min_width}. Please enlarge it, or use another device.`);
  if (found.colour_depth < study.screen.min_colour_depth) problems.push(`The screen shows ${found.colour_depth} bits of colour, and the study needs ${study.screen.min_colour_depth}. Please use another device.`);
  const greys = make("div", { className: "greys", role: "img", ariaLabel: "Twelve steps of grey from black to white" });
  for (let k = 0; k < 12; k++) {
    const code = [0, 10, 20, 45, 70, 100, 130, 160, 190, 220, 240, 255][k];
    const patch = make("span");
    patch.style.background = `rgb(${code}, ${code}, ${code})`;
    greys.append(patch);
  }
  card("Your screen",
    make("p", {}, "You should see all twelve steps from black to white below. If you do not, please make the screen brighter and avoid reflections. Please switch off night modes and other colour filters."),
    greys,
    make("p", { className: "note" }, `${found.width} x ${found.height} pixels, ${found.colour_depth} bits of colour.`),
    ...problems.map((text) => make("p", { className: "error" }, text)),
    make("div", { className: "row" }, problems.length
      ? button("Check again", checkScreen, "main")
      : button("I see all steps", () => { checkedHere = true; step(() => backend.screen(measured())); }, "main")));
  window.onresize = problems.length ? checkScreen : null;
}

let instructed = false, practised = false;
function askTrial(told) {
  if (!checkedHere) return checkScreen(); // resumed, perhaps on another device
  window.onresize = null;
  const trial = told.next[0];
  if (!instructed) { instructed = true; return instruct(told); }
  if (trial.practice) practised = true;
  if (practised && !trial.practice) {
    practised = false;
    return card("The practice is over", make("p", {}, `Your answers count from now on. There are ${told.trials - told.done} questions.`),
      make("div", { className: "row" }, button("Begin", () => askTrial(told), "main")));
  }
  ask(told, trial);
}

function instruct(told) {
  const canFill = document.fullscreenEnabled;
  const touch = matchMedia("(pointer: coarse)").matches;
  const how = touch
    ? [["Zoom with two fingers; all pictures move together."]]
    : [["Zoom with the mouse wheel, a double click or ", "+", " and ", "-", "; drag to move. All pictures move together. ", "R", " shows all again."],
      { acr: ["Answer with the buttons or the keys ", "0", " to ", "4", "."],
        pairs: ["Answer with the buttons or the keys ", "A", ", ", "B", " and ", "=", " (equal)."],
        rank: ["Click the pictures from the best to the worst, or press their letters; ", "Backspace", " takes one back, and ", "Enter", " confirms."] }[study.design]];
  const list = make("ul", {}, ...how.map((parts) => make("li", {}, ...parts.map((part, k) => k % 2 ? make("kbd", {}, part) : part))),
    make("li", {}, "You may stop at any time and continue later with the same link."));
  if (embedded) list.lastChild.textContent = "You may stop at any time and continue later with this page in the same browser.";
  const begin = async (fill) => {
    if (fill) await document.documentElement.requestFullscreen().catch(() => {});
    askTrial(told);
  };
  card(told.done ? "Welcome back" : "How it works", make("p", {}, study.instructions), list,
    make("p", { className: "note" }, told.done ? `You have answered ${told.done} of ${told.trials} questions.`
      : `There are ${told.trials} questions${told.next[0].practice ? ", and the first ones are for practice" : ""}.`),
    make("div", { className: "row" },
      canFill ? button("Start in full screen", () => begin(true), "main") : null,
      button(canFill ? "Start in this window" : "Start", () => begin(false), canFill ? "" : "main")));
}

async function ask(told, trial) {
  resetZoom();
  const letters = "ABCDEFGHIJKL";
  const labels = trial.pictures.map((_, k) => trial.pictures.length === 1 ? "Picture" : letters[k]);
  const panes = make("div", { className: "panes" });
  const picked = [];
  const pickable = study.design === "rank";
  const figures = labels.map((label, k) => {
    const figure = make("figure", { className: "pane" + (pickable ? " pick" : ""), ariaLabel: label }, make("figcaption", {}, label));
    watchPane(figure, pickable ? () => pick(k) : null);
    return figure;
  });
  if (trial.reference) {
    const figure = make("figure", { className: "pane" }, make("figcaption", {}, study.reference === "background" ? "Background" : "Reference"));
    watchPane(figure, null);
    figures.push(figure);
  }
  panes.append(...figures);
  const controls = make("div", { className: "controls" });
  const choices = [];
  function choice(key, title, text, value) {
    const one = make("button", { type: "button", disabled: true, onclick: () => answer(value, one) }, make("b", {}, title), text ? make("small", {}, text) : null);
    choices.push({ key, one });
    controls.append(one);
    return one;
  }
  if (study.design === "acr") study.scale.forEach((word, k) => choice(String(k), String(k), word, () => k));
  if (study.design === "pairs") {
    choice("a", "A", "is better", () => "first");
    choice("=", "=", "equal", () => "tie");
    choice("b", "B", "is better", () => "second");
  }
  let confirm = null;
  if (pickable) {
    controls.append(make("button", { type: "button", onclick: unpick }, make("b", {}, "Undo")));
    confirm = choice("enter", "Done", "", () => [...picked]);
  }
  const count = make("span", { className: "count" }, `${told.done + 1} of ${told.trials}`);
  show(make("main", { className: "trial" },
    make("div", { className: "bar" },
      count, make("progress", { max: told.trials, value: told.done, ariaLabel: "Progress" }),
      trial.practice ? make("span", { className: "practice" }, "Practice") : null,
      button("Show all", resetZoom, "wide-only"),
      document.fullscreenEnabled ? button("Full screen", toggleFull, "wide-only") : null,
      button("Stop", () => stop(told))),
    make("p", { className: "question" }, study.question), panes, controls));

  const images = await Promise.all(codesOf(trial).map(loadSurely));
  if (!panes.isConnected) return;
  images.forEach((image, k) => figures[k].append(image));
  layOut = () => {
    const { naturalWidth, naturalHeight } = images[0];
    const columns = columnsFor(figures.length, panes.clientWidth, panes.clientHeight, naturalWidth / naturalHeight || 1.5);
    panes.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    figures.at(-1).classList.toggle("alone", columns === 2 && figures.length % 2 === 1);
  };
  layOut();
  await Promise.all(images.map((image) => image.decode().catch(() => {})));
  panes.classList.add("ready");
  const begun = performance.now();
  let open = false, given = false;
  function refresh() {
    for (const { one } of choices) one.disabled = !open || given || (one === confirm && picked.length < labels.length);
    figures.forEach((figure, k) => {
      const place = picked.indexOf(k);
      figure.classList.toggle("picked", place >= 0);
      figure.querySelector(".place")?.remove();
      if (place >= 0) figure.append(make("span", { className: "place" }, String(place + 1)));
    });
  }
  function pick(k) {
    if (given || !panes.classList.contains("ready")) return;
    if (picked.includes(k)) picked.splice(picked.indexOf(k), 1); else picked.push(k);
    refresh();
  }
  function unpick() { picked.pop(); refresh(); }
  function answer(value, one) {
    if (!open || given || one.disabled) return;
    given = true;
    const milliseconds = Math.round(performance.now() - begun);
    one.classList.add("chosen");
    refresh();
    step(() => backend.answer({ trial: trial.number, answer: value(), milliseconds }));
  }
  keys = (event) => {
    const key = event.key.toLowerCase();
    if (key === "+") zoomTo(zoom.scale * 1.5);
    else if (key === "-") zoomTo(zoom.scale / 1.5);
    else if (key === "r") resetZoom();
    else if (key === "f") toggleFull();
    else if (key.startsWith("arrow")) move({ arrowleft: 0.1, arrowright: -0.1 }[key] || 0, { arrowup: 0.1, arrowdown: -0.1 }[key] || 0);
    else if (pickable && key === "backspace") unpick();
    else if (pickable && letters.toLowerCase().includes(key) && letters.toLowerCase().indexOf(key) < labels.length) pick(letters.toLowerCase().indexOf(key));
    else {
      const found = choices.find((choice) => choice.key === key);
      if (!found || event.repeat) return false;
      found.one.click();
    }
    return true;
  };
  await pause(Math.max(0, study.min_seconds * 1000 + 20));
  open = true;
  refresh();
}

function toggleFull() {
  if (!document.fullscreenEnabled) return;
  if (document.fullscreenElement) document.exitFullscreen(); else document.documentElement.requestFullscreen().catch(() => {});
}

function stop(told) {
  const dialog = make("dialog", {},
    make("p", {}, embedded ? "You may close this page and continue later in the same browser. All your answers are kept."
      : "You may close this page and continue later with the same link, also on another device. All your answers are kept."),
    make("div", { className: "row" }),
    button("Go on", () => dialog.close(), "main"), " ",
    button("Withdraw from the study", () => { dialog.close(); reallyWithdraw(told); }, "quiet"));
  dialog.addEventListener("close", () => dialog.remove());
  root.append(dialog);
  dialog.showModal();
}

function reallyWithdraw(told) {
  keys = () => false;
  card("Withdraw from the study?",
    make("p", {}, "Everything that was stored about you is deleted, and you cannot take part again with this link. This cannot be undone."),
    make("div", { className: "row" },
      button("Do not withdraw", () => go(told), "main"),
      button("Withdraw and delete everything", () => step(() => backend.withdraw()))));
}

function saveFile() {
  const url = URL.createObjectURL(new Blob([backend.file()], { type: "application/json" }));
  const link = make("a", { href: url, download: backend.name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function thank(told) {
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  const saved = embedded ? [
    make("p", {}, "One step is left: save the file with your answers, and send it to those who invited you."),
    make("div", { className: "row" }, button("Save my answers", saveFile, "main"))]
    : [make("p", {}, "All your answers are stored. You may close this page.")];
  card("Thank you", make("p", {}, `You have answered all ${told.trials} questions.`), ...saved,
    make("div", { className: "row" }, button("Withdraw from the study", () => reallyWithdraw(told), "quiet")));
}

function withdrawn() {
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  card("You have withdrawn", make("p", {}, embedded
    ? "Your answers were deleted from this browser. If you have already sent a file, please save this file and send it, too, so that your answers are deleted there."
    : "Everything that was stored about you was deleted. You may close this page. Thank you for your time."),
  embedded ? make("div", { className: "row" }, button("Save the withdrawal", saveFile)) : null);
}

function over() {
  card("The study is over", make("p", {}, "Answers are no longer accepted. Thank you for your interest."));
}

async function start() { await step(() => backend.state()); }
start();
