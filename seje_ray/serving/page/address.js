// What the page shows, as its address: the part behind #, which a browser keeps to itself.

/**
 * Nothing is asked for. `photos` are small JPEGs as base64url, or @ and a number that this tab knows; `like` is "recipe:ID" or
 * "photo:ID", `recipe` one of the visitor's own as JSON, `open` a recipe's id.
 */
export const NOTHING = Object.freeze({
  text: "", photos: [], like: "", recipe: "", find: "recipes", with: [], without: [], plus: [], minus: [], heat: false, count: 12, open: "",
});

const TEXTS = ["text", "like", "recipe", "open"];
export const LISTS = ["with", "without", "plus", "minus"];
const MOST_PHOTO = 200000; // characters of a photo in an address that is somebody else's
const MOST_PHOTOS = 5;
const MOST_TERMS = 20;

/** The address of a state. */
export function addressOf(state) {
  const parts = new URLSearchParams();
  for (const name of TEXTS) if (state[name]) parts.set(name, state[name]);
  for (const photo of state.photos) parts.append("photo", photo);
  for (const name of LISTS) for (const term of state[name]) parts.append(name, term);
  if (state.find !== NOTHING.find) parts.set("find", state.find);
  if (state.count !== NOTHING.count) parts.set("count", String(state.count));
  if (state.heat) parts.set("heat", "1");
  const text = parts.toString();
  return text ? `#${text}` : location.pathname;
}

/** The state of an address, from anyone: what is not understood is left out. */
export function stateOf(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { ...NOTHING };
  for (const name of TEXTS) state[name] = parts.get(name) ?? "";
  for (const name of LISTS) state[name] = [...new Set(parts.getAll(name).map(tidy).filter(Boolean))].slice(0, MOST_TERMS);
  state.photos = parts.getAll("photo").filter((photo) => /^(@\d+|[A-Za-z0-9_-]+)$/.test(photo) && photo.length <= MOST_PHOTO).slice(0, MOST_PHOTOS);
  if (!/^(recipe|photo):./s.test(state.like)) state.like = "";
  if (recipeOf(state.recipe) === null) state.recipe = "";
  if (state.photos.length) state.text = state.like = state.recipe = "";
  else if (state.like) state.text = state.recipe = "";
  else if (state.recipe) state.text = "";
  if (parts.get("find") === "photos") state.find = "photos";
  const count = Number(parts.get("count"));
  if (Number.isInteger(count) && count >= 1 && count <= 50) state.count = count;
  state.heat = parts.get("heat") === "1" && state.photos.length === 1;
  return state;
}

/** A recipe of the visitor's own from its JSON; null if it is none. */
export function recipeOf(text) {
  try {
    const { title, ingredients, instructions } = JSON.parse(text);
    const isText = (one) => typeof one === "string";
    const areLines = (lines) => Array.isArray(lines) && lines.every(isText);
    return isText(title) && areLines(ingredients) && areLines(instructions) ? { title, ingredients, instructions } : null;
  } catch {
    return null;
  }
}

/** Whether a state asks for anything. */
export const isAsking = (state) => Boolean(state.text || state.photos.length || state.like || state.recipe);

/** A word without needless blanks. */
export const tidy = (word) => word.trim().replace(/\s+/g, " ");
