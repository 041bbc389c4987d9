/** The command line asks for something that does not exist or contradicts itself: exit code 2. */
export class UsageError extends Error {}
