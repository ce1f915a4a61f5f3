// Starts the servers of this directory on free ports of 127.0.0.1 and writes
// their addresses, as one line of JSON, to the file named by --ready. They end
// with SIGTERM, or when the process that started them is gone.
//
//   node servers.js --ready FILE [--ttl SECONDS] [--client-secret TEXT]

import { renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { startAuthority } from './authority.js';
import { startControl } from './control.js';
import { startGate } from './gate.js';
import { startRecords } from './records.js';

const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(0);
}, 250);
process.on('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => process.exit(0));

const { values } = parseArgs({
  options: {
    ready: { type: 'string' },
    ttl: { type: 'string', default: '3' },
    'client-secret': { type: 'string', default: 'the-secret-of-the-sync-client' },
  },
});
const ttl = Number(values.ttl);
if (!values.ready || !Number.isInteger(ttl) || ttl < 1) {
  console.error('usage: node servers.js --ready FILE [--ttl SECONDS] [--client-secret TEXT]');
  process.exit(2);
}

const authority = await startAuthority({ ttl, clientSecret: values['client-secret'] });
const records = await startRecords();
const gate = await startGate({ authority, records });
const control = await startControl({ authority, records, gate });

const ready = {
  oidc: authority.url,
  api: gate.url,
  token_url: authority.tokenUrl,
  client_id: authority.clientId,
  client_secret: authority.clientSecret,
  accounts: {
    alice: await authority.signIn('alice', { accessToken: true }),
    bob: await authority.signIn('bob'),
    carol: await authority.signIn('carol'),
  },
  control: control.url,
};
writeFileSync(`${values.ready}.new`, `${JSON.stringify(ready)}\n`, { mode: 0o600 });
renameSync(`${values.ready}.new`, values.ready);
