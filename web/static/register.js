// Keeps the site for later visits, also without a network, where the browser can.
if (isSecureContext && "serviceWorker" in navigator) {
  // Not before the page has loaded: the first visit needs the network for itself.
  if (document.readyState !== "complete") {
    await new Promise((loaded) => addEventListener("load", loaded, { once: true }));
  }
  try {
    await navigator.serviceWorker.register(new URL("./sw.js", import.meta.url));
  } catch (error) {
    console.warn("This site will not work without a network:", error);
  }
}
