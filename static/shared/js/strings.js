// The page's translated sentences, from the JSON block that the server renders.

const strings = JSON.parse(document.getElementById("strings")?.textContent || "{}");

/** Sentences of a part that brings its own. */
export function addStrings(more) {
  Object.assign(strings, more);
}

/** The sentence under `key`, with `{name}` filled from `values`. */
export function t(key, values = {}) {
  const sentence = strings[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** One of two sentences by count: `key.one` or `key.other`. */
export function plural(key, count, values = {}) {
  // None is as many in both languages, though the rules of Portuguese have it as one.
  return t(`${key}.${count === 1 ? "one" : "other"}`, { count: formatNumber(count), ...values });
}

export function language() {
  return document.documentElement.lang || "pt-br";
}

export function formatNumber(value) {
  return new Intl.NumberFormat(language()).format(value);
}
