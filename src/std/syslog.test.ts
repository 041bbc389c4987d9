import { createSocket } from "node:dgram";
import { expect, test } from "bun:test";
import { parseSyslog, Syslog, type SyslogOptions } from "./syslog.ts";

test("options and their defaults", () => {
  expect(parseSyslog("syslog:server=10.0.0.1")).toEqual({
    server: { host: "10.0.0.1", port: 514 },
    facility: 23,
    severity: 6,
    tag: "nginx",
    hostname: true,
  });
  expect(parseSyslog("syslog:server=unix:/dev/log,facility=user,severity=alert,tag=a_1,nohostname")).toEqual({
    server: { path: "/dev/log" },
    facility: 1,
    severity: 1,
    tag: "a_1",
    hostname: false,
  });
});

test.each([
  ["syslog:", "unknown syslog parameter"],
  ["syslog:facility=user", "no syslog server specified"],
  ["syslog:server=a,server=b", 'duplicate syslog "server"'],
  ["syslog:server=a:99999", "invalid address in syslog server"],
  ["syslog:server=a,facility=x", 'unknown syslog facility "x"'],
  ["syslog:server=a,severity=x", 'unknown syslog severity "x"'],
  ["syslog:server=a,tag=a-b", "only allows alphanumeric"],
  [`syslog:server=a,tag=${"x".repeat(33)}`, "length exceeds 32"],
])("%p is refused", (text, words) => expect(parseSyslog(text)).toContain(words));

test("a line is one datagram, with priority, time, host and tag in front", async () => {
  const receiver = createSocket("udp4");
  const { promise, resolve } = Promise.withResolvers<string>();
  receiver.on("message", (message) => resolve(message.toString("latin1")));
  await new Promise<void>((bound) => receiver.bind(0, "127.0.0.1", bound));
  const log = new Syslog(parseSyslog(`syslog:server=127.0.0.1:${receiver.address().port},tag=t`) as SyslogOptions);
  log.write("something happened\n", "error");
  expect(await promise).toMatch(/^<187>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ t: something happened$/);
  log.close();
  receiver.close();
});
