// The data of one environment from rows of its views: stations now, and series by day and hour.
const NO_CITY = "∅"; // stations outside every city's radius; no city has this name
const cityKey = (city) => city || NO_CITY;
const cityName = (key) => (key === NO_CITY ? t("noCity") : key);
const FRESH_MINUTES = 180, DAY = 864e5;
const DAYS = Array.from({ length: DATA.dayCount }, (_, i) =>
  new Date(Date.parse(DATA.firstDay + "T00:00Z") + i * DAY).toISOString().slice(0, 10));

/** Return a station with the chosen index; a station without current data has no number. */
function judged(station) {
  const own = (name) => station[`${state.index}_${name}`];
  const live = station.is_current === true && own("aqi") != null;
  return { ...station, live, index: live ? own("aqi") : null, pollutant: live ? own("pollutant") : null,
    concentration: live ? own("concentration") : null, unit: own("unit"), reason: own("reason") };
}
const worstFirst = (a, b) => (b.index ?? -1) - (a.index ?? -1) || (a.age_minutes ?? Infinity) - (b.age_minutes ?? Infinity)
  || String(a.location).localeCompare(String(b.location));

const DIGITS = new Map([..."0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"].map((digit, value) => [digit, value]));
/** Return numbers of `width` digits to base 62 at their positions among DAYS; "_" is no number. */
function numbers(text, width, start, divisor = 1) {
  const values = new Array(DAYS.length).fill(null);
  for (let at = 0; at < text.length; at += width) {
    if (text[at] === "_") continue;
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 62 + DIGITS.get(text[at + i]);
    values[start + at / width] = value / divisor;
  }
  return values;
}
/** Return the mark of each day from its letter: a number of hours or stations; a capital is an incomplete day. */
function marksOf(text, start) {
  const marks = new Array(DAYS.length).fill(null);
  [...text].forEach((letter, i) => {
    if (letter === ".") return;
    const small = letter.toLowerCase();
    marks[start + i] = { count: small.charCodeAt(0) - 97, incomplete: letter !== small };
  });
  return marks;
}
function series([start, pm25, us, vn, marks]) {
  return { mean: numbers(pm25, 3, start, 10), us: numbers(us, 2, start), vn: numbers(vn, 2, start), marks: marksOf(marks, start) };
}
function unpack({ problem, latest, places, daily, cities, hours }) {
  const stations = latest.rows.map((row) => Object.fromEntries(row.map((value, i) => [latest.fields[i], value])))
    .map((station) => ({ ...station, city: cityKey(station.city) }));
  const known = places.map(([id, name, city], i) => ({ id, name, city: cityKey(city), ...series(daily[i]) }));
  const byCity = groupBy(known, (station) => station.city);
  // Only cities with several stations are sent; a city of one station is that station.
  const lines = new Map([...byCity].map(([city, cityLines]) => [city, cityLines.length === 1 ? cityLines[0] : null]));
  for (const [city, packed] of cities) lines.set(cityKey(city), series(packed));
  return { problem, stations, known, byCity, lines, hours: new Map(hours.cities.map(([city, values]) => [cityKey(city), values])), allHours: hours.all };
}
const unpacked = new Map();
function served(name) {
  if (!unpacked.has(name)) unpacked.set(name, unpack(DATA.environments[name]));
  return unpacked.get(name);
}
function cities() {
  const names = Object.values(DATA.environments).flatMap(({ latest, places }) =>
    [...latest.rows.map((row) => row[latest.fields.indexOf("city")]), ...places.map(([, , city]) => city)]);
  return [...new Set(names.map(cityKey))].sort((a, b) => (a === NO_CITY) - (b === NO_CITY) || a.localeCompare(b, "vi"));
}

/** Return the data that every part of the page needs, computed once. */
function view() {
  const all = served(state.env), city = state.city, from = DAYS.length - state.days;
  const judgedAll = all.stations.map(judged).sort(worstFirst);
  const stations = city ? judgedAll.filter((station) => station.city === city) : judgedAll;
  const cut = (line) => ({ ...line, mean: line.mean.slice(from), index: line[state.index].slice(from), marks: line.marks.slice(from) });
  const lines = [...all.lines].filter(([, line]) => line).map(([key, line]) => ({ ...cut(line), key, name: cityName(key) }));
  const cityLines = (all.byCity.get(city) ?? []).map((station) => ({ ...cut(station), key: station.id, name: station.name }));
  return { ...all, city, judgedAll, stations, lines, cityLines, days: DAYS.slice(from), live: stations.filter((station) => station.live) };
}
const knownMeans = (line) => line.mean.filter((value) => value != null);
const lineMean = (line) => (knownMeans(line).length ? mean(knownMeans(line)) : -1);
