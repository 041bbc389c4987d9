/** What `(?i)` and its like turn on, for the rest of the group they stand in. */
export interface Options {
  caseless: boolean;
  multiline: boolean;
  dotAll: boolean;
  extended: boolean;
  extendedInClasses: boolean;
  noCapture: boolean;
  ungreedy: boolean;
}

export function setOption(options: Options, letter: string, on: boolean): void {
  switch (letter) {
    case "i":
      options.caseless = on;
      break;
    case "m":
      options.multiline = on;
      break;
    case "s":
      options.dotAll = on;
      break;
    case "n":
      options.noCapture = on;
      break;
    case "x":
      options.extended = on;
      options.extendedInClasses = false;
      break;
    case "U":
      options.ungreedy = on;
      break;
  }
}
