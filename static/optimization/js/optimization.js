// The optimization page: what ended or was decided makes it read itself again. A card that has left
// its list stays until somebody lets it go.

import { followPage } from "../../execution/js/follower.js";
import { data } from "../../execution/js/page-data.js";
import { replaceParts } from "../../execution/js/parts.js";
import { Cards } from "./cards.js";
import { drawCharts } from "./charts.js";
import { watchDrawer } from "./drawer.js";
import { watchWeights } from "./weights.js";

const cards = new Cards({ onSettled: () => drawCharts(charts) });
let { charts } = data;

function show(snapshot) {
  ({ charts } = snapshot);
  replaceParts(snapshot.page);
  cards.receive(snapshot.page);
  drawCharts(charts);
}

drawCharts(charts);
watchDrawer();
watchWeights();
followPage({
  concerns: (kind) => data.facts.includes(kind),
  address: () => cards.address,
  show,
  tick: () => cards.settleUnread(),
});
