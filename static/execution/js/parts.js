// The task page is drawn by the server alone. When something happened, read it again and put in
// the parts that differ: one markup, and never a mixture of old and new within a part.

/**
 * Put in what differs. A part in which somebody is writing or choosing waits for the next read;
 * what they opened, focused or scrolled stays so.
 */
export function replaceParts(page) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!fresh || sameContent(part, fresh) || part.querySelector("details[open] form")) continue;
    part.hidden = fresh.hidden;
    follow(part, fresh);
  }
}

function sameContent(part, fresh) {
  return withoutTokens(part) === withoutTokens(fresh) && part.hidden === fresh.hidden;
}

/** Every answer masks the CSRF token anew, and readers open details; that is no difference. */
function withoutTokens(part) {
  const copy = part.cloneNode(true);
  for (const token of copy.querySelectorAll("[name=csrfmiddlewaretoken]")) token.remove();
  for (const busy of copy.querySelectorAll("[aria-busy]")) busy.removeAttribute("aria-busy");
  for (const opened of copy.querySelectorAll("details[open]")) opened.removeAttribute("open");
  return copy.innerHTML;
}

/**
 * Make `node` hold what `fresh` holds, keeping the elements that stand at the same place, and those
 * with an id wherever they stand: the focus is in one of them. Another id is another element: what
 * was written in one field is not taken over into the next.
 */
function follow(node, fresh) {
  const old = [...node.childNodes];
  const now = [...fresh.childNodes];
  const wanted = new Set(now.map(({ id }) => id).filter(Boolean));
  for (const child of now) {
    const place = child.id ? old.findIndex(({ id }) => id === child.id) : 0;
    if (place > 0) for (const gone of old.splice(0, place)) gone.remove();
    if (old.length && old[0].id !== child.id && wanted.has(old[0].id)) {
      // What is new stands before one that stays.
      node.insertBefore(child, old[0]);
      continue;
    }
    const known = old.shift();
    if (known?.nodeName !== child.nodeName || known.id !== child.id) {
      if (known) known.replaceWith(child);
      else node.append(child);
    } else if (child.nodeType !== Node.ELEMENT_NODE) {
      if (known.data !== child.data) known.data = child.data;
    } else if (!known.isEqualNode(child)) {
      followAttributes(known, child);
      follow(known, child);
    }
  }
  for (const surplus of old) surplus.remove();
}

function followAttributes(element, fresh) {
  for (const { name } of [...element.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") element.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
}
