import { Arguments, ConfigError } from "../core/arguments.ts";
import type { Cycle } from "../core/cycle.ts";
import type { Directive } from "../core/directive.ts";
import { Level } from "../core/level.ts";
import type { DirectiveSpec } from "../core/module.ts";
import { nearest } from "../std/nearest.ts";
import type { Declared, Directory } from "./directory.ts";
import { isKnownToNginx } from "./known.ts";

/** Reads the directives of one block into `level`, reporting all that is wrong with them. */
export function readBlock(directives: readonly Directive[], level: Level, directory: Directory, cycle: Cycle): void {
  for (const directive of directives) {
    try {
      readDirective(directive, level, directory, cycle);
    } catch (error) {
      report(error, cycle);
    }
  }
}

/** Turns a ConfigError into a diagnostic; anything else is a bug and goes on up. */
export function report(error: unknown, cycle: Cycle): void {
  if (!(error instanceof ConfigError)) throw error;
  cycle.diagnostics.error(error.message, error.place, error.expected);
}

function readDirective(directive: Directive, level: Level, directory: Directory, cycle: Cycle): void {
  const declared = directory.find(directive.name, level.context);
  if (!declared) throw unknownDirective(directive, level, directory);
  const { spec, module } = declared;
  checkShape(directive, spec);
  const field = spec.field ?? declared.name;
  if (!spec.repeated && level.own(module, field) !== undefined)
    throw new ConfigError(`"${directive.name}" directive is duplicate`, directive.place, "it once in a block");

  const opened = spec.opens ? openLevel(directive, level, spec, directory, cycle) : undefined;
  const value = spec.read(new Arguments(directive, level, cycle, opened));
  write(level, declared, field, value);
}

function openLevel(
  directive: Directive,
  level: Level,
  spec: DirectiveSpec<unknown>,
  directory: Directory,
  cycle: Cycle,
): Level {
  const context = typeof spec.opens === "function" ? spec.opens(level.context) : spec.opens!;
  const opened = new Level(context, level, directive, cycle);
  readBlock(directive.block!, opened, directory, cycle);
  return opened;
}

function write(level: Level, { module, spec }: Declared, field: string, value: unknown): void {
  if (value === undefined) {
    // A block that may stand once leaves a mark, so that the second one is seen.
    if (!spec.repeated && spec.body === "directives") level.write(module, field, null);
    return;
  }
  if (spec.repeated) level.append(module, field, value);
  else level.write(module, field, value);
}

function checkShape(directive: Directive, spec: DirectiveSpec<unknown>): void {
  const [min, max] = typeof spec.args === "number" ? [spec.args, spec.args] : spec.args;
  const count = directive.args.length;
  if (count < min || count > max)
    throw new ConfigError(
      `invalid number of arguments in "${directive.name}" directive`,
      directive.place,
      `${directive.name} ${spec.syntax}`,
    );
  if (spec.body === "none" && (directive.block || directive.script))
    throw new ConfigError(`directive "${directive.name}" is not terminated by ";"`, directive.place);
  if (spec.body !== "none" && spec.body !== "script" && !directive.block)
    throw new ConfigError(`directive "${directive.name}" has no opening "{"`, directive.place);
  if (spec.body === "script" && !directive.script)
    throw new ConfigError(`directive "${directive.name}" has no opening "{"`, directive.place);
}

function unknownDirective({ name, place }: Directive, level: Level, directory: Directory): ConfigError {
  if (directory.knows(name)) {
    const contexts = directory.contextsOf(name).join(", ");
    return new ConfigError(`"${name}" directive is not allowed here`, place, `in ${contexts}`);
  }
  if (isKnownToNginx(name))
    return new ConfigError(`"${name}" is known to nginx, not supported by resty`, place, "a directive that resty has");
  const near = nearest(
    name,
    directory.names().filter((other) => directory.find(other, level.context)),
  );
  return new ConfigError(`unknown directive "${name}"`, place, near && `"${near}", perhaps`);
}
