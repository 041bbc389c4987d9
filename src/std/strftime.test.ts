import { expect, test } from "bun:test";
import { strftime } from "./strftime.ts";

const format = "%a|%A|%b|%B|%C|%d|%e|%H|%I|%j|%k|%l|%m|%M|%p|%P|%S|%u|%U|%w|%W|%G|%g|%V|%y|%Y|%%|%c|%D|%F|%r|%R|%T";

// Printed by glibc.
const rows: [seconds: number, text: string][] = [
  [
    0,
    "Thu|Thursday|Jan|January|19|01| 1|00|12|001| 0|12|01|00|AM|am|00|4|00|4|00|1970|70|01|70|1970|%|Thu Jan  1 00:00:00 1970|01/01/70|1970-01-01|12:00:00 AM|00:00|00:00:00",
  ],
  [
    951827696,
    "Tue|Tuesday|Feb|February|20|29|29|12|12|060|12|12|02|34|PM|pm|56|2|09|2|09|2000|00|09|00|2000|%|Tue Feb 29 12:34:56 2000|02/29/00|2000-02-29|12:34:56 PM|12:34|12:34:56",
  ],
  [
    1199145599,
    "Mon|Monday|Dec|December|20|31|31|23|11|365|23|11|12|59|PM|pm|59|1|52|1|53|2008|08|01|07|2007|%|Mon Dec 31 23:59:59 2007|12/31/07|2007-12-31|11:59:59 PM|23:59|23:59:59",
  ],
  [
    1230768000,
    "Thu|Thursday|Jan|January|20|01| 1|00|12|001| 0|12|01|00|AM|am|00|4|00|4|00|2009|09|01|09|2009|%|Thu Jan  1 00:00:00 2009|01/01/09|2009-01-01|12:00:00 AM|00:00|00:00:00",
  ],
  [
    1704067199,
    "Sun|Sunday|Dec|December|20|31|31|23|11|365|23|11|12|59|PM|pm|59|7|53|0|52|2023|23|52|23|2023|%|Sun Dec 31 23:59:59 2023|12/31/23|2023-12-31|11:59:59 PM|23:59|23:59:59",
  ],
  [
    1735689600,
    "Wed|Wednesday|Jan|January|20|01| 1|00|12|001| 0|12|01|00|AM|am|00|3|00|3|00|2025|25|01|25|2025|%|Wed Jan  1 00:00:00 2025|01/01/25|2025-01-01|12:00:00 AM|00:00|00:00:00",
  ],
  [
    1609459200,
    "Fri|Friday|Jan|January|20|01| 1|00|12|001| 0|12|01|00|AM|am|00|5|00|5|00|2020|20|53|21|2021|%|Fri Jan  1 00:00:00 2021|01/01/21|2021-01-01|12:00:00 AM|00:00|00:00:00",
  ],
  [
    1483228799,
    "Sat|Saturday|Dec|December|20|31|31|23|11|366|23|11|12|59|PM|pm|59|6|52|6|52|2016|16|52|16|2016|%|Sat Dec 31 23:59:59 2016|12/31/16|2016-12-31|11:59:59 PM|23:59|23:59:59",
  ],
];

for (const [seconds, text] of rows)
  test(String(seconds), () => expect(strftime(format, new Date(seconds * 1000), true)).toBe(text));

test("zones, seconds since the epoch, and what is no field", () => {
  expect(strftime("%s %z %Z %Q %", new Date(1000), true)).toBe("1 +0000 GMT %Q %");
});
