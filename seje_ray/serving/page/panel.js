// The side of the page where one asks: a photo or words, and what refines them.

import { tidy } from "./address.js";
import { byId, make } from "./dom.js";
import { photoAmong, thumbnail } from "./pictures.js";

const SIGNS = { with: ["on", "with"], without: ["off", "without"], plus: ["on", "+"], minus: ["off", "−"] };

/** Connect the panel; `act` does what is asked for there. */
export function connect(act) {
  for (const id of ["choose", "shoot"]) {
    byId(id).addEventListener("change", ({ target }) => {
      if (target.files[0]) act.photo(target.files[0]);
      target.value = ""; // the same file may be chosen again
    });
    byId(id).addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // it would send the form
      event.target.click();
    });
  }
  byId("remove").addEventListener("click", () => act.change({ photo: "", like: "", heat: false }, "choose"));
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = tidy(byId("dish").value);
    if (text) act.text(text);
    else byId("dish").focus();
  });
  for (const radio of document.querySelectorAll('input[name="find"]')) radio.addEventListener("change", () => act.change({ find: radio.value }));
  byId("heat").addEventListener("change", ({ target }) => act.change({ heat: target.checked }));
  connectTerms("ingredients", "ingredient", act);
  connectTerms("arithmetic", "term", act);
  connectDropping(act);
  byId("refine").open = !matchMedia("(max-width: 900px)").matches;
}

/** Show what is asked for. */
export function show(state, name, picture, act) {
  showAsked(state, name, picture);
  if (document.activeElement !== byId("dish") || state.text) byId("dish").value = state.text;
  for (const radio of document.querySelectorAll('input[name="find"]')) radio.checked = radio.value === state.find;
  byId("ingredient-chips").replaceChildren(...chips(state, ["with", "without"], "ingredient", act));
  const sum = chips(state, ["plus", "minus"], "term", act);
  const start = sum.length ? [make("li", { class: "chip" }, make("span", {}, name || "your search"))] : [];
  byId("equation").replaceChildren(...start, ...sum);
  if (sum.length) byId("play").open = true;
  byId("heat-choice").hidden = !state.photo || state.photo.startsWith("@");
  byId("heat").checked = state.heat;
}

/** Offer the categories of the collection, and only what it has. */
export function offer(collection) {
  byId("categories").replaceChildren(...collection.categories.map((name) => make("option", { value: name })));
  for (const radio of document.querySelectorAll('input[name="find"]')) radio.disabled = collection[`num_${radio.value}`] === 0;
}

function showAsked(state, name, picture) {
  const isFull = Boolean(state.photo || state.like);
  byId("well").classList.toggle("full", isFull);
  byId("well-empty").hidden = isFull;
  byId("remove").hidden = !isFull;
  byId("choose-name").textContent = isFull ? "Another photo" : "Choose a photo";
  const asked = byId("asked");
  asked.hidden = !isFull;
  asked.replaceChildren();
  if (!isFull) return;
  if (state.photo && picture) asked.append(make("img", { src: picture, alt: "Your photo" }));
  if (state.like && picture) asked.append(thumbnail(picture, ""));
  asked.append(make("figcaption", {}, state.photo ? (picture ? "Your photo" : "Your photo, which this browser cannot show") : `Like ${name}`));
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
    const photo = photoAmong(event.dataTransfer);
    if (photo) act.photo(photo);
  });
  addEventListener("paste", (event) => {
    const photo = photoAmong(event.clipboardData);
    if (!photo) return;
    event.preventDefault();
    act.photo(photo);
  });
}
