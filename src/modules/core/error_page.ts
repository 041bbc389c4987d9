import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";

/** What one `error_page` says for one status. */
export interface ErrorPage {
  readonly status: number;
  /** "keep" answers with the status itself, "page" with the page's own (`=`), a number with that one (`=200`). */
  readonly answer: "keep" | "page" | number;
  readonly target: ComplexValue;
}

/** `error_page 500 502 =200 /50x.html` */
export function readErrorPage(args: Arguments): ErrorPage[] {
  const words = args.words;
  const last = words.length - 1;
  const target = args.complex(last);
  const equals = words[last - 1]!.text;
  const answer = !equals.startsWith("=") ? "keep" : equals === "=" ? "page" : args.integerOf(last - 1, equals.slice(1));
  const codes = words.slice(0, answer === "keep" ? last : last - 1);
  if (codes.length === 0) throw args.wrong(0, 'invalid number of arguments in "error_page" directive');
  return codes.map((word, i) => {
    const status = args.integerOf(i, word.text);
    if (status < 300 || status > 599 || status === 499)
      throw args.wrong(i, `value "${word.text}" must be between 300 and 599`, "a status from 300 to 599");
    return { status, answer, target };
  });
}
