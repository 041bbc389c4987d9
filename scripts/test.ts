// Runs every test: first side by side, then, alone, those that measure time. What failed beside others gets a second
// chance alone and is named either way, so that one busy moment does not hide the answer, and no unsteady test hides.
// The last lines, also in .build/test/summary, name what failed and count.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const root = resolve(import.meta.dir, "..");
const reports = join(root, ".build/test");
/** Tests that measure time: nothing else may run beside them. */
const measuring = "test/process/bench";
/** Tests start servers and processes, which take their time on a busy machine. */
const timeoutMs = Bun.env.TEST_TIMEOUT_MS ?? "30000";
const jobs = Bun.env.TEST_JOBS ?? "2";

interface Outcome {
  readonly passed: number;
  /** `FILE > NAME` of each test that failed. */
  readonly failed: readonly string[];
  readonly files: readonly string[];
}

/** One run of Bun's test runner. What fails outside of tests (a file that does not load) counts as one failure. */
function run(name: string, args: readonly string[]): Outcome {
  const report = join(reports, `${name}.xml`);
  const command = [
    process.execPath,
    "test",
    "--timeout",
    timeoutMs,
    "--reporter=junit",
    `--reporter-outfile=${report}`,
  ];
  const { exitCode } = Bun.spawnSync([...command, ...args], {
    cwd: root,
    env: { ...Bun.env, RESTY_BIN: join(root, "resty") },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const outcome = read(report);
  if (exitCode === 0 || outcome.failed.length > 0) return outcome;
  return { ...outcome, failed: [`${name}: the run broke off, or an error came outside of its tests`] };
}

/** As the runner takes it for one file, not for a part of names. */
const inRoot = (file: string): string => `./${relative(root, resolve(root, file))}`;

const entities: Record<string, string> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&" };
const unescaped = (text: string): string => text.replace(/&(?:lt|gt|quot|apos|amp);/g, (entity) => entities[entity]!);

function read(report: string): Outcome {
  let text: string;
  try {
    text = readFileSync(report, "latin1");
  } catch {
    return { passed: 0, failed: [], files: [] };
  }
  let passed = 0;
  const failed: string[] = [];
  const files = new Set<string>();
  for (const [, attributes, result] of text.matchAll(/<testcase ([^>]*?)(?:\/>|>\s*<(\w+))/g)) {
    if (result === "skipped") continue;
    if (result === undefined) {
      passed++;
      continue;
    }
    const file = /file="([^"]*)"/.exec(attributes!)?.[1] ?? "?";
    files.add(file);
    failed.push(`${file} > ${unescaped(/name="([^"]*)"/.exec(attributes!)?.[1] ?? "?")}`);
  }
  return { passed, failed, files: [...files] };
}

rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
const beside = run("parallel", [`--parallel=${jobs}`, `--path-ignore-patterns=${measuring}*`]);
const alone = run("alone", [measuring]);

const again = beside.files.length === 0 ? undefined : run("again", beside.files.map(inRoot));
const failures = [...(again ?? beside).failed, ...alone.failed];
const unsteady = again === undefined ? [] : beside.failed.filter((test) => !again.failed.includes(test));
const passed = beside.passed + unsteady.length + alone.passed;
const summary = [
  ...unsteady.map((test) => `unsteady (failed beside others, passed alone): ${test}`),
  ...failures.map((test) => `failed: ${test}`),
  `${passed} passed, ${failures.length} failed`,
].join("\n");
writeFileSync(join(reports, "summary"), `${summary}\n`);
console.log(summary);
process.exit(failures.length === 0 ? 0 : 1);
