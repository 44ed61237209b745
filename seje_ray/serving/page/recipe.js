// One recipe, opened: over the page, with the keyboard inside, and closed by Escape, the button or "back".

import { fetched, pathOf } from "./api.js";
import { announce, byId, make } from "./dom.js";
import { thumbnail } from "./pictures.js";

const dialog = byId("recipe");
let asked = new AbortController();
let opener = null; // what had the keyboard before

/** Show a recipe; `close` is told when the reader closes it, `act` does what its buttons say. */
export async function openRecipe(id, act) {
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  if (!dialog.open) opener = document.activeElement;
  fill(act, "One moment …");
  if (!dialog.open) dialog.showModal();
  try {
    const recipe = await fetched(pathOf("recipe", id), signal);
    if (signal.aborted) return;
    fill(act, recipe.title || "A recipe without a title", ...parts(recipe, act));
    announce(`${recipe.title || "Recipe"} is open`);
  } catch (trouble) {
    if (trouble.name === "AbortError") return;
    if (trouble.type === "unauthorized") act.wantsToken();
    fill(act, "This recipe cannot be shown", make("p", { role: "alert" }, trouble.message));
  }
}

/** Show none. */
export function closeRecipe() {
  asked.abort();
  if (!dialog.open) return;
  dialog.close();
  dialog.replaceChildren();
  if (opener?.isConnected) opener.focus();
  opener = null;
}

function fill(act, title, ...content) {
  const name = make("h2", { id: "recipe-title", tabIndex: -1 }, title);
  const close = make("button", { type: "button", class: "close", "aria-label": "Close", on: { click: act.close } }, make("span", { "aria-hidden": "true" }, "×"));
  dialog.replaceChildren(make("div", { class: "recipe-head" }, name, close), make("div", { class: "recipe-body" }, ...content));
  dialog.scrollTop = 0;
  if (dialog.open) name.focus();
}

function parts(recipe, act) {
  const facts = [recipe.category, recipe.partition && `${recipe.partition} partition`, recipe.is_made_up && "made up"].filter(Boolean);
  const title = recipe.title || "this recipe";
  return [
    facts.length ? make("p", { class: "soft" }, facts.join(" · ")) : null,
    make("div", { class: "actions" },
      make("button", { type: "button", class: "button main", on: { click: () => act.like("recipe", recipe.id, title, "recipes") } }, "More like this"),
      make("button", { type: "button", class: "button", on: { click: () => act.like("recipe", recipe.id, title, "photos") } }, "Find photos for it")),
    photos(recipe, act),
    make("div", { class: "columns" },
      section("Ingredients", make("ul", {}, ...recipe.ingredients.map((line) => make("li", {}, line))), recipe.ingredients.length),
      section("Instructions", make("ol", {}, ...recipe.instructions.map((line) => make("li", {}, line))), recipe.instructions.length)),
    terms(recipe, act),
  ];
}

function photos(recipe, act) {
  const shown = recipe.photos.map((photo, place) => make("li", {},
    make("button", { type: "button", on: { click: () => act.like("photo", photo.id, `a photo of ${recipe.title}`, "recipes") } },
      thumbnail(photo.thumbnail, `Photo ${place + 1} of ${recipe.title}`), make("span", {}, "Search with it"))));
  return section(shown.length === 1 ? "Its photo" : "Its photos", make("ul", { class: "photos" }, ...shown), shown.length);
}

function terms(recipe, act) {
  const chips = recipe.key_terms.slice(0, 16).map(({ term }) => make("li", { class: "chip" }, make("span", {}, term),
    make("button", { type: "button", "aria-label": `Search with ${term}`, title: "with", on: { click: () => act.add("with", term) } }, "+"),
    make("button", { type: "button", "aria-label": `Search without ${term}`, title: "without", on: { click: () => act.add("without", term) } }, "−")));
  return section("Key terms", make("ul", { class: "chips terms" }, ...chips), chips.length);
}

const section = (name, content, number) => (number ? make("section", {}, make("h3", {}, name), content) : null);

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.querySelector(".close").click(); // beside it
});
dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  dialog.querySelector(".close").click();
});
