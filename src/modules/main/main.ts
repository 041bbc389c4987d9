import type { Place } from "../../core/diagnostic.ts";
import {
  accepted,
  block,
  type Context,
  defineModule,
  flag,
  list,
  number,
  size,
  text,
  time,
  value,
} from "../../core/module.ts";

const main: readonly Context[] = ["main"];
const events: readonly Context[] = ["events"];

/** The processes: nginx's core and events modules. */
export const mainModule = defineModule({
  name: "main",
  directives: {
    events: block({ contexts: main, opens: "events", once: true }),
    user: value<{ readonly name: string; readonly group: string | undefined; readonly place: Place } | undefined>({
      contexts: main,
      default: undefined,
      args: [1, 2],
      syntax: "user [group]",
      read: (args) => ({
        name: args.text(0),
        group: args.has(1) ? args.text(1) : undefined,
        place: args.words[0]!.place,
      }),
    }),
    worker_processes: value<number>({
      contexts: main,
      default: 1,
      syntax: "number | auto",
      read: (args) =>
        args.text(0) === "auto" ? navigator.hardwareConcurrency : args.integer(0, { min: 1, max: 1024 }),
    }),
    worker_rlimit_nofile: number({ contexts: main, default: 0 }),
    worker_rlimit_core: size({ contexts: main, default: 0 }),
    worker_priority: number({ contexts: main, default: 0, min: -20, max: 20 }),
    worker_shutdown_timeout: time({ contexts: main, default: 0 }),
    worker_stall_timeout: time({ contexts: main, default: 0 }),
    worker_connections: number({ contexts: events, default: 512, min: 1 }),
    pid: text({ contexts: main, default: "logs/resty.pid", syntax: "file" }),
    daemon: flag({ contexts: main, default: false }),
    master_process: flag({ contexts: main, default: true }),
    env: list<string>({ contexts: main, syntax: "variable[=value]", read: (args) => args.text(0) }),
    working_directory: accepted({ contexts: main, why: "cores are written where the system says" }),
    worker_cpu_affinity: list<readonly string[]>({
      contexts: main,
      args: [1, 1024],
      syntax: "auto | mask ...",
      read: (args) => args.texts(),
    }),
    load_module: accepted({ contexts: main, why: "its modules are inside the executable" }),
    lock_file: accepted({ contexts: main, why: "workers do not take turns to accept" }),
    pcre_jit: accepted({ contexts: main, why: "regular expressions are always compiled" }),
    thread_pool: accepted({ contexts: main, args: [2, 3], why: "files are read without a pool" }),
    timer_resolution: accepted({ contexts: main, why: "the runtime keeps time" }),
    debug_points: accepted({ contexts: main, why: "it concerns nginx's own debugging" }),
    ssl_engine: accepted({ contexts: main, why: "the runtime has its own TLS library" }),
    use: accepted({ contexts: events, why: "the runtime chooses how it waits" }),
    multi_accept: accepted({ contexts: events, why: "the runtime accepts all that is there" }),
    accept_mutex: accepted({ contexts: events, why: "workers do not take turns to accept" }),
    accept_mutex_delay: accepted({ contexts: events, why: "workers do not take turns to accept" }),
    debug_connection: accepted({ contexts: events, why: "error_log's debug level is for all connections" }),
    worker_aio_requests: accepted({ contexts: events, why: "files are read without it" }),
  },
});
