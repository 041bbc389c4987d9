import type { Request } from "../../core/request.ts";
import { bytesOf } from "../../std/bytestring.ts";
import { compilePcre, describePcreError, Matcher } from "../../std/pcre/pcre.ts";
import { core } from "../core/core.ts";
import { escapeHtml, escapeUrl, evaluate, parseCondition, parseInclude, SsiError } from "./evaluate.ts";
import { OrderedOutput, type Part } from "./output.ts";
import { type Parameter, SsiParser, type Token } from "./parser.ts";

/** What all pages of one request share: the page that the client asked for and those it includes. */
export interface Shared {
  readonly variables: Map<string, string>;
  readonly blocks: Block[];
  /** Of the last regular expression of an `if` that matched. */
  captures: readonly (string | undefined)[];
}

interface Block {
  readonly name: string;
  text: string;
}

export interface Settings {
  readonly silentErrors: boolean;
  readonly valueLengthMax: number;
  /** Are there commands to carry out in a block that stands in for what this subrequest did not give? */
  readonly rendersBlockFor: (request: Request) => boolean;
}

/** Where in a conditional the page is; a command such as `else` needs to be within one. */
const enum Stage {
  outside,
  afterIf,
  afterElse,
}

interface Command {
  readonly parameters: readonly string[];
  readonly mandatory: readonly string[];
  /** The last stage it may follow. */
  readonly follows?: Stage;
}

const commands: Readonly<Record<string, Command>> = {
  include: { parameters: ["virtual", "file", "wait", "set", "stub"], mandatory: [] },
  echo: { parameters: ["var", "default", "encoding"], mandatory: ["var"] },
  config: { parameters: ["errmsg", "timefmt"], mandatory: [] },
  set: { parameters: ["var", "value"], mandatory: ["var", "value"] },
  if: { parameters: ["expr"], mandatory: ["expr"] },
  elif: { parameters: ["expr"], mandatory: ["expr"], follows: Stage.afterIf },
  else: { parameters: [], mandatory: [], follows: Stage.afterIf },
  endif: { parameters: [], mandatory: [], follows: Stage.afterElse },
  block: { parameters: ["name"], mandatory: ["name"] },
  endblock: { parameters: [], mandatory: [] },
};

const parametersMax = 16;

type Values = Readonly<Partial<Record<string, string>>>;

/** One page: takes its tokens in turn and writes what they come to. */
export class SsiPage {
  /** How `$date_local` and `$date_gmt` are printed. */
  timeFormat = "%A, %d-%b-%Y %H:%M:%S %Z";
  #errorText = "[an error occurred while processing the directive]";
  #encoding: "none" | "url" | "entity" = "entity";
  #stage: Stage = Stage.outside;
  /** Off in a branch that was not chosen, and in a block. */
  #writes = true;
  #branchChosen = false;
  #block: Block | undefined;

  constructor(
    private readonly request: Request,
    private readonly settings: Settings,
    private readonly shared: Shared,
    private readonly output: OrderedOutput,
  ) {}

  async run(tokens: readonly Token[]): Promise<void> {
    for (const token of tokens) {
      if (token.kind === "text") this.#text(token.text);
      else if (token.kind === "error") this.#failed(token.message);
      else {
        try {
          await this.#command(token.name, token.parameters);
        } catch (error) {
          if (!(error instanceof SsiError)) throw error;
          this.#failed(error.message);
        }
      }
    }
  }

