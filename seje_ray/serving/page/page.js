// The page: what is asked for is its address, and the address decides what it shows.

import { addressOf, isAsking, NOTHING, recipeOf, stateOf } from "./address.js";
import { fetched, pathOf, search, Trouble, useToken } from "./api.js";
import { announce, byId, counted } from "./dom.js";
import { connect, offer, show } from "./panel.js";
import { bitmapOf, photoOf, readPhoto } from "./pictures.js";
import { closeRecipe, openRecipe } from "./recipe.js";
import { showBusy, showExamples, showNothing, showResults, showSees, showTrouble, showWaiting } from "./results.js";

const MOST_BYTES = 12 * 1024 * 1024; // of an upload, until the server says
const MOST_PHOTOS = 5; // likewise
const OPPOSITE = { with: "without", without: "with", plus: "minus", minus: "plus" };
const STEP = 12; // results more
const photos = new Map(); // photo of a state -> its file, an address of it for <img>
const names = new Map(); // like of a state -> title, thumbnail
let numUnnamed = 0; // photos that this browser cannot read
let collection = null;
let state = stateOf(location.hash);
let isFresh = false; // a new question, whose results may have to be brought into view
let searched = null; // address of the results that are shown
let asked = new AbortController();

const act = {
  change(changes, focus) {
    go({ ...state, count: NOTHING.count, ...changes });
    if (focus) byId(focus).focus();
  },
  add(list, term) {
    const other = OPPOSITE[list];
    act.change({ open: "", [other]: state[other].filter((one) => one !== term), [list]: [...new Set([...state[list], term])] });
  },
  text: (text) => ask({ text }),
  recipe: (recipe) => ask({ recipe, find: collection?.num_photos === 0 ? "recipes" : "photos" }),
  async photos(files) {
    try {
      const most = collection?.limits.photos ?? MOST_PHOTOS;
      if (files.length > most) throw new Trouble("bad_query", `A search takes ${most} photos at most, and these are ${files.length}.`, "Choose fewer.");
      const mostBytes = Math.floor((collection?.limits.upload_bytes ?? MOST_BYTES) / files.length);
      ask({ photos: [...new Set(await Promise.all(files.map((file) => keptPhoto(file, mostBytes))))] });
    } catch (trouble) {
      refuse(trouble);
    }
  },
  like(kind, id, title, find = `${kind}s`) {
    names.set(`${kind}:${id}`, { title });
    ask({ like: `${kind}:${id}`, find });
    byId("results").focus({ preventScroll: true });
    scrollTo({ top: 0 });
  },
  open: (id) => go({ ...state, open: id }, true),
  close() {
    if (history.state?.opened) history.back();
    else go({ ...state, open: "" });
  },
  wantsToken,
};

/** The name of a photo, whose file is kept under it. */
async function keptPhoto(file, mostBytes) {
  const { sent, small } = await readPhoto(file, mostBytes);
  const name = small || `@${(numUnnamed += 1)}`;
  photos.set(name, { file: sent, source: small ? URL.createObjectURL(sent) : "" });
  return name;
}

/** Another question: what refined the last one goes, what is to be found stays. */
function ask(query) {
  isFresh = true;
  go({ ...NOTHING, find: state.find, ...query });
}

function go(next, opened = false) {
  const address = addressOf(next);
  if (address !== addressOf(state)) history.pushState({ opened }, "", address);
  state = next;
  render();
}

function render() {
  for (const name of state.photos.filter((one) => !photos.has(one) && !one.startsWith("@"))) {
    const file = photoOf(name);
    photos.set(name, { file, source: URL.createObjectURL(file) });
  }
  const known = state.photos.filter((name) => photos.has(name));
  state = { ...state, photos: known, heat: state.heat && known.length === 1 };
  show(state, nameOf(), picturesOf(), act);
  if (state.open) void openRecipe(state.open, act);
  else closeRecipe();
  const question = addressOf({ ...state, open: "" });
  if (question === searched) return;
  searched = question;
  void (isAsking(state) ? find() : begin());
}

async function find() {
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  const wasMore = state.count > NOTHING.count;
  title();
  showTrouble(null);
  if (!wasMore) {
    showSees([]);
    showWaiting(8);
    byId("found-note").textContent = state.heat ? "Hiding one part of your photo after another …" : "Searching …";
  }
  byId("more").hidden = true;
  byId("cards").setAttribute("aria-busy", "true");
  if (isFresh) bringIntoView();
  announce("Searching");
  try {
    const [answer, bitmap] = await Promise.all([
      search(state, state.photos.map((name) => photos.get(name).file), signal, showBusy),
      state.heat ? bitmapOf(photos.get(state.photos[0]).file) : null,
      nameLike(signal),
    ]);
    if (signal.aborted) return;
    present(answer, bitmap);
  } catch (trouble) {
    if (trouble.name === "AbortError" || signal.aborted) return;
    fail(trouble);
  }
}

