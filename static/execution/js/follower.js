// A page that is drawn by the server alone and kept true by the feed: what happened makes it read
// itself again, at most every two seconds. A feed of tasks does not tell of everything a page
// shows, so it also reads when somebody comes back to it, and once a minute while they look at it.

import { Feed } from "./feed.js";
import { announce, Indicator, tellState } from "./indicator.js";
import { data } from "./page-data.js";
import { PagePause } from "./page-pause.js";
import { pageDataOf, readPage } from "./pages.js";
import * as pending from "./pending.js";
import { t } from "../../shared/js/strings.js";
import { toast } from "../../shared/js/toasts.js";

const SOCKET_PATH = "/ws/marketplace/tasks/execution/";
const TICK = 1_000;
const READ_AT_MOST_EVERY = 2_000;
const READ_AT_LEAST_EVERY = 60_000;

/**
 * Follow until the page is left. `concerns` says of an event's kind whether the page shows what it
 * changed, `address` what is read, `show` takes each reading, `tick` comes every second. While it
 * `isHurried`, the page is read every two seconds, whatever the feed tells.
 */
export function followPage({
  concerns,
  show,
  address = () => location.href,
  tick = () => {},
  isHurried = () => false,
}) {
  const refreshButton = document.getElementById("refresh");
  const indicator = new Indicator();
  // When the last read began; the first one was the page itself.
  let lastRead = 0;
  let timer = 0;
  const pause = new PagePause({ feed: () => feed, show, onChange: showFreshness });

  const feed = new Feed({
    path: SOCKET_PATH,
    position: data,
    read: async () => {
      await ownTurn();
      const page = await readPage(address());
      return { ...pageDataOf(page), page };
    },
    on: {
      frame: receive,
      summary: () => {},
      snapshot: (snapshot) => pause.receive(snapshot),
      state: changeState,
      epoch: () => location.reload(),
    },
    maySkipReading: () => pause.isOn,
    count: pending,
  });

  function receive({ events }) {
    const own = events.filter(({ kind }) => concerns(kind));
    if (own.length && !pause.holds(own)) readSoon();
  }

  function untilTurn() {
    return Math.max(0, lastRead + READ_AT_MOST_EVERY - performance.now());
  }

  /** Whoever asks for a read, feed or person, reads begin two seconds apart. */
  async function ownTurn() {
    const wait = untilTurn();
    if (wait) await new Promise((resolve) => setTimeout(resolve, wait));
    lastRead = performance.now();
  }

  /** Read when the turn comes; what is asked for until then is one read. */
  function readSoon() {
    timer ||= setTimeout(() => {
      timer = 0;
      feed.refresh();
    }, untilTurn());
  }

  function readAgain() {
    if (!document.hidden && !feed.hasEnded && !pause.isOn) readSoon();
  }

  function showFreshness() {
    const { freshAt, isOn: paused, waiting } = pause;
    indicator.show({ state: feed.state, freshAt, paused, waiting });
  }

  function changeState(state, before) {
    showFreshness();
    tellState(state, before, { isPaused: pause.isOn });
  }

  refreshButton.addEventListener("click", async (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    refreshButton.setAttribute("aria-busy", "true");
    const wasRead = await feed.refresh();
    refreshButton.removeAttribute("aria-busy");
    if (wasRead) {
      pause.takeHeld();
      announce(t("announce.read"));
    } else if (!feed.hasEnded) toast(t("readFailed"), { error: true, untilLive: true });
  });
  document.addEventListener("visibilitychange", readAgain);
  setInterval(() => {
    showFreshness();
    if (!pause.isOn) tick();
    const longest = isHurried() ? READ_AT_MOST_EVERY : READ_AT_LEAST_EVERY;
    if (performance.now() - lastRead >= longest) readAgain();
  }, TICK);

  showFreshness();
  feed.start();
}
