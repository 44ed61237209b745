// Photos: those of the index as they come into view, and that of the one who asks.

import { hasToken, request, Trouble } from "./api.js";
import { make } from "./dom.js";

const LARGEST_SENT = 1024; // pixels of the longer side; a model sees far fewer
const MOST_BYTES_SENT = 1500000; // of a file that is sent as it is
const SMALL = { shorter: 224, longer: 480, quality: 0.8 }; // the copy in a link
const HEAT_SIDE = 224; // pixels of the shorter side of a drawn heat map

/** A picture of the index that loads when it comes near; says so where it cannot. */
export function thumbnail(url, alternative) {
  if (!url) return make("span", { class: "none" }, "no photo");
  const picture = make("img", { alt: alternative, loading: "lazy", decoding: "async", width: 192, height: 192 });
  picture.addEventListener("error", () => picture.replaceWith(make("span", { class: "none" }, "no photo")), { once: true });
  if (hasToken()) loadWithToken(picture, url);
  else picture.src = url;
  return picture;
}

function loadWithToken(picture, url) {
  const watcher = new IntersectionObserver(async ([seen]) => {
    if (!seen.isIntersecting) return;
    watcher.disconnect();
    try {
      const source = URL.createObjectURL(await (await request(url)).blob());
      picture.addEventListener("load", () => URL.revokeObjectURL(source), { once: true });
      picture.src = source;
    } catch {
      picture.dispatchEvent(new Event("error"));
    }
  }, { rootMargin: "200px" });
  watcher.observe(picture);
}

/**
 * A photo as it is sent, and its small copy for the address. Large ones are made smaller first, which also leaves
 * out where they were taken. What this browser cannot read is sent as it is, for the server may; it has no copy.
 */
export async function readPhoto(file, mostBytes) {
  const bitmap = await bitmapOf(file);
  if (bitmap === null && file.size > mostBytes) {
    throw new Trouble("too_large", "This file is too large to be sent, and this browser cannot make it smaller.", "Save it as a smaller JPEG.");
  }
  if (bitmap === null) return { sent: file, small: "" };
  const asItIs = Math.max(bitmap.width, bitmap.height) <= LARGEST_SENT && file.size <= Math.min(MOST_BYTES_SENT, mostBytes);
  const sent = asItIs ? file : await jpegOf(bitmap, LARGEST_SENT / Math.max(bitmap.width, bitmap.height), 0.92);
  const scale = Math.min(SMALL.shorter / Math.min(bitmap.width, bitmap.height), SMALL.longer / Math.max(bitmap.width, bitmap.height));
  const small = await textOf(await jpegOf(bitmap, scale, SMALL.quality));
  bitmap.close();
  return { sent, small };
}

/** The pixels of a photo, upright; null if this browser cannot read it. */
export const bitmapOf = (file) => createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);

/** The photo of an address. */
export function photoOf(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: "image/jpeg" });
}

/** The photos among what was dropped or pasted; of files that are none the first, for the server to judge. */
export function photosAmong(transfer) {
  const files = [...(transfer?.files ?? [])];
  const photos = files.filter((file) => file.type.startsWith("image/"));
  return photos.length ? photos : files.slice(0, 1);
}

/** A photo in grey, red where a similarity rests on it; `heat` is a square of numbers, rows from the top. */
export function heatPicture(bitmap, heat, alternative) {
  const scale = HEAT_SIDE / Math.min(bitmap.width, bitmap.height);
  const canvas = make("canvas", { role: "img", "aria-label": alternative });
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const drawing = canvas.getContext("2d");
  drawing.filter = "grayscale(1)"; // red food is no heat
  drawing.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  drawing.filter = "none";
  drawing.imageSmoothingQuality = "high";
  drawing.drawImage(heatLayer(heat), 0, 0, canvas.width, canvas.height);
  return canvas;
}

function heatLayer(heat) {
  const highest = Math.max(1e-9, ...heat.flat());
  const layer = make("canvas");
  layer.width = heat[0].length;
  layer.height = heat.length;
  const drawing = layer.getContext("2d");
  const pixels = drawing.createImageData(layer.width, layer.height);
  heat.flat().forEach((value, place) => pixels.data.set([255, 40, 0, Math.max(0, value / highest) * 165], place * 4));
  drawing.putImageData(pixels, 0, 0);
  return layer;
}

function jpegOf(bitmap, scale, quality) {
  const canvas = make("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * Math.min(1, scale)));
  canvas.height = Math.max(1, Math.round(bitmap.height * Math.min(1, scale)));
  const drawing = canvas.getContext("2d");
  drawing.fillStyle = "#fff"; // behind what is transparent
  drawing.fillRect(0, 0, canvas.width, canvas.height);
  drawing.imageSmoothingQuality = "high";
  drawing.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
}

async function textOf(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
