/** The ids of `nobody` where we are root and it can reach these; unprivileged.js says when not. */
export function unprivilegedUser(
  dataFolder: string,
  ...needed: string[]
): { uid: number; gid: number } | undefined;
/** Gives a folder and all in it to that user. */
export function giveTo(user: { uid: number; gid: number } | undefined, folder: string): void;
