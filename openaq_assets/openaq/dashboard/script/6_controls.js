// State, controls, downloads, and the order of drawing.
const CHOICES = { index: ["us", "vn"], days: [30, 90, 365], env: Object.keys(DATA.environments), lang: ["en", "vi"],
  theme: ["auto", "light", "dark"], palette: ["standard", "assist"] };
const FIRST = { env: DATA.defaultEnvironment, city: "", index: "us", days: 30, theme: "auto", palette: "standard",
  lang: (navigator.language || "").startsWith("vi") ? "vi" : "en" };
function readHash() {
  const fromHash = new URLSearchParams(location.hash.slice(1));
  for (const [name, first] of Object.entries(FIRST)) {
    const value = CHOICES[name]?.find((choice) => String(choice) === fromHash.get(name));
    state[name] = value ?? (CHOICES[name] ? first : fromHash.get(name) ?? first);
  }
}
function choose(change) {
  Object.assign(state, change);
  const changed = Object.entries(state).filter(([name, value]) => value !== FIRST[name] || name === "env");
  history.replaceState(null, "", "#" + new URLSearchParams(changed));
  const onlyLooks = Object.keys(change).every((name) => name === "theme" || name === "palette");
  if (onlyLooks) { drawWords(); drawControls(); } else drawAll(); // the style sheet sets colours, so nothing is redrawn
}

// ---- controls ----
const CITY_NAMES = cities();
function option(value, text) { return el("option", { value }, short(text)); }
function drawControls() {
  const names = state.city && !CITY_NAMES.includes(state.city) ? [...CITY_NAMES, state.city] : CITY_NAMES;
  fill("city", option("", t("allCities")), ...names.map((name) => option(name, cityName(name))));
  fill("lang", ...CHOICES.lang.map((lang) => option(lang, TEXTS[lang].language)));
  fill("theme", ...CHOICES.theme.map((name) => option(name, t(name))));
  fill("palette", ...CHOICES.palette.map((name) => option(name, t(name))));
  for (const id of ["city", "lang", "theme", "palette"]) byId(id).value = state[id];
  const words = { index: t, days: (days) => t(`days${days}`), env: (name) => name };
  for (const [id, word] of Object.entries(words))
    for (const input of byId(id).querySelectorAll("input")) {
      input.checked = input.value === String(state[id]);
      input.nextSibling.textContent = word(input.value);
    }
}
function makeSwitch(id) {
  fill(id, ...CHOICES[id].map((value) => el("label", {}, el("input", { type: "radio", name: id, value }), el("span"))));
  byId(id).addEventListener("change", (event) => choose({ [id]: CHOICES[id].find((choice) => String(choice) === event.target.value) }));
}

const DARK = matchMedia("(prefers-color-scheme: dark)");
// ---- words outside the charts ----
function drawWords() {
  document.documentElement.lang = state.lang;
  document.documentElement.dataset.theme = state.theme === "auto" ? (DARK.matches ? "dark" : "light") : state.theme;
  document.documentElement.dataset.palette = state.palette;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(node.dataset.label));
  const offset = clock({ timeZoneName: "shortOffset" }).formatToParts(new Date(DATA.generatedAt)).find((part) => part.type === "timeZoneName").value;
  byId("title").textContent = DATA.title || t("title");
  byId("made").textContent = t("made", { time: localTime(DATA.generatedAt), zone: DATA.timezone, offset: offset.replace("GMT", "UTC") });
  byId("sources").textContent = DATA.sources.map(isolate).join(" · ") || t("noSources");
  byId("synthetic").hidden = byId("stamp").hidden = !DATA.synthetic;
  const minutes = Math.floor((Date.now() - new Date(DATA.generatedAt)) / 6e4);
  byId("old").hidden = minutes <= FRESH_MINUTES;
  byId("old").textContent = t("old", { age: age(minutes) });
}
function drawRest({ problem, stations }) {
  byId("problem").hidden = !problem;
  byId("problem").textContent = problem && t("unserved", { environment: state.env, problem });
  const licences = [...new Set(stations.map((station) => station.license).filter(Boolean))].sort();
  byId("licences").textContent = t("licenceText", { licences: licences.map(isolate).join(", ") || t("licenceNone") });
  byId("csv-stations").disabled = !stations.length;
  byId("csv-days").disabled = !dayRows().length;
}

