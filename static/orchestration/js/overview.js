// The overview: all but reports of work under way makes it read itself again.

import { followPage } from "../../execution/js/follower.js";
import { data } from "../../execution/js/page-data.js";
import { replaceParts } from "../../execution/js/parts.js";
import { watchActivation } from "./activation.js";
import { keepPlaces, settlePlaces } from "./bottlenecks.js";
import { watchForms } from "./forms.js";

watchActivation();
watchForms();
followPage({
  concerns: (kind) => !data.reports.includes(kind),
  show: ({ page }) => {
    keepPlaces(page);
    replaceParts(page);
  },
  tick: settlePlaces,
});
