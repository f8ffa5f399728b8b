// The charts: specifications are Vega, and rows are bound here. A row's `tip` is made when the pointer is on it.
const SPECS = island("charts"), OUTLINE = island("outline");
const charts = new Map(), fed = new Map(); // by the id of an element: the Vega view drawn into it, and the rows of that view
const utc = (day) => Date.parse(day + "T00:00Z");
const dayFormat = () => (state.lang === "vi" ? "%-d/%-m" : "%-d %b");

const OPTIONS = { mode: "vega", renderer: "svg", actions: false, ast: true, defaultStyle: false, hover: true, tooltip: showTip, logLevel: 1 }; // 1: only errors, because an empty layer is allowed
/** Return a specification with its first rows and signals; Vega warns of a chart without rows. */
function filled(name, rows, signals) {
  const spec = structuredClone(SPECS[name]);
  for (const data of spec.data) if (data.name in rows) data.values = rows[data.name];
  for (const signal of spec.signals ?? []) if (signal.name in signals) signal.value = signals[signal.name];
  return Object.assign(spec, Object.fromEntries(["width", "height"].filter((side) => side in signals).map((side) => [side, signals[side]])));
}
const same = (box, other) => JSON.stringify(box) === JSON.stringify(other); // the land is not drawn again for an equal box
async function draw(id, label, rows, signals = {}) {
  const node = byId(id), drawn = charts.get(id);
  node.setAttribute("aria-label", label);
  if (!drawn) {
    const holder = el("div", { "aria-hidden": "true" }); // screen readers get the label of the node, and the values in the table
    node.replaceChildren(holder);
    const { view: made } = await vegaEmbed(holder, filled(node.dataset.spec ?? id, rows, signals), OPTIONS);
    charts.set(id, made);
    fed.set(id, rows);
    return made.addEventListener("click", (event, item) => { if (item?.datum?.city) choose({ city: item.datum.city }); });
  }
  for (const [name, value] of Object.entries(signals)) if (!same(drawn.signal(name), value)) drawn.signal(name, value);
  for (const [name, values] of Object.entries(rows)) if (fed.get(id)[name] !== values) drawn.data(name, values);
  fed.set(id, rows);
  return drawn.runAsync();
}
function showTip(handler, event, item, value) {
  const tip = byId("tip");
  tip.hidden = typeof value !== "function";
  if (tip.hidden) return;
  tip.replaceChildren(...value().split("\n").map((line) => el("div", { dir: "auto" }, line)));
  const { width, height } = tip.getBoundingClientRect(), x = event.clientX, y = event.clientY;
  tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - width - 4))}px`;
  tip.style.top = `${y + 18 + height > innerHeight ? y - height - 12 : y + 18}px`;
}
const key = (look, text) => el("span", {}, el("i", { class: look }), text);
const LIMITS = BANDS.limits.map(({ name, value }) => ({ value, label: `${name} ${value}` })), WHO = LIMITS.slice(0, 1);
const show = (id, shown) => { byId(id).hidden = !shown; };

// ---- trend ----
function chosenLine({ city, lines }) {
  const drawn = lines.filter((line) => knownMeans(line).length);
  return city ? drawn.find((line) => line.key === city) : [...drawn].sort((a, b) => lineMean(b) - lineMean(a))[0];
}
function drawTrend(now) {
  const chosen = chosenLine(now), split = state.city && now.cityLines.length > 1;
  const others = (split ? now.cityLines : now.lines).filter((line) => line.key !== chosen?.key && knownMeans(line).length);
  const node = byId("trend"), width = node.clientWidth;
  show("trend", chosen || others.length);
  explainTrend(now, chosen, others, split);
  if (node.hidden) return null;
  const label = t("trendLabel", { who: chosen ? isolate(chosen.name) : t("others"), from: now.days[0], to: now.days.at(-1) });
  const rows = [...others.flatMap((line) => lineRows(line, now.days, false)), ...(chosen ? lineRows(chosen, now.days, true) : [])];
  return draw("trend", label, { lines: rows, limits: LIMITS, hover: hoverRows(now.days, chosen, others) },
    { width: width - 102, height: node.clientHeight - 32, dayFormat: dayFormat(), ticks: width < 460 ? 4 : 6 });
}
function lineRows(line, days, chosen) {
  const crowded = days.length > 45;
  return days.map((day, i) => {
    const incomplete = line.marks[i]?.incomplete ?? false;
    const alone = line.mean[i - 1] == null && line.mean[i + 1] == null;
    const colour = chosen ? "var(--accent)" : "var(--other)";
    return { series: line.key, day: utc(day), mean: line.mean[i], chosen, dot: alone || (chosen ? !crowded || incomplete : incomplete && !crowded),
      dotSize: chosen ? 34 : 14, dotFill: incomplete ? "var(--card)" : colour, dotStroke: colour };
  });
}
function hoverRows(days, chosen, others) {
  const highest = (i) => [...others].filter((line) => line.mean[i] != null).sort((a, b) => b.mean[i] - a.mean[i]).slice(0, 3);
  const amount = (line, i) => (line.mean[i] == null ? t("tipNone") : t("tipMean", { value: number(line.mean[i]) })
    + (line.marks[i]?.incomplete ? ` (${t("tipIncomplete")})` : ""));
  return days.map((day, i) => ({ from: utc(day) - DAY / 2, to: utc(day) + DAY / 2,
    tip: () => [dayName(day, { weekday: "short", day: "numeric", month: "short" }),
      ...[...(chosen ? [chosen] : []), ...highest(i)].map((line) => `${isolate(line.name)}: ${amount(line, i)}`)].join("\n") }));
}
function explainTrend({ city, days }, chosen, others, split) {
  const keys = chosen ? [key("", city ? isolate(chosen.name) : t("highest", { city: isolate(chosen.name) })), key("ring", t("incomplete"))] : [];
  if (others.length) keys.push(key("grey", t(split ? "itsStations" : "others")));
  if (chosen || others.length) keys.push(key("dash", t("limitsKey")));
  fill("trend-keys", ...keys);
  const newest = [...served(state.env).lines.values()].filter(Boolean).map((line) => line.mean.findLastIndex((value) => value != null));
  const last = Math.max(-1, ...newest);
  byId("trend-note").textContent = chosen ? exceedances(chosen)
    : city ? t("trendNoneCity", { city: isolate(cityName(city)) })
    : last < 0 ? t("trendNone") : t("trendGone", { day: dayName(DAYS[last], { day: "numeric", month: "short", year: "numeric" }) });
}
function exceedances(line) {
  const full = line.mean.filter((value, i) => value != null && !line.marks[i]?.incomplete);
  const above = ({ value }) => full.filter((mean) => mean > value).length, [who, qcvn] = BANDS.limits;
  const gaps = line.mean.length - knownMeans(line).length;
  return [t("exceed", { city: isolate(line.name), days: count("days", full.length), who: above(who), whoLimit: who.value, qcvn: above(qcvn), qcvnLimit: qcvn.value }),
    ...(gaps ? [count("gaps", gaps)] : []), t("means")].join(" ");
}

// ---- city by day ----
/** Return a year by weeks, the last up to today: the median of complete days; incomplete with fewer than four. */
function weekly(line) {
  const starts = weekStarts(line.index.length);
  const weeks = starts.map((from) => {
    const days = [...Array(7).keys()].map((i) => from + i).filter((i) => line.index[i] != null);
    const full = days.filter((i) => !line.marks[i]?.incomplete), used = full.length ? full : days;
    const means = used.map((i) => line.mean[i]).filter((value) => value != null);
    return { index: used.length ? Math.floor(median(used.map((i) => line.index[i])) + 0.5) : null,
      mean: means.length ? mean(means) : null, mark: { count: full.length, incomplete: full.length < 4 } };
  });
  return { ...line, index: weeks.map((week) => week.index), mean: weeks.map((week) => week.mean), marks: weeks.map((week) => week.mark) };
}
const weekStarts = (length) => Array.from({ length: Math.floor(length / 7) }, (_, week) => length % 7 + week * 7);
function drawHeat(all) {
  const weeks = state.days > 90, now = weeks ? { ...all, days: weekStarts(all.days.length).map((i) => all.days[i]) } : all;
  const rows = (state.city ? now.cityLines : [...now.lines]).filter((line) => line.index.some((value) => value != null))
    .sort((a, b) => lineMean(b) - lineMean(a)).map((line) => (weeks ? weekly(line) : line));
  byId("heat-title").replaceChildren(t(state.city ? "heatCity" : "heat"), " ",
    el("small", {}, t(state.city ? "heatUnitCity" : "heatUnit", { index: indexName() })));
  fill("heat-keys", ...(rows.length ? [key("cell full", t("heatFull")), key("cell part", t("heatPart")), key("cell gone", t("heatMissing"))] : []));
  byId("heat-note").textContent = rows.length ? (weeks ? t("heatWeeks") : "") : t("heatNone");
  show("heatmap", rows.length);
  if (!rows.length) return null;
  const node = byId("heatmap"), width = node.clientWidth;
  const label = t("heatLabel", { index: indexName(), rows: rows.length, from: now.days[0], to: now.days.at(-1) });
  const every = Math.ceil(now.days.length / (width < 460 ? 4 : 7));
  const ticks = now.days.filter((_, i) => (now.days.length - 1 - i) % every === Math.floor(every / 2)).map(utc);
  const names = rows.map((line, i) => rowName(line, rows.slice(0, i)));
  return draw("heatmap", label, { cells: rows.flatMap((line, i) => cells(line, names[i], now.days, weeks)) },
    { width, dayFormat: dayFormat(), ticks, rows: names, edge: now.days.length > 60 ? 0 : 0.6, y_step: Math.max(20, Math.min(30, 230 / rows.length)) });
}
/** Return the label of a row; characters without width distinguish stations of the same name. */
const rowName = (line, before) => short(String(line.name), 40) + "\u200b".repeat(before.filter((other) => other.name === line.name).length);
function cells(line, row, days, weeks) {
  return days.map((day, i) => {
    const index = line.index[i], kind = index != null && !line.marks[i]?.incomplete ? "full" : (index ?? line.mean[i]) != null ? "part" : "none";
    const tip = () => [`${isolate(line.name)} · ${weeks ? t("weekOf", { day: dayName(day) }) : dayName(day)}`, index == null ? t(kind === "part" ? "tipNoIndex" : "tipNone") : `${indexName()} ${index} · ${wordOf(index)}`,
      ...(line.mean[i] == null ? [] : [t("tipMean", { value: number(line.mean[i]) })]), ...(kind === "part" ? [t(weeks ? "tipWeek" : "tipIncomplete")] : [])].join("\n");
    return { row, day: utc(day), kind, colour: index == null ? "var(--other)" : colourOf(index), city: state.city ? null : line.key, tip };
  });
}

// ---- hour of the day ----
function drawHours(now) {
  const chosen = state.city ? now.hours.get(state.city) : now.allHours, all = state.city ? now.allHours : null;
  const known = (values) => (values ?? []).map((mean, hour) => ({ hour, mean })).filter(({ mean }) => mean != null);
  const knownHours = known(chosen).sort((a, b) => b.mean - a.mean), peaks = new Set(knownHours.slice(0, 3).map(({ hour }) => hour));
  const pad = (hour) => String(hour).padStart(2, "0"), name = state.city ? cityName(state.city) : t("allCities");
  byId("hours-note").textContent = knownHours.length ? t("hoursPeak", { peak: pad(knownHours[0].hour), low: pad(knownHours.at(-1).hour) }) : t("hoursNone");
  fill("hours-keys", ...(knownHours.length ? [key("bar", isolate(name)), ...(all ? [key("dots", t("hoursAll"))] : []), key("dash", `${BANDS.limits[0].name} ${BANDS.limits[0].value}`)] : []));
  show("hours", knownHours.length);
  if (!knownHours.length) return null;
  const row = (chosenRow) => ({ hour, mean }) => ({ hour, mean, chosen: chosenRow, peak: peaks.has(hour),
    tip: () => `${isolate(chosenRow ? name : t("hoursAll"))}\n${t("tipHour", { hour: pad(hour), value: number(mean) })}` });
  return draw("hours", t("hoursLabel", { who: isolate(name) }),
    { hours: [...knownHours.map(row(true)).sort((a, b) => a.hour - b.hour), ...known(all).map(row(false))], limits: WHO },
    { width: byId("hours").clientWidth - 38, height: byId("hours").clientHeight - 32 });
}
