"use strict";
// Light, dark, or as the system has it; runs before the first picture so that nothing flashes.

const THEMES = ["system", "light", "dark"];

function keep(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(name);
    localStorage.setItem(name, value);
  } catch { /* a browser that keeps nothing still shows the page */ }
  return null;
}

function theme() {
  const asked = new URLSearchParams(location.search).get("theme") || keep("cxstream-theme");
  return THEMES.includes(asked) ? asked : "system";
}

function paint(chosen) {
  document.documentElement.dataset.theme = chosen;
}

paint(theme());

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  let chosen = theme();
  const tell = () => {
    button.textContent = { system: "◐", light: "☀", dark: "☾" }[chosen];
    button.setAttribute("aria-label", `Colours: ${chosen === "system" ? "as the system has them" : chosen}`);
    button.title = `Colours: ${chosen}`;
  };
  button.addEventListener("click", () => {
    chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
    keep("cxstream-theme", chosen);
    paint(chosen);
    tell();
  });
  tell();
});
