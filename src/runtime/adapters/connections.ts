/** A client's connection, as far as the end of the worker concerns it. */
export interface OpenConnection {
  /** Closes it now if it waits for a next request, else behind the answer that is under way. */
  closeAfterAnswer(): void;
}

/** A full worker accepts again when this share of `worker_connections` is left: not at every single close. */
const roomShare = 0.98;

/** Connections of this worker by where they are in their life, for a graceful stop. */
export class OpenConnections {
  readonly open = new Set<OpenConnection>();
  /**
   * `worker_connections`: with so many open, `onFull(true)` is called, and `onFull(false)` when there is room again.
   */
  limit = Number.POSITIVE_INFINITY;
  onFull: (full: boolean) => void = () => undefined;
  #full = false;

  add(connection: OpenConnection): void {
    this.open.add(connection);
    if (this.open.size < this.limit || this.#full) return;
    this.#full = true;
    this.onFull(true);
  }

  delete(connection: OpenConnection): void {
    this.open.delete(connection);
    if (!this.#full || this.open.size > this.limit * roomShare) return;
    this.#full = false;
    this.onFull(false);
  }

  /** Closes what waits for a next request and lets the others end after their answer. */
  drain(): void {
    for (const connection of this.open) connection.closeAfterAnswer();
  }
}
