/** schemas.js says what each does. */
export function createSchemas(
  adminUrl: string,
  namespace: string,
  services: string[],
): Promise<Record<string, string>>;
export function dropSchemas(adminUrl: string, namespace: string, services: string[]): Promise<void>;
