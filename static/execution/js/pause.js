// The pause of a page that follows the feed: its button and key, and how old what is shown is.

import { t } from "../../shared/js/strings.js";
import { announce } from "./indicator.js";
import { shortcuts } from "./keyboard.js";

export class Pause {
  isOn = false;
  #button = document.getElementById("pause");
  #feed;
  #onChange;
  // Of what is shown while it is on: as old as the pause, whatever the feed still hears.
  #shownAt = 0;

  /** `feed` gives the page's; `onChange` hears what it has become. */
  constructor({ feed, onChange }) {
    this.#feed = feed;
    this.#onChange = onChange;
    this.#button.addEventListener("click", () => this.set(!this.isOn));
    shortcuts({ p: () => this.set(!this.isOn) });
  }

  get freshAt() {
    return this.isOn ? this.#shownAt : this.#feed().freshAt;
  }

  /** What is shown is as new as what the feed knows. */
  mark() {
    this.#shownAt = this.#feed().freshAt;
  }

  set(isOn) {
    this.isOn = isOn;
    this.mark();
    this.#button.querySelector("use").setAttribute("href", isOn ? "#icon-play" : "#icon-pause");
    this.#button.querySelector(".pause-word").textContent = t(isOn ? "resume" : "pause");
    if (isOn) announce(t("announce.paused"));
    this.#onChange(isOn);
  }
}
