/** nf_tables messages (struct nfgenmsg: u8 family, u8 version, u16 resource in network order) and their transactions. */

import { type Attribute, attrBytes, attrU32be, decodeAttributes, u32beAt } from '../attribute.ts';
import { concat, cString, pack, readCString } from '../bytes.ts';
import { type Connection, execute, executeTransaction, type Request } from '../connection.ts';
import { type Message, NLM_F_DUMP } from '../message.ts';
import * as nft from './constants.ts';

/** The table that something is in: its family (NFPROTO_*) and name. */
export interface Table {
  readonly family: number;
  readonly name: string;
}

const HEADER = 4;
/** NFTNL_UDATA_COMMENT_MAXLEN: nft reads back no longer comment, in bytes. */
const COMMENT_MOST = 128;

/** Messages that are answered by one message, unless they ask for a dump. */
const QUESTIONS: readonly number[] = [
  nft.NFT_MSG_GETTABLE,
  nft.NFT_MSG_GETCHAIN,
  nft.NFT_MSG_GETSET,
  nft.NFT_MSG_GETSETELEM,
  nft.NFT_MSG_GETGEN,
];

interface NftRequest {
  readonly operation: string;
  /** NFT_MSG_*. */
  readonly message: number;
  readonly flags: number;
  readonly family: number;
  readonly attributes: readonly Attribute[];
}

/** A request to nf_tables, with its header. */
export function nftRequest({ operation, message, flags, family, attributes }: NftRequest): Request {
  const type = (nft.NFNL_SUBSYS_NFTABLES << 8) | message;
  const single = QUESTIONS.includes(message) && (flags & NLM_F_DUMP) === 0;
  return { operation, type, flags, header: encodeHeader(family, 0), attributes, single };
}

/**
 * Carries out all the changes or none. With a generation, only if the ruleset is still of that generation.
 * @throws KernelError for the first that was refused; ERESTART where the ruleset has changed since
 */
export function commit(connection: Connection, changes: readonly Request[], generation?: number): void {
  const since = generation === undefined ? [] : [attrU32be(nft.NFNL_BATCH_GENID, generation)];
  const begin = boundary('begin', nft.NFNL_MSG_BATCH_BEGIN, since);
  executeTransaction(connection, [begin, ...changes, boundary('end', nft.NFNL_MSG_BATCH_END)]);
}

/** The ruleset's generation: every transaction in this netns makes a new one. @throws KernelError */
export function readGeneration(connection: Connection): number {
  return decodeGeneration(query(connection, getGeneration())[0]);
}

/** Answered by the generation of the ruleset. */
export function getGeneration(): Request {
  const operation = 'read the generation of nftables';
  return nftRequest({ operation, message: nft.NFT_MSG_GETGEN, flags: 0, family: 0, attributes: [] });
}

/** The generation in the answer to `getGeneration`; 0 where there is none. @throws Truncated */
export function decodeGeneration(reply: Message | undefined): number {
  return (reply && u32beAt(decodeAttributes(nftBody(reply)), nft.NFTA_GEN_ID)) ?? 0;
}

/** Sends a request that changes nothing. @throws KernelError */
export function query(connection: Connection, request: Request): Message[] {
  return execute(connection, request)[0] ?? [];
}

/** The attributes of an answer, as bytes. */
export function nftBody(message: Message): Uint8Array {
  return message.payload.subarray(HEADER);
}

/**
 * User data with one entry (u8 type, u8 length, NUL-terminated text), as nft reads and prints comments.
 * @throws RangeError for a comment of more than 128 bytes, which nft would print but not read
 */
export function attrComment(attribute: number, entry: number, comment: string): Attribute {
  const text = cString(comment);
  if (text.length > COMMENT_MOST + 1) throw new RangeError(`a comment of ${text.length - 1} bytes: ${comment}`);
  return attrBytes(attribute, concat([pack([1, entry], [1, text.length]), text]));
}

/** The text of the first entry of that type. */
export function decodeComment(userdata: Uint8Array | undefined, entry: number): string | undefined {
  for (let at = 0; userdata !== undefined && at + 2 <= userdata.length; ) {
    const end = at + 2 + (userdata[at + 1] as number);
    if (userdata[at] === entry) return readCString(userdata.subarray(at + 2, end));
    at = end;
  }
  return undefined;
}

/** The message that begins or ends a batch. */
function boundary(end: string, type: number, attributes: readonly Attribute[] = []): Request {
  const operation = `${end} a transaction of nftables`;
  const header = encodeHeader(0, nft.NFNL_SUBSYS_NFTABLES);
  return { operation, type, flags: 0, header, attributes, silent: true };
}

/** struct nfgenmsg; the resource is big-endian, and fits its low byte. */
function encodeHeader(family: number, resource: number): Uint8Array {
  return Uint8Array.of(family, 0, 0, resource);
}
