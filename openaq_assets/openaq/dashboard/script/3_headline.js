// The headline, the legend and the table of stations: plain elements, drawn before any chart.
function badge(index, big = "") {
  const node = el("span", { class: `badge ${big} ${index == null ? "none" : ""}` }, index == null ? "–" : String(index));
  if (index != null) Object.assign(node.style, { background: colourOf(index), color: inkOf(index) });
  return node;
}
const fact = (term, ...detail) => el("div", {}, el("dt", {}, term), el("dd", {}, ...detail));
function scopeName(stations) {
  if (state.city) return cityName(state.city);
  const countries = [...new Set(stations.map((station) => station.country))];
  return countries.length === 1 && countries[0] ? t("allOf", { country: countryName(countries[0]) }) : t("allCities");
}
function countryName(code) {
  try {
    return /^[A-Z]{2}$/.test(code) ? new Intl.DisplayNames(locale(), { type: "region" }).of(code) : code;
  } catch { return code; }
}

function drawHeadline(now) {
  const title = el("h2", {}, nameOf(scopeName(now.stations)));
  const parts = now.live.length ? current(now) : absent(now);
  const hero = byId("headline");
  hero.replaceChildren(title, ...parts);
  hero.style.setProperty("--band", now.live.length ? colourOf(headlineIndex(now.live)) : "transparent");
}
const headlineIndex = (live) => Math.floor(median(live.map((station) => station.index)) + 0.5);
function current({ live, stations, lines, city }) {
  const index = headlineIndex(live);
  const kind = live.length > 1 ? t("median", { index: indexName(), stations: count("current", live.length) }) : t("single", { index: indexName() });
  const words = el("div", {}, el("div", { class: "word" }, wordOf(index)), el("small", {}, kind));
  return [el("div", { class: "verdict" }, badge(index, "big"), words), scale(index), el("p", { class: "advice" }, adviceOf(index)),
    el("dl", {}, ...facts(live, stations, city ? lines.find((line) => line.key === city) : null))];
}
/** Return the bands as a strip of six equal parts, with a mark at the index. */
function scale(index) {
  const bounds = BANDS[state.index].map(({ to }) => to ?? 500), band = bandOf(index), low = band ? bounds[band - 1] : 0;
  const at = (band + Math.min(1, (index - low) / (bounds[band] - low))) / bounds.length * 100;
  const mark = el("i", { class: "mark" });
  mark.style.left = `${at}%`;
  const strip = bounds.map((_, i) => {
    const part = el("span", { class: i === band ? "here" : "" });
    part.style.background = `var(--aqi-${i})`;
    return part;
  });
  const label = t("scale", { index: indexName(), value: index, word: wordOf(index) });
  return el("div", { class: "scale", role: "img", "aria-label": label }, el("div", { class: "strip" }, ...strip, mark),
    el("div", { class: "bounds" }, ...[0, ...bounds.slice(0, -1), "500+"].map((bound) => el("span", {}, String(bound)))));
}
function facts(live, stations, line) {
  const [worst] = live, times = live.map((station) => station.as_of).filter(Boolean).sort();
  const oldest = times[0] === times.at(-1) ? [] : [el("small", {}, t("oldest", { time: clockTime(times[0]) }))];
  const kinds = [...groupBy(live.filter((station) => station.pollutant), (station) => `${station.pollutant} ${station.unit}`).values()]
    .sort((a, b) => b.length - a.length);
  const main = kinds[0] ?? [];
  const amounts = main.map((station) => station.concentration).filter((value) => value != null);
  const amount = amounts.length ? `${number(median(amounts))} ${main[0].unit ?? ""}` : "";
  const pollutant = fact(t("pollutant"), el("b", {}, pollutantName(main[0]?.pollutant)),
    el("small", {}, amounts.length > 1 ? t("medianOf", { value: amount }) : amount));
  const who = live.length > 1 ? fact(t("worst"), badge(worst.index), " ", nameOf(worst.location)) : fact(t("station"), nameOf(worst.location));
  return [pollutant, fact(t("asOf"), localTime(times.at(-1)), ...oldest), who,
    fact(t("stationsTerm"), t("ofCurrent", { live: live.length, stations: stationCount(stations.length) })), ...lastDay(line)];
}
/** Return the newest complete past day of a line, compared with the WHO guideline. */
function lastDay(line) {
  const at = line ? line.mean.findLastIndex((value, i) => i < line.mean.length - 1 && value != null && !line.marks[i]?.incomplete) : -1;
  if (at < 0) return [];
  const value = line.mean[at], day = dayName(DAYS[DAYS.length - line.mean.length + at]);
  return [fact(`${t("yesterday")}, ${day}`, t("yesterdayValue", { value: number(value) }),
    el("small", {}, t("timesWho", { times: number(value / BANDS.limits[0].value) })))];
}
function absent({ city, stations }) {
  const where = city ? t("inCity", { city: isolate(cityName(city)) }) : t("inEnvironment"), [newest] = stations;
  const parts = [el("div", { class: "verdict" }, badge(null, "big"), el("div", { class: "word" }, t(newest ? "noCurrent" : "noStations"))),
    el("p", { class: "advice" }, t(newest ? "noCurrentWhy" : "noStationsWhy", { where }))];
  if (!newest) return parts;
  const seen = `${localTime(newest.as_of)} (${t("ageOld", { age: age(newest.age_minutes) })})`;
  const counted = t("ofCurrent", { live: 0, stations: stationCount(stations.length) });
  return [...parts, el("dl", {}, fact(t("stationsTerm"), counted), fact(t("newest"), newest.as_of ? seen : t("never")))];
}

