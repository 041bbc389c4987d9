import type { Ngx } from "resty";

// Many operations in one request, so that the request itself does not count.
const OPERATIONS = 1000;
const VALUE = "v".repeat(200);
const keys = Array.from({ length: 256 }, (_, i) => `key:${String(i).padStart(28, "0")}`);

export default (ngx: Ngx) => {
  const operation = ngx.var["operation"];
  // Numbers and texts have their own dictionaries: incr of a text would only count refusals.
  const dict = operation === "incr" ? ngx.shared["counters"]! : ngx.shared["values"]!;
  switch (operation) {
    case "get":
      if (dict.get(keys[0]!) === undefined) for (const key of keys) dict.set(key, VALUE);
      for (let i = 1; i <= OPERATIONS; i++) dict.get(keys[i % 256]!);
      break;
    case "set":
      for (let i = 1; i <= OPERATIONS; i++) dict.set(keys[i % 256]!, VALUE);
      break;
    case "incr":
      for (let i = 1; i <= OPERATIONS; i++) dict.incr(keys[i % 256]!, 1, 0);
      break;
  }
  return "ok\n";
};
