"use strict";
// Words, numbers and times in the reader's language, and the few functions that make elements.
const island = (id) => JSON.parse(document.getElementById(id).textContent);
const DATA = island("data"), TEXTS = island("texts"), BANDS = island("bands");
const state = {}; // filled by 6_controls.js: env, city, index, days, lang, theme, palette
const byId = (id) => document.getElementById(id);
const fill = (id, ...children) => byId(id).replaceChildren(...children);
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const short = (text, most = 48) => (text.length > most ? text.slice(0, most) + "…" : text);
const isolate = (text) => `\u2068${short(String(text))}\u2069`; // keeps a right-to-left name from reversing its sentence
const nameOf = (text, tag = "span") => el(tag, { class: "name", dir: "auto", title: text }, text);

/** Return the text of a key; values[name] replaces `{name}`, and a count chooses the plural. */
function t(key, values = {}) {
  const texts = TEXTS[state.lang];
  const form = "count" in values ? `${key}.${new Intl.PluralRules(state.lang).select(values.count)}` : key;
  return (texts[form] ?? texts[key] ?? key).replace(/\{(\w+)\}/g, (hole, name) => String(values[name] ?? hole));
}
const count = (key, number) => t(key, { count: number });
const stationCount = (number) => count("stations", number);
const indexName = () => t(state.index);

const locale = () => (state.lang === "vi" ? "vi-VN" : "en-GB");
const made = {};
function formatter(kind, options) {
  const key = kind.name + state.lang + JSON.stringify(options);
  return (made[key] ??= new kind(locale(), options));
}
const number = (value, digits = 1) => (value == null ? "–"
  : formatter(Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value));
const clock = (options) => formatter(Intl.DateTimeFormat, { timeZone: DATA.timezone, hourCycle: "h23", ...options });
const LONG = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
const localTime = (iso, options = LONG) => (iso ? clock(options).format(new Date(iso)) : t("never"));
const clockTime = (iso) => localTime(iso, { hour: "2-digit", minute: "2-digit" });
const dayName = (day, options = { day: "numeric", month: "short" }) =>
  formatter(Intl.DateTimeFormat, { timeZone: "UTC", ...options }).format(new Date(day + "T00:00Z"));
const age = (minutes) => (minutes == null ? t("unknown") : minutes < 60 ? count("minutes", minutes)
  : minutes < 2880 ? count("hours", Math.floor(minutes / 60)) : count("days", Math.floor(minutes / 1440)));

// A band is 0 (good) to 5 (hazardous). Its colours are CSS variables, so a new palette or theme redraws nothing.
const bandOf = (index) => BANDS[state.index].findIndex(({ to }) => to === null || index <= to);
const colourOf = (index) => `var(--aqi-${bandOf(index)})`;
const inkOf = (index) => `var(--ink-${bandOf(index)})`;
const wordOf = (index) => BANDS[state.index][bandOf(index)][state.lang][0];
const adviceOf = (index) => BANDS[state.index][bandOf(index)][state.lang][1];
const POLLUTANTS = { pm25: "PM2.5", pm10: "PM10", o3: "O₃", no2: "NO₂", so2: "SO₂", co: "CO" };
const pollutantName = (name) => POLLUTANTS[name] ?? String(name ?? "–");

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
function median(values) {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2;
}
function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) groups.has(key(item)) ? groups.get(key(item)).push(item) : groups.set(key(item), [item]);
  return groups;
}
