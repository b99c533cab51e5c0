export interface NginxSite {
  port: number;
  upstreamPort: number;
  /** Idle connections to the upstream that each worker keeps: as many as the load has, so that none is opened anew. */
  keepalive: number;
}

/**
 * nginx as a reverse proxy and nothing else: no log, no limits, no authentication. Connections to both sides stay open for as long as the load
 * lasts (by default nginx ends each after 1,000 requests), and everything that it writes is in `folder`.
 */
export const nginxConfig = (options: {
  folder: string;
  workers: number | 'auto';
  sites: NginxSite[];
}): string => `worker_processes ${options.workers};
daemon off;
pid ${options.folder}/nginx.pid;
error_log stderr warn;

events {
  worker_connections 4096;
}

http {
  access_log off;
  client_body_temp_path ${options.folder}/body;
  proxy_temp_path ${options.folder}/proxy;
  fastcgi_temp_path ${options.folder}/fastcgi;
  uwsgi_temp_path ${options.folder}/uwsgi;
  scgi_temp_path ${options.folder}/scgi;
  keepalive_requests 100000000;
  tcp_nodelay on;
${options.sites.map(siteOf).join('')}}
`;

const siteOf = ({ port, upstreamPort, keepalive }: NginxSite): string => `
  upstream behind_${port} {
    server 127.0.0.1:${upstreamPort};
    keepalive ${keepalive};
    keepalive_requests 100000000;
  }

  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://behind_${port};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
`;
