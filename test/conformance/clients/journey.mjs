// What an agent does with a server, by whichever client it is given; what came of it is the report.

const refused = async (promise) => {
  try {
    await promise;
    return 'not refused';
  } catch (error) {
    return `${error.code} ${error.message.replace(/^MCP error -?\d+: /, '')}`; // v1 repeats the code
  }
};

const handover = 'support.incident-handover';

export async function journey(client) {
  const got = await client.getPrompt({ name: handover, arguments: { ticket: '7' } });
  const called = await client.callTool({ name: 'get_prompt', arguments: { id: 'support/incident-handover' } });
  const wrong = await client.callTool({ name: 'get_prompt', arguments: { id: 'support/nothing' } });
  const read = await client.readResource({ uri: 'prompt://support/incident-handover/versions/1' });
  const complete = async (ref, argument, context) =>
    (await client.complete({ ref, argument, ...(context && { context }) })).completion;
  return {
    prompts: (await client.listPrompts()).prompts.map((p) => p.name),
    text: got.messages.map((m) => m.content.text),
    receipt: got._meta['dev.lectern/receipt'].digest.slice(0, 7),
    unknownPrompt: await refused(client.getPrompt({ name: 'support.nothing' })),
    missingArgument: await refused(client.getPrompt({ name: handover })),
    hasTools: (await client.listTools()).tools.some((t) => t.name === 'get_prompt'),
    called: JSON.parse(called.content[0].text).name,
    wrong: [wrong.isError, wrong.content[0].text],
    unknownTool: await refused(client.callTool({ name: 'nothing', arguments: {} })),
    resources: (await client.listResources()).resources.map((r) => r.uri),
    templates: (await client.listResourceTemplates()).resourceTemplates.map((t) => t.uriTemplate),
    read: JSON.parse(read.contents[0].text).messages,
    unknownResource: await refused(client.readResource({ uri: 'prompt://support/nothing' })),
    tones: await complete({ type: 'ref/prompt', name: handover }, { name: 'tone', value: 'b' }),
    names: await complete(
      { type: 'ref/resource', uri: 'prompt://{namespace}/{name}' },
      { name: 'name', value: 'inc' },
      { arguments: { namespace: 'support' } },
    ),
  };
}

export const say = (what) => console.log(JSON.stringify(what));
