/**
 * Requests and their answers over one transport. Several requests go out in one datagram; each is answered by what it
 * asked for and then by an acknowledgement or an error.
 */

import { sleepMs } from '../sys/clock.ts';
import { EAGAIN, EBUSY, EINTR, ENOBUFS } from '../sys/errno.ts';
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
}

export interface Connection {
  readonly transport: Transport;
  /** The sequence number of the next request. */
  sequence: number;
}

/** What one request brought: the messages it asked for, and the kernel's verdict. */
interface Answer {
  readonly request: Request;
  readonly replies: Message[];
  verdict: Verdict | undefined;
  interrupted: boolean;
}

/** Errors after which the same request may succeed. */
const PASSING: readonly number[] = [EAGAIN, EBUSY, EINTR, ENOBUFS];
const ATTEMPTS = 6;

export function connect(transport: Transport): Connection {
  return { transport, sequence: 1 };
}

export function closeConnection(connection: Connection): void {
  connection.transport.close();
}

/**
 * Sends the requests in one datagram and returns the payloads that each asked for. A dump that the kernel reports as
 * interrupted, and requests refused for a passing reason, are repeated a few times.
 * @throws KernelError for the first request that was refused
 */
export function execute(connection: Connection, ...requests: readonly Request[]): Message[][] {
  const answers = exchange(connection, requests);
  for (const [at, answer] of answers.entries()) answers[at] = repeatWhilePassing(connection, answer);
  const refused = answers.find((answer) => errnoOf(answer) !== 0);
  if (refused !== undefined) throw refusal(refused);
  return answers.map((answer) => answer.replies);
}

/**
 * Sends requests that stand or fall together (an nftables batch) and waits for the acknowledgement of all of them.
 * @throws KernelError for the first one that was refused; nothing has been changed then
 */
export function executeTransaction(connection: Connection, requests: readonly Request[]): void {
  for (let attempt = 1; ; attempt++) {
    const refused = exchange(connection, requests).find((answer) => errnoOf(answer) !== 0);
    if (refused === undefined) return;
    if (!PASSING.includes(errnoOf(refused)) || attempt === ATTEMPTS) throw refusal(refused);
    sleepMs(attempt);
  }
}

function repeatWhilePassing(connection: Connection, first: Answer): Answer {
  let answer = first;
  for (let attempt = 1; attempt < ATTEMPTS && isPassing(answer); attempt++) {
    sleepMs(attempt);
    answer = exchange(connection, [answer.request])[0] as Answer;
  }
  return answer;
}

function isPassing(answer: Answer): boolean {
  return answer.interrupted || PASSING.includes(errnoOf(answer));
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
    pending.set(sequence, { request, replies: [], verdict: undefined, interrupted: false });
    const flags = request.flags | NLM_F_REQUEST | (request.silent ? 0 : NLM_F_ACK);
    return { type: request.type, flags, sequence, header: request.header, attributes: request.attributes };
  });
  connection.transport.send(encodeMessages(messages));
  const answers = [...pending.values()];
  while (!isComplete(answers)) receiveInto(connection.transport, pending, answers);
  return answers;
}

/** All are answered, or the batch was refused as a whole, after which nothing more need come. */
function isComplete(answers: readonly Answer[]): boolean {
  return answers.some(({ request, verdict }) => request.silent && verdict !== undefined && verdict.errno !== 0)
    ? true
    : answers.every(({ request, verdict }) => request.silent || verdict !== undefined);
}

/** Messages of an earlier exchange that was given up are passed over: their sequence numbers are unknown here. */
function receiveInto(transport: Transport, pending: ReadonlyMap<number, Answer>, answers: readonly Answer[]): void {
  for (const message of receiveMessages(transport, answers)) {
    const answer = pending.get(message.sequence);
    if (answer === undefined) continue;
    if (message.flags & NLM_F_DUMP_INTR && isDump(answer.request)) answer.interrupted = true;
    if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) answer.verdict = decodeVerdict(message);
    else answer.replies.push(message);
  }
}

/** The receive buffer overran: what was asked is not known to have been answered, so each request counts as refused. */
function receiveMessages(transport: Transport, answers: readonly Answer[]): Message[] {
  try {
    return decodeMessages(transport.receive());
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.errno !== ENOBUFS) throw new KernelError(unanswered(answers), error.errno);
    for (const answer of answers) answer.verdict ??= { errno: ENOBUFS, explanation: undefined };
    return [];
  }
}

function unanswered(answers: readonly Answer[]): string {
  const waiting = answers.find(({ request, verdict }) => !request.silent && verdict === undefined);
  return (waiting ?? (answers[0] as Answer)).request.operation;
}

function isDump(request: Request): boolean {
  return (request.flags & NLM_F_DUMP) === NLM_F_DUMP;
}
