/** What the configuration says of the session service, for its handlers: `ngx.settings("session")`. */
export interface SessionSettings {
  /** How long a session lives after it was made or, where it slides, after it was last used. */
  readonly lifetimeSeconds: number;
  readonly sliding: boolean;
  /** How long a session may be answered from shared memory. */
  readonly cacheSeconds: number;
  /** How old what is in shared memory may be when the store cannot be reached, or its messages do not come. */
  readonly staleMs: number;
  /** How long what happened to sessions is kept in the log; 0 is for ever. */
  readonly eventsSeconds: number;
  /** Whether only users of the users table may have sessions. */
  readonly strictUsers: boolean;
}
