// A connection that is lost: said only after a while, and tried again ever more slowly.

const SAY_AFTER_MS = 2000;
const RETRY_MS = [300, 700, 1500, 3000, 5000];

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export class Lost {
  /** `say` is called where the connection stays lost; no more once `signal` aborts. */
  constructor(say, signal) {
    this.say = say;
    this.failures = 0;
    signal.addEventListener('abort', () => clearTimeout(this.timer));
  }

  /** Notes a failure, and resolves when it is time to try again. */
  async again() {
    if (this.failures === 0) this.timer = setTimeout(this.say, SAY_AFTER_MS);
    await pause(RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)]);
    this.failures += 1;
  }

  isOver() {
    clearTimeout(this.timer);
    this.failures = 0;
  }
}
