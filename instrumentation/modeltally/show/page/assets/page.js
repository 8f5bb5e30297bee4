// What a page does beyond links and forms: draws charts, listens for news, offers the reader's zone, light or dark.

const VERSION = document.body.dataset.version;
const dark = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

// -- light or dark: as the system has it, until the reader says otherwise --------------------------------------------

const THEMES = ["", "light", "dark"];
const themeButton = document.getElementById("theme");

function showTheme() {
  themeButton.textContent = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" }[root.dataset.theme ?? ""];
}

if (themeButton) {
  themeButton.hidden = false;
  showTheme();
  themeButton.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "") + 1) % THEMES.length];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    document.cookie = `modeltally_theme=${next}; path=/; max-age=${next ? 31536000 : 0}; samesite=strict`;
    showTheme();
    drawAll();
  });
  dark.addEventListener("change", drawAll);
}

// -- the reader's own zone -------------------------------------------------------------------------------------------

const offer = document.getElementById("own-zone");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (offer && zone && zone !== document.querySelector("input[name=tz]").value) {
  const target = new URL(offer.href);
  target.searchParams.set("tz", zone);
  offer.href = target;
  offer.textContent = `use ${zone}`;
  offer.hidden = false;
}

// -- charts: drawn when they come into view, by an interpreter that needs no eval -------------------------------------

const views = new Map(); // what was drawn, to be given back
let tools = null;

const watched = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      watched.unobserve(entry.target);
      draw(entry.target);
    }
  }
}, { rootMargin: "200px" });

function load() {
  tools ??= Promise.all([
    import(`/static/vega/vega.js?v=${VERSION}`),
    fetch(`/assets/charts.json?v=${VERSION}`).then((answer) => answer.json()),
  ]).then(([, colours]) => colours);
  return tools;
}

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
}

// as wide as there is room, the legend in as many columns
function resized(spec, width) {
  const inner = Math.max(width - 84, 120); // beside the plots stand an axis and its title
  const columns = Math.max(Math.floor(width / 118), 1);
  const fit = (key, value) => {
    if (key === "width" && typeof value === "number") return inner;
    if (["xOffset", "x2Offset"].includes(key) && inner < 400) return 0; // no room between bars
    if (key === "columns" && typeof value === "number") return Math.min(value, columns);
    return key === "data" ? value : walk(value);
  };
  const walk = (part) => {
    if (!part || typeof part !== "object") return part;
    if (Array.isArray(part)) return part.map(walk);
    return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, fit(key, value)]));
  };
  return walk(spec);
}

async function draw(plot) {
  const width = plot.clientWidth;
  if (!width) return;
  try {
    const colours = await load();
    const spec = { ...resized(JSON.parse(plot.dataset.chart), width), autosize: { type: "pad" } };
    release(plot);
    const drawn = await window.vegaEmbed(plot, spec, {
      actions: false,
      ast: true,
      config: colours[isDark() ? "dark" : "light"],
      defaultStyle: false,
      mode: "vega-lite",
      renderer: "svg",
      tooltip: { theme: "custom", disableDefaultStyle: true },
    });
    plot.dataset.width = width;
    views.set(plot, drawn);
    // the element around it is the picture, and says what it shows
    plot.querySelector("svg")?.setAttribute("aria-hidden", "true");
  } catch (error) {
    plot.classList.add("is-plain");
    console.warn("a chart cannot be drawn; its table stands below", error);
  }
}

function release(plot) {
  views.get(plot)?.finalize();
  views.delete(plot);
}

function drawAll() {
  for (const plot of [...views.keys()]) plot.isConnected ? draw(plot) : release(plot);
}

function observeCharts(part) {
  for (const plot of part.querySelectorAll("[data-chart]")) watched.observe(plot);
}

let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => {
    for (const plot of [...views.keys()]) if (plot.clientWidth !== Number(plot.dataset.width)) draw(plot);
  }, 200);
});

observeCharts(document);

// -- news: blocks are fetched again, and put in place of the old ones -------------------------------------------------

const connection = document.getElementById("connection");
let busy = false;
let again = new Set();

function liveBlocks() {
  return [...document.querySelectorAll("[data-live]")].map((block) => block.id);
}

function put(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old || old.isEqualNode(fresh)) return;
  const inside = [...old.querySelectorAll("a, button, input, summary, [tabindex]")];
  const at = inside.indexOf(document.activeElement);
  for (const plot of old.querySelectorAll("[data-chart]")) {
    watched.unobserve(plot);
    release(plot);
  }
  old.replaceWith(fresh);
  if (at >= 0) fresh.querySelectorAll("a, button, input, summary, [tabindex]")[at]?.focus({ preventScroll: true });
  window.htmx?.process(fresh);
  observeCharts(fresh);
}

async function refresh(names) {
  for (const name of names) again.add(name);
  if (busy || !again.size) return;
  busy = true;
  const wanted = [...again];
  again = new Set();
  try {
    const answer = await fetch(location.href, { headers: { "X-Blocks": wanted.join(",") } });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const fresh of [...parsed.querySelectorAll("[data-block]")]) put(document.adoptNode(fresh));
    connection.textContent = "";
  } catch {
    connection.textContent = "The server does not answer; trying again.";
    setTimeout(() => refresh(wanted), 3000);
  } finally {
    busy = false;
    if (again.size && !connection.textContent) soon();
  }
}

// many things may happen at once: one look a second tells of all of them
let timer = 0;
function soon(names = liveBlocks()) {
  for (const name of names) again.add(name);
  timer ||= setTimeout(() => {
    timer = 0;
    refresh([]);
  }, 1000);
}

function fetchLate() {
  const late = [...document.querySelectorAll("[data-late]")].map((block) => block.id);
  if (late.length) refresh(late).then(() => setTimeout(fetchLate, 1500));
}
setTimeout(fetchLate, 400);

const KINDS = ["operations", "state", "roll", "advice", "loss", "downloads"];
const POLL_SECONDS = 10;
let source = null;
let polling = 0;

function listen() {
  if (source || document.hidden || !liveBlocks().length) return;
  source = new EventSource("/api/v1/events");
  let wasOpen = false;
  source.addEventListener("open", () => {
    stopPolling();
    if (wasOpen || connection.textContent) soon();
    wasOpen = true;
  });
  for (const kind of KINDS) source.addEventListener(kind, () => soon());
  source.addEventListener("closed", () => restart());
  source.addEventListener("error", () => {
    if (source?.readyState === EventSource.CLOSED) restart();
  });
}

function restart() {
  hush();
  startPolling();
  setTimeout(listen, 5000);
}

function hush() {
  source?.close();
  source = null;
}

function startPolling() {
  polling ||= setInterval(() => document.hidden || soon(), POLL_SECONDS * 1000);
}

function stopPolling() {
  clearInterval(polling);
  polling = 0;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    hush();
  } else {
    listen();
    soon();
  }
});
listen();
