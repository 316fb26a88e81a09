// Saving the filters as a view: what is wrong with the name is said where it was written.

import { showFaults } from "../../shared/js/faults.js";
import { refusal } from "./refusals.js";
import { postForm } from "./api.js";

export async function saveInPlace(form) {
  const button = form.querySelector("button");
  const fault = form.querySelector('[data-field="error"]');
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  fault.textContent = "";
  try {
    const { address } = await postForm(form.action, new URLSearchParams(new FormData(form)));
    location.assign(address);
  } catch (error) {
    const rest = error.status === 400 ? showFaults(form, error.details) : [refusal(error)];
    fault.textContent = rest.join(" ");
    button.removeAttribute("aria-busy");
  }
}
