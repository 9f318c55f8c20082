import { describe, expect, it } from 'vitest';
import type { Product } from '../../src/facts/rules/rule.ts';
import { idsOf, lintText } from './support.ts';

/** What the packages of Debian 12 ship, cut down to the directives, for machines without them. */
const modelled: Readonly<Record<string, readonly [Product, string]>> = {
  nginx: [
    'nginx',
    `user www-data;
worker_processes auto;
pid /run/nginx.pid;
events { worker_connections 768; }
http {
  sendfile on;
  default_type application/octet-stream;
  gzip on;
  server {
    listen 80 default_server;
    root /var/www/html;
    server_name _;
    location / { try_files $uri $uri/ =404; }
  }
}
`,
  ],
  haproxy: [
    'haproxy',
    `global
	log /dev/log	local0
	daemon
defaults
	log	global
	mode	http
	option	httplog
	timeout connect 5000
	timeout client  50000
	timeout server  50000
	errorfile 400 /etc/haproxy/errors/400.http
`,
  ],
  apache2: [
    'apache',
    `Timeout 300
KeepAlive On
Listen 80
LoadModule alias_module modules/mod_alias.so
<Directory />
	Require all denied
</Directory>
<VirtualHost *:80>
	DocumentRoot /var/www/html
	ErrorLog \${APACHE_LOG_DIR}/error.log
</VirtualHost>
`,
  ],
  caddy: ['caddy', ':80 {\n\troot * /usr/share/caddy\n\tfile_server\n}\n'],
};

const context = { cores: 2, heartbeatMs: 25_000, connections: 20_000, path: '/ws' };

describe('the configurations that Debian ships', () => {
  it.each(Object.entries(modelled))('cause no alarm, as modelled for %s', (_package, [product, text]) => {
    expect(idsOf(lintText(product, text))).toEqual([]);
    expect(idsOf(lintText(product, text, context))).toEqual([]);
  });
});
