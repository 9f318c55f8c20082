import { forwardProxyCases } from './cases/forward-proxy.ts';
import { haproxyCases } from './cases/haproxy.ts';
import { networkCases } from './cases/network.ts';
import { nginxCases } from './cases/nginx.ts';
import { otherProxyCases } from './cases/other-proxies.ts';
import { serverCases } from './cases/servers.ts';
import { tlsCases } from './cases/tls.ts';
import { zoo } from './zoo.ts';

// In one file, because most of each run is waiting: together they take little longer than the longest.
zoo([serverCases, nginxCases, haproxyCases, otherProxyCases, forwardProxyCases, tlsCases, networkCases]);
