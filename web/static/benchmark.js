// Measures every engine of the site, and onnxruntime-web with the same weights where its files lie
// beside the page (onnxruntime/, and model.onnx in a model's folder): all in turn, round by round,
// so that a browser that gets slower meanwhile is as slow for everyone.

const element = (id) => document.getElementById(id);
const say = (text) => { element("state").textContent = text; };
const address = (path) => new URL(path, import.meta.url).href;
const there = async (path) => (await fetch(path, { method: "HEAD" })).ok;

const get = async (path) => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} is missing (HTTP ${response.status})`);
  return response;
};

// (v128, v128, v128) -> v128 by f32x4.relaxed_madd.
const FUSED = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0,
  32, 0, 32, 1, 32, 2, 253, 133, 2, 11,
]);

const adapter = async () => (await navigator.gpu?.requestAdapter()) ?? null;
const imitated = (found) =>
  found.isFallbackAdapter || found.info?.isFallbackAdapter || /swiftshader/i.test(found.info?.architecture);

/** An encoder of the site in a worker of its own: milliseconds for so many pictures. */
const own = async (program, folder) => {
  const line = `import { run } from ${JSON.stringify(address("worker.js"))}; run(${JSON.stringify(program)});`;
  const url = URL.createObjectURL(new Blob([line], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  let next;
  const answer = () => new Promise((resolve, reject) => { next = { resolve, reject }; });
  worker.onmessage = ({ data: [kind, text] }) =>
    kind === "broken" ? next.reject(new Error(text)) : next.resolve(text && JSON.parse(text));
  worker.onerror = () => next.reject(new Error(`${program} cannot be run`));
  const ask = (request, buffer = null) => {
    const wait = answer();
    worker.postMessage(["message", JSON.stringify(request), buffer]);
    return wait;
  };
  await answer();
  const config = await (await get(`${folder}/config.json`)).json();
  const weights = new Uint8Array(await (await get(`${folder}/model.safetensors`)).arrayBuffer());
  const { Loaded } = await ask({ Load: config }, weights);
  if (Loaded.Err) throw new Error(Loaded.Err);
  return {
    time: async (pictures) => (await ask({ Time: { call: 1, pictures } })).Timed.milliseconds,
    end: () => { worker.terminate(); URL.revokeObjectURL(url); },
  };
};

/** onnxruntime-web on one thread or WebGPU, in a worker too. */
const peer = async (provider, folder) => {
  const { vit } = await (await get(`${folder}/config.json`)).json();
  const worker = new Worker(address("benchmark-onnx.js"), { type: "module" });
  const ask = (request) => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
    worker.onerror = (event) => reject(new Error(event.message ?? "onnxruntime-web cannot be run"));
    worker.postMessage(request);
  });
  await ask({ provider, model: address(`${folder}/model.onnx`), shape: [3, vit.height, vit.width] });
  return {
    time: async (pictures) => (await ask({ pictures })).milliseconds,
    end: () => worker.terminate(),
  };
};

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

const engines = async (folder, gpu) => {
  const peers = (await there("onnxruntime/ort.wasm.min.mjs")) && (await there(`${folder}/model.onnx`));
  element("peer").textContent = peers
    ? "onnxruntime-web computes the same weights: on one thread, and by WebGPU where this browser has it."
    : "onnxruntime-web is not beside this page, so nothing is compared; cargo xtask bench web puts it there.";
  const wanted = [["CPU, SIMD", "cpu", () => own("dcac-cpu", folder)]];
  if (WebAssembly.validate(FUSED)) {
    wanted.push(["CPU, SIMD with fused multiply-add", "cpu", () => own("dcac-cpu-relaxed", folder)]);
  }
  if (peers) wanted.push(["onnxruntime-web, CPU", "cpu", () => peer("wasm", folder)]);
  if (gpu) {
    wanted.push(["WebGPU", "gpu", () => own("dcac-gpu", folder)]);
    if (peers) wanted.push(["onnxruntime-web, WebGPU", "gpu", () => peer("webgpu", folder)]);
  }
  return wanted;
};

const show = (model, batch, results) => {
  for (const { name, kind, times, error } of results) {
    const base = results.find((other) => other.kind === kind && other.name.startsWith("onnx"));
    const ratio = base?.times.length && times.length ? median(times) / median(base.times) : null;
    const cells = error
      ? [name, model, batch, error, "", ""]
      : [
          name, model, batch, median(times).toFixed(2),
          `${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)}`,
          ratio === null ? "" : ratio.toFixed(2),
        ];
    const row = element("rows").insertRow();
    for (const cell of cells) row.insertCell().textContent = cell;
  }
};

const measure = async (model, batch, rounds, gpu) => {
  const folder = `models/${model}`;
  const results = [];
  for (const [name, kind, start] of await engines(folder, gpu)) {
    say(`${name}: starting`);
    const result = { name, kind, times: [] };
    results.push(result);
    try {
      result.engine = await start();
      // The first round compiles.
      result.first = await result.engine.time(batch);
    } catch (error) {
      result.error = error.message;
    }
  }
  for (let round = 1; round <= rounds; round++) {
    for (const result of results.filter((one) => !one.error)) {
      say(`Round ${round} of ${rounds}: ${result.name}`);
      // Of what is quick, enough that a clock's steps and a pause do not matter.
      const repeats = Math.min(50, Math.ceil(200 / Math.max(result.first, 1)));
      let sum = 0;
      for (let i = 0; i < repeats; i++) sum += await result.engine.time(batch);
      result.times.push(sum / repeats / batch);
    }
  }
  for (const result of results) result.engine?.end();
  show(model, batch, results);
};

const run = async () => {
  element("measure").disabled = true;
  document.body.dataset.state = "working";
  try {
    const found = await adapter();
    const gpu = found && (!imitated(found) || new URLSearchParams(location.search).has("software"));
    await measure(element("models").value, +element("batch").value, +element("rounds").value, gpu);
    say(`Measured in ${navigator.userAgent}`);
    document.body.dataset.state = "done";
  } catch (error) {
    say(`Nothing measured: ${error.message}`);
    document.body.dataset.state = "error";
  }
  element("measure").disabled = false;
};

try {
  const { models } = await (await get("models/index.json")).json();
  for (const { name, title } of models) element("models").add(new Option(title, name));
  element("measure").addEventListener("click", run);
  document.body.dataset.state = "ready";
} catch (error) {
  say(`This site has no list of models: ${error.message}`);
  element("measure").disabled = true;
}
