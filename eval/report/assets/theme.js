"use strict";
// Dark or light: the system's choice until the reader makes one. Runs before the first paint.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("kodek-theme"); } catch { return null; } };
  const apply = (theme) => {
    root.dataset.theme = theme;
    document.dispatchEvent(new Event("themechange"));
  };
  apply(stored() || (system.matches ? "dark" : "light"));
  system.addEventListener("change", () => { if (!stored()) apply(system.matches ? "dark" : "light"); });
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const tell = () => button.setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
    button.addEventListener("click", () => {
      const theme = root.dataset.theme === "dark" ? "light" : "dark";
      try { localStorage.setItem("kodek-theme", theme); } catch { /* a page from disk may have no storage */ }
      apply(theme);
      tell();
    });
    button.setAttribute("aria-label", "Dark theme");
    tell();
  });
})();
