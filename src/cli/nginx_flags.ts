/** The command line that nginx's users type: `-t -c FILE -p PREFIX -g DIRECTIVES -e FILE -s SIGNAL`, `-tq`. */
export interface NginxFlags {
  readonly help: boolean;
  /** `-v` and `-V`: "short" or with how it was built. */
  readonly version: "short" | "full" | undefined;
  /** `-t` and `-T`. */
  readonly test: boolean;
  readonly dump: boolean;
  readonly quiet: boolean;
  readonly file: string | undefined;
  readonly prefix: string | undefined;
  readonly directives: string;
  readonly errorLog: string | undefined;
  readonly signal: "stop" | "quit" | "reload" | "reopen" | undefined;
}

/** @throws Error in nginx's words. */
export function parseNginxFlags(argv: readonly string[]): NginxFlags {
  const flags: { -readonly [K in keyof NginxFlags]: NginxFlags[K] } = {
    help: false,
    version: undefined,
    test: false,
    dump: false,
    quiet: false,
    file: undefined,
    prefix: undefined,
    directives: "",
    errorLog: undefined,
    signal: undefined,
  };
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (!word.startsWith("-") || word.length < 2) throw new Error(`invalid option: "${word}"`);
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      if ("pecgs".includes(letter)) {
        const value = at + 1 < word.length ? word.slice(at + 1) : argv[++i];
        if (value === undefined || value === "") throw new Error(missing[letter]!);
        setValue(flags, letter, value);
        break;
      }
      setLetter(flags, letter);
    }
  }
  return flags;
}

const missing: Readonly<Record<string, string>> = {
  p: 'option "-p" requires directory name',
  e: 'option "-e" requires file name',
  c: 'option "-c" requires file name',
  g: 'option "-g" requires parameter',
  s: 'option "-s" requires parameter',
};

type Mutable = { -readonly [K in keyof NginxFlags]: NginxFlags[K] };

function setValue(flags: Mutable, letter: string, value: string): void {
  if (letter === "p") flags.prefix = value;
  else if (letter === "e") flags.errorLog = value;
  else if (letter === "c") flags.file = value;
  else if (letter === "g") flags.directives = value;
  else if (value === "stop" || value === "quit" || value === "reload" || value === "reopen") flags.signal = value;
  else throw new Error(`invalid option: "-s ${value}"`);
}

function setLetter(flags: Mutable, letter: string): void {
  if (letter === "?" || letter === "h") flags.help = true;
  else if (letter === "v") flags.version ??= "short";
  else if (letter === "V") flags.version = "full";
  else if (letter === "t") flags.test = true;
  else if (letter === "T") flags.test = flags.dump = true;
  else if (letter === "q") flags.quiet = true;
  else throw new Error(`invalid option: "${letter}"`);
}
