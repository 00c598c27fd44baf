// A TCP proxy whose connections can be cut or stalled. What a stall holds back is delivered when it ends, also when one
// side has gone meanwhile: late arrivals are part of real networks. It knows nothing of what it carries.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const LOOPBACK = '127.0.0.1';

/** `swallow_answers`: what comes back is gone for good. */
export type ProxyState = 'open' | 'cut' | 'stall' | 'stall_answers' | 'swallow_answers';

interface Pair {
  readonly caller: Socket;
  readonly target: Socket;
  /** Something of what came back was swallowed. */
  isSpoilt: boolean;
}

export class TcpProxy {
  readonly #targetPort: () => number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #abandoned = new Set<Pair>();
  #state: ProxyState = 'open';

  /** @param targetPort asked at every new connection */
  constructor(targetPort: () => number) {
    this.#targetPort = targetPort;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (caller) => {
      this.#join(caller);
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, LOOPBACK, resolve);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `${LOOPBACK}:${this.port}`;
  }

  set(state: ProxyState): void {
    this.#state = state;
    for (const pair of this.#pairs) {
      if (state === 'cut') {
        pair.caller.destroy();
        pair.target.destroy();
      } else {
        this.#regulate(pair);
      }
    }
  }

  /** What is connected stays silent for ever, and new connections are served: a failover that nobody is told of. */
  abandon(): void {
    this.set('stall');
    for (const pair of this.#pairs) this.#abandoned.add(pair);
    this.#pairs.clear();
    this.#state = 'open';
  }

  async close(): Promise<void> {
    for (const pair of this.#abandoned) this.#pairs.add(pair);
    this.set('cut');
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #join(caller: Socket): void {
    if (this.#state === 'cut') {
      caller.on('error', () => undefined);
      caller.resetAndDestroy();
      return;
    }
    const target = connect({ host: LOOPBACK, port: this.#targetPort(), allowHalfOpen: true });
    caller.setNoDelay(true);
    target.setNoDelay(true);
    const pair: Pair = { caller, target, isSpoilt: false };
    this.#pairs.add(pair);
    this.#pump(caller, target, pair);
    this.#pump(target, caller, pair);
    this.#regulate(pair);
  }

  #pump(from: Socket, to: Socket, pair: Pair): void {
    from.on('data', (chunk: Buffer) => {
      if (from === pair.target && this.#state === 'swallow_answers') pair.isSpoilt = true;
      // A stream with a hole in it is worth nothing any more.
      if (from === pair.target && pair.isSpoilt) return;
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => this.#regulate(pair));
    from.on('end', () => to.end());
    // Errors are always followed by close; either end that breaks breaks the other.
    from.on('error', () => to.destroy());
    from.on('close', () => {
      if (!to.writableEnded) to.end();
      if (pair.caller.destroyed && pair.target.destroyed) this.#pairs.delete(pair);
    });
  }

  #regulate(pair: Pair): void {
    if (this.#abandoned.has(pair)) return;
    const { caller, target } = pair;
    const holdsRequests = this.#state === 'stall';
    const holdsAnswers = this.#state === 'stall' || this.#state === 'stall_answers';
    if (holdsRequests || target.writableNeedDrain) caller.pause();
    else caller.resume();
    if (holdsAnswers || caller.writableNeedDrain) target.pause();
    else target.resume();
  }
}
