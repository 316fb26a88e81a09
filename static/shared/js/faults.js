// What is wrong with a form, at the fields it is wrong with.

/**
 * `details` are sentences by field name, as the server has them. The first field gets the focus;
 * answered is what belongs to no field.
 */
export function showFaults(form, details) {
  clearFaults(form);
  const rest = [];
  let first = null;
  for (const [name, sentences] of Object.entries(details)) {
    const controls = [...form.querySelectorAll(`[name="${CSS.escape(name)}"]:not([type="hidden"])`)];
    const field = controls[0]?.closest(".field");
    if (!field) {
      rest.push(...sentences);
      continue;
    }
    field.append(faultOf(controls, sentences.join(" ")));
    first ??= controls[0];
  }
  first?.focus();
  return rest;
}

function faultOf(controls, sentence) {
  const line = document.createElement("p");
  line.className = "field-error";
  line.id = `${controls[0].id}_fault`;
  line.dataset.fault = "";
  line.textContent = sentence;
  for (const control of controls) {
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", line.id);
  }
  return line;
}

export function clearFaults(form) {
  for (const line of form.querySelectorAll("[data-fault]")) line.remove();
  for (const control of form.querySelectorAll('[aria-invalid="true"]')) {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-describedby");
  }
}
