"use strict";
// The element #data holds the content of the page; see `payload` in report.py.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const AT_ONCE = 12;

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "line", "rect", "circle", "path", "text", "title"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function choices(select, entries, chosen) {
  select.replaceChildren(...entries.map(([value, text]) => make("option", { value, text })));
  select.value = entries.some(([value]) => value === chosen) ? chosen : entries[0]?.[0];
}

// --- numbers ---------------------------------------------------------------------------------------------------------

const metric = () => data.metrics[$("metric").selectedIndex];
const place = () => $("metric").selectedIndex;
const valueOf = (image, method) => image.values[method]?.[place()] ?? null;

function say(value, of = metric()) {
  if (value === null) return "none";
  return of.unit === "dB" && value >= 100 ? "∞ dB" : value.toFixed(of.digits) + (of.unit ? ` ${of.unit}` : "");
}

function rivals(image) {
  const scored = data.methods.filter((m) => !m.ceiling && valueOf(image, m.name) !== null).map((m) => m.name);
  const own = scored.filter((name) => name !== "dc");
  return (own.length > 1 ? own : scored).sort((a, b) => better(valueOf(image, a), valueOf(image, b)));
}

const better = (a, b) => (metric().higher ? b - a : a - b); // sorts the best first

function spread(image) {
  const names = rivals(image);
  return names.length ? Math.abs(valueOf(image, names[0]) - valueOf(image, names.at(-1))) : -1;
}

const byDifference = () => [...data.images].sort((a, b) => spread(b) - spread(a));

function quantile(sorted, part) {
  const at = part * (sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

// --- tables ----------------------------------------------------------------------------------------------------------

function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.replaceChildren(make("button", { type: "button", text: head.textContent, onclick: () => {
      const down = head.ariaSort !== "descending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      for (const body of table.tBodies) body.append(...[...body.rows].sort((a, b) => compare(a, b, column, down)));
    } }));
  });
}

function compare(a, b, column, down) {
  const [x, y] = [a, b].map((row) => row.cells[column].textContent.trim());
  const [p, q] = [x, y].map((text) => parseFloat(text.replace(/^<\s*/, "")));
  if (isNaN(p) && isNaN(q)) return down ? y.localeCompare(x) : x.localeCompare(y);
  if (isNaN(p) || isNaN(q)) return isNaN(p) ? 1 : -1; // rows without a number stay last
  return down ? q - p : p - q;
}

function tableOf(heads, rows) {
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col", text })))));
  table.append(make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) =>
    cell instanceof Node ? make("td", {}, cell) : make("td", { text: cell }))))));
  sortable(table);
  return table;
}

