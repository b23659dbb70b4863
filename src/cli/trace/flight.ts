/** Sends a probe, and collects what is seen of it until it is answered, or the time is over. */

import { collecting } from '../../attempt.ts';
import { reasonOf } from '../../fault.ts';
import { isDrop, type TraceEvent } from '../../netlink/nft/trace.ts';
import { type Sighting, sightingOf } from '../../netlink/probe/answer.ts';
import type { Probe } from '../../netlink/probe/packet.ts';
import { pollReady } from '../../netlink/probe/poll.ts';
import { openProbeSocket, openTap, type Receiver } from '../../netlink/probe/socket.ts';
import { monotonicMs } from '../../sys/clock.ts';
import type { Tracer } from './tracer.ts';

export interface Flight {
  /** Why the packet was not sent. */
  readonly refusal: string | undefined;
  /** The probe went out of the interface. */
  readonly hasLeft: boolean;
  /** The first answer, reset or error that came to the interface, and the one that came to the socket behind it. */
  readonly atInterface: Sighting | undefined;
  readonly atSocket: Sighting | undefined;
  /** Milliseconds from sending to the first of them. */
  readonly ms: number | undefined;
  /** The events of each tracer, in the order of the tracers. */
  readonly events: readonly (readonly TraceEvent[])[];
}

/** What is still on its way when an answer has come: the end of the answer's own trace. */
const GRACE_MS = 20;
/** After the probe was dropped, an error message about it may follow. */
const AFTER_DROP_MS = 200;

/**
 * `within` runs an action in the namespace that the probe starts from; `index` is the interface that it leaves by.
 * @throws SystemError where a socket cannot be opened
 */
export function fly(
  probe: Probe,
  index: number,
  within: <T>(action: () => T) => T,
  tracers: readonly Tracer[],
  timeoutMs: number,
): Flight {
  const [socket, tap] = within(() => [openProbeSocket(probe), openTap(index)] as const);
  try {
    const start = monotonicMs();
    const [refusal] = collecting(socket.send);
    const flight = new Collected(probe, start);
    let deadline = start + (refusal === undefined ? timeoutMs : GRACE_MS);
    let isShortened = false;
    for (let now = start; now < deadline; now = monotonicMs()) {
      const waiting = [socket, tap, ...tracers].map(({ fd }) => ({ fd, isWriting: false }));
      pollReady(waiting, deadline - now);
      flight.collect(socket, tap, tracers);
      if (isShortened) continue;
      const rest = flight.isOver ? GRACE_MS : flight.hasDrop ? AFTER_DROP_MS : undefined;
      if (rest !== undefined) deadline = Math.min(deadline, monotonicMs() + rest);
      isShortened = flight.isOver;
    }
    flight.collect(socket, tap, tracers);
    return { ...flight.result(tracers), refusal: refusal === undefined ? undefined : reasonOf(refusal) };
  } finally {
    socket.close();
    tap.close();
  }
}

class Collected {
  readonly #probe: Probe;
  readonly #start: number;
  readonly #events = new Map<Tracer, TraceEvent[]>();
  #hasLeft = false;
  #atInterface: Sighting | undefined;
  #atSocket: Sighting | undefined;
  #ms: number | undefined;
  hasDrop = false;

  constructor(probe: Probe, start: number) {
    this.#probe = probe;
    this.#start = start;
  }

  /** An answer came to the socket; an error comes to the interface alone where it is about TCP or UDP. */
  get isOver(): boolean {
    return this.#atSocket !== undefined || this.#atInterface?.kind === 'error';
  }

  collect(socket: Receiver, tap: Receiver, tracers: readonly Tracer[]): void {
    for (const sighting of this.#sightings(tap)) {
      if (sighting.kind === 'probe') this.#hasLeft = true;
      else this.#atInterface ??= this.#timed(sighting);
    }
    for (const sighting of this.#sightings(socket))
      if (sighting.kind !== 'probe') this.#atSocket ??= this.#timed(sighting);
    for (const tracer of tracers) {
      const events = tracer.take();
      this.hasDrop ||= events.some(({ verdict }) => isDrop(verdict));
      const earlier = this.#events.get(tracer);
      if (earlier === undefined) this.#events.set(tracer, [...events]);
      else earlier.push(...events);
    }
  }

  result(tracers: readonly Tracer[]): Omit<Flight, 'refusal'> {
    return {
      hasLeft: this.#hasLeft,
      atInterface: this.#atInterface,
      atSocket: this.#atSocket,
      ms: this.#ms,
      events: tracers.map((tracer) => this.#events.get(tracer) ?? []),
    };
  }

  *#sightings(receiver: Receiver): Generator<Sighting> {
    for (let packet = receiver.next(); packet !== undefined; packet = receiver.next()) {
      const sighting = sightingOf(packet, this.#probe);
      if (sighting !== undefined) yield sighting;
    }
  }

  #timed(sighting: Sighting): Sighting {
    this.#ms ??= monotonicMs() - this.#start;
    return sighting;
  }
}
