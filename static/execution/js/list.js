// The list's tasks as the page knows them, for every script of the page.

import { now } from "./clock.js";
import { data } from "./page-data.js";
import { Store } from "./store.js";

export const store = new Store({ filters: data.filters, pageSize: data.pageSize, now });
store.load(data.snapshot);
