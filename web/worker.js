// Runs the site's program off the page's thread. The first message is the compiled program.
import init from "./dcac-web.js";

const broken = (reason) => self.postMessage(JSON.stringify({ Broken: { reason: String(reason) } }));
self.addEventListener("error", (event) => {
  event.preventDefault();
  broken(event.message);
});
self.addEventListener("unhandledrejection", (event) => broken(event.reason));
self.addEventListener("message", ({ data }) => init({ module_or_path: data }).catch(broken), { once: true });
