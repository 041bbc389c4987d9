import type { AnyModule, Context, DirectiveSpec } from "../core/module.ts";

export interface Declared {
  readonly module: AnyModule;
  readonly name: string;
  readonly spec: DirectiveSpec<unknown>;
}

/** Which module declares a directive; one name may mean different things in different contexts (`server`). */
export class Directory {
  readonly #byName = new Map<string, Declared[]>();

  constructor(readonly modules: readonly AnyModule[]) {
    for (const module of modules)
      for (const [name, spec] of Object.entries(module.directives as AnyModule["directives"])) {
        const declared = { module, name, spec };
        const others = this.#byName.get(name);
        if (others) others.push(declared);
        else this.#byName.set(name, [declared]);
      }
  }

  knows(name: string): boolean {
    return this.#byName.has(name);
  }

  find(name: string, context: Context): Declared | undefined {
    return this.#byName.get(name)?.find(({ spec }) => spec.contexts.includes(context));
  }

  contextsOf(name: string): Context[] {
    return [...new Set(this.#byName.get(name)?.flatMap(({ spec }) => spec.contexts) ?? [])];
  }

  names(): string[] {
    return [...this.#byName.keys()];
  }
}
