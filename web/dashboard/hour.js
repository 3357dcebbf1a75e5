// The last hour as far as the daemon has told it, by minutes since the Unix epoch.

/** As many minutes as are shown, the one that has not ended yet among them. */
export const MINUTES = 60;

/** As many events as are listed. */
const EVENTS = 50;

export class Hour {
  minutes = new Map();
  readings = new Map();
  events = [];
  isComplete = false;
  /** Why nothing comes at the moment: the connection is `lost`, or the daemon tells others already (`full`). */
  silence = null;
  /** The daemon's clock less this page's. */
  offset = 0;

  /** Takes what the daemon tells: each part in the place of what was known of the same. */
  take(message) {
    this.offset = message.now - Date.now();
    this.isComplete = message.is_complete;
    message.minutes.forEach((minute) => this.minutes.set(minute.minute, minute));
    message.readings.forEach((reading) => this.readings.set(reading.minute, reading));
    this.events = [...(message.events ?? []).reverse(), ...this.events].slice(0, EVENTS);
    const oldest = this.span()[0] - 2;
    [this.minutes, this.readings].forEach((map) =>
      [...map.keys()].filter((minute) => minute < oldest).forEach((minute) => map.delete(minute)));
  }

  /** The daemon's clock, in milliseconds. */
  now() {
    return Date.now() + this.offset;
  }

  /** The minutes that are shown, the oldest first. */
  span() {
    const last = Math.floor(this.now() / 60000);
    return Array.from({ length: MINUTES }, (_, place) => last - MINUTES + 1 + place);
  }

  /** How many events of a kind there were, minute by minute. */
  counts(kind) {
    return this.span().map((minute) => this.minutes.get(minute)?.events[kind] ?? 0);
  }

  /** How many sessions were denied for a reason, minute by minute. */
  denied(reason) {
    return this.span().map((minute) => this.minutes.get(minute)?.denied[reason] ?? 0);
  }

  /** The last reading; `undefined` before there is one. */
  latest() {
    return [...this.readings.values()].reduce((last, one) => (last?.minute > one.minute ? last : one), undefined);
  }

  /** What a figure was by the end of each minute; `null` where nobody looked. */
  levels(pick) {
    return this.span().map((minute) => {
      const reading = this.readings.get(minute);
      return reading ? pick(reading) : null;
    });
  }

  /** By how much a count has grown in each minute; `null` where that is not known. */
  growth(pick) {
    return this.growths((reading) => [pick(reading) ?? 0]).map((growth) => growth && growth[0]);
  }

  /** The same of several counts at once. */
  growths(pick) {
    return this.span().map((minute) => {
      const [reading, before] = [this.readings.get(minute), this.readings.get(minute - 1)];
      if (!reading || !(before || reading.is_first)) { return null; }
      const earlier = before ? pick(before) : [];
      return pick(reading).map((count, place) => Math.max(0, count - (earlier[place] ?? 0)));
    });
  }

  /** How many values lay in each bucket of a histogram, minute by minute. */
  buckets(pick) {
    const growths = this.growths((reading) => pick(reading).cumulative);
    return growths.map((growth) => growth && growth.map((count, place) => count - (place > 0 ? growth[place - 1] : 0)));
  }
}

/** All of them, where what is not known counts for nothing. */
export const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);

/** The buckets of all minutes together. */
export const together = (buckets) => {
  const known = buckets.filter((counts) => counts);
  return known.length === 0 ? [] : known[0].map((_, place) => sum(known.map((counts) => counts[place])));
};

/** The value at or below which this share of the values lies, estimated within its bucket; `null` where there are none. */
export const quantile = (bounds, counts, wanted) => {
  const all = sum(counts ?? []);
  if (all === 0) { return null; }
  let below = 0;
  for (let place = 0; place < bounds.length; place += 1) {
    if (below + counts[place] >= wanted * all) {
      const lower = place > 0 ? bounds[place - 1] : 0;
      return lower + (bounds[place] - lower) * (wanted * all - below) / counts[place];
    }
    below += counts[place];
  }
  return bounds[bounds.length - 1];
};