  #text(text: string): void {
    if (this.#writes) this.output.text(text);
    else if (this.#block) this.#block.text += text;
  }

  #failed(message: string): void {
    this.request.log("error", message);
    if (!this.settings.silentErrors) this.output.text(this.#errorText);
  }

  async #command(name: string, parameters: readonly Parameter[]): Promise<void> {
    const command = Object.hasOwn(commands, name) ? commands[name]! : undefined;
    if (!command) {
      if (this.#writes) throw new SsiError(`invalid SSI command: "${name}"`);
      return;
    }
    if (!this.#writes && name !== "endblock") {
      if (this.#block) {
        // What stands in a block is carried out where the block is used.
        this.#block.text += `<!--#${name}${parameters.map(([key, value]) => ` ${key}="${value}"`).join("")} -->`;
        return;
      }
      if (command.follows === undefined) return;
    }
    if (command.follows !== undefined && (this.#stage === Stage.outside || this.#stage > command.follows))
      throw new SsiError(`invalid context of SSI command: "${name}"`);
    const values = readParameters(name, command, parameters);
    switch (name) {
      case "include":
        return this.#include(values);
      case "echo":
        return this.#echo(values);
      case "config":
        this.timeFormat = values.timefmt ?? this.timeFormat;
        this.#errorText = values.errmsg ?? this.#errorText;
        return;
      case "set":
        this.shared.variables.set(values.var!.toLowerCase(), this.#evaluate(values.value!));
        return;
      case "if":
        if (this.#stage !== Stage.outside) throw new SsiError('the "if" command inside the "if" command');
        return this.#if(values.expr!);
      case "elif":
        return this.#if(values.expr!);
      case "else":
        this.#writes = !this.#branchChosen;
        this.#stage = Stage.afterElse;
        return;
      case "endif":
        this.#writes = true;
        this.#branchChosen = false;
        this.#stage = Stage.outside;
        return;
      case "block":
        this.#block = { name: values.name!, text: "" };
        this.shared.blocks.push(this.#block);
        this.#writes = false;
        return;
      case "endblock":
        this.#block = undefined;
        this.#writes = true;
    }
  }

  #evaluate(text: string): string {
    return evaluate(text, (name) => this.#lookup(name));
  }

  /** @param name In lower case. */
  #lookup(name: string): string | undefined {
    if (/^\d$/.test(name) && Number(name) < this.shared.captures.length)
      return this.shared.captures[Number(name)] ?? "";
    return this.shared.variables.get(name) ?? this.request.plan.cycle.variables.find(name)?.get(this.request);
  }

  #echo(values: Values): void {
    const text = this.#lookup(values.var!.toLowerCase()) ?? values.default ?? "(none)";
    if (text === "") return;
    const { encoding } = values;
    if (encoding === "none" || encoding === "url" || encoding === "entity") this.#encoding = encoding;
    else if (encoding !== undefined) this.request.log("error", `unknown encoding "${encoding}" in the "echo" command`);
    this.output.text(this.#encoding === "none" ? text : this.#encoding === "url" ? escapeUrl(text) : escapeHtml(text));
  }

  #if(expression: string): void {
    if (this.#branchChosen) {
      this.#writes = false;
      return;
    }
    this.#writes = this.#holds(expression);
    this.#branchChosen = this.#writes;
    this.#stage = Stage.afterIf;
  }

  #holds(expression: string): boolean {
    const { left, test } = parseCondition(expression);
    const value = this.#evaluate(left);
    if (!test) return value !== "";
    const right = this.#evaluate(test.right);
    return (test.isPattern ? this.#matches(value, right) : value === right) !== test.negative;
  }

  #matches(subject: string, source: string): boolean {
    const matcher = matcherFor(source);
    if (!(matcher instanceof Matcher)) throw new SsiError(describePcreError(matcher, source));
    const match = matcher.exec(subject);
    if (match === "match limit") throw new SsiError(`pcre2_match() failed: -47 on "${subject}" using "${source}"`);
    if (!match) return false;
    this.shared.captures = match;
    for (const [name, group] of matcher.names) this.shared.variables.set(name.toLowerCase(), match[group] ?? "");
    return true;
  }

  #include(values: Values): void | Promise<void> {
    const { virtual, file, set, stub } = values;
    if (virtual !== undefined && file !== undefined)
      throw new SsiError(`inclusion may be either virtual="${virtual}" or file="${file}"`);
    const named = virtual ?? file;
    if (named === undefined) throw new SsiError('no parameter in "include" SSI command');
    if (set !== undefined && stub !== undefined)
      throw new SsiError('"set" and "stub" cannot be used together in "include" SSI command');
    const waits = readWait(values) || file !== undefined;
    const evaluated = this.#evaluate(named);
    const { uri } = this.request;
    const whole = evaluated.startsWith("/") || (evaluated === "" && named !== "");
    const target = parseInclude(whole ? evaluated : uri.slice(0, uri.lastIndexOf("/") + 1) + evaluated);
    if (set !== undefined) return this.#includeIntoVariable(target, set.toLowerCase());
    const block = stub === undefined ? undefined : this.#blockNamed(stub);
    const part = this.output.part();
    this.output.flush();
    const work = this.#fill(part, target, block);
    return waits ? work : undefined;
  }

  #blockNamed(name: string): Block {
    const block = this.shared.blocks.find((known) => known.name === name);
    if (!block) throw new SsiError(`"stub"="${name}" for "include" not found`);
    return block;
  }

  async #includeIntoVariable(target: Target, name: string): Promise<void> {
    const { variables } = this.shared;
    if (!variables.has(name)) variables.set(name, "");
    const { request, status, body } = await this.#subrequest(target, undefined);
    // nginx gives up the whole page here.
    if (body.length > core.of(request).subrequest_output_buffer_size)
      throw new Error(`too big subrequest response: ${body.length}`);
    if (status < 300) variables.set(name, Buffer.from(body).toString("latin1"));
  }