function ticks(low, high) {
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

// --- distributions ---------------------------------------------------------------------------------------------------

function drawChart() {
  $("chart").replaceChildren();
  const left = 150, right = 20, row = 44, top = 8, width = Math.max(520, $("chart").clientWidth);
  const methods = data.methods.map((method, i) => ({ ...method, mean: method.means[place()], values: data.images
    .map((image) => ({ image, value: valueOf(image, method.name) })).filter((v) => v.value !== null), y: top + row * (i + 0.5) }));
  const all = methods.flatMap((m) => m.values.map((v) => v.value));
  if (!all.length) return;
  const low = Math.min(...all), span = Math.max(...all) - low || 1;
  const x = (value) => left + ((value - low) / span) * (width - left - right);
  const bottom = top + row * methods.length;
  const svg = make("svg", { width, height: bottom + 40, role: "img", "aria-label":
    `${metric().title} by method. ` + methods.map((m) => `${m.name}: mean ${say(m.mean[0])}`).join("; ") });
  for (const value of ticks(low, low + span)) {
    svg.append(make("line", { class: "axis", x1: x(value), x2: x(value), y1: top, y2: bottom }),
      make("text", { x: x(value), y: bottom + 16, "text-anchor": "middle", text: +value.toPrecision(6) }));
  }
  svg.append(make("text", { x: left, y: bottom + 34, text: `${metric().title}${metric().unit && ` (${metric().unit})`}, ${metric().higher ? "more" : "less"} is better` }));
  for (const m of methods) {
    const group = make("g", { class: m.ceiling ? "ceiling" : "" });
    group.append(make("text", { x: left - 10, y: m.y + 4, "text-anchor": "end", text: m.name.length > 20 ? m.name.slice(0, 19) + "…" : m.name }, make("title", { text: m.name })));
    m.values.forEach((v, i) => group.append(make("circle", { cx: x(v.value), cy: m.y + (((i * 7919) % 17) - 8) * 1.1, r: 3.5,
      "data-id": v.image.id, onclick: () => show(v.image), onpointerenter: () => mark(v.image, `${m.name}: ${say(v.value)}`), onpointerleave: () => mark(null) },
      make("title", { text: `${v.image.id}, ${m.name}: ${say(v.value)}` }))));
    const sorted = m.values.map((v) => v.value).sort((a, b) => a - b);
    if (sorted.length) {
      const [a, b, c] = [0.25, 0.5, 0.75].map((part) => x(quantile(sorted, part)));
      group.append(make("rect", { class: "box", x: a, width: c - a, y: m.y - 13, height: 26 }), make("line", { class: "median", x1: b, x2: b, y1: m.y - 13, y2: m.y + 13 }));
      const [mean, from, to] = m.mean.map((v) => (v === null ? null : x(v)));
      if (from !== null) group.append(make("line", { class: "mean", x1: from, x2: to, y1: m.y, y2: m.y }));
      group.append(make("path", { class: "mean", d: `M${mean - 4} ${m.y}l4-4 4 4-4 4z` }));
    }
    svg.append(group);
  }
  $("chart").append(svg);
  $("quartiles").replaceChildren(tableOf(["method", "images", "least", "25%", "median", "75%", "most", "mean"], methods.map((m) => {
    const sorted = m.values.map((v) => v.value).sort((a, b) => a - b);
    return [m.name, String(sorted.length), ...[0, 0.25, 0.5, 0.75, 1].map((p) => sorted.length ? say(quantile(sorted, p)) : ""), say(m.mean[0])];
  })));
}

function mark(image, text) {
  for (const dot of $("chart").querySelectorAll("circle")) dot.classList.toggle("same", dot.dataset.id === image?.id);
  $("chart-says").textContent = image ? `${image.id}. ${text}` : "";
}

// --- where methods differ --------------------------------------------------------------------------------------------

function drawDifferences() {
  const rows = byDifference().slice(0, 10).filter((image) => spread(image) >= 0).map((image) => {
    const names = rivals(image), [first, last] = [names[0], names.at(-1)];
    const link = image.pictures ? make("a", { href: "#gallery", text: image.id, onclick: (event) => { event.preventDefault(); show(image); } }) : image.id;
    return [link, say(spread(image)), `${first} ${say(valueOf(image, first))}`, `${last} ${say(valueOf(image, last))}`];
  });
  $("differences").replaceChildren(tableOf(["image", "apart by", "best", "worst"], rows));
}

// --- images ----------------------------------------------------------------------------------------------------------

let visible = AT_ONCE;
const pictured = data.images.filter((image) => image.pictures);

function views() {
  const names = ["composite", ...data.methods.map((m) => m.name), "ground truth"].filter((name) => pictured.some((i) => i.pictures.images[name]));
  const errors = data.methods.map((m) => m.name).filter((name) => pictured.some((i) => i.pictures.errors[name]));
  return [...names.map((name) => [`images/${name}`, name]), ...errors.map((name) => [`errors/${name}`, `error map: ${name}`])];
}

function ordered() {
  const [how, method] = $("order").value.split("/");
  const only = $("only").value;
  const chosen = pictured.filter((image) => !only || Object.entries(image.about).some(([k, v]) => `${k}: ${v}` === only));
  if (how === "name") return chosen.sort((a, b) => a.id.localeCompare(b.id));
  if (how === "differ") return chosen.sort((a, b) => spread(b) - spread(a));
  const key = (image) => valueOf(image, method) ?? (metric().higher ? Infinity : -Infinity);
  return chosen.sort((a, b) => (how === "worst" ? -1 : 1) * better(key(a), key(b)));
}

function drawCards() {
  const images = ordered();
  $("cards").replaceChildren(...images.slice(0, visible).map(card));
  $("more").hidden = images.length <= visible;
  $("more").textContent = `Show more (${images.length - visible})`;
}

function card(image) {
  const names = [...new Set([$("left").value, $("right").value].map((view) => view.slice(7).replace(/^composite$/, "dc")))];
  const scores = names.filter((name) => image.values[name]).map((name) => [name, `${metric().title} ${say(valueOf(image, name))}`]);
  const about = Object.entries(image.about).map(([key, value]) => [key.replaceAll("_", " "), typeof value === "number" ? +value.toPrecision(3) : value]);
  const list = (pairs) => make("dl", {}, ...pairs.flatMap(([term, text]) => [make("dt", { text: term }), make("dd", { text })]));
  const more = make("details", { ontoggle: () => more.children.length < 2 && more.append(list(about), all(image)) }, make("summary", { text: "More" }));
  return make("article", { class: "card", "data-id": image.id }, make("h3", { text: image.id, tabindex: -1 }), slider(image), list(scores), more);
}

function slider(image) {
  const [left, right] = [$("left").value, $("right").value].map((view) => {
    const [kind, name] = [view.slice(0, 6), view.slice(7)];
    return { name: kind === "errors" ? `error map: ${name}` : name, source: image.pictures[kind][name] };
  });
  const [wide, tall] = image.pictures.size; // the largest size that fits the stage, which has one shape for all images
  const box = make("div", { class: "compare", style: `aspect-ratio: ${wide}/${tall}; width: min(100cqw, ${(100 * wide) / tall}cqh)` });
  const range = make("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": `${image.id}: how much of ${left.name} is shown, left of ${right.name}`,
    oninput: () => box.style.setProperty("--cut", `${range.value}%`) });
  for (const [side, one] of [["right", right], ["left", left]]) {
    if (one.source) box.append(make("img", { class: side, src: one.source, alt: `${image.id}, ${one.name}`, draggable: false }));
    box.append(make("span", { class: `is-${side}`, text: one.source ? one.name : `${one.name}: no picture` }));
  }
  const move = (event) => {
    const frame = box.getBoundingClientRect();
    range.value = (100 * (event.clientX - frame.left)) / frame.width;
    range.dispatchEvent(new Event("input"));
  };
  box.addEventListener("pointerdown", move);
  box.addEventListener("pointermove", (event) => event.buttons && move(event));
  box.append(range);
  return make("div", { class: "stage" }, box);
}

