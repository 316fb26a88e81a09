// The optimization page, kept true by the feed: what ended or was decided makes it read itself
// again, at most every two seconds. A feed of tasks does not tell of weights and agents: those
// are looked for when somebody comes back to the page, and once a minute while they look at it.

import { readPage, pageDataOf, replaceParts } from "../../execution/js/parts.js";
import { Feed } from "../../execution/js/feed.js";
import { announce, Indicator, showHalt } from "../../execution/js/indicator.js";
import { data } from "../../execution/js/page-data.js";
import { t } from "../../shared/js/strings.js";
import { toast } from "../../shared/js/toasts.js";
import { Cards } from "./cards.js";
import { drawCharts } from "./charts.js";
import { watchDrawer } from "./drawer.js";
import { watchWeights } from "./weights.js";

const SOCKET_PATH = "/ws/marketplace/tasks/execution/";
const TICK = 1_000;
const READ_AT_MOST_EVERY = 2_000;
const READ_AT_LEAST_EVERY = 60_000;
// Reports of progress change no score.
const FACTS = ["created", "approved", "started", "completed", "failed", "undone", "retried"];

const refreshButton = document.getElementById("refresh");
const indicator = new Indicator();
const cards = new Cards({ onSettled: () => drawCharts(charts) });
let { charts } = data;
// When the last read began; the first one was the page itself.
let lastRead = performance.timeOrigin;
let timer = 0;

const feed = new Feed({
  path: SOCKET_PATH,
  position: data,
  read: async () => {
    await ownTurn();
    const page = await readPage(cards.address);
    return { ...pageDataOf(page), page };
  },
  on: {
    frame: ({ events }) => events.some(({ kind }) => FACTS.includes(kind)) && readSoon(),
    summary: () => {},
    snapshot: show,
    state: changeState,
    epoch: () => location.reload(),
  },
});

function untilTurn() {
  return Math.max(0, lastRead + READ_AT_MOST_EVERY - Date.now());
}

/** Whoever asks for a read, feed or person, reads begin two seconds apart. */
async function ownTurn() {
  const wait = untilTurn();
  if (wait) await new Promise((resolve) => setTimeout(resolve, wait));
  lastRead = Date.now();
}

/** Read when the turn comes; what is asked for until then is one read. */
function readSoon() {
  timer ||= setTimeout(() => {
    timer = 0;
    feed.refresh();
  }, untilTurn());
}

function readAgain() {
  if (!document.hidden && !feed.hasEnded) readSoon();
}

function show(snapshot) {
  ({ charts } = snapshot);
  replaceParts(snapshot.page);
  cards.receive(snapshot.page);
  drawCharts(charts);
}

function showFreshness() {
  indicator.show({ state: feed.state, freshAt: feed.freshAt });
}

function changeState(state, before) {
  showFreshness();
  showHalt(state);
  const isOld = !["live", "connecting"].includes(state);
  document.body.classList.toggle("is-old", isOld);
  if (isOld && before === "live") announce(t("announce.lost"));
  if (state === "live" && before !== "connecting") announce(t("announce.live"));
}

refreshButton.addEventListener("click", async (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  refreshButton.setAttribute("aria-busy", "true");
  const wasRead = await feed.refresh();
  refreshButton.removeAttribute("aria-busy");
  if (!wasRead && !feed.hasEnded) toast(t("readFailed"), { error: true });
});
document.addEventListener("visibilitychange", readAgain);
setInterval(() => {
  showFreshness();
  cards.settleUnread();
  if (Date.now() - lastRead >= READ_AT_LEAST_EVERY) readAgain();
}, TICK);

drawCharts(charts);
watchDrawer();
watchWeights();
showFreshness();
feed.start();
