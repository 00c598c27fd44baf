import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { eventually } from '../../support/eventually.ts';
import { TcpProxy } from './tcp-proxy.ts';

let server: Server;
let proxy: TcpProxy;
let heard = '';
let callers: Socket[] = [];

beforeEach(async () => {
  heard = '';
  callers = [];
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
      socket.write(`echo ${chunk.toString()}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = new TcpProxy(() => (server.address() as AddressInfo).port);
  await proxy.listen();
});
afterEach(async () => {
  for (const caller of callers) caller.destroy();
  await proxy.close();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

async function call(): Promise<{ socket: Socket; told: () => string }> {
  const socket = connect(proxy.port, '127.0.0.1');
  callers.push(socket);
  let told = '';
  socket.on('data', (chunk: Buffer) => (told += chunk.toString()));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return { socket, told: () => told };
}

describe('TcpProxy', () => {
  it('passes both ways while it is open', async () => {
    const { socket, told } = await call();
    socket.write('a');
    await eventually(() => told() === 'echo a');
  });

  it('holds requests while it stalls, and delivers them when it heals, though the caller has gone', async () => {
    const { socket } = await call();
    socket.write('a');
    await eventually(() => heard === 'a');
    proxy.set('stall');
    socket.write('b');
    socket.end();
    const other = await call();
    other.socket.write('c');
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toBe('a');
    proxy.set('open');
    await eventually(() => heard.includes('b') && heard.includes('c'));
  });

  it('lets requests through and holds their answers while it stalls answers', async () => {
    const { socket, told } = await call();
    proxy.set('stall_answers');
    socket.write('a');
    await eventually(() => heard === 'a');
    expect(told()).toBe('');
    proxy.set('open');
    await eventually(() => told() === 'echo a');
  });

  it('cuts what is open, and every new connection', async () => {
    const { socket } = await call();
    const closed = once(socket, 'close');
    proxy.set('cut');
    await closed;
    const again = connect(proxy.port, '127.0.0.1');
    await new Promise<void>((resolve) => {
      again.on('error', () => undefined);
      again.on('close', () => resolve());
    });
    expect(heard).toBe('');
  });
});
