import { createBareProxy } from './bare-proxy';

const [, , port, upstreamPort] = process.argv;
createBareProxy(`http://127.0.0.1:${upstreamPort}`).listen(Number(port), '127.0.0.1', (error?: Error) => {
  if (error) throw error;
});
