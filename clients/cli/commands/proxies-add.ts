import { randomUUID } from 'node:crypto';
import {
  CreateProxyResponseSchema,
  ProxyRegistryService,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { command, type Invocation } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { Misuse } from '../misuse.ts';
import { proxyTable } from '../proxy-text.ts';
import { readCount, readLabels } from '../values.ts';

const options = {
  username: {
    type: 'string',
    value: 'NAME',
    doc: 'user name; the password is asked for, or read from a pipe',
  },
  'password-file': { type: 'string', value: 'PATH', doc: 'a file that holds the password' },
  name: { type: 'string', value: 'NAME', doc: 'your name for it' },
  label: { type: 'string', value: 'KEY=VALUE', multiple: true, doc: 'a label to give it' },
  country: { type: 'string', value: 'CC', doc: 'where it comes out, as DE' },
  capacity: { type: 'string', value: 'COUNT', doc: "accounts it may have (default: the deployment's)" },
} as const;

const MAX_PASSWORD_BYTES = 1_024;

export const proxiesAdd = command({
  name: 'proxies add',
  summary: 'adds a SOCKS5 proxy, which is looked at in the background',
  operands: ['HOST:PORT'],
  options,
  examples: [
    'telegate proxies add 198.51.100.7:1080 --username anna --country DE',
    'telegate proxies add proxy.example.org:1080 --username anna --password-file ./password',
  ],
  async run(call) {
    const { operands, values, service, out, clock } = call;
    const { host, port } = readAddress(operands[0]!);
    const capacity = readCount('--capacity', values.capacity, { max: 100_000, byDefault: 0 });
    const labels = readLabels('--label', values.label);
    const registry = service(ProxyRegistryService);
    const request = {
      proxy: {
        host,
        port,
        username: values.username ?? '',
        password: await password(call),
        name: values.name ?? '',
        labels,
        country: values.country ?? '',
        capacity,
      },
      requestId: randomUUID(),
    };
    const response = await registry.call((client) => client.createProxy(request));
    out.answer(CreateProxyResponseSchema, response, () => proxyTable([response.proxy!], clock.now()));
    return exitCode.ok;
  },
});

/** Never an option: everybody on a machine can read command lines. */
async function password({ values, ask, readInput }: Invocation<typeof options>): Promise<string> {
  const file = values['password-file'];
  if (values.username === undefined) {
    if (file !== undefined) throw new Misuse('--password-file needs --username.');
    return '';
  }
  if (file === undefined) return await ask('Password of the proxy: ', { hidden: true });
  return (await readInput(file, MAX_PASSWORD_BYTES)).toString('utf8').replace(/\r?\n$/, '');
}

function readAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? 0);
  if (!match || port < 1 || port > 65_535)
    throw new Misuse(
      'The proxy must be written host:port, an IPv6 address in brackets; user and password are no part of it.',
    );
  return { host: (match[1] ?? match[2])!, port };
}
