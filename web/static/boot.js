// Starts the page. Until it runs, and where it cannot, visitors see what index.html holds.
import init from "./dcac-web.js";

try {
  await init({ module_or_path: new URL("./dcac-web_bg.wasm", import.meta.url) });
} catch (error) {
  // The hint that would come after some seconds comes now.
  document.getElementById("app")?.classList.add("stuck");
  throw error;
}
