import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { defineCommand } from "citty";
import { isExecutable } from "./self.ts";
import { unit } from "./systemd_unit.ts";
import { UsageError } from "./usage.ts";
import { say } from "./say.ts";

export const systemdCommand = defineCommand({
  meta: { name: "systemd", description: "Run as a service: print a unit, or install it" },
  args: {
    action: { type: "positional", required: true, valueHint: "print|install", description: "What to do with the unit" },
    conf: {
      type: "positional",
      required: false,
      default: "/etc/resty/conf",
      description: "Folder that holds nginx.conf, or the file itself",
    },
    executable: { type: "string", valueHint: "FILE", description: "The program to run; this one if not given" },
    user: { type: "string", valueHint: "NAME", description: "An existing user; without it, systemd makes one up" },
    file: {
      type: "string",
      default: "/etc/systemd/system/resty.service",
      valueHint: "FILE",
      description: "Where install writes the unit",
    },
    force: { type: "boolean", default: false, description: "Let install replace a unit that is there" },
  },
  run({ args }) {
    const { action, file, force } = args;
    if (action === "install") return install(unitFor(args), file, force);
    if (action !== "print") throw new UsageError(`"systemd" can print or install, not "${action}"`);
    process.stdout.write(unitFor(args));
    return 0;
  },
});

function unitFor(options: { conf: string; executable?: string | undefined; user?: string | undefined }): string {
  if (options.executable === undefined && !isExecutable)
    throw new UsageError("this is not the executable that the service is to run: name it by --executable=FILE");
  const executable = resolve(options.executable ?? process.execPath);
  const conf = resolve(options.conf);
  // systemd splits the command at blanks and reads % and $ as its own signs.
  for (const path of [executable, conf])
    if (/[\s%$"'\\]/.test(path)) throw new UsageError(`a path in a unit cannot hold blanks, quotes, % or $: ${path}`);
  return unit({ executable, conf, user: options.user });
}

function install(text: string, file: string, force: boolean): number {
  if (existsSync(file) && !force) {
    process.stderr.write(`resty: ${file} is there already; --force replaces it\n`);
    return 1;
  }
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o644 });
  } catch (error) {
    process.stderr.write(`resty: cannot write ${file}: ${(error as Error).message}\n`);
    return 1;
  }
  say.success(`wrote ${file}; now:\n  systemctl daemon-reload\n  systemctl enable --now resty`);
  return 0;
}
