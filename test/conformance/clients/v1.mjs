// The first generation of the official client, which begins with initialize.
//   node v1.mjs PACKAGES URL
import { createRequire } from 'node:module';
import { journey, say } from './journey.mjs';

const [packages, url] = process.argv.slice(2);
const require = createRequire(`${packages}/package.json`);
const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = require('@modelcontextprotocol/sdk/client/streamableHttp.js');

const client = new Client({ name: 'typescript-v1', version: '1' });
const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
say({ version: transport.protocolVersion, capabilities: client.getServerCapabilities(), ...(await journey(client)) });
await client.close();
