// The second generation of the official client, which finds out by itself which era a server speaks.
// Having made its journey it listens, says so, and says what it was told first of each kind.
//   node v2.mjs PACKAGES URL
import { createRequire } from 'node:module';
import { journey, say } from './journey.mjs';

const [packages, url] = process.argv.slice(2);
const require = createRequire(`${packages}/package.json`);
const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');

const client = new Client({ name: 'typescript-v2', version: '1' }, { versionNegotiation: { mode: 'auto' } });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
say({ version: client.getNegotiatedProtocolVersion(), capabilities: client.getServerCapabilities(), ...(await journey(client)) });

const kinds = { promptsListChanged: true, resourcesListChanged: true };
const told = new Map();
const everything = Promise.withResolvers();
for (const method of ['notifications/prompts/list_changed', 'notifications/resources/list_changed', 'notifications/resources/updated']) {
  client.setNotificationHandler(method, (note) => {
    told.set(method, note.params?.uri ?? '');
    if (told.size === 3) everything.resolve();
  });
}
const stream = await client.listen({ ...kinds, resourceSubscriptions: ['prompt://support/incident-handover', 'other://nothing'] });
say({ listening: stream.honoredFilter });
await everything.promise;
say({ told: Object.fromEntries([...told].sort()) });
await stream.close();
await client.close();
