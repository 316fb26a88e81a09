// The pause of a page that is read as a whole: what is told or read meanwhile waits until somebody
// resumes, or asks for a read.

import { Pause } from "./pause.js";

export class PagePause extends Pause {
  #feed;
  #show;
  // The numbers of the events that are not shown yet.
  #waiting = [];
  // What was read meanwhile: no frame will tell again of what is in it.
  #held = null;

  /** `show` takes a snapshot; `onChange` hears what the pause has become. */
  constructor({ feed, show, onChange }) {
    const follow = (isOn) => {
      onChange(isOn);
      if (!isOn) this.#goOn();
    };
    super({ feed, onChange: follow });
    this.#feed = feed;
    this.#show = show;
    // Who does something on the page goes on with it.
    document.addEventListener("outcome", () => this.isOn && this.set(false));
  }

  get waiting() {
    return this.#waiting.length;
  }

  /** Whether these events have to wait; then they are counted. */
  holds(events) {
    if (this.isOn) this.#waiting.push(...events.map(({ sequence }) => sequence));
    return this.isOn;
  }

  receive(snapshot) {
    if (this.isOn) this.#held = snapshot;
    else this.#show(snapshot);
  }

  /** Show what was read, whether or not the page goes on. */
  takeHeld() {
    this.mark();
    const held = this.#held;
    this.#held = null;
    if (!held) return;
    this.#waiting = this.#waiting.filter((sequence) => sequence > held.sequence);
    this.#show(held);
  }

  #goOn() {
    this.takeHeld();
    if (this.#waiting.length) this.#feed().catchUp(this.#waiting[0] - 1);
    this.#waiting = [];
  }
}
