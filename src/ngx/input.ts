import type { RequestNgx } from "./request_ngx.ts";

/** A schema of any library that speaks Standard Schema. @see https://standardschema.dev */
export interface StandardSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
    /** Standard JSON Schema, where the library has it. */
    readonly jsonSchema?: { readonly input: (options: { readonly target: string }) => Record<string, unknown> };
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] };

/** What a handler of a route with `export const input = …` gets as its second argument. */
export type Input<Schema extends StandardSchema> = NonNullable<Schema["~standard"]["types"]>["output"];

export function isSchema(value: unknown): value is StandardSchema {
  return (typeof value === "object" || typeof value === "function") && value !== null && "~standard" in value;
}

/** The request's arguments in one object: of the path, then of the body, then of the query string. */
export async function gatherInput(ngx: RequestNgx): Promise<Record<string, unknown>> {
  const { req } = ngx;
  const all: Record<string, unknown> = { ...req.getUriArgs() };
  const type = req.header("content-type") ?? "";
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) {
    const body = await req.json();
    if (typeof body === "object" && body !== null) Object.assign(all, body);
  } else if (/^(?:application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(type)) {
    for (const [name, value] of await req.form())
      all[name] = name in all && Array.isArray(all[name]) ? [...(all[name] as unknown[]), value] : value;
  }
  return Object.assign(all, req.params);
}

/** The answer to arguments that a schema refuses. */
export function refusal(
  issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[],
): Response {
  const told = issues.map(({ message, path }) => ({
    message,
    path: (path ?? [])
      .map((part) => (typeof part === "object" && part !== null && "key" in part ? String(part.key) : String(part)))
      .join("."),
  }));
  return Response.json({ error: "invalid input", issues: told }, { status: 400 });
}

/** The schema as JSON Schema, where its library can say it. */
export function jsonSchemaOf(schema: StandardSchema): Record<string, unknown> | undefined {
  const { jsonSchema } = schema["~standard"];
  const own = schema as { toJSONSchema?: () => Record<string, unknown>; toJsonSchema?: () => Record<string, unknown> };
  try {
    return jsonSchema?.input({ target: "draft-2020-12" }) ?? own.toJSONSchema?.() ?? own.toJsonSchema?.();
  } catch {
    return undefined; // something in it has no counterpart in JSON
  }
}
