//! Text as bytes and back, as WHATWG's Encoding standard has it for UTF-8 and ISO-8859-1.

use crate::buffer::Buffer;
use crate::js::{argument, Js, Thrown, Value};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const REPLACEMENT: &[u8] = b"\xef\xbf\xbd";

/// `encode(text)`: its UTF-8; a surrogate without its pair becomes U+FFFD.
pub fn encode(js: Js, arguments: &[Value]) -> Result<Value, Thrown> {
    js.with_text(argument(arguments, 0), |bytes| {
        if core::str::from_utf8(bytes).is_ok() {
            return js.bytes(bytes);
        }
        let encoded = js.bytes(bytes)?;
        replace_surrogates(js.bytes_of(encoded)?);
        Ok(encoded)
    })
}

/// `decode(bytes)`: every malformed sequence becomes U+FFFD; a byte order mark at the beginning is dropped.
pub fn decode(js: Js, arguments: &[Value]) -> Result<Value, Thrown> {
    lenient(js, js.bytes_of(argument(arguments, 0))?)
}

/// `decodeStrictly(bytes)`: like `decode`, but a malformed sequence is a TypeError.
pub fn decode_strictly(js: Js, arguments: &[Value]) -> Result<Value, Thrown> {
    let bytes = without_mark(js.bytes_of(argument(arguments, 0))?);
    match core::str::from_utf8(bytes) {
        Ok(_) => js.text(bytes),
        Err(_) => Err(js.throw(c"the bytes are not UTF-8")),
    }
}

/// `latin1(bytes)`: a character for each byte, U+0000 to U+00FF.
pub fn latin1(js: Js, arguments: &[Value]) -> Result<Value, Thrown> {
    let bytes = js.bytes_of(argument(arguments, 0))?;
    if bytes.is_ascii() {
        return js.text(bytes);
    }
    let mut text = Buffer::new();
    for &byte in bytes.iter() {
        let mut utf8 = [0; 2];
        text.push(char::from(byte).encode_utf8(&mut utf8).as_bytes()).ok_or_else(|| js.out_of_memory())?;
    }
    js.text(text.bytes())
}

/// The bytes as text, as `decode` says.
pub fn lenient(js: Js, bytes: &[u8]) -> Result<Value, Thrown> {
    let bytes = without_mark(bytes);
    if core::str::from_utf8(bytes).is_ok() {
        return js.text(bytes);
    }
    let mut text = Buffer::new();
    for chunk in bytes.utf8_chunks() {
        let replacement = if chunk.invalid().is_empty() { &[] } else { REPLACEMENT };
        let pushed = text.push(chunk.valid().as_bytes()).and_then(|()| text.push(replacement));
        pushed.ok_or_else(|| js.out_of_memory())?;
    }
    js.text(text.bytes())
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// A surrogate is ED A0..BF xx, which no valid UTF-8 has; U+FFFD takes as many bytes.
fn replace_surrogates(bytes: &mut [u8]) {
    let mut at = 0;
    while at + 2 < bytes.len() {
        if bytes[at] == 0xed && bytes[at + 1] >= 0xa0 {
            bytes[at..at + 3].copy_from_slice(REPLACEMENT);
            at += 3;
        } else {
            at += 1;
        }
    }
}
