// onnxruntime-web in a worker: the peer of benchmark.js.
let session, shape, ort;

const load = async (provider, model) => {
  const file = provider === "webgpu" ? "ort.webgpu.min.mjs" : "ort.wasm.min.mjs";
  ort = await import(`./onnxruntime/${file}`);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = new URL("onnxruntime/", import.meta.url).href;
  session = await ort.InferenceSession.create(model, { executionProviders: [provider] });
};

const time = async (pictures) => {
  const pixels = new Float32Array(pictures * shape.reduce((a, b) => a * b));
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.sin(i * 0.37);
  const images = new ort.Tensor("float32", pixels, [pictures, ...shape]);
  const begin = performance.now();
  const { embeddings } = await session.run({ images });
  await embeddings.getData();
  return performance.now() - begin;
};

self.onmessage = async ({ data }) => {
  try {
    if (data.model) {
      shape = data.shape;
      await load(data.provider, data.model);
      self.postMessage({});
    } else {
      self.postMessage({ milliseconds: await time(data.pictures) });
    }
  } catch (error) {
    self.postMessage({ error: error.message ?? String(error) });
  }
};
