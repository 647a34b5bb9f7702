// The controls beside the picture: each shows a part of the state and reports changes.

const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

const FIRST = ["ssh-lut", "ssh", "reinhard", "pitie"]; // the methods that are listed without opening the full list

// The sentence about a number that a field refuses.
function limitsOf(input, typed) {
  const name = (input.labels?.[0]?.textContent || input.getAttribute("aria-label")).trim(), { min, max } = input;
  const limits = min !== "" && max !== "" ? `goes from ${min} to ${max}` : min !== "" ? `is at least ${min}` : "is a number";
  return `${name} ${limits}${typed === null ? "" : `, not ${typed}`}; it stays ${input.value || "empty"}.`;
}

// tell: wish(name, value), place(part), methods(names), choose(name), reference(kind, box), brush(part), mask(how),
// find(request), refuse(sentence), upload(role, file), save(kind), compare(), centre(), flip(), maskMode().
export class Panel {
  constructor(app, tell) {
    this.app = app;
    this.tell = tell;
    const number = (input, send) => this.number(input, send);
    for (const input of all("[data-wish]")) number(input, (value) => tell.wish(input.dataset.wish, value));
    for (const input of all("[data-range]")) input.addEventListener("input", () => tell.wish(input.dataset.range, input.valueAsNumber));
    for (const input of all("[data-place]")) number(input, (value) => tell.place({ [input.dataset.place]: value }));
    for (const input of all("[data-box]")) number(input, () => tell.reference("box", this.boxTyped()));
    one("#scale-range").addEventListener("input", (event) => tell.place({ scale: 10 ** (event.target.valueAsNumber / 200) * 1 }));
    one("#rotate-range").addEventListener("input", (event) => tell.place({ rotate: event.target.valueAsNumber }));
    for (const button of all("[data-reset]")) {
      button.addEventListener("click", () => button.dataset.reset.split(" ").forEach((name) => tell.wish(name, app.defaults[name])));
    }
    for (const input of all("[name=reference]")) input.addEventListener("change", () => tell.reference(input.value, app.reference.box));
    for (const input of all("[name=brush]")) input.addEventListener("change", () => tell.brush({ erase: input.value === "erase", box: input.value === "box" }));
    for (const [name, part] of [["size", 1], ["softness", 100]]) {
      one(`#brush-${name}-range`).addEventListener("input", (event) => tell.brush({ [name]: event.target.valueAsNumber / part }));
      number(one(`#brush-${name}`), (value) => tell.brush({ [name]: value / part }));
    }
    for (const how of ["undo", "all", "none", "invert"]) one(`#mask-${how}`).addEventListener("click", () => tell.mask(how));
    for (const input of all("[data-upload]")) {
      input.addEventListener("change", () => {
        if (input.files[0]) tell.upload(input.dataset.upload, input.files[0]);
        input.value = "";
      });
    }
    for (const button of all("[data-save]")) button.addEventListener("click", () => tell.save(button.dataset.save));
    one("#suffix").addEventListener("change", () => tell.suffix());
    for (const name of ["compare", "centre", "flip"]) one(`#${name}`).addEventListener("click", () => tell[name]());
    one("#find-person").addEventListener("click", () => tell.find("auto:person"));
    one("#mask-mode").addEventListener("click", () => tell.maskMode());
    one("#help-open").addEventListener("click", () => one("#help").showModal());
    one("#copy").addEventListener("click", () => this.copy());
    one("#panel").addEventListener("submit", (event) => event.preventDefault());
  }

  // Read the numbers that a person types. If a number is invalid, the limits are stated when the field loses focus, and
  // the valid value returns.
  number(input, send) {
    const wrong = () => !Number.isFinite(input.valueAsNumber) || input.validity.rangeUnderflow || input.validity.rangeOverflow;
    input.addEventListener("input", () => { if (!wrong()) send(input.valueAsNumber); });
    input.addEventListener("change", () => {
      const typed = Number.isFinite(input.valueAsNumber) ? input.value : null, refused = wrong();
      this.show(input);
      if (refused) this.tell.refuse(limitsOf(input, typed));
    });
  }

