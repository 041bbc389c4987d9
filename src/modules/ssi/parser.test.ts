import { describe, expect, test } from "bun:test";
import { SsiParser, type Token } from "./parser.ts";

/** Tokens as short text: what is not a command or an error, then `name(key=value)` or `!message`. */
function shown(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      if (token.kind === "text") return token.text;
      if (token.kind === "error") return `!${token.message}!`;
      return `[${token.name}${token.parameters.map(([key, value]) => ` ${key}=${value}`).join("")}]`;
    })
    .join("");
}

const rows: [input: string, output: string][] = [
  ["text", "text"],
  ["", ""],
  ['a<!--#echo var="x" -->b', "a[echo var=x]b"],
  ["<!--#endif-->", "[endif]"],
  ["<!--# else -->", "[else]"],
  ["<!--#if expr='$a = \"b\"'  -->", '[if expr=$a = "b"]'],
  ['<!--#set\n\tvar = "a"\tvalue="\\"b\\\\" -->', '[set var=a value=\\"b\\\\]'],
  ["<<!--#endif -->", "<[endif]"],
  ["<!-- a comment --><!-", "<!-- a comment --><!-"],
  ["<!--<!--#endif -->", "<!--[endif]"],
  ["<!--#endif x -->b", '!unexpected "-" symbol after "x" parameter in "endif" SSI command!b'],
  ["<!--#echo var=x -->b", '!unexpected "x" symbol before value of "var" parameter in "echo" SSI command!b'],
  ['<!--#echo var="x"y -->b', '!unexpected "y" symbol after "x" value of "var" parameter in "echo" SSI command!b'],
  ['<!--#echo var="12345678901" -->b', '!too long "12345678901..." value of "var" parameter in "echo" SSI command!b'],
  [`<!--#${"x".repeat(33)} -->b`, `!the "${"x".repeat(33)}..." SSI command is too long!b`],
  ["<!--#a- -->b", '!unexpected " " symbol in "a" SSI command!b'],
  ["<!--#echo x--->b-->c", '!unexpected "-" symbol after "x" parameter in "echo" SSI command!c'],
  ["a<!--#echo", "a"],
];

for (const [input, output] of rows)
  describe(input, () => {
    test("whole", () => expect(shown(new SsiParser(10).push(input, true))).toBe(output));
    test("byte by byte", () => {
      const parser = new SsiParser(10);
      const tokens = [...input].flatMap((c) => parser.push(c, false));
      expect(shown([...tokens, ...parser.push("", true)])).toBe(output);
    });
  });
