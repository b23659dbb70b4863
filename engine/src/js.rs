//! Values of JavaScript, for functions of the host.

use core::ffi::{c_int, CStr};
use rquickjs_sys as q;

pub type Value = q::JSValue;

/// The context that everything runs in.
#[derive(Clone, Copy)]
pub struct Js(pub *mut q::JSContext);

/// A function of the host: `Err` where an exception has been thrown.
pub type HostFunction = fn(Js, &[Value]) -> Result<Value, Thrown>;

/// What QuickJS calls: context, `this`, count and values of the arguments, and which function it is.
pub type RawFunction = unsafe extern "C" fn(*mut q::JSContext, Value, c_int, *mut Value, c_int) -> Value;
type RawGenericFunction = unsafe extern "C" fn(*mut q::JSContext, Value, c_int, *mut Value) -> Value;

/// An exception is pending in the context.
#[derive(Debug)]
pub struct Thrown;

pub const UNDEFINED: Value = q::JS_UNDEFINED;

// SAFETY (of this whole implementation): a `Js` holds the one live context, whose runtime is used by one thread, and a
// `Value` is one that this context made and to which the caller still has a reference.
impl Js {
    pub fn number(self, number: f64) -> Value {
        // SAFETY: as above.
        unsafe { q::JS_NewNumber(self.0, number) }
    }

    /// Bytes that are valid UTF-8.
    pub fn text(self, utf8: &[u8]) -> Result<Value, Thrown> {
        // SAFETY: as above; the bytes are copied.
        checked(unsafe { q::JS_NewStringLen(self.0, utf8.as_ptr().cast(), utf8.len() as u64) })
    }

    /// A new Uint8Array with a copy of the bytes.
    pub fn bytes(self, bytes: &[u8]) -> Result<Value, Thrown> {
        // SAFETY: as above; the bytes are copied.
        checked(unsafe { q::JS_NewUint8ArrayCopy(self.0, bytes.as_ptr(), bytes.len() as u64) })
    }

    pub fn array(self) -> Result<Value, Thrown> {
        // SAFETY: as above.
        checked(unsafe { q::JS_NewArray(self.0) })
    }

    pub fn object(self) -> Result<Value, Thrown> {
        // SAFETY: as above.
        checked(unsafe { q::JS_NewObject(self.0) })
    }

    pub fn boolean(self, truth: bool) -> Value {
        if truth {
            q::JS_TRUE
        } else {
            q::JS_FALSE
        }
    }

    /// A function that `call` carries out, with `which` as its last argument. Missing arguments, up to `length`, are
    /// undefined.
    pub fn function(self, name: &CStr, length: usize, call: RawFunction, which: c_int) -> Result<Value, Thrown> {
        let kind = q::JSCFunctionEnum_JS_CFUNC_generic_magic;
        // SAFETY: as above. QuickJS calls a function of this kind with five arguments.
        checked(unsafe {
            let call = core::mem::transmute::<RawFunction, RawGenericFunction>(call);
            q::JS_NewCFunction2(self.0, Some(call), name.as_ptr(), length as c_int, kind, which)
        })
    }

    pub fn get(self, object: Value, name: &CStr) -> Result<Value, Thrown> {
        // SAFETY: as above.
        checked(unsafe { q::JS_GetPropertyStr(self.0, object, name.as_ptr()) })
    }

    /// A further reference to the value.
    pub fn keep(self, value: Value) -> Value {
        // SAFETY: as above.
        unsafe { q::JS_DupValue(self.0, value) }
    }

    /// Sets an array's element; the value is given away.
    pub fn set_element(self, array: Value, at: u32, value: Value) -> Result<(), Thrown> {
        // SAFETY: as above; the call takes the reference over, also where it fails.
        not_negative(unsafe { q::JS_SetPropertyUint32(self.0, array, at, value) })
    }

    /// Sets an object's property; the value is given away.
    pub fn set(self, object: Value, name: &CStr, value: Value) -> Result<(), Thrown> {
        // SAFETY: as above; the call takes the reference over, also where it fails.
        not_negative(unsafe { q::JS_SetPropertyStr(self.0, object, name.as_ptr(), value) })
    }

