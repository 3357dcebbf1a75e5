// Keeps a stream open: server-sent events over fetch, since the browser's own EventSource sends no Authorization.

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15000;

/** What the daemon says of a request that it refuses. */
export class Refused extends Error {
  constructor(response) {
    super(String(response.status));
    this.status = response.status;
  }
}

/** Headers that show the token, where there is one. */
export const bearer = (token) => token ? { Authorization: `Bearer ${token}` } : {};

const read = async (token, signal, heard) => {
  const response = await fetch('/dashboard/stream', { headers: bearer(token), cache: 'no-store', signal });
  if (!response.ok) { throw new Refused(response); }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) { return; }
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop();
    blocks.forEach((block) => {
      const lines = block.split('\n');
      const field = (name) => lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
      const data = field('data');
      if (data.length > 0) { heard(field('event')[0] ?? 'message', JSON.parse(data.join('\n'))); }
    });
  }
};

/**
 * Streams with what `token` says at that time, for ever. `heard` gets the name and the data of each event; `lost` hears that
 * nothing comes at the moment, and why where the daemon refused. `again` begins anew at once.
 */
export const stream = (token, heard, lost) => {
  let current = new AbortController();
  let pause = FIRST_PAUSE;
  let wake = () => {};
  const run = async () => {
    for (;;) {
      try {
        await read(token(), current.signal, (name, data) => { pause = FIRST_PAUSE; heard(name, data); });
        lost(null);
      } catch (error) {
        if (!current.signal.aborted) { lost(error instanceof Refused ? error : null); }
      }
      if (current.signal.aborted) {
        current = new AbortController();
        continue;
      }
      await new Promise((resolve) => { wake = resolve; setTimeout(resolve, pause); });
      pause = Math.min(LONGEST_PAUSE, pause * 2);
    }
  };
  run();
  return { again: () => { pause = FIRST_PAUSE; current.abort(); wake(); } };
};
