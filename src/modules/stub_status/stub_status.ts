import { counter, sumOf } from "../../core/counters.ts";
import { defineModule, value } from "../../core/module.ts";
import type { Request } from "../../core/request.ts";

function waiting(): number {
  return Math.max(0, sumOf(counter.active) - sumOf(counter.reading) - sumOf(counter.writing));
}

/** nginx's ngx_http_stub_status_module. */
export const stubStatus = defineModule({
  name: "stub_status",
  directives: {
    // The argument is from before nginx 1.7.5; whatever it says, the answer is the status.
    stub_status: value<boolean>({
      contexts: ["server", "location"],
      args: [0, 1],
      syntax: "",
      default: false,
      merge: "conditional",
      read: () => true,
    }),
  },
  variables: {
    connections_active: () => String(sumOf(counter.active)),
    connections_reading: () => String(sumOf(counter.reading)),
    connections_writing: () => String(sumOf(counter.writing)),
    connections_waiting: () => String(waiting()),
  },
  handler: (conf) => (conf.stub_status ? answer : undefined),
});

function answer(request: Request) {
  const { method, response } = request;
  if (method !== "GET" && method !== "HEAD") return 405;
  response.status = 200;
  response.contentType = "text/plain";
  return request.respond(
    `Active connections: ${sumOf(counter.active)} \n` +
      "server accepts handled requests\n" +
      ` ${sumOf(counter.accepted)} ${sumOf(counter.handled)} ${sumOf(counter.requests)} \n` +
      `Reading: ${sumOf(counter.reading)} Writing: ${sumOf(counter.writing)} Waiting: ${waiting()} \n`,
  );
}
