// Asking the daemon. By XMLHttpRequest, which can be cut off and has a deadline in every browser that we run in.

const ANSWER_WITHIN_MS = 15000;

/**
 * Sends a request. `answer` resolves with `{ status, body, retryAfter }`, the body parsed as JSON (else null) and Retry-After in
 * seconds (else 0); it rejects where no answer came. `cut` gives up on it: nothing is told any more.
 */
const ask = (method, url, { headers = {}, body = null, withinMs = ANSWER_WITHIN_MS } = {}) => {
  const request = new XMLHttpRequest();
  const answer = new Promise((resolve, reject) => {
    request.open(method, url);
    request.timeout = withinMs;
    Object.keys(headers).forEach((name) => request.setRequestHeader(name, headers[name]));
    request.onload = () => {
      let parsed = null;
      try {
        parsed = JSON.parse(request.responseText);
      } catch (error) {
        // A proxy's own page, say: the status has to do.
      }
      const retryAfter = Number(request.getResponseHeader('Retry-After')) || 0;
      resolve({ status: request.status, body: parsed, retryAfter });
    };
    request.onerror = () => reject(new Error('no answer'));
    request.ontimeout = request.onerror;
    request.send(body);
  });
  return { answer, cut: () => request.abort() };
};

// How long to wait before the next attempt, by how many have failed.
const PAUSES_MS = [300, 700, 1500, 3000, 5000, 10000];

/** The same with jitter, lest all browsers come back at once where a daemon does. */
const pauseMs = (failures) => PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] * (0.5 + Math.random());
