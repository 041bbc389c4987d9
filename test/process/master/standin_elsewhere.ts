/** The stand-in as on a system where the master cannot open sockets for its workers, and Bun's own have to do. */
Object.defineProperty(process, "platform", { value: "freebsd" });
await import("./standin.ts");
export {};
