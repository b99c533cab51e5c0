import { spawn } from 'node:child_process';
import path from 'node:path';
import { eventually } from '../src/testing/wait';

/** The built chassis in a process of its own: what a signal does to it can be seen only from outside. */
export function run(script: string, environment: Record<string, string> = {}, nodeOptions: string[] = []) {
  const dist = path.join(__dirname, '..', 'dist');
  const child = spawn(process.execPath, [...nodeOptions, '-e', script], {
    cwd: dist,
    env: { PATH: process.env['PATH'], ...environment },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    child,
    ended,
    output: () => output,
    says: (text: string) => eventually(() => output.includes(text)),
  };
}
