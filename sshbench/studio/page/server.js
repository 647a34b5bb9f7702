// Requests to the server. Each function throws an Error whose message is a sentence for the person.

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new Error("The studio does not answer. Is the command still running?");
  }
  if (answer.ok) return answer;
  let said = `The studio answered with ${answer.status}.`;
  try {
    said = (await answer.json()).error ?? said;
  } catch { /* the answer is not JSON: show the status code */ }
  throw new Error(said);
}

const json = (value) => ({ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value) });

export const readState = async () => (await ask("state")).json();
export const hasSession = async (path) => (await (await ask(`known?path=${encodeURIComponent(path)}`)).json()).known;
export const takeExample = async (name) => (await ask(`examples/${name}`, { method: "POST" })).json();
export const upload = async (role, file) =>
  (await ask(`pictures/${role}`, { method: "POST", body: file, headers: { "x-file-name": encodeURIComponent(file.name) } })).json();
export const save = async (wish, kind, suffix) => (await ask("save", json({ ...wish, kind, suffix }))).json();
export const sendMask = async (bytes) => (await ask("mask", { method: "POST", body: bytes })).json();
export const findMask = async (request) => (await ask("found-mask", json({ request }))).json();
export const readMask = async () => new Uint8Array(await (await ask("mask")).arrayBuffer());

export const readPicture = async (role) => bitmapOf(await ask(`pictures/${role}`));

const bitmapOf = async (answer) => createImageBitmap(await answer.blob(), { premultiplyAlpha: "none", colorSpaceConversion: "none" });

// The final picture of a wish at the size of the screen, and the note about its grain and blur.
export async function readProof(wish) {
  const answer = await ask("proof", json(wish));
  return { bitmap: await bitmapOf(answer), said: answer.headers.get("x-said") };
}

// The LUT of a wish: its values, red varying fastest, its points along an axis, and the command line.
export async function readMap(wish) {
  const answer = await ask("map", json(wish));
  const { size, command } = JSON.parse(answer.headers.get("x-map"));
  return { values: new Float32Array(await answer.arrayBuffer()), points: size, command };
}
