import { block } from "../lib/block.ts";

const refused = (size: string, ...words: string[]) =>
  block(`a dictionary of ${size} is refused`, { http: `shared_dict d ${size};`, refused: words });
refused("4k", 'invalid lua shared dict size "4k"', "expected a size from 8k to 4g");
refused("5g", 'invalid lua shared dict size "5g"', "expected a size from 8k to 4g");
refused("4294967297", 'invalid lua shared dict size "4294967297"', "expected a size from 8k to 4g");
refused("many", "many", "nginx.conf");