function present(answer, bitmap) {
  const { results } = answer;
  byId("cards").removeAttribute("aria-busy");
  showTrouble(null);
  showSees(answer.query.sees, state.photos.length > 1);
  title();
  const noun = state.find === "recipes" ? "recipe" : "photo";
  const took = Math.round(answer.took_ms.embed + answer.took_ms.search);
  const how = bitmap ? "; red in your photo is what each rests on" : `, in ${took} ms`;
  byId("found-note").textContent = results.length ? `${counted(results.length, noun)}, nearest first${how}` : "";
  byId("copy").hidden = state.photos.some((name) => name.startsWith("@"));
  if (results.length) showResults(results, bitmap, act);
  else showNothing(state.with.length + state.without.length ? () => act.change({ with: [], without: [] }) : null);
  const most = Math.min(collection?.limits.results ?? 50, collection?.[`num_${state.find}`] ?? 50);
  byId("more").hidden = results.length < state.count || state.count >= most;
  announce(`${results.length ? counted(results.length, noun) : "Nothing"} found`);
}

/** On a phone results begin below what asked for them. */
function bringIntoView() {
  isFresh = false;
  if (byId("found-title").getBoundingClientRect().top > 0.6 * innerHeight) byId("results").scrollIntoView();
}

function begin() {
  asked.abort();
  byId("cards").removeAttribute("aria-busy");
  showTrouble(null);
  showSees([]);
  for (const id of ["copy", "more"]) byId(id).hidden = true;
  title();
  const examples = collection?.examples ?? [];
  byId("found-note").textContent = examples.length ? "Some of this collection: each finds more like itself" : "";
  showExamples(examples, act);
}

/** Nothing can be shown of what was asked for. */
function fail(trouble) {
  if (trouble.type === "unauthorized") wantsToken();
  byId("cards").removeAttribute("aria-busy");
  byId("cards").replaceChildren();
  byId("found-note").textContent = "";
  if (!isAsking(state)) byId("found-title").textContent = "The collection cannot be shown";
  refuse(trouble);
}

/** Say what is wrong, where it is seen; what was found before stays. */
function refuse(trouble) {
  if (!(trouble instanceof Trouble)) {
    console.error(trouble);
    trouble = new Trouble("page", "Something on this page went wrong.", "Reload it.");
  }
  const isLasting = ["not_a_photo", "bad_photo", "too_large", "bad_query", "unknown_term", "unknown_filter"].includes(trouble.type);
  showTrouble(trouble, isLasting ? null : again);
  announce("");
  const { top, bottom } = byId("trouble").getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) byId("trouble").scrollIntoView({ block: "center" });
}

function again() {
  searched = null;
  if (collection === null) void start();
  else render();
}

function title() {
  const what = state.find === "recipes" ? "Recipes" : "Photos";
  const name = state.like && state.find === `${state.like.split(":")[0]}s` ? `like ${nameOf()}` : `for ${nameOf()}`;
  const sum = [...state.plus.map((term) => ` + ${term}`), ...state.minus.map((term) => ` − ${term}`)].join("");
  const heading = isAsking(state) ? `${what} ${name}${sum}` : "Or start with one of these";
  byId("found-title").textContent = heading;
  document.title = isAsking(state) ? `${heading} · seje_ray` : "seje_ray";
}

function nameOf() {
  if (state.photos.length) return state.photos.length === 1 ? "your photo" : `your ${state.photos.length} photos`;
  if (state.recipe) return recipeOf(state.recipe).title || "your recipe";
  return state.like ? names.get(state.like)?.title || "this one" : state.text;
}

function picturesOf() {
  if (state.photos.length) return state.photos.map((name) => photos.get(name)?.source);
  return state.like ? [names.get(state.like)?.thumbnail] : [];
}

/** Learn what the state's recipe or photo is called, and looks like. */
async function nameLike(signal) {
  if (!state.like || names.get(state.like)?.thumbnail !== undefined) return;
  const [, kind, id] = /^(recipe|photo):(.*)$/s.exec(state.like);
  const { title: found, thumbnail } = await fetched(pathOf(kind, id), signal);
  names.set(state.like, { title: (kind === "photo" && found ? `a photo of ${found}` : found) || `this ${kind}`, thumbnail });
  if (!signal.aborted) show(state, nameOf(), picturesOf(), act);
}

function wantsToken() {
  if (!byId("key").open) byId("key").showModal();
}

async function start() {
  showWaiting(8);
  try {
    collection = await fetched("/v1/collection", undefined, showBusy);
  } catch (trouble) {
    fail(trouble);
    return;
  }
  byId("made-up").hidden = !collection.is_made_up;
  const facts = [collection.num_recipes && counted(collection.num_recipes, "recipe"), collection.num_photos && counted(collection.num_photos, "photo"), `run ${collection.run}`];
  byId("facts").replaceChildren(...facts.filter(Boolean).join(" · "));
  offer(collection);
  byId("dish").maxLength = collection.limits.text_characters;
  if (state.find === "recipes" && collection.num_recipes === 0) state = { ...state, find: "photos" };
  render();
}

byId("key-form").addEventListener("submit", () => {
  useToken(byId("token").value);
  byId("token").value = "";
  again();
});
byId("more").addEventListener("click", () => go({ ...state, count: Math.min(state.count + STEP, collection.limits.results) }));
byId("copy").addEventListener("click", async ({ currentTarget }) => {
  await navigator.clipboard.writeText(location.href).catch(() => prompt("The link:", location.href));
  currentTarget.replaceChildren("Copied");
  announce("The link is copied");
  setTimeout(() => currentTarget.replaceChildren("Copy link"), 2000);
});
document.querySelector("[data-skip]").addEventListener("click", (event) => {
  event.preventDefault(); // the address is a search
  byId("results").focus();
});
addEventListener("popstate", () => {
  state = stateOf(location.hash);
  render();
});
connect(act);
show(state, nameOf(), picturesOf(), act);
void start();
