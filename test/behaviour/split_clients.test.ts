import { block } from "../lib/index.ts";

block("the same share for the same key", {
  http: `
    split_clients $arg_x $half { 50% first; * second; }
    split_clients $arg_x $few { 0.01% rare; 10% some; }
    split_clients $arg_x $all { 100% all; }
  `,
  server: 'location / { return 200 "$half [$few] $all"; }',
  steps: [
    // murmur2 of them: 324 500 635, 2 456 313 694, 646 393 889
    { get: "/?x=abc", body: "first [some] all" },
    { get: "/?x=a", body: "second [] all" },
    { get: "/?x=abcd", body: "first [] all" },
  ],
});

const split = (entries: string) => ({ http: `split_clients $uri $x { ${entries} }` });
block("more than the whole", { ...split("60% a; 60% b;"), refused: ["percent total is greater than 100%"] });
block("no percentage", { ...split("half a;"), refused: ['invalid percent value "half"'] });