// ---- CSV ----
const cell = (value) => {
  const text = value == null ? "" : String(value), safe = typeof value === "string" && /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
const csvOf = (names, rows) => "\ufeff" + [names, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
const STATION_COLUMNS = DATA.stationFields;
const DAY_COLUMNS = ["location_id", "location", "city", "local_day", "avg_pm25", "hours", "is_incomplete", "us_aqi", "vn_aqi"];
function stationRows() {
  const all = served(state.env).stations.filter((station) => !state.city || station.city === state.city);
  return all.map((station) => STATION_COLUMNS.map((name) => (name === "city" && station.city === NO_CITY ? null : station[name])));
}
function dayRows() {
  const from = DAYS.length - state.days;
  return served(state.env).known.filter((station) => !state.city || station.city === state.city).flatMap((station) =>
    DAYS.flatMap((day, i) => (i < from || !station.marks[i] ? [] : [[station.id, station.name, station.city === NO_CITY ? null : station.city, day, station.mean[i],
      station.marks[i].count, station.marks[i].incomplete, station.us[i], station.vn[i]]])));
}
function download(what, names, rows) {
  const link = el("a", { href: URL.createObjectURL(new Blob([csvOf(names, rows)], { type: "text/csv;charset=utf-8" })),
    download: `air_quality_${what}_${state.env}_${DATA.generatedAt.slice(0, 10)}${DATA.synthetic ? "_synthetic" : ""}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// ---- drawing ----
let drawing = Promise.resolve(), ready = false;
function drawAll() {
  const now = view();
  drawWords();
  drawControls();
  drawRest(now);
  drawHeadline(now);
  drawLegend();
  drawTable(now);
  if (ready) drawCharts(now);
}
const PARTS = [drawTrend, drawHeat, drawHours, drawMap]; // the map is last, because it takes the height that is left
/** Draw one after another, so that two quick changes end with the second. */
function drawCharts(now = view()) {
  drawing = drawing.catch(() => {}).then(() => Promise.all(PARTS.map((part) => part(now)))).then(() => performance.mark("drawn"));
  return drawing;
}
function listen() {
  for (const id of ["city", "lang", "theme", "palette"]) byId(id).addEventListener("change", (event) => choose({ [id]: event.target.value }));
  for (const id of ["index", "days", "env"]) makeSwitch(id);
  for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
  document.querySelector(".skip").addEventListener("click", (event) => { // the hash holds the state and must not change
    event.preventDefault();
    byId("stations-title").focus();
  });
  byId("stations").addEventListener("click", (event) => {
    const city = event.target.closest("[data-city]")?.dataset.city;
    if (city) { choose({ city }); byId("city").focus(); }
  });
  byId("csv-stations").addEventListener("click", () => download("stations", STATION_COLUMNS, stationRows()));
  byId("csv-days").addEventListener("click", () => download("days", DAY_COLUMNS, dayRows()));
  addEventListener("hashchange", () => { readHash(); drawAll(); });
  DARK.addEventListener("change", drawWords);
  let width = innerWidth, waiting;
  addEventListener("resize", () => {
    if (innerWidth === width || !ready) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawCharts, 100);
  });
}
function start() {
  readHash();
  listen();
  drawAll();
  // The drawing library comes after this script, and starts two frames later, when the headline is on the screen.
  const frame = () => new Promise(requestAnimationFrame);
  const loaded = document.readyState === "complete" ? Promise.resolve() : new Promise((done) => addEventListener("load", done));
  loaded.then(frame).then(frame).then(() => { drawingLibrary(); ready = true; return drawCharts(); });
}
start();
