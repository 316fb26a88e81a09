// Which cards the list shows. While somebody reads, nothing moves: an agent that no longer belongs
// keeps its place and says so beside its present numbers, one that newly belongs waits behind a
// pill, and so does another order. Who comes and goes is settled as soon as nobody reads.

import { watchHand } from "../../execution/js/hand.js";
import { announce } from "../../execution/js/indicator.js";
import { plural, t } from "../../shared/js/strings.js";

// As many as the server answers for.
const LONGEST = 100;

export class Cards {
  #list = document.querySelector(".agents");
  #pill = document.getElementById("pill");
  #fresh = null;
  #isHandThere = watchHand(this.#list);
  #onSettled;

  constructor({ onSettled }) {
    this.#onSettled = onSettled;
    this.#pill.addEventListener("click", () => {
      this.#settle();
      this.#list.querySelector("a")?.focus();
    });
  }

  /** The page's address, asking also for the cards that may have left. */
  get address() {
    const address = new URL(location.href);
    const shown = [...this.#list.children].slice(0, LONGEST);
    address.searchParams.set("also", shown.map(agentOf).join(","));
    return address;
  }

  /** Take the list of a page whose parts are in place already. */
  receive(page) {
    this.#fresh = page;
    const fresh = byAgent(page.querySelector(".agents"));
    for (const [agent, card] of byAgent(this.#list)) {
      const isGone = !fresh.has(agent);
      card.classList.toggle("is-gone", isGone);
      card.classList.toggle("has-left", isGone || fresh.get(agent).matches(".has-left"));
      if (isGone) card.querySelector(".channels").textContent = t("cards.left");
    }
    this.#tell();
    this.settleUnread();
  }

  /** Let come and go who waits for it, unless somebody is reading. */
  settleUnread() {
    const { entered, left } = this.#news();
    if ((entered || left) && !this.#isRead()) this.#settle();
  }

  #wanted() {
    return [...this.#fresh.querySelectorAll(".agents > :not(.has-left)")];
  }

  #news() {
    if (!this.#fresh) return { entered: 0, left: 0, isOrderNew: false };
    const shown = [...byAgent(this.#list).keys()];
    const wanted = this.#wanted().map(agentOf);
    const stay = shown.filter((agent) => wanted.includes(agent));
    const inOrder = wanted.filter((agent) => shown.includes(agent));
    return {
      entered: wanted.length - inOrder.length,
      left: shown.length - stay.length,
      isOrderNew: stay.join() !== inOrder.join(),
    };
  }

  #tell() {
    const { entered, left, isOrderNew } = this.#news();
    const words = [];
    if (entered) words.push(plural("cards.entered", entered));
    if (left) words.push(plural("cards.leaving", left));
    if (!words.length && isOrderNew) words.push(t("cards.order"));
    const sentence = words.join(" · ");
    if (sentence && this.#pill.hidden) announce(sentence);
    this.#pill.hidden = !sentence;
    this.#pill.lastElementChild.textContent = sentence;
  }

  #isRead() {
    return (
      scrollY > 8 ||
      this.#list.contains(document.activeElement) ||
      this.#list.querySelector("details[open]") !== null ||
      this.#isHandThere()
    );
  }

  /** Show the list as it is now; cards that stay are moved, never drawn anew. */
  #settle() {
    const shown = byAgent(this.#list);
    for (const [place, fresh] of this.#wanted().entries()) {
      const card = shown.get(agentOf(fresh)) ?? fresh.cloneNode(true);
      const there = this.#list.children[place];
      if (there !== card) this.#list.insertBefore(card, there ?? null);
    }
    const surplus = [...this.#list.children].slice(this.#wanted().length);
    for (const card of surplus) card.remove();
    for (const slot of document.querySelectorAll("[data-settles]")) {
      const fresh = this.#fresh.querySelector(`[data-settles="${slot.dataset.settles}"]`);
      slot.replaceChildren(...fresh.cloneNode(true).childNodes);
    }
    this.#tell();
    this.#onSettled();
  }
}

function byAgent(list) {
  return new Map([...list.children].map((card) => [agentOf(card), card]));
}

function agentOf(card) {
  return card.dataset.agent;
}
