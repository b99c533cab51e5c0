/** nginx, for benchmarks that are written in TypeScript; nginx.js says where it comes from. */
export function provideNginx(options?: {
  find?: () => string | undefined;
  canInstall?: boolean;
  install?: () => Promise<void>;
}): Promise<string>;
export function nginxVersion(program: string): string;
