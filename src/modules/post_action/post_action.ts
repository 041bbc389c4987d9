import { type Context, defineModule, value } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";

const contexts: readonly Context[] = ["http", "server", "location", "if in location"];

/** The directive `post_action`, which nginx has in its core module and in none of its documentation. */
export const postAction = defineModule({
  name: "post_action",
  directives: {
    post_action: value<string>({
      contexts,
      syntax: "uri | @name",
      default: "",
      read(args) {
        const target = args.text(0);
        if (/^(?:[/@]|$)/.test(target)) return target;
        throw args.wrong(0, `invalid URI "${target}"`, 'a path that begins with "/", @name, or "" for none');
      },
    }),
  },
  enabled: (conf) => conf.post_action !== "",
  hooks: {
    async log(request, conf): Promise<Verdict> {
      if (request.parent) return DECLINED;
      if (request.endPending) {
        // The client has its answer first, whatever becomes of this.
        request.endPending = false;
        const { trailers } = request.response;
        request.exchange.end(trailers?.length ? trailers : undefined);
      }
      const { status } = request.response;
      try {
        await request.subrequest({
          uri: conf.post_action,
          args: request.hasArgs ? request.args : undefined,
          method: request.method,
          body: request.main.body.buffered,
          headerOnly: true,
          afterwards: true,
          onRequest: ({ response }) => void (response.status = status),
        });
      } catch (error) {
        request.log("error", `post_action "${conf.post_action}" failed: ${(error as Error).message}`);
      }
      return DECLINED;
    },
  },
});
