import { accessSync, constants, statSync } from "node:fs";
import type { Arguments } from "../../core/arguments.ts";
import { compilePattern } from "../../core/pattern.ts";
import type { Request } from "../../core/request.ts";
import { fsPath } from "../../std/bytestring.ts";

export type Condition = (request: Request) => boolean;

const fileTests: Readonly<Record<string, (path: string) => boolean>> = {
  "-f": (path) => statSync(path).isFile(),
  "-d": (path) => statSync(path).isDirectory(),
  "-e": (path) => statSync(path) !== undefined,
  "-x": (path) => (accessSync(path, constants.X_OK), true),
};

/** What stands in an `if`'s parentheses, which nginx's words carry on their first and last one. */
export function readCondition(args: Arguments): Condition {
  const words = args.texts();
  const last = words.length - 1;
  if (!words[0]!.startsWith("(") || !words[last]!.endsWith(")"))
    throw args.wrong(0, `invalid condition "${words.join(" ")}"`, "a condition in parentheses");
  words[0] = words[0]!.slice(1);
  words[last] = words[last]!.slice(0, -1);
  if (words[0] === "") words.shift();
  if (words.at(-1) === "") words.pop();
  const [first, operator, operand] = words;
  if (first === undefined) throw args.wrong(0, "invalid condition", "a condition in parentheses");

  const test = first.replace(/^!/, "");
  if (test in fileTests && words.length === 2) return fileCondition(args, test, first.startsWith("!"), operator!);
  if (!/^\$\w+$/.test(first) && !/^\$\{\w+\}$/.test(first))
    throw args.wrong(0, `invalid condition "${first}"`, "a variable or a file test such as -f");
  const value = args.compile(first, args.words[0]!.place);
  if (operator === undefined) {
    return (request) => {
      const text = value.evaluate(request);
      return text !== "" && text !== "0";
    };
  }
  if (operand === undefined || words.length > 3)
    throw args.wrong(0, `invalid condition "${words.join(" ")}"`, "variable operator value");
  return comparison(args, (request) => value.evaluate(request), operator, operand);
}

function fileCondition(args: Arguments, test: string, negated: boolean, path: string): Condition {
  const value = args.compile(path, args.words[1]!.place);
  const holds = fileTests[test]!;
  return (request) => {
    let result: boolean;
    try {
      result = holds(fsPath(args.cycle.path(value.evaluate(request))));
    } catch {
      result = false; // not there, or not ours to see: the test does not hold
    }
    return result !== negated;
  };
}

function comparison(args: Arguments, left: (request: Request) => string, operator: string, operand: string): Condition {
  const place = args.words.at(-1)!.place;
  switch (operator) {
    case "=":
    case "!=": {
      const right = args.compile(operand, place);
      const wanted = operator === "=";
      return (request) => (left(request) === right.evaluate(request)) === wanted;
    }
    case "~":
    case "~*":
    case "!~":
    case "!~*": {
      const pattern = compilePattern(args, operand, place, { caseInsensitive: operator.endsWith("*") });
      const wanted = !operator.startsWith("!");
      return (request) => {
        const captures = pattern.match(left(request), request);
        if (captures) request.captures = captures;
        return (captures !== undefined) === wanted;
      };
    }
    default:
      throw args.wrong(1, `unexpected "${operator}" in condition`, "=, !=, ~, ~*, !~ or !~*");
  }
}
