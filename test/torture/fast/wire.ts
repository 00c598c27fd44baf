// The wire between the gateway's real HTTP client and the simulator's real request handler, without sockets: undici's
// dispatch is where the client's own code ends, and where an exchange here begins. Every exchange passes gates, so that
// a process can die before its request leaves and after it was answered, and answers and late requests can overtake.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, type Dispatcher, Pool } from 'undici';
import type { DouyinSide } from '../../../src/simulator/douyin-side.ts';
import { handleDouyinCall } from '../../../src/simulator/douyin-side.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { scenes, type Stage } from './stage.ts';

/** What the network of one seed does to requests, apart from what the simulator's own faults do. */
export interface Network {
  readonly side: DouyinSide;
  /** Whether this connection cannot be opened. */
  isRefused(): boolean;
  /** How long a request is on its way, milliseconds; its sender may long have given up. */
  travelMs(): number;
  /** Told of each request that leaves. @param bodyText what it carries */
  onDeparture(bodyText: string, process: GatewayProcess | null): void;
}

const networks = new WeakMap<Stage, Network>();

/** Gives a stage its network. Requests of its processes reach `network.side`. */
export function connectStage(stage: Stage, network: Network): void {
  networks.set(stage, network);
}

type Handler = Dispatcher.DispatchHandler;

function dispatch(this: Dispatcher, options: Dispatcher.DispatchOptions, handler: Handler): boolean {
  const scene = scenes.getStore();
  const network = scene && networks.get(scene.stage);
  if (!scene || !network) throw new Error('A request was made off stage');
  void exchange(scene.stage, network, scene.process, options, handler);
  return true;
}

for (const dispatcher of [Pool, Agent]) dispatcher.prototype.dispatch = dispatch;

async function exchange(
  stage: Stage,
  network: Network,
  process: GatewayProcess | null,
  options: Dispatcher.DispatchOptions,
  handler: Handler,
): Promise<void> {
  const gate = () => (process ? process.gate() : stage.gate());
  await gate();
  const controller = new Controller();
  if (network.isRefused()) {
    handler.onResponseError?.(controller, socketError('ECONNREFUSED'));
    return;
  }
  handler.onRequestStart?.(controller, {});
  if (controller.aborted) {
    handler.onResponseError?.(controller, controller.reason ?? socketError('UND_ERR_ABORTED'));
    return;
  }
  const bodyText = typeof options.body === 'string' ? options.body : '';
  network.onDeparture(bodyText, process);
  const response = new Answer();
  controller.onAbort = () => response.close();
  const travel = async () => {
    const travelMs = network.travelMs();
    if (travelMs > 0) await stage.sleep(travelMs);
    else await stage.gate();
    await handleDouyinCall(network.side, {
      message: messageOf(options) as IncomingMessage,
      response: response as unknown as ServerResponse,
      url: new URL(options.path, String(options.origin)),
      bodyText,
    });
  };
  // The network and Douyin belong to no process: they live on when the one that asked has died.
  scenes.run({ stage, process: null }, () => {
    travel().catch((err: unknown) => response.fail(err));
  });
  await response.ended;
  await gate();
  if (controller.aborted) return;
  if (response.failure) throw response.failure;
  if (!response.writableFinished) {
    handler.onResponseError?.(controller, socketError('UND_ERR_SOCKET'));
    return;
  }
  handler.onResponseStart?.(controller, response.status, response.headers);
  handler.onResponseData?.(controller, Buffer.concat(response.pieces));
  handler.onResponseEnd?.(controller, {});
}

function messageOf(options: Dispatcher.DispatchOptions): Partial<IncomingMessage> {
  const headers = Object.entries((options.headers ?? {}) as Record<string, string>);
  return {
    method: options.method,
    url: options.path,
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
  };
}

function socketError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

class Controller implements Dispatcher.DispatchController {
  aborted = false;
  reason: Error | null = null;
  paused = false;
  onAbort: () => void = () => undefined;

  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.onAbort();
  }

  pause(): void {}
  resume(): void {}
}

/** What the simulator writes its answer to: the part of a ServerResponse that it uses. */
class Answer {
  status = 0;
  headers: Record<string, string> = {};
  readonly pieces: Buffer[] = [];
  writableFinished = false;
  destroyed = false;
  failure: Error | null = null;
  readonly #closing: (() => void)[] = [];
  readonly #ended = Promise.withResolvers<void>();
  readonly socket = { destroy: () => this.close() };

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  writeHead(status: number, headers: Record<string, string | number>): this {
    this.status = status;
    this.headers = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
    );
    return this;
  }

  write(piece: Buffer, written?: () => void): boolean {
    this.pieces.push(piece);
    written?.();
    return true;
  }

  end(piece?: Buffer): this {
    if (this.destroyed) return this;
    if (piece) this.pieces.push(piece);
    this.writableFinished = true;
    this.close();
    return this;
  }

  once(_event: 'close', listener: () => void): this {
    this.#closing.push(listener);
    return this;
  }

  /** The connection is gone, whoever ended it. */
  close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    for (const listener of this.#closing.splice(0)) listener();
    this.#ended.resolve();
  }

  fail(err: unknown): void {
    // A simulator that is closed while a call waits gives up that call.
    if ((err as { name?: string }).name !== 'AbortError') {
      this.failure = new Error('the simulator failed', { cause: err });
    }
    this.close();
  }
}
