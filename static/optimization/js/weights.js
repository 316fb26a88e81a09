// The weights form: the running sum while somebody types; what was previewed before can be saved.
// What was written is kept until it is saved or discarded, also over a new sign-in.

import { announce, setText } from "../../execution/js/indicator.js";
import { forgetWords, keepWords, keptWords } from "../../execution/js/unsent.js";
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
  // The server's answer is about a field: there one goes on.
  const wrong = form.querySelector('[aria-invalid="true"]');
  const fields = [...inputs, form.elements.reason];
  const agent = form.dataset.weights;
  // The server says what it has done, and nothing else in green.
  if (document.querySelector('#toasts .toast[data-tone="green"]')) forgetWords(agent);
  for (const [place, value] of [...keptWords(agent, "weights")].entries()) {
    const field = fields[place];
    // Somebody may be quicker than this.
    if (field.value === field.defaultValue) field.value = value;
  }
  form.querySelector("[data-discard]")?.addEventListener("click", () => forgetWords(agent));
  // Who returns to adaptive gives up what was written, and what is about to be saved is as drawn.
  form.addEventListener("submit", ({ submitter }) => {
    if (submitter?.formNoValidate) forgetWords(agent);
  });
  // Said once the number is whole, not digit by digit.
  form.addEventListener("change", ({ target }) => {
    if (inputs.includes(target) && !sum.hidden) announce(sum.textContent);
  });
  form.addEventListener("input", () => {
    check();
    keepWords(agent, "weights", fields.map(({ value }) => value));
  });
  check();
  // The browser goes to the place that the address names once the page has loaded.
  if (wrong) addEventListener("load", () => setTimeout(() => wrong.focus()));
}
