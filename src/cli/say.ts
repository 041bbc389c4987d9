import { consola, LogLevels } from "consola";

/**
 * What a command did, for people: coloured on a terminal, plain lines when piped. Errors keep nginx's own form. The
 * level is fixed, or consola would be silent wherever it takes the environment for a test's.
 */
export const say = consola.create({ level: LogLevels.info, stdout: process.stdout, stderr: process.stderr });
