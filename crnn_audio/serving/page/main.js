// What the page offers: as much as the models can do.

import { byId, problem, request } from "./client.js";
import * as live from "./live.js";
import * as music from "./music.js";
import * as transcribe from "./transcribe.js";

async function begin() {
  const { data: models } = await (await request("v1/models")).json();
  const can = (verb) => models.filter((one) => (verb === "keep" ? one.voices?.includes("soprano") : one.verbs.includes(verb)));
  for (const select of document.querySelectorAll("select[data-verb]")) {
    select.append(...can(select.dataset.verb).map((one) => new Option(one.id, one.id)));
  }
  byId("harmoniser").append(...can("keep").map((one) => new Option(one.id, one.id)));
  for (const place of document.querySelectorAll("[data-needs]")) place.hidden = can(place.dataset.needs).length === 0;
  transcribe.begin();
  live.begin();
  music.begin(models);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    transcribe.draw();
    music.draw();
  });
  document.documentElement.dataset.ready = "true";
}

begin().catch(problem);
