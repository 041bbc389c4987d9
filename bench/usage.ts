/** A mistake on the command line or in a script of steps: exit code 2, and the message is all there is to say. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** What went wrong is the world's, not the command line's: exit code 1 with this message. */
export class BenchError extends Error {
  override name = "BenchError";
}