  async copy() {
    const area = one("#command");
    try {
      await navigator.clipboard.writeText(area.value);
      this.tell.say("The command is copied.");
    } catch {
      area.focus();
      area.select();
      this.tell.say("The command is selected; copy it with Ctrl+C.");
    }
  }

  boxTyped() {
    const value = (name) => Math.round(one(`[data-box=${name}]`).valueAsNumber) || 0;
    return { x: value("x"), y: value("y"), width: Math.max(value("width"), 1), height: Math.max(value("height"), 1) };
  }

  // Offer to continue the session of an earlier page.
  offer(path) {
    const link = document.createElement("a");
    Object.assign(link, { href: path, textContent: "Continue your last session", className: "button" });
    one("#examples").after(link);
  }

  // Fill in the parts that stay the same for the session: the methods, the examples and the options.
  begin(state, startExample) {
    for (const element of all("[data-option]")) element.hidden = !this.app.options.has(element.dataset.option);
    one("#examples").replaceChildren(...Object.entries(state.examples).map(([name, title]) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", textContent: title });
      button.addEventListener("click", () => startExample(name));
      return button;
    }));
    one("#finish").hidden = !state.controls.length;
    one("#finish-controls").replaceChildren(...state.controls.map((about) => this.control(about)));
    for (const { name, missing } of state.methods) {
      const label = document.createElement("label"), box = document.createElement("input"), text = document.createElement("span");
      label.className = "choice";
      Object.assign(box, { type: "checkbox", value: name, name: "method" });
      text.textContent = name;
      label.append(box, text);
      if (missing) {
        const note = Object.assign(document.createElement("p"), { id: `missing-${name}`, className: "note", textContent: `${missing}; then reload this page.` });
        box.dataset.missing = "yes";
        box.setAttribute("aria-describedby", note.id);
        one("#methods-missing").append(label, note);
        continue;
      }
      box.addEventListener("change", () => this.tell.methods(all("[name=method]:checked").map((input) => input.value), box.checked ? name : null));
      one(FIRST.includes(name) ? "#methods-first" : "#methods-more").append(label);
    }
    one("#methods-lacking").hidden = !state.methods.some(({ missing }) => missing);
  }

  // A control that the server describes: a range with a number, a choice, or a switch.
  control({ name, label, help, kind, choices, least, most }) {
    const row = document.createElement("div"), title = document.createElement("label"), id = `finish-${name}`;
    row.className = kind === "range" ? "slider" : "line";
    row.title = help;
    Object.assign(title, { htmlFor: id, textContent: label });
    const field = document.createElement(kind === "choice" ? "select" : "input");
    Object.assign(field, { id });
    field.dataset.wish = name;
    row.append(title, field);
    if (kind === "choice") {
      field.append(...choices.map((choice) => Object.assign(document.createElement("option"), { value: choice, textContent: choice })));
      field.addEventListener("change", () => this.tell.wish(name, field.value));
    } else if (kind === "switch") {
      field.type = "checkbox";
      field.addEventListener("change", () => this.tell.wish(name, field.checked));
    } else {
      const range = document.createElement("input"), step = kind === "number" ? "any" : (most - least) / 100 >= 1 ? 1 : 0.01;
      Object.assign(field, { type: "number", min: least ?? "", max: most ?? "", step });
      Object.assign(range, { type: "range", min: least, max: most, step });
      range.dataset.range = name;
      range.setAttribute("aria-label", label);
      range.addEventListener("input", () => this.tell.wish(name, range.valueAsNumber));
      this.number(field, (value) => this.tell.wish(name, value));
      if (kind === "range") title.after(range);
    }
    return row;
  }

  // Show the state. A field with the focus keeps its text, unless it is `left`.
  show(left = null) {
    const app = this.app, set = (element, value) => {
      if (element && (element !== document.activeElement || element === left) && element.value !== String(value)) element.value = value;
    };
    for (const name of Object.keys(app.defaults)) {
      const field = one(`[data-wish=${name}]`);
      if (field?.type === "checkbox") field.checked = app.wish[name];
      else set(field, app.wish[name]);
      const range = one(`[data-range=${name}]`);
      if (range && range.valueAsNumber !== app.wish[name]) range.value = app.wish[name];
    }
    const place = app.place, round = (value, digits) => Number(value.toFixed(digits));
    for (const [name, digits] of [["x", 0], ["y", 0], ["scale", 4], ["rotate", 1]]) set(one(`[data-place=${name}]`), round(place[name], digits));
    one("#scale-range").value = Math.round(200 * Math.log10(place.scale));
    one("#rotate-range").value = place.rotate;
    one("#flip").setAttribute("aria-pressed", String(place.flip !== "none"));
    one("#compare").setAttribute("aria-pressed", String(app.compare));
    one("#split").hidden = !app.compare || app.mode === "mask";
    one("#mask-mode").setAttribute("aria-pressed", String(app.mode === "mask"));
    one("#mask-mode").textContent = app.mode === "mask" ? "Done" : "Paint the mask";
    one("#brush").hidden = app.mode !== "mask";
    one("#mask-mode").disabled = one("#find-person").disabled = !app.foreground;
    for (const input of all("[name=brush]")) input.checked = input.value === (app.brush.box ? "box" : app.brush.erase ? "erase" : "paint");
    for (const [name, part] of [["size", 1], ["softness", 100]]) {
      set(one(`#brush-${name}`), Math.round(app.brush[name] * part));
      one(`#brush-${name}-range`).value = app.brush[name] * part;
    }
    for (const input of all("[name=method]")) {
      input.checked = app.methods.includes(input.value);
      input.disabled = Boolean(input.dataset.missing) || (!input.checked && app.methods.length >= 4);
      input.parentElement.classList.toggle("chosen", input.value === app.chosen && app.methods.length > 1);
    }
    for (const input of all("[name=reference]")) input.checked = input.value === app.reference.kind;
    one("#reference-box").hidden = app.reference.kind !== "box";
    for (const [name, most] of Object.entries(app.background ? { x: app.background.width - 1, y: app.background.height - 1, width: app.background.width, height: app.background.height } : {})) {
      one(`[data-box=${name}]`).max = most;
    }
    for (const name of ["x", "y", "width", "height"]) set(one(`[data-box=${name}]`), app.reference.box?.[name] ?? "");
    const ready = Boolean(app.foreground && app.background && app.box && !app.box.empty);
    for (const button of all("[data-save]")) button.disabled = !ready || app.saving;
    one("#mask-note").textContent = !app.foreground ? "" : app.box?.empty
      ? "The mask is empty: paint over the object, or give a file that is white where the object is."
      : app.foreground.cutout ? "The foreground is cut out by its transparency; the mask removes more of it." : "";
  }

  showFiles() {
    one("#files").replaceChildren(...["foreground", "background"].flatMap((role) => {
      const picture = this.app[role];
      if (!picture) return [];
      const term = document.createElement("dt"), text = document.createElement("dd");
      term.textContent = role;
      text.textContent = `${picture.name}, ${picture.width} × ${picture.height}`;
      return [term, text];
    }));
  }

  showSaved(saved) {
    one("#saved").replaceChildren(...saved.map(({ file, bytes }) => {
      const item = document.createElement("li"), link = document.createElement("a");
      Object.assign(link, { href: `saved/${file}`, download: file, textContent: `${file} (${(bytes / 1e6).toFixed(bytes < 1e5 ? 2 : 1)} MB)` });
      item.append(link);
      return item;
    }).reverse());
  }
}
