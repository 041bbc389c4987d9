/**
 * Parts of the runtime's library that most servers never need, or not soon. Each is loaded by whoever asks for it
 * first: imported in the usual way, they were 12 ms of the start of every process (Bun 1.4.5).
 */
function whenAsked<T extends object>(name: string): () => T {
  let loaded: T | undefined;
  return () => (loaded ??= process.getBuiltinModule(name) as T);
}

export const nodeCrypto = whenAsked<typeof import("node:crypto")>("node:crypto");
export const nodeDgram = whenAsked<typeof import("node:dgram")>("node:dgram");
export const nodeDns = whenAsked<typeof import("node:dns")>("node:dns");
export const nodeFsPromises = whenAsked<typeof import("node:fs/promises")>("node:fs/promises");
export const nodeNet = whenAsked<typeof import("node:net")>("node:net");
export const nodeTls = whenAsked<typeof import("node:tls")>("node:tls");
export const nodeZlib = whenAsked<typeof import("node:zlib")>("node:zlib");
