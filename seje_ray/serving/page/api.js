// Requests to the API of the server that this page came from.

import { recipeOf } from "./address.js";

const MOST_WAITS = 3; // for a server that says when to come again
const LONGEST_WAIT = 15; // seconds
let token = sessionStorage.getItem("token") ?? "";

/** Why a request failed, in words of the server or of the page. */
export class Trouble extends Error {
  constructor(type, message, hint = "") {
    super(message);
    this.type = type;
    this.hint = hint;
  }
}

/** Keep a token until the tab is closed. */
export function useToken(text) {
  token = text;
  sessionStorage.setItem("token", text);
}

/** Whether pictures need a header, so that no <img> can load them. */
export const hasToken = () => token !== "";

/** A response that is fine; waits as a busy server asks, and tells `waiting` the seconds. */
export async function request(path, options = {}, waiting = () => {}) {
  for (let tries = 0; ; tries += 1) {
    const response = await sent(path, options);
    if (response.ok) return response;
    const seconds = Number(response.headers.get("Retry-After") ?? NaN);
    const mayWait = [429, 503].includes(response.status) && seconds >= 0 && seconds <= LONGEST_WAIT;
    if (!mayWait || tries >= MOST_WAITS) throw await troubleOf(response);
    waiting(Math.max(1, Math.ceil(seconds)));
    await pause(Math.max(1, seconds) * 1000, options.signal);
  }
}

/** The JSON of a response. */
export const fetched = async (path, signal, waiting) => (await request(path, { signal }, waiting)).json();

/** Search as a state says; `photos` are the files of its photos. */
export async function search(state, photos, signal, waiting) {
  const options = { find: state.find, count: state.count, with: state.with, without: state.without, plus: state.plus, minus: state.minus };
  if (photos.length) return (await request("/v1/search/photo", { method: "POST", body: formOf(photos, options, state.heat), signal }, waiting)).json();
  const [path, query] = asking(state);
  const body = JSON.stringify({ ...query, ...options });
  return (await request(path, { method: "POST", body, headers: { "Content-Type": "application/json" }, signal }, waiting)).json();
}

function asking(state) {
  const like = /^(recipe|photo):(.*)$/s.exec(state.like);
  if (like) return ["/v1/search/like", { kind: like[1], id: like[2] }];
  return state.recipe ? ["/v1/search/recipe", { recipe: recipeOf(state.recipe) }] : ["/v1/search/text", { text: state.text }];
}

/** The path of a recipe or photo of the index. */
export const pathOf = (kind, id) => `/v1/${kind}s/${encodeURIComponent(id)}`;

function formOf(photos, options, heat) {
  const form = new FormData();
  for (const photo of photos) form.append("photo", photo, "photo");
  for (const [name, value] of Object.entries(options)) for (const one of [value].flat()) form.append(name, String(one));
  if (heat) form.append("heat_map", "true");
  return form;
}

async function sent(path, options) {
  const headers = { Accept: "application/json", ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  try {
    return await fetch(path, { ...options, headers, credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("unreachable", "The server does not answer.", "See whether it is running, and try again.");
  }
}

async function troubleOf(response) {
  const told = await response.json().catch(() => ({}));
  const message = typeof told.message === "string" && told.message ? told.message : `The server answers ${response.status}.`;
  return new Trouble(String(told.type ?? response.status), message, typeof told.hint === "string" ? told.hint : "");
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("given up", "AbortError"));
    });
  });
}
