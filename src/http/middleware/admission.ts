// Bounds what is done for requests of which nobody knows yet who sent them: so many at a time, the others wait a moment.
import { AppError } from '../../domain/errors.ts';

export interface AdmissionOptions {
  readonly maxAtOnce: number;
  /** One more is refused at once. */
  readonly maxWaiting: number;
  /** Who waits longer is refused. Milliseconds. */
  readonly maxWaitMs: number;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Does `work` when its turn comes, first come, first served.
   * @throws AppError `gateway.busy` if that would take too long, and what `work` throws
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#options.maxAtOnce) this.#running += 1;
    else await this.#waitForTurn();
    try {
      return await work();
    } finally {
      // The place goes to the next one without ever being free.
      const [next] = this.#waiting;
      if (next) next();
      else this.#running -= 1;
    }
  }

  async #waitForTurn(): Promise<void> {
    if (this.#waiting.size >= this.#options.maxWaiting) throw new AppError('gateway.busy');
    await new Promise<void>((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer);
        this.#waiting.delete(begin);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(begin);
        reject(new AppError('gateway.busy'));
      }, this.#options.maxWaitMs);
      this.#waiting.add(begin);
    });
  }
}
