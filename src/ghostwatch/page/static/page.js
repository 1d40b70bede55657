"use strict";
// Draws the page anew when the server says that something has changed, and keeps its ages right.
(() => {
  const lost = document.getElementById("lost");
  let drawing = false;
  let again = false;

  // Ages are told by the server's clock: how far this one is apart from it is seen in each answer.
  let ahead = 0;
  const tellAges = () => {
    for (const place of document.querySelectorAll("[data-since]")) {
      const seconds = Math.max(0, Math.round((Date.now() - ahead) / 1000 - Number(place.dataset.since)));
      place.textContent = words(seconds);
    }
  };
  const words = (seconds) => {
    if (seconds < 2) return "just now";
    const parts = [];
    for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
      const count = Math.floor(seconds / size);
      seconds %= size;
      if (count) parts.push(`${count} ${unit}`);
      else if (parts.length) break;
    }
    return `${parts.slice(0, 2).join(" ")} ago`;
  };

  const draw = async () => {
    if (drawing) {
      again = true;
      return;
    }
    drawing = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname === "/login") {
        location.assign("/login");
        return;
      }
      const clock = Date.parse(answer.headers.get("Date") || "");
      if (clock) ahead = Date.now() - clock;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      replace(fresh);
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    } finally {
      drawing = false;
      if (again) {
        again = false;
        draw();
      }
    }
  };

  // What the reader is at stays: the focus, what was unfolded, and how far tables were moved.
  const replace = (fresh) => {
    const main = document.querySelector("main");
    const next = fresh.querySelector("main");
    if (!next) return;
    const links = [...main.querySelectorAll("a, summary, [tabindex]")];
    const at = links.indexOf(document.activeElement);
    const unfolded = [...main.querySelectorAll("details")].map((one) => one.open);
    const moved = [...main.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    next.querySelectorAll("details").forEach((one, number) => { one.open = unfolded[number] || false; });
    main.replaceChildren(...next.childNodes);
    main.querySelectorAll(".scroll").forEach((one, number) => { one.scrollLeft = moved[number] || 0; });
    if (at >= 0) [...main.querySelectorAll("a, summary, [tabindex]")][at]?.focus({ preventScroll: true });
    document.title = fresh.title;
    tellAges();
  };

  let opened = false;
  const events = new EventSource(`${document.documentElement.dataset.base}/events`);
  events.addEventListener("change", () => {
    // The first one only says that the connection stands; what is shown was just drawn.
    if (opened) draw();
    opened = true;
  });
  events.onerror = () => { lost.hidden = false; };
  events.onopen = () => { lost.hidden = true; };

  setInterval(tellAges, 1000);
  // What depends on the time alone, and what an unnoticed loss of the connection has hidden.
  setInterval(() => { if (!document.hidden) draw(); }, 30000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) draw(); });
})();
