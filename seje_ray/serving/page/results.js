// What was found, as cards.

import { byId, counted, make } from "./dom.js";
import { heatPicture, thumbnail } from "./pictures.js";

const NUM_LINES = 4; // ingredient lines of a card
const NUM_TERMS = 6; // that a card says are in common

/** Show results; `photo` is the bitmap of the photo that was asked with, for heat maps. */
export function showResults(results, photo, act) {
  byId("cards").replaceChildren(...results.map((result) => make("li", {}, card(result, photo, act))));
}

/** Show examples to begin with. */
export function showExamples(examples, act) {
  const cards = examples.map((example) => {
    const like = () => act.like(example.kind, example.id, example.title);
    const open = make("button", { type: "button", class: "open", on: { click: like } }, example.title || "A photo");
    return make("li", {}, make("article", { class: "card" },
      make("div", { class: "picture" }, thumbnail(example.thumbnail, "")),
      make("div", { class: "text" }, make("h3", {}, open), example.category ? make("p", { class: "soft small" }, example.category) : null)));
  });
  byId("cards").replaceChildren(...cards);
}

/** Show where results will be. */
export function showWaiting(number) {
  const ghost = () => make("li", { "aria-hidden": "true" }, make("div", { class: "card ghost" },
    make("div", { class: "picture" }),
    make("div", { class: "text" }, make("div", { class: "bar" }), make("div", { class: "bar" }), make("div", { class: "bar" }))));
  byId("cards").replaceChildren(...Array.from({ length: number }, ghost));
}

/** Show that nothing is as was asked for; `relax` takes the filters away, where there are any. */
export function showNothing(relax) {
  const way = relax && make("button", { type: "button", class: "button", on: { click: relax } }, "Search without the ingredients");
  byId("cards").replaceChildren(make("li", { class: "nothing" },
    make("p", {}, make("strong", {}, "Nothing here is like that.")),
    make("p", { class: "soft" }, relax ? "No result has, or does without, all the ingredients that you chose." : "The collection is empty."), way));
}

/** Show what a photo is seen to show. */
export function showSees(sees, areSeveral = false) {
  const list = byId("sees");
  list.hidden = sees.length === 0;
  const shown = sees.slice(0, 3).map((one) => make("span", {}, `${one.category} `, make("span", { class: "soft" }, percent(one.probability))));
  list.replaceChildren(make("strong", {}, areSeveral ? "The photos look like" : "The photo looks like"), ...shown);
}

/** Say what is wrong and what to do; `again` is what the button does, where there is one. */
export function showTrouble(trouble, again) {
  const panel = byId("trouble");
  panel.className = "trouble";
  if (trouble === null) panel.replaceChildren();
  else {
    panel.replaceChildren(
      make("strong", {}, trouble.message),
      trouble.hint ? make("span", {}, `${trouble.hint[0].toUpperCase()}${trouble.hint.slice(1)}.`.replace(/\.\.$/, ".")) : "",
      again ? make("button", { type: "button", class: "button", on: { click: again } }, "Try again") : "");
  }
}

/** Say that the server asks for patience. */
export function showBusy(seconds) {
  const panel = byId("trouble");
  panel.className = "trouble waiting";
  panel.replaceChildren(make("strong", {}, "The server is busy."), make("span", {}, `Trying again in ${counted(seconds, "second")}.`));
}

function card(result, photo, act) {
  const title = result.title || (result.kind === "photo" ? "A photo without a recipe" : "A recipe without a title");
  const open = () => (result.recipe === null ? act.like(result.kind, result.id, title) : act.open(result.recipe));
  const pictures = [thumbnail(result.thumbnail, result.kind === "photo" ? `Photo of ${title}` : "")];
  if (result.heat && photo) pictures.push(heatPicture(photo, result.heat, `What in your photo ${title} rests on, in red`));
  const score = make("span", { class: "number", title: "cosine similarity" }, make("span", { class: "unseen" }, "similarity "), result.similarity.toFixed(2));
  return make("article", { class: `card${result.is_match ? " match" : ""}` },
    make("div", { class: pictures.length === 2 ? "picture two" : "picture" }, ...pictures, score),
    make("div", { class: "text" },
      make("h3", {}, make("button", { type: "button", class: "open", on: { click: open } }, title)),
      result.is_match ? make("p", { class: "badge" }, make("span", { "aria-hidden": "true" }, "✓ "), "its own") : null,
      lines(result.ingredients),
      reasons(result.why)),
    make("div", { class: "card-foot" },
      make("button", { type: "button", class: "button quiet", on: { click: () => act.like(result.kind, result.id, title) } },
        "More like this", make("span", { class: "unseen" }, `: ${title}`))));
}

function lines(ingredients) {
  if (ingredients.length === 0) return null;
  const left = ingredients.length - NUM_LINES;
  const shown = ingredients.slice(0, left === 1 ? NUM_LINES + 1 : NUM_LINES).map((line) => make("li", {}, line));
  if (left > 1) shown.push(make("li", {}, `and ${left} more`));
  return make("ul", { class: "lines", "aria-label": "Ingredients" }, ...shown);
}

function reasons(why) {
  const parts = [];
  if (why.category) parts.push(["Both are ", why.category]);
  if (why.sees) parts.push([`Looks ${percent(why.sees.probability)} like `, why.sees.category]);
  if (why.key_terms.length) parts.push(["In common: ", why.key_terms.slice(0, NUM_TERMS).join(", ")]);
  if (parts.length === 0) return null;
  return make("div", { class: "why" }, ...parts.map(([words, what]) => make("p", {}, make("span", { class: "soft" }, words), make("b", {}, what))));
}

const percent = (share) => `${Math.round(100 * share)}%`;