  /** Lets a location fill its part of the page, or the block, should there be nothing else to put there. */
  async #fill(part: Part, target: Target, block: Block | undefined): Promise<void> {
    let written = false;
    let refused = false;
    try {
      const { request } = await this.#subrequest(target, {
        onHead: (request) => (refused = block !== undefined && request.unanswered),
        onChunk: (chunk) => {
          if (refused || chunk.length === 0) return undefined;
          written = true;
          return part.write(chunk);
        },
      });
      if (block && !written) await this.#render(block, request, part);
    } catch (error) {
      this.request.log("error", (error as Error).message);
      if (!written && !this.settings.silentErrors) void part.write(bytesOf(this.#errorText));
    } finally {
      part.end();
    }
  }

  #subrequest({ uri, args }: Target, into: Receiver | undefined) {
    return this.request.subrequest({
      uri,
      args,
      ...(into ? { onHead: (_head, request) => into.onHead(request), onChunk: (chunk) => into.onChunk(chunk) } : {}),
    });
  }

  /** @param request Of the location that the block stands in for: its variables are those of the block. */
  async #render(block: Block, request: Request, part: Part): Promise<void> {
    if (!this.settings.rendersBlockFor(request)) return void (await part.write(bytesOf(block.text)));
    const output = new OrderedOutput((chunk) => part.write(chunk));
    const page = new SsiPage(request, this.settings, this.shared, output);
    await page.run(new SsiParser(this.settings.valueLengthMax).push(block.text, true));
    await output.drained();
  }
}

interface Target {
  readonly uri: string;
  readonly args: string | undefined;
}

interface Receiver {
  onHead(request: Request): void;
  onChunk(chunk: string | Uint8Array): void | Promise<void>;
}

function readParameters(name: string, command: Command, parameters: readonly Parameter[]): Values {
  if (parameters.length > parametersMax) throw new SsiError(`too many SSI command parameters: "${name}"`);
  const values: Record<string, string> = {};
  for (const [key, value] of parameters) {
    if (!command.parameters.includes(key))
      throw new SsiError(`invalid parameter name: "${key}" in "${name}" SSI command`);
    if (key in values) throw new SsiError(`duplicate "${key}" parameter in "${name}" SSI command`);
    values[key] = value;
  }
  for (const key of command.mandatory)
    if (!(key in values)) throw new SsiError(`mandatory "${key}" parameter is absent in "${name}" SSI command`);
  return values;
}

function readWait({ wait, file }: Values): boolean {
  if (wait === undefined) return false;
  if (file !== undefined) throw new SsiError(`"wait" cannot be used with file="${file}"`);
  const lower = wait.toLowerCase();
  if (lower !== "yes" && lower !== "no") throw new SsiError(`invalid value "${wait}" in the "wait" parameter`);
  return lower === "yes";
}

const matchers = new Map<string, ReturnType<typeof compilePcre>>();
/** Expressions may hold variables, and so be without number. */
const matchersMax = 1000;

function matcherFor(source: string): ReturnType<typeof compilePcre> {
  let matcher = matchers.get(source);
  if (!matcher) {
    if (matchers.size >= matchersMax) matchers.delete(matchers.keys().next().value!);
    matchers.set(source, (matcher = compilePcre(source)));
  }
  return matcher;
}
