/** The root of this checkout. */
export const root: string;
/** A folder under `.local`, made if need be. */
export function localFolder(...parts: string[]): string;
