/** For tests that are written in TypeScript; observability.js says what it does. */
export function rules(options?: { isHurried?: boolean }): Record<string, string>;
