/** What a file route knows of the paths it answers. */
export interface RouteMatch {
  /** As `resty routes` shows it: `/api/user/[id]`. */
  readonly path: string;
  params(uri: string): Readonly<Record<string, string>>;
}
