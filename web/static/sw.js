// Keeps one version of the site on the device, whole, and answers from it.
//
// A version is a list of files with their SHA-256, which the build writes into the next line. It
// is installed only if every file is what the list says, and it takes the place of the version
// before it once no page of that one is open, so a page never meets files of two versions.
// Models are not among the files: the page keeps weights itself, and their descriptions come
// from the network while there is one.
const SITE = { version: "", files: {}, models: [] };

const SCOPE = new URL(registration.scope);
// Sites of one host share their caches; a path without spaces tells them apart.
const OURS = `dcac site ${SCOPE.pathname} `;
const FILES = OURS + SITE.version;
const MODELS = `${OURS}models`;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(removeOthers()));
self.addEventListener("fetch", (event) => {
  const path = pathOf(event.request);
  if (path === undefined) return;
  if (Object.hasOwn(SITE.files, path)) {
    event.respondWith(kept(path, event.request));
  } else if (/^models\/.*\.json$/.test(path)) {
    event.respondWith(fresh(event.request));
  }
});

/** The path below the site's folder; undefined for what this worker leaves alone. */
function pathOf(request) {
  const url = new URL(request.url);
  const inside = url.origin === SCOPE.origin && url.pathname.startsWith(SCOPE.pathname);
  if (!inside || request.method !== "GET" || request.headers.has("range")) return undefined;
  try {
    return decodeURIComponent(url.pathname.slice(SCOPE.pathname.length)) || "index.html";
  } catch {
    return undefined;
  }
}

/** The address of a file of the site. Hosts may answer for index.html with a redirection. */
function address(path) {
  const escaped = path.split("/").map(encodeURIComponent).join("/");
  return new URL(path === "index.html" ? "./" : escaped, SCOPE).href;
}

async function install() {
  await caches.delete(FILES);
  const cache = await caches.open(FILES);
  try {
    for (const [path, digest] of Object.entries(SITE.files)) {
      await cache.put(address(path), await verified(path, digest));
    }
  } catch (error) {
    await caches.delete(FILES);
    throw error;
  }
  const models = await caches.open(MODELS);
  // A site may do without them, and the page asks for them again.
  await Promise.allSettled(SITE.models.map((path) => models.add(address(path))));
}

/** A file that is what the list says: of the version before if it is the same, else fetched. */
async function verified(path, digest) {
  const before = await caches.match(address(path));
  const copy = before && (await checked(before, digest));
  if (copy) return copy;
  const response = await fetch(address(path), { cache: "no-cache" });
  const found = response.ok && (await checked(response, digest));
  if (!found) throw new Error(`${path} is not of version ${SITE.version} (HTTP ${response.status})`);
  return found;
}

async function checked(response, digest) {
  const bytes = await response.arrayBuffer();
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("");
  // A new response, because a redirected one may not answer a navigation.
  return hex === digest ? new Response(bytes, { headers: response.headers }) : undefined;
}

async function removeOthers() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(OURS) && name !== FILES && name !== MODELS);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** A file of this version; from the network only where the browser has dropped it. */
async function kept(path, request) {
  const cache = await caches.open(FILES);
  return (await cache.match(address(path))) ?? fetch(request);
}

/** From the network, or what it said last. */
async function fresh(request) {
  const cache = await caches.open(MODELS);
  const key = request.url.split("?")[0];
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(key, response.clone());
    return response;
  } catch (error) {
    const last = await cache.match(key);
    if (last) return last;
    throw error;
  }
}
