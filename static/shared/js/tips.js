// What a sync mark says, on hover and on focus; and, on every page, the exact instant of a time that
// a finger, which cannot hover, touches. The bubble can be hovered itself, and Escape closes it;
// screen readers have the same words as the mark's name.

const GAP = 6;
const LINGER = 120;

export function showTips(root, selector) {
  const tip = document.getElementById("tip");
  let owner = null;
  let hiding = 0;

  function show(mark) {
    clearTimeout(hiding);
    if (owner === mark) return;
    owner = mark;
    tip.textContent = mark.getAttribute("aria-label") ?? mark.title;
    tip.showPopover();
    const { left, width, top, bottom } = mark.getBoundingClientRect();
    const over = top - tip.offsetHeight - GAP;
    const centred = left + width / 2 - tip.offsetWidth / 2;
    tip.style.top = `${over > GAP ? over : bottom + GAP}px`;
    tip.style.left = `${Math.min(Math.max(GAP, centred), innerWidth - tip.offsetWidth - GAP)}px`;
  }

  function hide() {
    clearTimeout(hiding);
    if (!owner) return;
    owner = null;
    tip.hidePopover();
  }

  const hideSoon = () => {
    clearTimeout(hiding);
    hiding = setTimeout(hide, LINGER);
  };
  const found = (event) =>
    event.target.closest(selector) ??
    (event.pointerType === "touch" ? event.target.closest("time[title]:not([title=''])") : null);

  root.addEventListener("pointerover", (event) => found(event) && show(found(event)));
  // A finger that is lifted has left; what it asked for stays until it touches elsewhere.
  root.addEventListener("pointerout", (event) => {
    if (event.pointerType !== "touch" && found(event)) hideSoon();
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!tip.contains(target) && target !== owner) hide();
  });
  root.addEventListener("focusin", (event) => found(event) && show(found(event)));
  root.addEventListener("focusout", (event) => found(event) && hideSoon());
  tip.addEventListener("pointerenter", () => clearTimeout(hiding));
  tip.addEventListener("pointerleave", hideSoon);
  addEventListener("scroll", hide, { passive: true });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
}
