import { decodeUtf8, encodeUtf8 } from "../std/bytestring.ts";
import { mayUse } from "./phases.ts";
import type { RequestNgx } from "./request_ngx.ts";

/** `ngx.var`: variables of the configuration as properties; numbers are the last regular expression's groups. */
export type VarTable = { [name: string]: string | undefined };

const handler: ProxyHandler<{ readonly ngx: RequestNgx }> = {
  get({ ngx }, name) {
    if (typeof name !== "string") return undefined;
    mayUse("ngx.var", ngx.phase);
    const { request } = ngx;
    const value = /^\d+$/.test(name)
      ? request.captures?.[Number(name)]
      : request.plan.cycle.variables.find(name)?.get(request);
    return value === undefined ? undefined : decodeUtf8(value);
  },
  set({ ngx }, name, value: unknown) {
    if (typeof name !== "string") return false;
    mayUse("ngx.var", ngx.phase);
    const variable = ngx.request.plan.cycle.variables.find(name);
    if (!variable)
      throw new Error(`variable "${name}" is not defined; write "set $${name} '';" in the configuration to define it`);
    if (!variable.set) throw new Error(`variable "${name}" cannot be changed`);
    if (typeof value === "object" && value !== null) throw new TypeError(`variable "${name}" cannot hold an object`);
    variable.set(ngx.request, value === undefined || value === null ? "" : encodeUtf8(String(value)));
    return true;
  },
};

export function varTable(ngx: RequestNgx): VarTable {
  return new Proxy({ ngx }, handler) as unknown as VarTable;
}
