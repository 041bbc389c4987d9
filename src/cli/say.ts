import { consola } from "consola";

/** What a command did, for people: coloured on a terminal, plain lines when piped. Errors keep nginx's own form. */
export const say = consola.create({ stdout: process.stdout, stderr: process.stderr });
