import http from 'node:http';
import express, { type Express, type Request, type Response } from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

/** http-proxy-middleware alone on Express, as its users set it up: a fixed target, connections that stay open, errors answered. */
export function createBareProxy(target: string): Express {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 64 });
  return express().use(
    createProxyMiddleware<Request, Response>({
      target,
      agent,
      changeOrigin: true,
      xfwd: true,
      proxyTimeout: 3_000,
      on: {
        error: (_error, _request, response) => {
          if (!('headersSent' in response) || response.headersSent) response.destroy();
          else response.status(502).json({ code: 'UPSTREAM' });
        },
      },
    }),
  );
}
