/** The document of `resty_status`. Counts are since the master started. */
export interface Status {
  readonly version: string;
  /** Process numbers of the master and of the worker that answered. */
  readonly master: number;
  readonly worker: number;
  readonly connections: {
    readonly active: number;
    readonly accepted: number;
    readonly handled: number;
    readonly reading: number;
    readonly writing: number;
    readonly waiting: number;
  };
  readonly requests: number;
  readonly workers: readonly WorkerStatus[];
  /** By name; `kind` is what uses the zone (dict, limit_req, limit_conn), the figures are those of `ZoneStats`. */
  readonly zones: Readonly<Record<string, { readonly kind: string } & Readonly<Record<string, number | string>>>>;
  /** As the worker that answered sees them. */
  readonly upstreams: Readonly<Record<string, readonly PeerStatus[]>>;
  /** What scripts have put into the dictionary that `metrics=` names: `name{label="value"}` and numbers. */
  readonly metrics?: Readonly<Record<string, number>>;
}

export interface WorkerStatus {
  readonly slot: number;
  /** Open connections. */
  readonly active: number;
  readonly requests: number;
}

export interface PeerStatus {
  readonly name: string;
  /** Requests it is answering. */
  readonly active: number;
  /** Failures within `fail_timeout`. */
  readonly fails: number;
  readonly backup: boolean;
  readonly state: "up" | "unavailable" | "down";
}