function all(image) {
  return make("div", { class: "all" }, ...views().filter(([view]) => image.pictures[view.slice(0, 6)][view.slice(7)]).map(([view, text]) => {
    const value = view.startsWith("images") && valueOf(image, view.slice(7));
    return make("figure", {}, make("img", { src: image.pictures[view.slice(0, 6)][view.slice(7)], alt: `${image.id}, ${text}`, loading: "lazy" }),
      make("figcaption", { text: value ? `${text}: ${say(value)}` : text }));
  }));
}

function show(image) {
  if (!image.pictures) return;
  $("only").value = "";
  visible = Math.max(visible, ordered().indexOf(image) + 1);
  drawCards();
  const found = [...$("cards").children].find((card) => card.dataset.id === image.id);
  found.scrollIntoView();
  found.querySelector("h3").focus({ preventScroll: true });
}

// --- wide tables -----------------------------------------------------------------------------------------------------

// A table wider than the window has a hint above and a rule at its edge, until it is scrolled to the end.
function tell(box) {
  const hint = box.previousElementSibling?.classList.contains("says-more") ? box.previousElementSibling
    : box.parentElement.insertBefore(make("p", { class: "says-more", text: "more columns: scroll →" }), box);
  const update = () => {
    const cut = box.scrollLeft + box.clientWidth < box.scrollWidth - 1;
    for (const one of [box, hint]) one.classList.toggle("cut", cut);
  };
  box.addEventListener("scroll", update, { passive: true });
  const watch = new ResizeObserver(() => requestAnimationFrame(update));
  for (const one of [box, ...box.children]) watch.observe(one);
  update();
}

// --- start -----------------------------------------------------------------------------------------------------------

function drawAll() {
  $("metric-about").textContent = metric().about;
  drawChart();
  drawDifferences();
  drawCards();
}

document.querySelectorAll("table.sortable").forEach(sortable);
document.querySelectorAll(".wide").forEach(tell);
if (data.metrics.length) {
  choices($("metric"), data.metrics.map((m) => [m.name, m.title]));
  const best = data.methods.find((m) => !m.ceiling && m.name !== "dc") ?? data.methods[0];
  choices($("left"), views(), "images/composite");
  choices($("right"), views(), `images/${best.name}`);
  choices($("order"), [["differ", "methods differ most first"], ["name", "by name"],
    ...data.methods.flatMap((m) => [[`worst/${m.name}`, `worst of ${m.name} first`], [`best/${m.name}`, `best of ${m.name} first`]])]);
  const parts = ["subset", "kind"].flatMap((key) => [...new Set(pictured.map((i) => i.about[key]).filter(Boolean))].map((value) => [`${key}: ${value}`, `${key}: ${value}`]));
  choices($("only"), [["", "all images"], ...parts]);
  $("metric").addEventListener("change", drawAll);
  window.addEventListener("resize", drawChart);
  for (const id of ["left", "right"]) $(id).addEventListener("change", drawCards);
  for (const id of ["order", "only"]) $(id).addEventListener("change", () => { visible = AT_ONCE; drawCards(); });
  $("more").addEventListener("click", () => { visible += AT_ONCE; drawCards(); });
  $("pictures").hidden = !pictured.length;
  document.body.classList.add("ready");
  drawAll();
}
