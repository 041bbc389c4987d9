import { describe, expect, test } from "bun:test";
import { scriptEnd } from "./script.ts";

/** In each text the brace that ends the body is the last character; what comes after would be found by mistake. */
describe("TypeScript", () => {
  test.each([
    "}",
    " return 1; }",
    "{} }",
    "{{}{}} }",
    "'}' }",
    '"}" }',
    "'\\'}' }",
    '"\\\\" }',
    "'unclosed }\n }",
    "`}` }",
    "`${'}'}` }",
    "`${`${{a: '}'}.a}}`}}` }",
    "`\\${}` }",
    "`$` }",
    "`a${b}c${d}}` }",
    "// }\n }",
    "/* } */ }",
    "/* // */ }",
    "a = 1 /* } */ / 2; // }\n }",
    "/}/.test(a) }",
    "/[/}]/.test(a) }",
    "/\\/}/.test(a) }",
    "return /}/ }",
    "x = /}/g }",
    "f(/}/, /{/) }",
    "[/}/] }",
    "a && /}/.test(b) }",
    "!/}/.test(b) }",
    "a ? /}/ : /{/ }",
    "if (a) /}/.test(b) }",
    "while (a) /}/.exec(b) }",
    "for (const a of /}/.exec(b)) {} }",
    "x => /}/ }",
    "{ }\n/}/.test(a) }",
    "function f() {}\n/}/.test(a) }",
    "class A {}\n/}/.test(a) }",
    "class A extends B {}\n/}/.test(a) }",
    "try {} finally {}\n/}/.test(a) }",
    "case /}/: {} }",
    "a / b; '/}' }",
    "a / b / c }",
    "a++ / b; c = '/' }",
    "a-- / 2 / 1 }",
    "(a) / b; '}/' }",
    "a[0] / b; '}/' }",
    "f() / 2; '}/' }",
    "this / 2; '}/' }",
    "1 / 2; '}/' }",
    "1. / 2; '}/' }",
    "1.5 / 2; '}/' }",
    "1e3 / 2; '}/' }",
    "a! / b; '}/' }",
    "a.return / b; '}/' }",
    "a.if (b) / c; '}/' }",
    "x = {} / 2; '}/' }",
    "x = { a: {} / 2, b: '}/' } }",
    "f({}, {} / 2, '}/') }",
    "`a` / 2; '}/' }",
    "'a' / 2; '}/' }",
    "/a/ / 2; '}/' }",
    "a /= 2; '}/' }",
    "a\n/ b; '}/' }",
    "const f = (a: {b: string}): {c: number} => ({ c: a.b.length / 2 }); '}/' }",
    "const m = new Map<string, { a: number }>(); }",
    "type A = { b: `${string}}` }; interface C { d(): void } }",
    "label: { break label; } /}/.test(a) }",
    "switch (a) { case 1: { b; } /}/.test(c); default: { } } }",
    "for (;;) { if (/[}]/.test(a)) break; } }",
    "async () => { await /}/; yield /}/ } }",
    "const größe = 2; größe / 2; '}/' }",
    "a?.b / 2; '}/' }",
    "({ a() { return /}/ }, get b() { return 1 / 2 } }) }",
    "@dec class A { #b = /}/; static { /}/.test(x) } } }",
    "if (a) { f( } }",
    "x = [ } ",
  ])("%p", (text) => {
    const trimmed = text.trimEnd();
    expect(scriptEnd(`${trimmed} } /}/ '`, 0, "ts")).toBe(trimmed.length - 1);
  });

  test.each(["", "{", "`", "`${", "`${}", "/*", "'", "{ }"])("%p has no end", (text) => {
    expect(scriptEnd(text, 0, "ts")).toBe(-1);
  });

  test("takes time that grows with the text, not faster", () => {
    for (const part of ["/", "a/", "`${", "{", "(", "/[", "a!", "// \n", "x=/", "'", "\\"])
      expect(scriptEnd(part.repeat(100_000 / part.length), 0, "ts")).toBe(-1);
  });
});

describe("Lua", () => {
  test.each([
    "}",
    "local t = { a = {} } }",
    "-- don't }\n }",
    "--[[ } ]] }",
    "--[==[ }]] ]==] }",
    "[[ } ]] }",
    "[=[ ]] } ]=] }",
    "'}' \"}\" }",
    "'\\'}' }",
    "t[1] = t[t[2]] }",
  ])("%p", (text) => expect(scriptEnd(`${text} }`, 0, "lua")).toBe(text.length - 1));

  test.each(["", "{}", "--[[ }", "[[ }", "-- }"])("%p has no end", (text) => {
    expect(scriptEnd(text, 0, "lua")).toBe(-1);
  });
});
