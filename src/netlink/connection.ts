/**
 * Requests and their answers over one transport. Several requests go out in one datagram; each is answered by what it
 * asked for and then by an acknowledgement or an error.
 */

import { sleepMs } from '../sys/clock.ts';
import { EAGAIN, EBUSY, EEXIST, EINTR, ENOBUFS } from '../sys/errno.ts';
import { SystemError } from '../sys/libc.ts';
import type { Attribute } from './attribute.ts';
import { decodeVerdict, KernelError, type Verdict } from './error.ts';
import {
  decodeMessages,
  encodeMessages,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  type OutgoingMessage,
} from './message.ts';
import type { Transport } from './socket.ts';

/** `operation` says what is asked for, so that a refusal reads "cannot <operation>: <reason>". */
export interface Request {
  readonly operation: string;
  readonly type: number;
  readonly flags: number;
  /** The family's own header, a multiple of four bytes. */
  readonly header: Uint8Array;
  readonly attributes: readonly Attribute[];
  /** Marks the ends of an nftables batch: the kernel answers them only when it refuses the batch as a whole. */
  readonly silent?: boolean;
  /** Answered by exactly one message, so that no acknowledgement need follow it; a refusal always comes. */
  readonly single?: boolean;
}

export interface Connection {
  readonly transport: Transport;
  /** The sequence number of the next request. */
  sequence: number;
  /** How many answers were lost so far: the kernel may have carried out those requests all the same. */
  lost: number;
  /** How many transactions of nftables were carried out so far. */
  transactions: number;
  /** The generation of the nftables ruleset before the first of these transactions, once it is known. */
  generation?: number;
}

/** What one request brought: the messages it asked for, and the kernel's verdict. */
interface Answer {
  readonly request: Request;
  readonly replies: Message[];
  verdict: Verdict | undefined;
  interrupted: boolean;
  /** The answer was lost: the kernel may have carried out the request, although the verdict here says no. */
  lost: boolean;
}

/** Errors after which the same request may succeed. */
const PASSING: readonly number[] = [EAGAIN, EBUSY, EINTR, ENOBUFS];
const ATTEMPTS = 6;
const DONE: Verdict = { errno: 0, explanation: undefined };
const UNKNOWN: Verdict = { errno: ENOBUFS, explanation: undefined };

/** A connection over a transport, which `closeConnection` closes. */
export function connect(transport: Transport): Connection {
  return { transport, sequence: 1, lost: 0, transactions: 0 };
}

export function closeConnection(connection: Connection): void {
  connection.transport.close();
}

/**
 * Sends the requests in one datagram and returns the messages that each asked for. A request that is refused for a passing
 * reason, or a dump that the kernel reports as interrupted, is repeated a few times, together with the refused ones behind it,
 * in their order: those may have been refused because of it.
 * @throws KernelError for the first request that was refused
 */
export function execute(connection: Connection, ...requests: readonly Request[]): Message[][] {
  const answers = persist(connection, requests);
  const refused = answers.find(isRefused);
  if (refused !== undefined) throw refusal(refused);
  return answers.map((answer) => answer.replies);
}

/**
 * Like `execute`, for requests each of which may be about something that is missing.
 * @returns undefined for each request that was refused with one of these errnos. @throws KernelError for any other refusal
 */
export function executeUnlessRefused(
  connection: Connection,
  errnos: readonly number[],
  ...requests: readonly Request[]
): (Message[] | undefined)[] {
  const answers = persist(connection, requests);
  const refused = answers.find((answer) => isRefused(answer) && !errnos.includes(errnoOf(answer)));
  if (refused !== undefined) throw refusal(refused);
  return answers.map((answer) => (isRefused(answer) ? undefined : answer.replies));
}

/**
 * Sends requests that stand or fall together (an nftables batch) and waits for the acknowledgement of all of them.
 * @throws KernelError for the first one that was refused; nothing has been changed then
 */
export function executeTransaction(connection: Connection, requests: readonly Request[]): void {
  for (let attempt = 1; ; attempt++) {
    const refused = exchange(connection, requests).find(isRefused);
    if (refused === undefined) {
      connection.transactions++;
      return;
    }
    if (!PASSING.includes(errnoOf(refused)) || attempt === ATTEMPTS) throw refusal(refused);
    sleepMs(attempt);
  }
}

