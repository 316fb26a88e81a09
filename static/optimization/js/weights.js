// The weights form: the running sum while somebody types; what was previewed before can be saved.

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
  const check = () => {
    const total = inputs.reduce((so, input) => so + percent(input), 0);
    const isLegal = total >= LOWEST - BINARY_SLACK && total <= HIGHEST + BINARY_SLACK;
    const format = new Intl.NumberFormat(language(), { maximumFractionDigits: 2 });
    sum.hidden = Number.isNaN(total);
    sum.textContent = t("weights.sum", { sum: format.format(total) });
    sum.classList.toggle("field-error", !isLegal);
    // Other numbers than those that were previewed are not to be saved.
    const isPreviewed = inputs.every((input) => input.value === input.defaultValue);
    if (save) save.disabled = !isPreviewed;
    form.querySelector("[data-preview]")?.classList.toggle("is-stale", !isPreviewed);
  };
  form.addEventListener("input", check);
  check();
}
