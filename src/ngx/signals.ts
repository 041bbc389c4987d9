/**
 * What `ngx.exit`, `ngx.exec` and `ngx.redirect` throw to leave a handler, as OpenResty's never return. It is no Error:
 * nothing went wrong. The request has noted what it is to do already, so that a handler that catches everything, or
 * runs on after it, changes nothing.
 */
export const leaving: { readonly reason: string } = Object.freeze({ reason: "the handler has been left" });

/** An error that answers the client with its status instead of 500. */
export class HttpError extends Error {
  override readonly name = "HttpError";

  constructor(
    /** 400 to 599. */
    readonly status: number,
    message = "",
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
