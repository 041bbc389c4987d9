import { expect, test } from "bun:test";
import { StoreUnavailable, withTimeout } from "./errors.ts";

test("an answer that does not come is an error", async () => {
  await expect(withTimeout(new Promise(() => {}), 5, "it")).rejects.toThrow(
    new StoreUnavailable("it took longer than 5 ms"),
  );
});

test("an answer that comes is given, also when it is an error", async () => {
  expect(await withTimeout(Promise.resolve(1), 1000, "it")).toBe(1);
  await expect(withTimeout(Promise.reject(new Error("no")), 1000, "it")).rejects.toThrow("no");
});

test("a process that was busy itself does not blame who was asked", async () => {
  // Sent at the end of this turn, as commands are; it is long over when that comes.
  const answer = new Promise((resolve) => setTimeout(() => setTimeout(resolve, 0), 0));
  const bounded = withTimeout(answer, 50, "it").then(() => "answered");
  const start = performance.now();
  while (performance.now() - start < 150);
  expect(await bounded).toBe("answered");
});