/** Exchanges the requests, and repeats refused ones as `execute` says. */
function persist(connection: Connection, requests: readonly Request[]): Answer[] {
  const answers = exchange(connection, requests);
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const first = answers.find(isRefused);
    if (first === undefined || !PASSING.includes(errnoOf(first))) break;
    sleepMs(attempt);
    repeatRefused(connection, answers);
  }
  return answers;
}

/** Sends the refused requests again, without those that were carried out: to create something again would be refused. */
function repeatRefused(connection: Connection, answers: Answer[]): void {
  const places = [...answers.keys()].filter((at) => isRefused(answers[at] as Answer));
  const repeated = exchange(
    connection,
    places.map((at) => (answers[at] as Answer).request),
  );
  for (const [at, place] of places.entries())
    answers[place] = mergedAnswer(repeated[at] as Answer, answers[place] as Answer);
}

/**
 * The answer to a repeated request. Where the first answer was lost, EEXIST says that the kernel carried out the first
 * request.
 */
function mergedAnswer(repeated: Answer, former: Answer): Answer {
  if (!former.lost) return repeated;
  if (errnoOf(repeated) === EEXIST) return { ...repeated, verdict: DONE };
  return { ...repeated, lost: true };
}

function isRefused(answer: Answer): boolean {
  return errnoOf(answer) !== 0;
}

/** A dump that stays interrupted is as good as an error: its content may have holes. */
function errnoOf(answer: Answer): number {
  return answer.verdict?.errno || (answer.interrupted ? EINTR : 0);
}

function refusal({ request, verdict }: Answer): KernelError {
  return new KernelError(request.operation, verdict?.errno || EINTR, verdict?.explanation);
}

function exchange(connection: Connection, requests: readonly Request[]): Answer[] {
  const pending = new Map<number, Answer>();
  const messages = requests.map((request) => {
    const sequence = connection.sequence++;
    pending.set(sequence, { request, replies: [], verdict: undefined, interrupted: false, lost: false });
    const flags = request.flags | NLM_F_REQUEST | (request.silent || request.single ? 0 : NLM_F_ACK);
    return { type: request.type, flags, sequence, header: request.header, attributes: request.attributes };
  });
  const answers = [...pending.values()];
  sendMessages(connection, messages, answers);
  while (!isComplete(answers)) receiveInto(connection, pending, answers);
  return answers;
}

function sendMessages(
  { transport }: Connection,
  messages: readonly OutgoingMessage[],
  answers: readonly Answer[],
): void {
  try {
    transport.send(encodeMessages(messages));
  } catch (error) {
    throw error instanceof SystemError ? new KernelError(unanswered(answers), error.errno) : error;
  }
}

/** Whether all are answered; or the batch was refused as a whole, after which no further answer need come. */
function isComplete(answers: readonly Answer[]): boolean {
  return answers.some(({ request, verdict }) => request.silent && verdict !== undefined && verdict.errno !== 0)
    ? true
    : answers.every(({ request, verdict }) => request.silent || verdict !== undefined);
}

/**
 * Takes in the messages of one datagram. Messages of an earlier exchange that was given up have sequence numbers that are
 * unknown here.
 */
function receiveInto(connection: Connection, pending: ReadonlyMap<number, Answer>, answers: readonly Answer[]): void {
  for (const message of receiveMessages(connection, answers)) {
    const answer = pending.get(message.sequence);
    if (answer === undefined) continue;
    if (message.flags & NLM_F_DUMP_INTR && isDump(answer.request)) answer.interrupted = true;
    if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) answer.verdict = decodeVerdict(message);
    else {
      answer.replies.push(message);
      if (answer.request.single) answer.verdict = DONE;
    }
  }
}

/** Where the receive buffer overran, the kernel may have carried out the requests or not, so each counts as refused for now. */
function receiveMessages(connection: Connection, answers: readonly Answer[]): Message[] {
  try {
    return decodeMessages(connection.transport.receive());
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const waiting = answers.filter(({ verdict }) => verdict === undefined);
    connection.lost += waiting.length;
    if (error.errno !== ENOBUFS) throw new KernelError(unanswered(answers), error.errno);
    for (const answer of waiting) {
      answer.verdict = UNKNOWN;
      answer.lost = true;
    }
    return [];
  }
}

/** The operation of the first request without an answer, for an error. */
function unanswered(answers: readonly Answer[]): string {
  const waiting = answers.find(({ request, verdict }) => !request.silent && verdict === undefined);
  return (waiting ?? (answers[0] as Answer)).request.operation;
}

function isDump(request: Request): boolean {
  return (request.flags & NLM_F_DUMP) === NLM_F_DUMP;
}