    /// Defines an object's own property, also one named `__proto__`; name and value are given away.
    pub fn define(self, object: Value, name: Value, value: Value) -> Result<(), Thrown> {
        // SAFETY: as above.
        let atom = unsafe { q::JS_ValueToAtom(self.0, name) };
        self.free(name);
        if atom == q::JS_ATOM_NULL {
            self.free(value);
            return Err(Thrown);
        }
        // SAFETY: as above; the call takes the value's reference over, also where it fails.
        let status = unsafe { q::JS_DefinePropertyValue(self.0, object, atom, value, q::JS_PROP_C_W_E as c_int) };
        // SAFETY: as above, and the atom is not used any more.
        unsafe { q::JS_FreeAtom(self.0, atom) };
        not_negative(status)
    }

    /// Gives a reference back.
    pub fn free(self, value: Value) {
        // SAFETY: as above, and the caller does not use the value any more.
        unsafe { q::JS_FreeValue(self.0, value) }
    }

    /// A number as an integer of C; a fraction is cut off.
    pub fn integer(self, value: Value) -> Result<i64, Thrown> {
        // SAFETY: a value's tag tells which member of the union is there.
        unsafe {
            if q::JS_IsInt(value) {
                return Ok(q::JS_VALUE_GET_INT(value).into());
            }
            if q::JS_TAG_IS_FLOAT64(q::JS_VALUE_GET_TAG(value)) {
                return Ok(q::JS_VALUE_GET_FLOAT64(value) as i64);
            }
        }
        Err(self.throw(c"a number is wanted"))
    }

    /// The bytes of a Uint8Array, in place.
    pub fn bytes_of<'a>(self, value: Value) -> Result<&'a mut [u8], Thrown> {
        let mut length = 0;
        // SAFETY: as above; what is not a Uint8Array, or has been detached, throws.
        let start = unsafe { q::JS_GetUint8Array(self.0, &mut length, value) };
        if length == 0 || start.is_null() {
            // SAFETY: as above.
            return if unsafe { q::JS_HasException(self.0) } { Err(Thrown) } else { Ok(&mut []) };
        }
        // SAFETY: the array is referenced by the caller for as long as the call lasts, and nothing else looks at it then.
        Ok(unsafe { core::slice::from_raw_parts_mut(start, length as usize) })
    }

    /// Calls `act` with the string's bytes: UTF-8, but a surrogate without its pair has three bytes of its own.
    pub fn with_text<T>(self, value: Value, act: impl FnOnce(&mut [u8]) -> Result<T, Thrown>) -> Result<T, Thrown> {
        let mut length = 0usize;
        // SAFETY: as above.
        let start = unsafe { q::JS_ToCStringLen(self.0, &mut length, value) };
        if start.is_null() {
            return Err(Thrown);
        }
        // SAFETY: the string is referenced until it is given back below.
        let result = act(unsafe { core::slice::from_raw_parts_mut(start as *mut u8, length) });
        // SAFETY: it was got above.
        unsafe { q::JS_FreeCString(self.0, start) };
        result
    }

    /// Throws a TypeError.
    pub fn throw(self, message: &CStr) -> Thrown {
        // SAFETY: as above; the format takes one string.
        unsafe { q::JS_ThrowTypeError(self.0, c"%s".as_ptr(), message.as_ptr()) };
        Thrown
    }

    /// Throws the InternalError of an allocation that failed.
    pub fn out_of_memory(self) -> Thrown {
        // SAFETY: as above.
        unsafe { q::JS_ThrowOutOfMemory(self.0) };
        Thrown
    }

    /// Throws the TypeError of a function that was called before the program is finished.
    pub fn throw_unsealed(self, what: &CStr) -> Thrown {
        let message = c"%s: the machine and the moment are not known while the program is being made";
        // SAFETY: as above; the format takes one string.
        unsafe { q::JS_ThrowTypeError(self.0, message.as_ptr(), what.as_ptr()) };
        Thrown
    }
}

/// The argument at that place; undefined where there are fewer.
pub fn argument(arguments: &[Value], at: usize) -> Value {
    arguments.get(at).copied().unwrap_or(UNDEFINED)
}

fn checked(value: Value) -> Result<Value, Thrown> {
    // SAFETY: the tag of a value may always be looked at.
    if unsafe { q::JS_IsException(value) } {
        Err(Thrown)
    } else {
        Ok(value)
    }
}

fn not_negative(status: c_int) -> Result<(), Thrown> {
    if status < 0 {
        Err(Thrown)
    } else {
        Ok(())
    }
}
