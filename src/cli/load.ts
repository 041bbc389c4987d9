import { renderAll } from "../config/render.ts";
import { ConfigError } from "../core/arguments.ts";
import type { Diagnostic } from "../core/diagnostic.ts";
import type { MasterSettings } from "../master/contract.ts";
import { masterSettings } from "../master/settings.ts";
import { type ConfigurationChoice, type Loaded, type LoadOptions, loadConfiguration } from "../runtime/load.ts";

/** Loads a configuration and says everything that was found: warnings and notices too. */
export function load(
  choice: ConfigurationChoice,
  onRead?: LoadOptions["onRead"],
): {
  loaded: Loaded;
  settings: MasterSettings | undefined;
  text: string;
} {
  const loaded = loadConfiguration(choice, { onRead });
  const { diagnostics } = loaded;
  let settings: MasterSettings | undefined;
  if (!diagnostics.failed) {
    try {
      settings = masterSettings(loaded, choice);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      diagnostics.error(error.message, error.place, error.expected);
    }
  }
  return { loaded, settings, text: render(diagnostics.list, loaded) };
}

/** Diagnostics as a terminal shows them. */
export function render(list: readonly Diagnostic[], { sources }: Loaded): string {
  if (list.length === 0) return ""; // whether this is a terminal takes time to find out
  return renderAll(list, { sources, color: process.stderr.isTTY === true });
}
