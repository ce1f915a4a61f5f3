// The gate is ours, the only part of the API that is. It stands before
// json-server, asks oidc-provider about the bearer token of every request, and
// lets an account see only its own records: the `owner` parameter must name it.
// All else passes through untouched, the Host header too, so that json-server
// writes Link headers with the address that the client used.

import http from 'node:http';

import { listen } from './listen.js';

const hopByHop = ['connection', 'keep-alive', 'transfer-encoding'];

export async function startGate({ authority, records }) {
  const agent = new http.Agent({ keepAlive: true });
  const stats = { requests: 0, unauthorized: 0, forbidden: 0, statuses: {}, accounts: {} };
  let served = () => {};

  async function handle(request, response) {
    stats.requests += 1;
    response.on('finish', () => {
      stats.statuses[response.statusCode] = (stats.statuses[response.statusCode] ?? 0) + 1;
    });

    const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const account = token && await accountOf(token);
    if (!account) {
      stats.unauthorized += 1;
      const challenge = token ? 'Bearer realm="records", error="invalid_token"' : 'Bearer realm="records"';
      return answer(response, 401, { error: 'invalid_token' }, { 'WWW-Authenticate': challenge });
    }
    const { pathname, searchParams } = new URL(request.url, 'http://gate');
    const collection = pathname.slice(1);
    if (!records.names.includes(collection)) return answer(response, 404, { error: 'not_found' });
    if (searchParams.getAll('owner').join() !== account) {
      stats.forbidden += 1;
      return answer(response, 403, { error: 'not_your_records' });
    }

    const counts = ((stats.accounts[account] ??= {})[collection] ??= { requests: 0 });
    counts.requests += 1;
    response.on('finish', () => served(collection, account));
    return forward(request, response);
  }

  async function accountOf(token) {
    const reply = await fetch(authority.introspectionUrl, {
      method: 'POST',
      headers: { authorization: authority.gateAuthorization },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
    });
    if (!reply.ok) throw new Error(`introspection: ${reply.status}`);
    const facts = await reply.json();
    return facts.active && facts.token_type === 'Bearer' ? facts.sub : undefined;
  }

  function forward(request, response) {
    const onward = http.request(new URL(request.url, records.url), {
      agent, method: request.method, headers: without(request.headers),
    }, (reply) => {
      response.writeHead(reply.statusCode, without(reply.headers));
      reply.pipe(response);
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  }

  const url = await listen(http.createServer((request, response) => {
    handle(request, response).catch((error) => {
      console.error(error);
      if (response.headersSent) response.destroy();
      else answer(response, 502, { error: 'bad_gateway' });
    });
  }));

  return { url, stats, onServed: (listener) => { served = listener; } };
}

function without(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.includes(name)));
}

function answer(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(`${JSON.stringify(body)}\n`);
}
