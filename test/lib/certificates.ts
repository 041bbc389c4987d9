/** Certificates that openssl makes for one test. */
import { join } from "node:path";
import { makeFolder, removeFolder, writeFiles } from "./folder.ts";

/** Names of files in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** Signs certificates, in a folder that goes with it. */
export class Authority implements Disposable {
  readonly #folder = makeFolder("certificates");
  /** The file that those trust who trust this authority. */
  readonly ca = join(this.#folder, "ca.pem");

  constructor() {
    this.#run("req", "-x509", ...newKey, "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem");
  }

  /** @param alternativeNames As openssl writes them: "IP:127.0.0.1,DNS:db.test". */
  issue(name: string, alternativeNames: string): Certificate {
    writeFiles(this.#folder, { [`${name}.ext`]: `subjectAltName=${alternativeNames}` });
    this.#run("req", ...newKey, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", `${name}.ext`];
    this.#run("x509", "-req", "-in", `${name}.csr`, ...signing, "-out", `${name}.pem`);
    return { cert: join(this.#folder, `${name}.pem`), key: join(this.#folder, `${name}.key`) };
  }

  #run(...args: string[]): void {
    const run = Bun.spawnSync(["openssl", ...args], { cwd: this.#folder, stdout: "ignore", stderr: "pipe" });
    if (run.exitCode !== 0) throw new Error(`openssl ${args[0]}: ${run.stderr}`);
  }

  [Symbol.dispose](): void {
    removeFolder(this.#folder);
  }
}
