/** Resources that handlers of one worker wait for. @see lua-resty-core, ngx.semaphore */
export class Semaphore {
  #free: number;
  readonly #waiting: ((granted: boolean) => void)[] = [];

  /** @param resources How many there are at the start. */
  constructor(resources = 0) {
    if (!Number.isInteger(resources) || resources < 0)
      throw new RangeError(`a semaphore cannot have ${resources} resources`);
    this.#free = resources;
  }

  /** Gives `count` resources to whoever waits longest. */
  post(count = 1): void {
    if (!Number.isInteger(count) || count < 1) throw new RangeError(`a semaphore cannot be given ${count} resources`);
    for (; count > 0; count--) {
      const next = this.#waiting.shift();
      if (next) next(true);
      else this.#free++;
    }
  }

  /**
   * Takes a resource.
   * @param seconds How long to wait for one; 0 does not wait.
   * @returns whether there was one in time
   */
  async wait(seconds: number): Promise<boolean> {
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    if (seconds <= 0) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(granted), 1);
      resolve(false);
    }, seconds * 1000);
    const granted = (value: boolean): void => {
      clearTimeout(timer);
      resolve(value);
    };
    this.#waiting.push(granted);
    return promise;
  }

  /** Free resources; negative is how many wait. */
  count(): number {
    return this.#free - this.#waiting.length;
  }
}
