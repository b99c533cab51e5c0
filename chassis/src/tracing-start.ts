import { startTracing } from './tracing-lifecycle';

startTracing();
