// Before the first paint: what needs JavaScript may show, and keys that are turned off do not.
document.documentElement.classList.add("js");
if (localStorage.getItem("nexo.keys") === "off") document.documentElement.classList.add("no-keys");
