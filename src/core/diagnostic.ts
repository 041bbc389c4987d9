/** Where something stands in a configuration file or handler; lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** How many characters the excerpt underlines, at least 1. */
  readonly length: number;
}

export type Severity = "emerg" | "warn" | "notice";

/** One thing found wrong, or worth saying, in a configuration. */
export interface Diagnostic {
  readonly severity: Severity;
  /** nginx's words where nginx has the message, without the place. */
  readonly message: string;
  readonly place?: Place | undefined;
  /** What would have been right, printed behind the underline. */
  readonly expected?: string | undefined;
  readonly notes?: readonly { readonly message: string; readonly place: Place }[];
}

/** Collects all that is found in one run, so that `resty check` reports every error at once. */
export class Diagnostics {
  readonly list: Diagnostic[] = [];
  readonly #seen = new Set<string>();

  /** Each thing once: what two stages find wrong in one place is one mistake. */
  add(diagnostic: Diagnostic): void {
    const { severity, message, place } = diagnostic;
    const key = `${severity} ${message} ${place?.file}:${place?.line}:${place?.column}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.list.push(diagnostic);
  }

  error(message: string, place?: Place, expected?: string): void {
    this.add({ severity: "emerg", message, place, expected });
  }

  warn(message: string, place?: Place): void {
    this.add({ severity: "warn", message, place });
  }

  notice(message: string, place?: Place): void {
    this.add({ severity: "notice", message, place });
  }

  get failed(): boolean {
    return this.list.some((diagnostic) => diagnostic.severity === "emerg");
  }
}
