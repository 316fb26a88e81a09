// Cards, chips and the number of matches: from the feed's summary where it knows them, else read
// again, at most every two seconds.

import { formatNumber, t } from "../../shared/js/strings.js";
import { getJson } from "./api.js";
import { data } from "./page-data.js";
import { flash } from "./rows.js";

const READ_EVERY = 2_000;
const COUNTED = Object.keys(data.statusesOf);

/** The cards whose statuses are all chosen; null when the choice cuts a card in two. */
function chosenCards({ status }) {
  if (!status.length) return COUNTED;
  const whole = COUNTED.filter((card) => data.statusesOf[card].every((one) => status.includes(one)));
  const covered = whole.flatMap((card) => data.statusesOf[card]);
  return covered.length === status.length ? whole : null;
}

const sum = (summary, cards) => cards.reduce((total, card) => total + summary[card], 0);

export class Summary {
  total;
  latest = null;
  #filters = data.filters;
  #lastRead = -READ_EVERY;
  #isBusy = false;
  #isStale = false;
  #heard = 0;
  #onTotal;

  constructor({ total, onTotal }) {
    this.total = total;
    this.#onTotal = onTotal;
  }

  /** A frame's summary, over everything and by channel. */
  receive({ all, byChannel }) {
    const cards = this.#filters.isRolledUp && chosenCards(this.#filters);
    if (!cards) {
      this.read();
      return;
    }
    this.#heard += 1;
    const [channel] = this.#filters.channel;
    const summary = channel ? byChannel[channel] : all;
    const channels = Object.fromEntries(
      Object.entries(byChannel).map(([slug, one]) => [slug, sum(one, cards)]),
    );
    this.#show({ summary, channels, totalTasks: sum(summary, cards) });
  }

  /** Read the totals again, soon; calls within two seconds become one. */
  read() {
    this.#isStale = true;
    if (this.#isBusy) return;
    this.#isBusy = true;
    setTimeout(() => this.#read(), Math.max(0, this.#lastRead + READ_EVERY - performance.now()));
  }

  async #read() {
    this.#lastRead = performance.now();
    this.#isStale = false;
    const heard = this.#heard;
    try {
      const answer = await getJson(data.summaryUrl);
      // What the feed has said meanwhile may be newer, and nothing else would come to correct it.
      if (this.#heard === heard) this.#show(answer);
    } catch {
      // The feed says that the connection is lost; the next change reads again.
    }
    this.#isBusy = false;
    // Something changed while the answer was under way.
    if (this.#isStale) this.read();
  }

  #show({ summary, channels, totalTasks }) {
    const total = sum(summary, COUNTED);
    for (const card of document.querySelectorAll("[data-card]")) {
      showCard(card, summary[card.dataset.card], total);
    }
    for (const chip of document.querySelectorAll("[data-channel].chip")) {
      const slug = chip.dataset.channel;
      const count = slug ? channels[slug] : Object.values(channels).reduce((a, b) => a + b, 0);
      put(chip, "count", formatNumber(count));
    }
    this.latest = summary;
    this.total = totalTasks;
    this.#onTotal(totalTasks);
  }
}

function showCard(card, value, total) {
  const isMean = card.dataset.card === "totalProgress";
  const share = isMean || !total ? value * isMean : Math.floor((200 * value + total) / (2 * total));
  const figure = isMean ? `${value}%` : formatNumber(value);
  if (put(card, "count", figure)) flash(card.querySelector('[data-field="count"]'));
  card.querySelector('[data-field="bar"]').value = share;
  const text = { share, total: formatNumber(total) };
  put(card, "share", t(isMean ? "mean" : "share", text));
}

function put(parent, name, text) {
  const slot = parent.querySelector(`[data-field="${name}"]`);
  if (slot.textContent === text) return false;
  slot.textContent = text;
  return true;
}
