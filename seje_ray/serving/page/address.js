// What the page shows, as its address: the part behind #, which a browser keeps to itself.

/** Nothing is asked for. `photo` is a small JPEG as base64url, or @ and a number that this tab knows; `like` is "recipe:ID" or "photo:ID", `open` a recipe's id. */
export const NOTHING = Object.freeze({
  text: "", photo: "", like: "", find: "recipes", with: [], without: [], plus: [], minus: [], heat: false, count: 12, open: "",
});

const TEXTS = ["text", "photo", "like", "open"];
export const LISTS = ["with", "without", "plus", "minus"];
const MOST_PHOTO = 200000; // characters of a photo in an address that is somebody else's
const MOST_TERMS = 20;

/** The address of a state. */
export function addressOf(state) {
  const parts = new URLSearchParams();
  for (const name of TEXTS) if (state[name]) parts.set(name, state[name]);
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
  if (!/^(@\d+|[A-Za-z0-9_-]*)$/.test(state.photo) || state.photo.length > MOST_PHOTO) state.photo = "";
  if (!/^(recipe|photo):./s.test(state.like)) state.like = "";
  if (state.photo) state.text = state.like = "";
  else if (state.like) state.text = "";
  if (parts.get("find") === "photos") state.find = "photos";
  const count = Number(parts.get("count"));
  if (Number.isInteger(count) && count >= 1 && count <= 50) state.count = count;
  state.heat = parts.get("heat") === "1" && state.photo !== "";
  return state;
}

/** Whether a state asks for anything. */
export const isAsking = (state) => Boolean(state.text || state.photo || state.like);

/** A word without needless blanks. */
export const tidy = (word) => word.trim().replace(/\s+/g, " ");