function drawLegend() {
  const bands = BANDS[state.index];
  fill("legend", ...bands.map(({ to, [state.lang]: [word] }, i) => {
    const swatch = el("i"), from = i ? bands[i - 1].to + 1 : 0;
    swatch.style.background = `var(--aqi-${i})`;
    return el("li", {}, swatch, el("span", { class: "range" }, to === null ? `${from}+` : `${from}–${to}`), el("span", {}, word));
  }));
  byId("legend").setAttribute("aria-label", t("bands", { index: indexName() }));
}

// ---- table ----
function drawTable({ stations, known }) {
  const series = new Map(known.map((station) => [station.id, station]));
  byId("col-index").textContent = t("colIndex", { index: indexName() });
  fill("stations", ...stations.map((station) => tableRow(station, series.get(station.location_id))));
  if (!stations.length) fill("stations", el("tr", {}, el("td", { colspan: 5, class: "empty" }, t("none"))));
}
function tableRow(station, line) {
  const grade = station.is_monitor == null ? null : t(station.is_monitor ? "reference" : "lowcost");
  const city = el("button", { type: "button", class: "link", "data-city": station.city, "aria-label": t("showCity", { city: cityName(station.city) }) }, short(cityName(station.city)));
  const rest = [station.provider && isolate(station.provider), grade].filter(Boolean).map((text) => ` · ${text}`).join("");
  const amount = station.concentration == null ? [] : [el("small", {}, `${number(station.concentration)} ${station.unit ?? ""}`)];
  return el("tr", { "data-id": station.location_id, class: station.live ? null : "stale" },
    el("td", {}, nameOf(station.location), el("small", { class: "name where" }, city, rest)),
    el("td", {}, badge(station.index), el("span", { class: "category" }, station.live ? wordOf(station.index) : reasonOf(station))),
    el("td", { class: "number" }, station.live ? pollutantName(station.pollutant) : "–", ...amount),
    el("td", { class: "number" }, age(station.age_minutes), el("small", { class: "when" }, localTime(station.as_of))),
    el("td", { class: "number" }, ...coverage(line)));
}
const reasonOf = (station) => TEXTS[state.lang].reasons?.[station.reason] ?? station.reason ?? t("notCurrent");
/** Return the share of valid hours in the last 30 days, as a bar and a number. */
function coverage(line) {
  const hours = line ? line.marks.slice(-30).reduce((sum, mark) => sum + (mark?.count ?? 0), 0) : 0, all = 30 * 24;
  const bar = el("i"), share = Math.min(1, hours / all);
  bar.style.width = `${share * 100}%`;
  return [el("span", { class: "meter", title: t("coverageTip", { hours, all }) }, bar), el("span", { class: "share" }, `${Math.round(share * 100)} %`)];
}
