// What somebody has changed in a form since the server drew it.

function isChanged(field) {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.options) return [...field.options].some((one) => one.selected !== one.defaultSelected);
  return field.value !== field.defaultValue;
}

/** By name, the values of the fields that were changed. */
export function written(form) {
  const names = [...form.elements].filter(({ name }) => name).filter(isChanged);
  const values = new FormData(form);
  return Object.fromEntries(names.map(({ name }) => [name, values.getAll(name)]));
}

/** Put what was written into a form that has been drawn anew. */
export function restore(form, fields) {
  for (const field of form.elements) {
    const values = fields[field.name];
    if (!values) continue;
    if (field.type === "checkbox") field.checked = values.includes(field.value);
    else if (!field.options || [...field.options].some(({ value }) => value === values[0])) {
      [field.value] = values;
    }
  }
}
