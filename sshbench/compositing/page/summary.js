"use strict";
// Before and after under one slider each, by pointer or keys, and one slider for all. Without this script the two
// pictures stand beside each other.
const all = document.getElementById("all");

function setCut(box, value) {
  const input = box.querySelector("input");
  input.value = value;
  input.setAttribute("aria-valuetext", `${Math.round(input.value)} per cent before`);
  box.style.setProperty("--cut", `${input.value}%`);
}

for (const box of document.querySelectorAll(".compare")) {
  const input = box.querySelector("input");
  const follow = (event) => {
    const place = box.getBoundingClientRect();
    setCut(box, (100 * (event.clientX - place.left)) / place.width);
  };
  input.addEventListener("input", () => setCut(box, input.value));
  box.addEventListener("pointerdown", (event) => {
    box.setPointerCapture(event.pointerId);
    input.focus({ preventScroll: true });
    follow(event);
    event.preventDefault();
  });
  box.addEventListener("pointermove", (event) => { if (event.buttons) follow(event); });
  setCut(box, input.value);
}
all?.addEventListener("input", () => { for (const box of document.querySelectorAll(".compare")) setCut(box, all.value); });
document.body.classList.add("ready");
