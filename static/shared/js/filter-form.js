/** Filters that are not set stay out of the address; hears the form's "formdata". */
export function leaveOutUnset({ formData }) {
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
}
