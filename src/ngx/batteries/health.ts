export interface HealthReport {
  readonly status: "ok" | "failed";
  readonly checks: Readonly<
    Record<string, { readonly status: "ok" | "failed"; readonly ms: number; readonly error?: string }>
  >;
}

/**
 * Runs checks side by side; one that throws, answers false or takes longer than `timeoutSeconds` has failed.
 * @returns A handler's answer: the report as JSON with 200, or 503 where something has failed.
 */
export async function health(
  checks: Readonly<Record<string, () => unknown>>,
  { timeoutSeconds = 2 }: { readonly timeoutSeconds?: number } = {},
): Promise<Response> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await run(check, timeoutSeconds)] as const),
  );
  const ok = results.every(([, { status }]) => status === "ok");
  const report: HealthReport = { status: ok ? "ok" : "failed", checks: Object.fromEntries(results) };
  return Response.json(report, { status: ok ? 200 : 503, headers: { "Cache-Control": "no-store" } });
}

async function run(check: () => unknown, timeoutSeconds: number): Promise<HealthReport["checks"][string]> {
  const start = performance.now();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${timeoutSeconds} s`)), timeoutSeconds * 1000);
  const ms = (): number => Math.round(performance.now() - start);
  try {
    const answer = await Promise.race([(async () => check())(), late.promise]);
    return answer === false ? { status: "failed", ms: ms() } : { status: "ok", ms: ms() };
  } catch (error) {
    return { status: "failed", ms: ms(), error: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
