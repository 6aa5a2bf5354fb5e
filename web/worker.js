// Runs one of the site's programs off the page's thread. A worker made by the page begins with a
// line that calls this; it has the page's content security policy, as a file of its own would not.
export const run = async (program) => {
  const broken = (reason) => self.postMessage(["broken", String(reason)]);
  self.addEventListener("error", (event) => {
    event.preventDefault();
    broken(event.message);
  });
  self.addEventListener("unhandledrejection", (event) => broken(event.reason));
  try {
    const { default: init } = await import(`./${program}.js`);
    await init({ module_or_path: new URL(`./${program}_bg.wasm`, import.meta.url) });
  } catch (error) {
    broken(error);
  }
};
