import { createUpstream } from './upstream';

createUpstream().listen(Number(process.argv[2]), '127.0.0.1');
