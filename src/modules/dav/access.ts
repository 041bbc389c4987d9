import type { Arguments } from "../../core/arguments.ts";

/** `user:rw group:rw all:r` as permission bits; the owner may always read and write what is not said otherwise. */
export function readAccess(args: Arguments): number {
  const shifts = { user: 6, group: 3, all: 0 } as const;
  const bits = { r: 4, rw: 6 } as const;
  let access = 0;
  let userSaid = false;
  for (let i = 0; i < args.count; i++) {
    const match = /^(user|group|all):(rw|r)$/.exec(args.text(i));
    if (!match) throw args.wrong(i, `invalid value "${args.text(i)}"`, "user:, group: or all: and r or rw");
    access |= bits[match[2] as keyof typeof bits] << shifts[match[1] as keyof typeof shifts];
    userSaid ||= match[1] === "user";
  }
  return userSaid ? access : access | 0o600;
}

/** Who may read a file may search its directory. */
export function directoryAccess(access: number): number {
  return access | ((access & 0o444) >> 2);
}
