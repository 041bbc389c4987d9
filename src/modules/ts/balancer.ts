import type { Arguments } from "../../core/arguments.ts";
import { type DirectiveSpec, value } from "../../core/module.ts";
import type { Request } from "../../core/request.ts";
import { calls } from "../../ngx/calls.ts";
import { generationKey } from "../../ngx/generation.ts";
import { phaseInfo } from "../../ngx/phases.ts";
import { existingNgx, ngxOf, type RequestNgx } from "../../ngx/request_ngx.ts";
import { Script } from "../../ngx/script.ts";
import { fsPath } from "../../std/bytestring.ts";
import { parseAddress } from "../upstream/address.ts";
import type { LateBalancer } from "../upstream/balancer.ts";
import { roundRobin } from "../upstream/balancers/round_robin.ts";
import { Peer } from "../upstream/peer.ts";
import { upstream } from "../upstream/upstream.ts";
import { inTime, logFailure, withPhaseAfter } from "./run.ts";
import { ts } from "./ts.ts";

/** Addresses that are in no `server` directive and whose state is remembered. */
const dynamicPeersMax = 10_000;

type Choose = (ngx: RequestNgx, peers: readonly string[], tried: readonly string[]) => unknown;

function directive(body: "script" | "none"): DirectiveSpec<unknown> {
  return {
    ...value<undefined>({
      contexts: ["upstream"],
      default: undefined,
      args: body === "script" ? 0 : 1,
      syntax: body === "script" ? "{ ... }" : "path",
      read: (args) => {
        const script = body === "script" ? inline(args) : file(args);
        args.cycle.get(generationKey).scripts.push(script);
        args.level.write(upstream, "balancer", balancerOf(script));
        return undefined;
      },
    }),
    body,
  };
}

/** `balancer_by_ts_block { … }`: returns the address of the peer to ask, for each try anew. */
export const balancerByBlock = directive("script");
export const balancerByFile = directive("none");

function inline(args: Arguments): Script {
  const { text, place } = args.directive.script!;
  return Script.inline("balancer", args.name, text, place, ["peers", "tried"]);
}

function file(args: Arguments): Script {
  const path = args.text(0);
  return new Script("balancer", `${args.name} ${path}`, args.words[0]!.place, fsPath(args.cycle.path(path)));
}

function balancerOf(script: Script): LateBalancer {
  const dynamic = new Map<string, Peer>();
  const failed = (request: Request, error: unknown): undefined => {
    logFailure(request, error, script, "error");
  };
  const balancer: LateBalancer = (peers, request, tried, nowMs) => {
    const interrupted = existingNgx(request)?.phase ?? phaseInfo.content;
    const ngx = ngxOf(request, phaseInfo.balancer);
    const names = peers.map(({ name }) => name);
    const taken = (chosen: unknown): Peer | undefined => {
      if (chosen === undefined) return roundRobin(peers, request, tried, nowMs);
      const peer = peers.find(({ name }) => name === chosen) ?? dynamicPeer(dynamic, chosen);
      // One that has failed for this request is not asked again, whatever the script says: there would be no end.
      return tried.has(peer) ? undefined : peer;
    };
    let result: Peer | undefined | Promise<Peer | undefined>;
    calls.enter(script.where, request);
    try {
      const choose = script.handler as unknown as Choose;
      const triedNames = [...tried].map(({ name }) => name);
      const chosen = ngx.generation.enter(choose, ngx, names, triedNames);
      result =
        chosen instanceof Promise
          ? inTime(chosen, script, ts.of(request).handler_timeout)
              .then(taken)
              .catch((error: unknown) => failed(request, error))
          : taken(chosen);
    } catch (error) {
      result = failed(request, error);
    } finally {
      calls.leave();
    }
    return withPhaseAfter(ngx, interrupted, result);
  };
  return Object.assign(balancer, { decidesAlone: true });
}

function dynamicPeer(known: Map<string, Peer>, chosen: unknown): Peer {
  if (typeof chosen !== "string")
    throw new TypeError(`a balancer has to return an address, not ${Bun.inspect(chosen)}`);
  let peer = known.get(chosen);
  if (!peer) {
    const address = parseAddress(chosen, 80);
    if (!address) throw new TypeError(`"${chosen}" is no address: HOST:PORT or unix:PATH`);
    if (known.size >= dynamicPeersMax) known.clear();
    known.set(chosen, (peer = new Peer(address, 1, 0, 0, 0, false, false)));
  }
  return peer;
}
