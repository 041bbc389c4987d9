import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import type { SubrequestAnswer } from "../../core/engine.ts";
import { type Context, defineModule, list, text } from "../../core/module.ts";
import { OK, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import type { Variable } from "../../core/variable.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

/** One `auth_request_set`. */
interface Assignment {
  readonly variable: Variable;
  readonly value: ComplexValue;
}

/** nginx's ngx_http_auth_request_module. */
export const authRequest = defineModule({
  name: "auth_request",
  directives: {
    auth_request: text({ contexts, syntax: "uri | off", default: "off" }),
    auth_request_set: list<Assignment>({ contexts, args: 2, syntax: "$variable value", read: readAssignment }),
  },
  enabled: (conf) => conf.auth_request !== "off" && conf.auth_request !== "",
  hooks: {
    async access(request, conf) {
      const answer = await request.subrequest({ uri: conf.auth_request, headerOnly: true });
      for (const { variable, value } of conf.auth_request_set) variable.set!(request, value.evaluate(answer.request));
      return verdictOf(request, answer);
    },
  },
});

function readAssignment(args: Arguments): Assignment {
  const name = args.text(0);
  if (!/^\$\w+$/.test(name)) throw args.wrong(0, `invalid variable name "${name}"`, "$ and letters, digits or _");
  const { variables } = args.cycle;
  const variable = variables.find(name.slice(1)) ?? variables.define(name.slice(1), { get: () => undefined });
  if (!variable.set) throw args.wrong(0, `the duplicate "${name.slice(1)}" variable`, "a variable that can be set");
  return { variable, value: args.complex(1) };
}

function verdictOf(request: Request, { status, head }: SubrequestAnswer): Verdict {
  if (status >= 200 && status < 300) return OK;
  if (status === 403) return 403;
  if (status === 401) {
    for (const challenge of head.headers.all("www-authenticate"))
      request.response.headers.add("WWW-Authenticate", challenge);
    return 401;
  }
  request.log("error", `auth request unexpected status: ${status}`);
  return 500;
}
