// The side of the page where one asks: a photo or words, and what refines them.

import { recipeOf, tidy } from "./address.js";
import { announce, byId, make } from "./dom.js";
import { hasParts, linesOf, takenApart } from "./pasted.js";
import { photosAmong, thumbnail } from "./pictures.js";

const SIGNS = { with: ["on", "with"], without: ["off", "without"], plus: ["on", "+"], minus: ["off", "−"] };

/** Connect the panel; `act` does what is asked for there. */
export function connect(act) {
  for (const id of ["choose", "shoot"]) {
    byId(id).addEventListener("change", ({ target }) => {
      if (target.files.length) act.photos([...target.files]);
      target.value = ""; // the same file may be chosen again
    });
    byId(id).addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // it would send the form
      event.target.click();
    });
  }
  byId("remove").addEventListener("click", () => act.change({ photos: [], like: "", heat: false }, "choose"));
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = tidy(byId("dish").value);
    if (text) act.text(text);
    else byId("dish").focus();
  });
  for (const radio of document.querySelectorAll('input[name="find"]')) radio.addEventListener("change", () => act.change({ find: radio.value }));
  byId("heat").addEventListener("change", ({ target }) => act.change({ heat: target.checked }));
  connectRecipe(act);
  connectTerms("ingredients", "ingredient", act);
  connectTerms("arithmetic", "term", act);
  connectDropping(act);
  byId("refine").open = !matchMedia("(max-width: 900px)").matches;
}

/** Show what is asked for. */
export function show(state, name, pictures, act) {
  showAsked(state, name, pictures);
  showRecipe(state.recipe);
  if (document.activeElement !== byId("dish") || state.text) byId("dish").value = state.text;
  for (const radio of document.querySelectorAll('input[name="find"]')) radio.checked = radio.value === state.find;
  byId("ingredient-chips").replaceChildren(...chips(state, ["with", "without"], "ingredient", act));
  const sum = chips(state, ["plus", "minus"], "term", act);
  const start = sum.length ? [make("li", { class: "chip" }, make("span", {}, name || "your search"))] : [];
  byId("equation").replaceChildren(...start, ...sum);
  if (sum.length) byId("play").open = true;
  byId("heat-choice").hidden = state.photos.length !== 1 || state.photos[0].startsWith("@");
  byId("heat").checked = state.heat;
}

/** Offer the categories of the collection, and only what it has. */
export function offer(collection) {
  byId("categories").replaceChildren(...collection.categories.map((name) => make("option", { value: name })));
  for (const radio of document.querySelectorAll('input[name="find"]')) radio.disabled = collection[`num_${radio.value}`] === 0;
}

function showAsked(state, name, pictures) {
  const isFull = Boolean(state.photos.length || state.like);
  byId("well").classList.toggle("full", isFull);
  byId("well-empty").hidden = isFull;
  byId("remove").hidden = !isFull;
  byId("choose-name").textContent = isFull ? "Other photos" : "Choose photos";
  const asked = byId("asked");
  asked.hidden = !isFull;
  asked.replaceChildren();
  if (!isFull) return;
  const shown = pictures.filter(Boolean);
  const alternative = (place) => (pictures.length === 1 ? "Your photo" : `Your photo ${place + 1}`);
  asked.classList.toggle("several", shown.length > 1);
  if (state.like) asked.append(...shown.map((picture) => thumbnail(picture, "")));
  else asked.append(...shown.map((picture, place) => make("img", { src: picture, alt: alternative(place) })));
  const yours = pictures.length === 1 ? "Your photo" : `Your ${pictures.length} photos: one search by their mean`;
  const unseen = shown.length < pictures.length ? ", of which this browser cannot show all" : "";
  asked.append(make("figcaption", {}, state.like ? `Like ${name}` : yours + (pictures.length === 1 && unseen ? ", which this browser cannot show" : unseen)));
}

function showRecipe(text) {
  const recipe = recipeOf(text);
  if (recipe === null) return;
  fill(recipe);
  byId("whole").open = true;
}

function fill(recipe) {
  byId("own-title").value = recipe.title;
  byId("own-ingredients").value = recipe.ingredients.join("\n");
  byId("own-instructions").value = recipe.instructions.join("\n");
}

/** A recipe of the visitor's own; one that is pasted as a whole is taken apart. */
function connectRecipe(act) {
  const fields = ["own-title", "own-ingredients", "own-instructions"];
  byId("own").addEventListener("submit", (event) => {
    event.preventDefault();
    const [title, ingredients, instructions] = fields.map((id) => byId(id).value);
    const recipe = { title: tidy(title), ingredients: linesOf(ingredients), instructions: linesOf(instructions) };
    if (recipe.title || recipe.ingredients.length || recipe.instructions.length) act.recipe(JSON.stringify(recipe));
    else byId("own-title").focus();
  });
  byId("own").addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (linesOf(text).length < 2 || fields.some((id) => byId(id).value.trim())) return;
    const isPart = event.target.id !== "own-title" && !hasParts(text); // only lines of that field
    if (isPart) return;
    event.preventDefault();
    fill(takenApart(text));
    announce("The recipe was taken apart into title, ingredients and steps");
  });
}

function chips(state, lists, input, act) {
  return lists.flatMap((list) => state[list].map((term) => {
    const [style, sign] = SIGNS[list];
    const remove = () => act.change({ [list]: state[list].filter((other) => other !== term) }, input);
    return make("li", { class: `chip ${style}` }, make("span", {}, make("b", {}, sign), ` ${term}`),
      make("button", { type: "button", "aria-label": `Remove: ${list} ${term}`, on: { click: remove } }, make("span", { "aria-hidden": "true" }, "×")));
  }));
}

function connectTerms(form, input, act) {
  const add = (list) => {
    const term = tidy(byId(input).value);
    byId(input).focus();
    if (!term) return;
    byId(input).value = "";
    act.add(list, term);
  };
  byId(form).addEventListener("submit", (event) => {
    event.preventDefault();
    add(event.submitter?.dataset.list ?? byId(form).querySelector("button[type=submit]").dataset.list);
  });
  byId(form).querySelector("button[type=button][data-list]").addEventListener("click", ({ currentTarget }) => add(currentTarget.dataset.list));
}

function connectDropping(act) {
  const bringsFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const shade = byId("drop");
  addEventListener("dragover", (event) => {
    if (!bringsFile(event)) return;
    event.preventDefault();
    shade.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) shade.hidden = true;
  });
  addEventListener("drop", (event) => {
    shade.hidden = true;
    if (!bringsFile(event)) return;
    event.preventDefault();
    const photos = photosAmong(event.dataTransfer);
    if (photos.length) act.photos(photos);
  });
  addEventListener("paste", (event) => {
    const photos = photosAmong(event.clipboardData);
    if (photos.length === 0) return;
    event.preventDefault();
    act.photos(photos);
  });
}
