import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { jsonSchemaOf } from "../../ngx/input.ts";
import { type RouteEntry, routeEntries } from "./routes.ts";

const documents = new WeakMap<object, string>();

/** Answers with the OpenAPI document of the server's file routes. */
export function answerOpenApi(request: Request): Verdict | Promise<Verdict> {
  const { response, server } = request;
  let text = documents.get(server);
  if (text === undefined) {
    const routes = request.plan.cycle.get(routeEntries).filter((route) => route.server.plan === server.base);
    documents.set(server, (text = JSON.stringify(openApiDocument(server.name, routes))));
  }
  response.status = 200;
  response.contentType = "application/json";
  return request.respond(text);
}

const answers = { 200: { description: "The handler's answer" } };

/** @see https://spec.openapis.org/oas/v3.1.0 */
export function openApiDocument(title: string, routes: readonly RouteEntry[]): object {
  const paths: Record<string, object> = {};
  for (const { path, script } of routes) {
    const template = path.replace(/\[(?:\.\.\.)?(\w+)\]/g, "{$1}");
    const item: Record<string, unknown> = {};
    const methods = script.methods ? [...script.methods.keys()] : [];
    if (script.handler) methods.push(...["GET", "POST"].filter((method) => !methods.includes(method)));
    for (const method of methods) item[method.toLowerCase()] = operation(path, method, script);
    paths[template] = item;
  }
  return { openapi: "3.1.0", info: { title: title || "resty", version: "1" }, paths };
}

function operation(path: string, method: string, { input, exports }: RouteEntry["script"]): object {
  const named = [...path.matchAll(/\[(?:\.\.\.)?(\w+)\]/g)].map(([, name]) => name!);
  const schema = input && jsonSchemaOf(input);
  const properties = (schema?.properties ?? {}) as Record<string, object>;
  const required = new Set((schema?.required ?? []) as string[]);
  const ofQuery =
    method === "GET" || method === "HEAD" || method === "DELETE"
      ? Object.keys(properties).filter((name) => !named.includes(name))
      : [];
  const parameters = [
    ...named.map((name) => ({ name, in: "path", required: true, schema: properties[name] ?? { type: "string" } })),
    ...ofQuery.map((name) => ({ name, in: "query", required: required.has(name), schema: properties[name] })),
  ];
  return {
    ...(typeof exports?.summary === "string" ? { summary: exports.summary } : {}),
    ...(typeof exports?.description === "string" ? { description: exports.description } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(schema && ofQuery.length === 0 && method !== "GET" && method !== "DELETE"
      ? { requestBody: { content: { "application/json": { schema } } } }
      : {}),
    responses: {
      ...answers,
      ...(input ? { 400: { description: "The arguments are not what the schema asks for" } } : {}),
    },
  };
}
