// The weights form: the running sum while somebody types; what was previewed before can be saved.

import { announce, setText } from "../../execution/js/indicator.js";
import { language, t } from "../../shared/js/strings.js";

// Percent.
const LOWEST = 95;
const HIGHEST = 105;
const BINARY_SLACK = 1e-7;

function percent({ value }) {
  return Number(value.replace("%", "").replace(",", "."));
}

export function watchWeights() {
  const form = document.querySelector("form[data-weights]");
  if (!form) return;
  const inputs = [...form.querySelectorAll(".weight-fields input")];
  const sum = form.querySelector("[data-sum]");
  const save = form.querySelector("[data-save]");
  const stale = document.getElementById("weights-stale");
  const check = () => {
    const numbers = inputs.map(percent);
    const total = numbers.reduce((so, number) => so + number, 0);
    const isLegal = total >= LOWEST - BINARY_SLACK && total <= HIGHEST + BINARY_SLACK;
    const format = new Intl.NumberFormat(language(), { maximumFractionDigits: 2 });
    sum.hidden = Number.isNaN(total);
    sum.textContent = sum.hidden ? "" : t("weights.sum", { sum: format.format(total) });
    sum.classList.toggle("field-error", !isLegal);
    // Each by itself first; only numbers that could be weights have a sum to speak of.
    const isOut = numbers.map((number) => !(number >= 0 && number <= 100));
    for (const [place, input] of inputs.entries()) {
      const isWrong = isOut.includes(true) ? isOut[place] : !isLegal;
      input.setAttribute("aria-invalid", String(isWrong));
    }
    // Other numbers than those that were previewed are not to be saved.
    const isPreviewed = inputs.every((input) => input.value === input.defaultValue);
    if (save) save.disabled = !isPreviewed;
    if (stale) setText(stale, isPreviewed ? "" : t("weights.stale"));
  };
  form.addEventListener("input", check);
  // Said once the number is whole, not digit by digit.
  form.addEventListener("change", ({ target }) => {
    if (inputs.includes(target) && !sum.hidden) announce(sum.textContent);
  });
  check();
  // The server's answer is about a field: there one goes on. The browser goes to the place that the
  // address names once the page has loaded.
  const wrong = form.querySelector('[aria-invalid="true"]');
  if (wrong) addEventListener("load", () => setTimeout(() => wrong.focus()));
}
